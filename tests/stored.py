"""What the database holds, to be compared before and after."""

from __future__ import annotations

from django.apps import apps
from django.db import connection

from gateway.models import RequestWindow

APPS = (
    "orgs",
    "destinations",
    "actions",
    "dispatch",
    "agents",
    "operations",
    "gateway",
    "procrastinate",
)


def everything_stored() -> dict[str, list[str]]:
    """All rows of all our tables as text, but for when a key was last used, and how often."""
    stored = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model._meta.app_label in APPS and model is not RequestWindow:
                table = model._meta.db_table
                cursor.execute(f"SELECT (to_jsonb(t) - 'last_used_at')::text FROM {table} t")
                stored[table] = sorted(row for (row,) in cursor.fetchall())
    return stored

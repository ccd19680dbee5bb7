"""Rows of this app as the API shows them."""

from __future__ import annotations

from typing import Any

from destinations.models import Destination


def show_destination(destination: Destination) -> dict[str, Any]:
    """A destination."""
    return {
        "id": str(destination.pk),
        "org_id": str(destination.org_id),
        "label": destination.label,
        "type": destination.type,
        "config": destination.config,
        "tags": destination.tags,
        "credential_id": None,
        "updated_at": destination.updated_at,
        "deleted_at": destination.deleted_at,
        "paused_at": destination.paused_at,
    }

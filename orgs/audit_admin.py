"""The audit in the admin: who changed what, to be looked at only."""

from __future__ import annotations

from typing import Any

import orjson
from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.contrib.filters.admin import RangeDateTimeFilter

from orgs.models import AuditEntry
from orgs.reach import RowFilter
from orgs.windows import LongTable, Window, badge

COLOURS = {"created": "success", "updated": "info", "deleted": "danger", "restored": "warning"}
NOTHING = mark_safe('<span class="waybill-nothing">-</span>')
NAMED = 4


class AuditEntryAdmin(Window, LongTable):
    """What was changed, newest first."""

    list_display = ("at", "actor", "via", "shown_event", "what", "org", "changed")
    list_display_links = ("at",)
    list_filter = (
        "event", "via", ("at", RangeDateTimeFilter), ("org", RowFilter)
    )  # fmt: skip
    list_filter_submit = True
    list_select_related = ("org",)
    search_fields = ("actor", "=kind", "=row_id")
    search_help_text = "An actor, what it is (destination, api key), or its id."
    fieldsets = (
        (None, {"fields": (("what", "shown_event"), ("at", "org"), "changes")}),
        ("Who", {"fields": (("actor", "via"), ("user_id", "key_id"), ("address", "path"))}),
    )

    @admin.display(description="event", ordering="event")
    def shown_event(self, entry: AuditEntry) -> SafeString:
        """What was done."""
        return badge(entry.event, COLOURS[entry.event])

    @admin.display(description="what")
    def what(self, entry: AuditEntry) -> str:
        """The row that it was done to."""
        return f"{entry.kind} {entry.row_id}"

    @admin.display(description="changed")
    def changed(self, entry: AuditEntry) -> str:
        """The first columns that changed."""
        names = list((entry.after or {}) | (entry.before or {}))
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return ", ".join(names[:NAMED]) + more

    @admin.display(description="changes")
    def changes(self, entry: AuditEntry) -> SafeString:
        """Each column, before and after."""
        before, after = entry.before or {}, entry.after or {}
        rows = format_html_join(
            "",
            "<tr><th>{}</th><td>{}</td><td>{}</td></tr>",
            ((name, show(before, name), show(after, name)) for name in sorted(before | after)),
        )
        return format_html(
            '<table class="waybill-changes"><thead><tr><th>Column</th><th>Before</th>'
            "<th>After</th></tr></thead><tbody>{}</tbody></table>",
            rows,
        )


def show(columns: dict[str, Any], name: str) -> SafeString:
    """A column's value, as a person reads it."""
    if columns.get(name) is None:
        return NOTHING
    value = columns[name]
    if not isinstance(value, str):
        value = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return format_html("<pre>{}</pre>", value)

"""The audit in the admin: who changed what, to be looked at only."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import orjson
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.contrib.filters.admin import DropdownFilter, RangeDateTimeFilter, TextFilter
from unfold.utils import parse_datetime_str

from orgs.models import AuditEntry
from orgs.reach import RowFilter
from orgs.windows import LongTable, Window, badge

COLOURS = {"created": "success", "updated": "info", "deleted": "danger", "restored": "warning"}
NOTHING = mark_safe('<span class="waybill-nothing">-</span>')
NAMED = 4
# The words of the triggers, and of what services write by themselves; a test pins them.
KINDS = (
    "action definition", "action record", "admin permission", "api key", "bulk operation",
    "captive domain", "choice of tools", "config revision", "credential", "destination",
    "gateway action", "invite", "lane", "link", "linked login", "membership", "name",
    "organization", "record import", "second factor", "signing key", "tool", "user",
)  # fmt: skip


class ActorFilter(TextFilter):
    """By who has changed something, as the audit names them."""

    title = "actor"
    parameter_name = "actor"

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """What they have changed."""
        actor = (self.value() or "").strip()
        return queryset.filter(actor=actor) if actor else queryset


class KindFilter(DropdownFilter):
    """By what was changed."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All kinds that there are."""
        return [(kind, kind.capitalize()) for kind in KINDS]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """The changes of that kind."""
        return queryset.filter(kind=self.value()) if self.value() in KINDS else queryset


class TimeFilter(RangeDateTimeFilter):
    """By when it was, in UTC; a day without a time is all of that day."""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """The changes from the one moment to the other, as far as they are said."""
        for bound, lookup, time in (("from", "gte", "00:00:00"), ("to", "lte", "23:59:59")):
            said = [self.used_parameters.get(f"at_{bound}_{part}") for part in (0, 1)]
            moment = parse_datetime_str(f"{said[0]} {said[1] or time}")
            if moment is not None:
                queryset = queryset.filter(**{f"at__{lookup}": moment.replace(tzinfo=UTC)})
        return queryset


class AuditEntryAdmin(Window, LongTable):
    """What was changed, newest first."""

    list_display = ("at", "actor", "via", "shown_event", "what", "org", "changed")
    list_display_links = ("at",)
    ordering = ("-at", "-id")
    list_filter = (
        ActorFilter, "via", KindFilter, ("at", TimeFilter), ("org", RowFilter)
    )  # fmt: skip
    list_filter_submit = True
    list_select_related = ("org",)
    search_fields = ("actor", "kind")
    search_help_text = "Who, whole; or what: destination, or destination 7 for the story of one."
    fieldsets = (
        (None, {"fields": (("what", "shown_event"), ("at", "org"), "changes")}),
        ("Who", {"fields": (("actor", "via"), ("user_id", "key_id"), ("address", "path"))}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Exactly what was asked for, so that an index finds it."""
        term = search_term.strip()
        kind, _, row_id = term.rpartition(" ")
        if not term:
            asked = {}
        elif term.lower() in KINDS:
            asked = {"kind": term.lower()}
        elif kind.lower() in KINDS:
            asked = {"kind": kind.lower(), "row_id": row_id}
        else:
            asked = {"actor": term}
        return queryset.filter(**asked), False

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

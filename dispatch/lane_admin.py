"""Lanes in the admin: why something moves or does not, and the caps that an operator sets."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from dispatch import advice, gauges
from dispatch.gauges import Gauge, State
from dispatch.models import Lane, LaneUse
from orgs.reach import RowFilter
from orgs.windows import LongTable, SavedByService, ServiceForm, Window, badge, tag_badges

COLOURS = {State.RUNNING: "success", State.PAUSED: "danger", State.PROBING: "warning"}


class LaneForm(ServiceForm):
    """The caps of a lane; empty lifts one."""

    class Meta:
        model = Lane
        fields = tuple(advice.CAPS)
        widgets = dict.fromkeys(advice.CAPS, UnfoldAdminIntegerFieldWidget)
        help_texts = dict.fromkeys(
            advice.CAPS,
            "The most that the engine may choose, whatever the variant. 0 lets nothing start; "
            "empty is no cap.",
        )


class StateFilter(admin.SimpleListFilter):
    """Lanes that are open, paused or probing."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        return [(state, state.capitalize()) for state in State]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        """The lanes in the state asked for."""
        state = self.value()
        return queryset.filter(gauges.IN_STATE[State(state)]) if state in COLOURS else queryset


class LaneUseInline(Window, TabularInline):
    """The variants that use a lane."""

    model = LaneUse
    fields = ("variant", "org")
    readonly_fields = fields
    verbose_name_plural = "used by"
    per_page = 50
    hide_title = True


class LaneAdmin(SavedByService, LongTable):
    """What limits apply to, how much of them is in use, what waits, and why. Only caps are set."""

    form = LaneForm
    inlines = (LaneUseInline,)
    list_display = (
        "destination", "shown_tags", "org", "state", "running", "unsettled", "queued",
        "oldest_due", "reason",
    )  # fmt: skip
    list_filter = (
        StateFilter,
        ("org", RowFilter),
        ("destination", RowFilter),
    )
    list_select_related = ("destination", "org")
    search_fields = ("destination__label",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("state", "explanation"),
                    ("destination", "shown_tags"),
                    ("org", "created_at"),
                )
            },
        ),
        (
            "Work",
            {
                "fields": (
                    ("running", "unsettled"),
                    ("queued", "scheduled"),
                    ("oldest_due", "next"),
                    "held",
                )
            },
        ),
        (
            "Limits",
            {
                "fields": (
                    ("running_limit", "unsettled_limit"),
                    ("running_cap", "unsettled_cap"),
                    ("reason", "moved_at"),
                    ("paused_until", "opened"),
                )
            },
        ),
    )
    readonly_fields = (
        "state", "explanation", "destination", "shown_tags", "org", "created_at", "running",
        "unsettled", "queued", "scheduled", "held", "oldest_due", "next", "running_limit",
        "unsettled_limit", "reason", "moved_at", "paused_until", "opened",
    )  # fmt: skip

    @admin.display(description="tags")
    def shown_tags(self, lane: Lane) -> SafeString | str:
        """What its actions are tagged with."""
        return tag_badges(lane.tags)

    @admin.display(description="state")
    def state(self, lane: Lane) -> SafeString:
        """Whether it is open for work."""
        state = gauge_of(lane).state
        return badge(state, COLOURS[state])

    @admin.display(description="why")
    def explanation(self, lane: Lane) -> str:
        """Why nothing more starts, or how much more may."""
        return gauge_of(lane).explanation

    @admin.display(description="running / limit")
    def running(self, lane: Lane) -> SafeString:
        """How many deliveries are under way, and how many may be."""
        return show_use(gauge_of(lane).running, lane.running_limit, lane.running_cap)

    @admin.display(description="unsettled / limit")
    def unsettled(self, lane: Lane) -> SafeString:
        """How many are delivered or under way and not settled, and how many may be."""
        return show_use(gauge_of(lane).unsettled, lane.unsettled_limit, lane.unsettled_cap)

    @admin.display(description="queued")
    def queued(self, lane: Lane) -> str:
        """How many are due and wait."""
        return show_count(gauge_of(lane).queued)

    @admin.display(description="scheduled")
    def scheduled(self, lane: Lane) -> str:
        """How many are to be tried later."""
        return show_count(gauge_of(lane).scheduled)

    @admin.display(description="held")
    def held(self, lane: Lane) -> str:
        """How many wait for approval."""
        return show_count(gauge_of(lane).held)

    @admin.display(description="oldest due")
    def oldest_due(self, lane: Lane) -> str:
        """Since when work has been due, and for how long."""
        gauge = gauge_of(lane)
        if gauge.oldest_due_at is None:
            return "-"
        return f"{gauge.oldest_due_seconds:,} s, since {gauge.oldest_due_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="next due")
    def next(self, lane: Lane) -> str:
        """When the next one is due."""
        at = gauge_of(lane).next_due_at
        return "-" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Actions make lanes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Lanes stay."""
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The page, its lanes read in one statement."""
        changelist = super().get_changelist_instance(request)
        changelist.result_list = read_gauges(changelist.result_list)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """The lane with its gauge."""
        lane = super().get_object(request, object_id, from_field)
        return lane and read_gauges([lane])[0]

    def save_model(self, request: HttpRequest, obj: Lane, form: LaneForm, change: Any) -> None:
        """Set what was changed, as the API would."""
        caps = {name: form.cleaned_data[name] for name in form.changed_data}
        if caps:
            advice.set_caps(lane_ids=[obj.pk], caps=caps, actor=request.user.get_username())


class LaneUseAdmin(Window, LongTable):
    """Which variant has used which lane: at most 1,000 lanes a variant."""

    list_display = ("variant", "lane", "org")
    list_filter = (("org", RowFilter),)
    list_select_related = ("lane__destination", "org")
    search_fields = ("variant",)


def read_gauges(lanes: Any) -> list[Lane]:
    """The lanes, each with its gauge."""
    read = gauges.read(lanes)
    for gauge in read:
        gauge.lane.gauge = gauge  # type: ignore[attr-defined]
    return [gauge.lane for gauge in read]


def gauge_of(lane: Lane) -> Gauge:
    """What was read of the lane with the page."""
    gauge: Gauge = lane.gauge  # type: ignore[attr-defined]
    return gauge


def show_count(count: int) -> str:
    """A count, exact as far as it was counted."""
    more = "+" if count > gauges.COUNTED else ""
    return f"{min(count, gauges.COUNTED):,}{more}"


def show_use(used: int, limit: int, cap: int | None) -> SafeString:
    """How much of a limit is in use, and the cap where there is one."""
    capped = "" if cap is None else f" capped at {cap:,}"
    return format_html("{} / {}<small>{}</small>", f"{used:,}", f"{limit:,}", capped)

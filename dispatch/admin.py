"""Actions, lanes and the end of destinations in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action
from unfold.enums import ActionVariant

from actions.models import ActionDefinition
from config.errors import DomainError
from destinations.admin.destinations import DestinationAdmin
from destinations.kinds import is_pushed
from destinations.models import Destination
from dispatch import advice, services
from dispatch.approval_admin import Approving, find_hidden
from dispatch.definition_admin import SentDefinitionAdmin
from dispatch.lane_admin import LaneAdmin, LaneUseAdmin
from dispatch.models import ActionEvent, ActionPayload, ActionRecord, Lane, LaneUse, Status
from dispatch.overview import COLOURS
from orgs.reach import RowFilter
from orgs.viewers import viewer_of
from orgs.windows import (
    LongTable,
    SoftlyDeleted,
    Window,
    badge,
    dialog,
    find_row,
    is_live,
    is_row_id,
    pretty,
    tag_badges,
)

OPERATE = "dispatch.change_actionrecord"
PAUSE = "POST /v1/orgs/{org_id}/destinations/{id}/pause"
ERROR_START = 80


@admin.register(Destination)
class DeletableDestinationAdmin(SoftlyDeleted, DestinationAdmin):
    """Destinations, with what only this level knows: the work that is on its way to them."""

    actions_detail = ("pause", "resume", "send_test")
    delete_note = (
        "It is unlinked from every definition, and its label is free again. Forced, actions that "
        "are not over end as failed; they can be replayed."
    )

    def delete_row(self, request: HttpRequest, row: Destination, *, force: bool) -> None:
        """Delete it, and end what is open when forced."""
        services.delete_destination(destination=row, force=force, actor=request.user.get_username())

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Pause what is open, resume what is paused, if only in lanes; test what is sent to."""
        destination = self.get_object(request, object_id)
        if destination is None or not is_live(destination):
            return []
        shown = ["_pause"] if destination.paused_at is None else ["_resume"]
        if destination.paused_at is None and advice.find_waiting_lanes(destination).exists():
            shown.append("_resume")
        if is_pushed(destination.type):
            shown.append("_send_test")
        buttons = super().get_actions_detail(request, object_id)
        return [button for button in buttons if button.action_name.endswith(tuple(shown))]

    def has_pause_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may pause and resume: of the members, those who operate."""
        return viewer_of(request).may(PAUSE)

    @action(  # type: ignore[untyped-decorator]
        description="Pause",
        permissions=["pause"],
        icon="pause",
        variant=ActionVariant.DANGER,
        dialog=dialog(
            "Pause this destination?",
            "Nothing more is delivered to it. Its actions are still accepted and queue up; what is "
            "under way ends as it will.",
            "Yes, pause it",
        ),
    )
    def pause(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Let nothing more start."""
        return self._change(request, object_id, advice.pause_destination, "Paused.")

    @action(  # type: ignore[untyped-decorator]
        description="Resume",
        permissions=["pause"],
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
        dialog=dialog(
            "Deliver to this destination again?",
            "What has queued up is delivered, as fast as its lanes allow. Pauses that they have "
            "learnt end as well.",
            "Resume",
        ),
    )
    def resume(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Let work start again."""
        return self._change(request, object_id, advice.resume_destination, "Resumed.")

    def _change(
        self, request: HttpRequest, object_id: str, change: Callable[..., Any], done: str
    ) -> HttpResponse:
        """Has the page's script show the destination as it is then."""
        destination = find_row(self, request, object_id)
        try:
            change(destination=destination, actor=request.user.get_username())
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_change(request, destination, done)
            self.message_user(request, f"{destination}: {done.lower()}", messages.SUCCESS)
        url = reverse("admin:destinations_destination_change", args=[object_id])
        return HttpResponse(headers={"HX-Redirect": url})


class EventInline(Window, TabularInline):
    """What happened to an action, newest first."""

    model = ActionEvent
    verbose_name_plural = "timeline"
    fields = ("created_at", "what", "status_label", "attempt", "said")
    readonly_fields = fields
    ordering = ("-id",)
    per_page = 50
    hide_title = True

    @admin.display(description="what")
    def what(self, event: ActionEvent) -> str:
        """What happened."""
        text = event.get_kind_display()
        return text[:1].upper() + text[1:]

    @admin.display(description="status")
    def status_label(self, event: ActionEvent) -> SafeString:
        """The action's status from then on."""
        return show_status(event.status)

    @admin.display(description="detail")
    def said(self, event: ActionEvent) -> SafeString | str:
        """What is known of it: the message first, then the rest."""
        detail = dict(event.detail or {})
        if replayed_as := detail.pop("replayed_as", None):
            return link_to_record(int(replayed_as))
        message = detail.pop("message", "")
        rest = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in detail.items())
        return format_html("{} <small>{}</small>", message, rest)


def show_status(status: str) -> SafeString:
    """A status as a coloured label."""
    return badge(Status(status).label, COLOURS[Status(status)])


def link_to_record(record_id: int) -> SafeString:
    """A link to an action."""
    url = reverse("admin:dispatch_actionrecord_change", args=[record_id])
    return format_html('<a href="{}" class="text-link">action {}</a>', url, record_id)


class RecordAdmin(Window, Approving, LongTable):
    """Actions: a window with a few buttons. Nothing here counts or sorts the whole table.

    Registered in `operations`, which knows what is done in bulk.
    """

    inlines = (EventInline,)
    actions = ("cancel_selected", "replay_selected")
    actions_detail = ("approve", "deny", "replay", "cancel")
    list_display = (
        "id", "status_label", "definition", "destination", "org", "attempt", "created_at",
        "available_at", "error",
    )  # fmt: skip
    list_filter = (
        "status",
        ("org", RowFilter),
        ("destination", RowFilter),
        "destination__type",
    )
    list_select_related = ("definition", "destination", "org")
    search_fields = ("id",)
    search_help_text = "Id, or variant"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("status_label", "error_message"),
                    ("definition", "destination"),
                    ("org", "lane"),
                    ("attempt", "failures"),
                    ("created_at", "available_at"),
                    ("started_at", "completed_at"),
                    ("timeout_at", "deadline_at"),
                    ("shown_tags", "replayed_from"),
                )
            },
        ),
        ("Payload", {"fields": ("input", "result")}),
    )

    @admin.display(description="status")
    def status_label(self, record: ActionRecord) -> SafeString:
        """Its status, in colour."""
        return show_status(record.status)

    @admin.display(description="error")
    def error(self, record: ActionRecord) -> str:
        """How its error starts."""
        text = record.error_message
        return text if len(text) <= ERROR_START else f"{text[:ERROR_START]}…"

    @admin.display(description="tags")
    def shown_tags(self, record: ActionRecord) -> SafeString | str:
        """Its tags."""
        return tag_badges(record.tags)

    @admin.display(description="replay of")
    def replayed_from(self, record: ActionRecord) -> SafeString | str:
        """The action that this one repeats."""
        return link_to_record(record.replay_of) if record.replay_of else "-"

    @admin.display(description="input")
    def input(self, record: ActionRecord) -> SafeString | str:
        """What was handed in."""
        payload = ActionPayload.objects.filter(record_id=record.pk).first()
        return pretty(orjson.loads(payload.input)) if payload else "No longer kept."

    @admin.display(description="result")
    def result(self, record: ActionRecord) -> SafeString | str:
        """What came back."""
        payload = ActionPayload.objects.filter(record_id=record.pk).first()
        return pretty(orjson.loads(payload.result)) if payload and payload.result else "-"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """By id, or by variant: both exact, so that an index finds them."""
        term = search_term.strip()
        if is_row_id(term):
            return queryset.filter(pk=int(term)), False
        return (queryset.filter(definition__variant=term) if term else queryset), False

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Decide on it while it is held, cancel while it is open, replay once it is over."""
        hidden = find_hidden(self.get_object(request, object_id))
        buttons = super().get_actions_detail(request, object_id)
        return [button for button in buttons if not button.action_name.endswith(hidden)]

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may cancel and replay."""
        return bool(request.user.has_perm(OPERATE))

    @action(  # type: ignore[untyped-decorator]
        description="Cancel",
        permissions=["operate"],
        icon="block",
        variant=ActionVariant.DANGER,
        dialog=dialog(
            "End this action as canceled?",
            "A delivery under way may still happen; it changes nothing.",
            "Yes, end it",
        ),
    )
    def cancel(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """End the action."""
        record = find_row(self, request, object_id)
        self._try(request, [record], services.cancel_record, "canceled")
        return self._go_to(record)

    @action(  # type: ignore[untyped-decorator]
        description="Replay",
        permissions=["operate"],
        icon="replay",
        variant=ActionVariant.PRIMARY,
        dialog=dialog(
            "Hand this action in again?",
            "A new action with the same payload, version and tags, routed as things are now.",
            "Replay",
        ),
    )
    def replay(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Hand it in again, and show the new action."""
        record = find_row(self, request, object_id)
        made = self._try(request, [record], services.replay_record, "replayed")
        return self._go_to(made[0] if made else record)

    @admin.action(description="Cancel the selected actions", permissions=["operate"])
    def cancel_selected(self, request: HttpRequest, records: QuerySet) -> None:
        """End them."""
        self._try(request, records[: self.list_per_page], services.cancel_record, "canceled")

    @admin.action(description="Replay the selected actions", permissions=["operate"])
    def replay_selected(self, request: HttpRequest, records: QuerySet) -> None:
        """Hand them in again."""
        self._try(request, records[: self.list_per_page], services.replay_record, "replayed")

    def _try(
        self, request: HttpRequest, records: Any, change: Callable[..., Any], done: str
    ) -> list[Any]:
        """What the service gave for each action; what it refused is told."""
        given = []
        for record in records:
            try:
                given.append(change(record=record, actor=request.user.get_username()))
            except DomainError as error:
                self.message_user(request, f"Action {record.pk}: {error}", messages.ERROR)
            else:
                self.log_change(request, record, f"{done.capitalize()}.")
        if given:
            text = f"{len(given)} action{'s' if len(given) > 1 else ''} {done}."
            self.message_user(request, text, messages.SUCCESS)
        return given

    def _go_to(self, record: Any) -> HttpResponse:
        """Has the page's script open an action."""
        url = reverse("admin:dispatch_actionrecord_change", args=[record.id])
        return HttpResponse(headers={"HX-Redirect": url})


admin.site.register(ActionDefinition, SentDefinitionAdmin)
admin.site.register(Lane, LaneAdmin)
admin.site.register(LaneUse, LaneUseAdmin)

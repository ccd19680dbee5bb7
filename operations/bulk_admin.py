"""Bulk operations in the admin: previewed, started, watched, stopped."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.enums import ActionVariant

from config.errors import DomainError
from dispatch.admin import OPERATE, link_to_record
from operations import services
from operations.forms import FILTER, BulkForm, read_initial
from operations.models import UNDER_WAY, BulkOperation
from operations.services import PREVIEWED, Terms
from orgs.permissions import APPROVE
from orgs.reach import RowFilter
from orgs.viewers import viewer_of
from orgs.windows import LongTable, SavedByService, badge, dialog, find_row, pretty

COLOURS = {
    BulkOperation.Status.QUEUED: "info",
    BulkOperation.Status.RUNNING: "primary",
    BulkOperation.Status.SUCCEEDED: "success",
    BulkOperation.Status.FAILED: "danger",
    BulkOperation.Status.CANCELED: "",
}
# The button of the preview that starts what was previewed.
START = "_start"
Kind = BulkOperation.Kind
# What will happen, said before it does.
TOLD = {
    Kind.REPLAY: "Each is handed in anew, and routed as things are now: what was done before is "
    "done twice.",
    Kind.CANCEL: "They end as canceled. Deliveries that are under way may still happen.",
    Kind.APPROVE: "They are delivered as soon as their time has come. What you have handed in "
    "yourself is skipped.",
    Kind.DENY: "They end as canceled, and are never delivered.",
}
GRAVE = (Kind.CANCEL, Kind.DENY)


class BulkOperationAdmin(SavedByService, LongTable):
    """What is done to actions in bulk: previewed, started, watched, stopped."""

    form = BulkForm
    actions_detail = ("cancel",)
    autocomplete_fields = ("org",)
    list_display = (
        "id", "kind", "state", "org", "done_of_found", "skipped_count", "actor", "reason",
        "created_at",
    )  # fmt: skip
    list_filter = ("kind", "status", ("org", RowFilter))
    list_select_related = ("org",)
    add_fieldsets = (
        (None, {"fields": ("kind", "org")}),
        (
            "Which actions",
            {
                "description": "What is left out matches all of them.",
                "fields": (
                    ("status", "variant"),
                    ("destination", "destination_label"),
                    ("error", "after_id"),
                    "created_after",
                    "created_before",
                    "zone",
                    "tags",
                    "ids",
                ),
            },
        ),
        ("How many, and why", {"fields": ("cap", "reason")}),
    )
    fieldsets = (
        (None, {"fields": ("live",)}),
        (
            "Facts",
            {
                "fields": (
                    ("kind", "org"),
                    ("actor", "reason"),
                    ("cap", "shown_found"),
                    "shown_filter",
                    ("created_at", "started_at"),
                    ("updated_at", "finished_at"),
                )
            },
        ),
    )

    @admin.display(description="status")
    def state(self, operation: BulkOperation) -> SafeString:
        """Where it is, in colour."""
        return badge(operation.status, COLOURS[BulkOperation.Status(operation.status)])

    @admin.display(description="done / found")
    def done_of_found(self, operation: BulkOperation) -> str:
        """How many it has done, and how many it found."""
        return f"{operation.done:,} / {self.shown_found(operation)}"

    @admin.display(description="found")
    def shown_found(self, operation: BulkOperation) -> str:
        """How many matched when it was asked for."""
        return f"{operation.found:,}{'' if operation.found_exact else '+'}"

    @admin.display(description="skipped")
    def skipped_count(self, operation: BulkOperation) -> str:
        """How many could not be done."""
        return f"{operation.skipped_count:,}"

    @admin.display(description="filter")
    def shown_filter(self, operation: BulkOperation) -> SafeString:
        """Which actions it is about, as the API takes it."""
        return pretty(operation.filter)

    @admin.display(description="progress")
    def live(self, operation: BulkOperation) -> SafeString:
        """How far it has come; the page asks again while it is under way."""
        context = {
            "operation": operation,
            "state": self.state(operation),
            "done": f"{operation.done:,}",
            "found": self.shown_found(operation),
            "percent": f"{100 * operation.progress:.1f}",
            "is_under_way": operation.status in UNDER_WAY,
            "skipped": [
                (code, f"{one['count']:,}", link_all(one["ids"]))
                for code, one in sorted(operation.skipped.items())
            ],
        }
        return render_to_string("admin/bulk_progress.html", context)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may cancel and replay actions may do so in bulk."""
        return bool(request.user.has_perm(OPERATE)) and bool(super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It is what was asked for."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It happened."""
        return False

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may stop one."""
        return self.has_add_permission(request)

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The form, whose `status` is one of actions, and not the operation's own."""
        if obj is None:
            kwargs["fields"] = BulkForm.Meta.fields
        return super().get_form(request, obj, *args, **kwargs)

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Approving and denying are for who may."""
        if db_field.name == "kind":
            kinds = (
                Kind.choices
                if viewer_of(request).may(APPROVE)
                else [(one, label) for one, label in Kind.choices if one not in services.DECIDE]
            )
            kwargs["choices"] = [("", "---------"), *kinds]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the list of actions was narrowed by, or what the preview was of."""
        return read_initial(request.GET)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Stop what is under way."""
        operation = self.get_object(request, object_id)
        if operation is None or operation.status not in UNDER_WAY:
            return []
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return buttons

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """Asks, tells what it would be about, and only then starts it."""
        if request.method == "POST" and START not in request.POST:
            if not self.has_add_permission(request):
                raise PermissionDenied
            form = self.get_form(request)(request.POST)
            if form.is_valid() and (preview := self._preview(request, form)):
                return preview
        return super().add_view(request, form_url, extra_context)

    def _preview(self, request: HttpRequest, form: BulkForm) -> TemplateResponse | None:
        """The page that tells; None where the service refuses the filter."""
        values = form.cleaned_data
        try:
            count = services.count_matching(
                org_id=values["org"].pk, kind=values["kind"], filter=form.asked
            )
        except DomainError as error:
            request.refusal = error  # type: ignore[attr-defined]
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"{values['kind'].capitalize()} in bulk: preview",
            "opts": self.opts,
            "values": values,
            "number": f"{count.number:,}",
            "cap": f"{values['cap']:,}",
            "asked": [(name.replace("_", " "), _show(form.cleaned_data[name], form.their_zone))
                      for name in FILTER if form.cleaned_data[name]],
            "count": count,
            "is_capped": len(count.ids) > values["cap"] or not count.exact,
            "first": link_all(count.ids[:PREVIEWED]),
            "told": TOLD[Kind(values["kind"])],
            "variant": "danger" if values["kind"] in GRAVE else "primary",
            "posted": list_posted(request.POST),
            "start": START,
            "back": f"{reverse('admin:operations_bulkoperation_add')}?{request.POST.urlencode()}",
        }  # fmt: skip
        return TemplateResponse(request, "admin/bulk_preview.html", context)

    def save_model(
        self, request: HttpRequest, obj: BulkOperation, form: BulkForm, change: Any
    ) -> None:
        """Start it as the API would."""
        values = form.cleaned_data
        started = services.start_operation(
            org_id=values["org"].pk,
            kind=values["kind"],
            filter=form.asked,
            terms=Terms(
                values["reason"], values["cap"], may_approve=viewer_of(request).may(APPROVE)
            ),
            actor=request.user.get_username(),
        )
        obj.pk = started.pk
        obj.refresh_from_db()

    def response_add(
        self, request: HttpRequest, obj: BulkOperation, post_url_continue: Any = None
    ) -> HttpResponse:
        """Show how it gets on."""
        return redirect("admin:operations_bulkoperation_change", obj.pk)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The operation; a page that watches it is loaded anew when it is over."""
        response = super().change_view(request, object_id, form_url, extra_context)
        if "HX-Request" in request.headers:
            operation = self.get_object(request, object_id)
            if operation is None or operation.status not in UNDER_WAY:
                response.headers["HX-Refresh"] = "true"
        return response

    @action(  # type: ignore[untyped-decorator]
        description="Cancel",
        permissions=["operate"],
        icon="block",
        variant=ActionVariant.DANGER,
        dialog=dialog(
            "Stop this operation?",
            "What it has done stays done; the batch under way is finished.",
            "Yes, stop it",
        ),
    )
    def cancel(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Stop it, and show where it is."""
        operation = find_row(self, request, object_id)
        try:
            services.cancel_operation(operation=operation, actor=request.user.get_username())
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_change(request, operation, "Canceled.")
            self.message_user(request, f"{operation} is stopped.", messages.SUCCESS)
        url = reverse("admin:operations_bulkoperation_change", args=[object_id])
        return HttpResponse(headers={"HX-Redirect": url})


def _show(value: Any, zone: tzinfo) -> Any:
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone}"
    if isinstance(value, dict):
        value = [f"{name}={text}" for name, text in value.items()]
    return ", ".join(value) if isinstance(value, list) else value


def link_all(record_ids: Any) -> SafeString:
    """Links to these actions."""
    return format_html_join(" ", "{}", ((link_to_record(int(one)),) for one in record_ids))


def list_posted(posted: QueryDict) -> list[tuple[str, str]]:
    """What was typed, to be sent once more."""
    return [
        (name, value)
        for name, values in posted.lists()
        for value in values
        if name != "csrfmiddlewaretoken"
    ]

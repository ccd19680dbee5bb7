"""The page that puts another API key in the place of one, and says what that means first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from agents import services
from agents.models import KeyTools
from config.errors import DomainError
from orgs import services as orgs
from orgs.admin import NOTE, ApiKeyAdmin
from orgs.models import ApiKey, Membership
from orgs.shown_once import Secret
from orgs.viewers import viewer_of
from orgs.windows import find_row

GRACES = {
    timedelta(): "not at all: it ends now",
    timedelta(hours=1): "for 1 hour",
    timedelta(hours=24): "for 24 hours",
    timedelta(days=7): "for 7 days",
}
USUAL = timedelta(hours=24)


class RotationForm(forms.Form):
    """For how long the present key goes on; and which keys there were when that was asked."""

    grace = forms.TypedChoiceField(
        label="The present key goes on working",
        choices=[(int(grace.total_seconds()), text) for grace, text in GRACES.items()],
        coerce=lambda seconds: timedelta(seconds=int(seconds)),
        initial=int(USUAL.total_seconds()),
        widget=UnfoldAdminSelectWidget,
    )
    seen = forms.IntegerField(widget=forms.HiddenInput)


class RotatedKeyAdmin(ApiKeyAdmin):
    """Keys, with a button that puts another one in the place of one."""

    actions_detail = ("rotate",)

    def has_rotate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may make keys, and end them."""
        return self.has_add_permission(request) and self.has_delete_permission(request)

    def get_list_display(self, request: HttpRequest) -> Any:
        """The columns; who may rotate keys has a link at each that they may."""
        columns = super().get_list_display(request)
        if not self.has_rotate_permission(request):
            return columns
        member = viewer_of(request).member

        @admin.display(description="rotation")
        def rotation(key: ApiKey) -> SafeString | str:
            url = reverse("admin:orgs_apikey_rotate", args=[key.pk])
            link = '<a href="{}" class="text-link" aria-label="Rotate {}">Rotate</a>'
            return "" if find_refusal(key, member) else format_html(link, url, key.description)

        return (*columns, rotation)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """There is a button where it would do something."""
        key = self.get_object(request, object_id)
        if key is None or find_refusal(key, viewer_of(request).member):
            return []
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return buttons

    @action(  # type: ignore[untyped-decorator]
        description="Rotate",
        permissions=["rotate"],
        icon="autorenew",
        variant=ActionVariant.PRIMARY,
    )
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What will happen, with a form; or, once that is sent, the new key's secret, this once."""
        key, member = find_row(self, request, object_id), viewer_of(request).member
        form = RotationForm(request.POST or None, initial={"seen": find_newest(key)})
        refusal = find_refusal(key, member)
        if request.method == "POST" and form.is_valid():
            try:
                made, material = services.rotate_key(key=key, by=member, **form.cleaned_data)
            except DomainError as error:
                refusal = error
            else:
                self.log_addition(request, made, f"In the place of {key}.")
                return self.answer_page(request, show_key(made, material, key), made)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Rotate {key}",
            "opts": self.opts,
            "key": key,
            "form": form,
            "lasts_until": orgs.find_next_end(key),
            "tools": KeyTools.objects.filter(key=key).first(),
            "refusal": refusal,
        }
        status = refusal.status if refusal else 200
        return TemplateResponse(request, "admin/rotate_key.html", context, status=status)


def find_refusal(key: ApiKey, member: Membership | None) -> DomainError | None:
    """Why this member, or without one an operator, cannot rotate a key; None where they can."""
    try:
        orgs.check_rotation(key=key, by=member)
    except DomainError as error:
        return error
    return None


def find_newest(key: ApiKey) -> int:
    """The newest key of the same member."""
    newest: int = ApiKey.objects.filter(member=key.member_id).latest("pk").pk
    return newest


def show_key(made: ApiKey, material: str, former: ApiKey) -> Secret:
    """What a rotated key's secret is shown with."""
    ends = "has ended"
    if former.deleted_at is None:
        ends = f"works until {former.expires_at:%Y-%m-%d %H:%M} UTC, and is refused from then on"
    note = f"{NOTE} The former one, {former.masked}, {ends}."
    return Secret(material, f"The secret of the key {made.description}", note)

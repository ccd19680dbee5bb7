"""The page that puts another API key in the place of one, and says what that means first."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from agents.rotating import RotationForm, find_refusal, rotate
from login.key_views import MadeKey
from orgs.admin import NOTE, ApiKeyAdmin
from orgs.models import ApiKey
from orgs.shown_once import Secret
from orgs.viewers import viewer_of
from orgs.windows import find_row


class AdminRotationForm(RotationForm):
    """The same as the admin draws it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        grace: Any = self.fields["grace"]
        grace.widget = UnfoldAdminSelectWidget(choices=grace.choices)


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
        rotation = rotate(request, key, by=member, form_class=AdminRotationForm)
        if rotation.made:
            self.log_addition(request, rotation.made.key, f"In the place of {key}.")
            return self.answer_page(request, show_key(rotation.made, key), rotation.made.key)
        context = {
            **self.admin_site.each_context(request),
            **rotation.show(),
            "title": f"Rotate {key}",
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/rotate_key.html", context, status=rotation.status)


def show_key(made: MadeKey, former: ApiKey) -> Secret:
    """What a rotated key's secret is shown with."""
    ends = "has ended"
    if former.deleted_at is None:
        ends = f"works until {former.expires_at:%Y-%m-%d %H:%M} UTC, and is refused from then on"
    note = f"{NOTE} The former one, {former.masked}, {ends}."
    return Secret(made.material, f"The secret of the key {made.key.description}", note)

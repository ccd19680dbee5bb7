"""Credentials and signing keys in the admin: given and ended, and never shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters
from unfold.decorators import action
from unfold.enums import ActionVariant

from config.errors import DomainError
from destinations import services, signing_keys
from destinations.admin.forms import CredentialForm, SigningKeyForm
from destinations.admin.rotations import RotatedAdmin
from destinations.kinds import KINDS
from destinations.models import Credential, Kind
from orgs.models import SigningKey
from orgs.reach import RowFilter
from orgs.shown_once import Secret, ShowsOnce
from orgs.windows import (
    LiveFilter,
    SavedByService,
    SoftlyDeleted,
    badge,
    dialog,
    find_row,
    is_row_id,
    pretty,
)


class KeyAdmin(SavedByService, SoftlyDeleted):
    """What credentials and signing keys have in common."""

    can_force = False
    list_filter: tuple[Any, ...] = (LiveFilter, ("org", RowFilter))
    list_select_related = ("org",)
    search_fields = ("label",)
    autocomplete_fields = ("org",)
    show_facets = admin.ShowFacets.NEVER

    @method_decorator(sensitive_post_parameters())
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form; what is posted to it stays out of error reports."""
        return super().changeform_view(request, *args, **kwargs)

    @admin.display(description="used by")
    def used_by(self, row: Credential | SigningKey) -> SafeString | str:
        """The live destinations that have it."""
        users = row.destinations.live().values_list("pk", "label")
        url = "admin:destinations_destination_change"
        links = ((reverse(url, args=[pk]), label) for pk, label in users)
        return format_html_join(", ", '<a href="{}" class="text-link">{}</a>', links) or "-"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Whose it is, and what kind, never changes."""
        facts = ("id", "state", "used_by", "created_at", "updated_at", "deleted_at")
        return (*facts, *(("org",) if obj else ()))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """For a field that offers them: those that its row may have."""
        rows, distinct = super().get_search_results(request, queryset, search_term)
        if "field_name" in request.GET:
            org_id = request.GET.get("org", "")
            rows = rows.live().filter(org_id=org_id) if is_row_id(org_id) else rows.none()
            rows = self.narrow_to(rows, request.GET.get("kind", ""))
        return rows, distinct

    def narrow_to(self, rows: QuerySet, kind: str) -> QuerySet:
        """The rows that a destination of this type takes."""
        raise TypeError(f"{type(self).__name__} does not say what fits.")


@admin.register(Credential)
class CredentialAdmin(RotatedAdmin, KeyAdmin):
    """What Waybill shows to destinations."""

    # Its service asks a name server.
    saves_in_transaction = False
    form = CredentialForm
    actions_detail = ("rotate_secret",)
    delete_note = "Its secret is deleted with it, and its label is free again."
    list_display = ("label", "kind", "org", "version", "state", "expires_at", "updated_at")
    list_filter = (LiveFilter, "type", ("org", RowFilter))
    empty_value_display = "never"
    add_fieldsets = ((None, {"fields": ("org", "label", "type", "new_secret")}), ("More", {
        "fields": ("metadata", "expires_at"),
    }))  # fmt: skip
    fieldsets = (
        (None, {"fields": ("org", "label", "kind")}),
        ("More", {"fields": ("metadata", "expires_at")}),
        ("Facts", {"fields": ("id", "state", "version", "used_by", "created_at", "updated_at")}),
    )
    shown_fieldsets = (
        (None, {"fields": ("org", "label", "kind", "shown_metadata", "expires_at")}),
        ("Facts", {"fields": ("id", "version", "created_at", "updated_at", "deleted_at")}),
    )

    @admin.display(description="type", ordering="type")
    def kind(self, credential: Credential) -> SafeString:
        """Its type as the API names it."""
        return badge(credential.type, "info")

    @admin.display(description="metadata")
    def shown_metadata(self, credential: Credential) -> SafeString:
        """The metadata as JSON."""
        return pretty(credential.metadata)

    @admin.display(description="state")
    def state(self, credential: Credential) -> SafeString:
        """Whether deliveries can use it."""
        if credential.deleted_at:
            return badge("deleted")
        expired = credential.expires_at and credential.expires_at <= timezone.now()
        return badge("expired", "danger") if expired else badge("live", "success")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The type never changes, and the version counts by itself."""
        return (*super().get_readonly_fields(request, obj), "kind", "version", "shown_metadata")

    def save_model(
        self, request: HttpRequest, obj: Credential, form: CredentialForm, change: Any
    ) -> None:
        """Create or update it as the API would; another secret it gets by a rotation."""
        names = ("label", "metadata", "expires_at")
        values = {name: form.cleaned_data[name] for name in names}
        if change:
            services.update_credential(credential=obj, changes=values)
            return
        values["secret"] = form.cleaned_data["new_secret"]
        made = services.create_credential(org_id=obj.org_id, type=obj.type, **values)
        obj.pk = made.pk
        obj.refresh_from_db()

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """A deleted credential is not rotated."""
        credential = self.get_object(request, object_id)
        if credential is None or not self.has_change_permission(request, credential):
            return []
        return list(super().get_actions_detail(request, object_id))

    def delete_row(self, request: HttpRequest, row: Credential, *, force: bool) -> None:
        """Delete it where nothing uses it."""
        services.delete_credential(credential=row)

    def narrow_to(self, rows: QuerySet, kind: str) -> QuerySet:
        """Those of a type that this type of destination takes."""
        return rows.filter(type__in=KINDS[kind].CREDENTIALS if kind in KINDS else ())


@admin.register(SigningKey)
class SigningKeyAdmin(ShowsOnce, KeyAdmin):
    """What deliveries to webhooks are signed with. A secret is shown once, when it is made."""

    form = SigningKeyForm
    delete_note = "Its secret is deleted with it, and its label is free again."
    actions_detail = ("rotate", "sign_gateway")
    list_display = ("label", "org", "state", "previous_until", "signs_gateway_from", "updated_at")
    add_fieldsets = ((None, {"fields": ("org", "label", "new_secret")}),)
    fieldsets = (
        (None, {"fields": ("org", "label")}),
        (
            "Facts",
            {
                "fields": (
                    *("id", "state", "previous_until", "signs_gateway_from", "used_by"),
                    *("created_at", "updated_at"),
                )
            },
        ),
    )

    @admin.display(description="state")
    def state(self, key: SigningKey) -> SafeString:
        """Whether it signs, and whether its former secret does as well."""
        if key.deleted_at:
            return badge("deleted")
        rotating = key.previous_until and key.previous_until > timezone.now()
        return badge("both sign", "warning") if rotating else badge("live", "success")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """When the former secret ends, and it signs for the gateway, is the buttons' to say."""
        dates = ("previous_until", "signs_gateway_from")
        return (*super().get_readonly_fields(request, obj), *dates)

    def save_model(
        self, request: HttpRequest, obj: SigningKey, form: SigningKeyForm, change: Any
    ) -> None:
        """Make it and show its secret, this once; or rename it."""
        if change:
            changes = {"label": form.cleaned_data["label"]}
            signing_keys.update_signing_key(key=obj, changes=changes)
            return
        given = form.cleaned_data["new_secret"]
        made, secret = signing_keys.create_signing_key(
            org_id=obj.org_id, label=obj.label, secret=given or None
        )
        obj.pk = made.pk
        obj.refresh_from_db()
        if not given:
            self.keep_secret(request, show_key(made, secret))

    def delete_row(self, request: HttpRequest, row: SigningKey, *, force: bool) -> None:
        """Delete it where nothing uses it."""
        signing_keys.delete_signing_key(key=row)

    def narrow_to(self, rows: QuerySet, kind: str) -> QuerySet:
        """All of them sign for webhooks, and none for others."""
        return rows if kind == Kind.WEBHOOK else rows.none()

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """A deleted key is not rotated."""
        key = self.get_object(request, object_id)
        if key is None or not self.has_change_permission(request, key):
            return []
        return list(super().get_actions_detail(request, object_id))

    @action(  # type: ignore[untyped-decorator]
        description="Rotate",
        permissions=["change"],
        icon="autorenew",
        variant=ActionVariant.PRIMARY,
        dialog=dialog(
            "Give this key another secret?",
            "It is shown once. For 24 hours every delivery bears two signatures, one by the new "
            "secret and one by the present one. One that was rotated out before ends at once.",
            "Rotate",
        ),
    )
    def rotate(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Another secret, shown this once where the question stood."""
        key = find_row(self, request, object_id)
        try:
            rotated, secret = signing_keys.rotate_signing_key(key=key)
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_change(request, key, "Rotated.")
            return self.answer_dialog(request, show_key(rotated, secret), rotated)
        url = reverse("admin:orgs_signingkey_change", args=[object_id])
        return HttpResponse(headers={"HX-Redirect": url})

    @action(  # type: ignore[untyped-decorator]
        description="Sign for the gateway",
        permissions=["change"],
        icon="signature",
        dialog=dialog(
            "Let this key sign what goes to gateway actions, from now on?",
            "Their receivers must know it already: there is one signature in each request.",
            "Sign with it",
        ),
    )
    def sign_gateway(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """From now on it signs for the gateway; has the page's script show the key."""
        key = find_row(self, request, object_id)
        try:
            changes = {"signs_gateway_from": timezone.now()}
            signing_keys.update_signing_key(key=key, changes=changes)
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_change(request, key, "Signs for the gateway.")
            text = f"From now on {key} signs what goes to gateway actions."
            self.message_user(request, text, messages.SUCCESS)
        url = reverse("admin:orgs_signingkey_change", args=[object_id])
        return HttpResponse(headers={"HX-Redirect": url})


def show_key(key: SigningKey, secret: str) -> Secret:
    """What a signing key's secret is shown with."""
    note = (
        "Receivers check signatures with it (Standard Webhooks). After a rotation the former one "
        "signs as well, for 24 hours."
    )
    return Secret(secret, f"The secret of the signing key {key.label}", note)

"""Organizations, users and keys in the admin."""

from __future__ import annotations

import copy
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from config.errors import RuleError
from orgs import services
from orgs.audit_admin import AuditEntryAdmin
from orgs.models import ApiKey, AuditEntry, Organization, User
from orgs.people_admin import OpensOrganizations, PermissionsField
from orgs.reach import Narrowed, RowFilter
from orgs.shown_once import Secret, ShowsOnce
from orgs.viewers import viewer_of
from orgs.windows import LiveFilter, SavedByService, ServiceForm, SoftlyDeleted, badge

admin.site.unregister(Group)
# Deleting has consequences, so it goes through services, one row at a time.
admin.site.disable_action("delete_selected")


class OrganizationForm(forms.ModelForm):
    """A tenant, and for how long it keeps what is over."""

    is_meant = forms.BooleanField(
        label="Delete what is older",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="Asked for where less is kept than now.",
    )

    class Meta:
        model = Organization
        fields = (
            "name", "slug", "payload_days", "history_days", "stripe_id", "usage_provider_id"
        )  # fmt: skip

    def clean(self) -> dict[str, Any] | None:
        """The input, with what the API would refuse of it."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.keys() >= set(services.KEPT_DAYS):
            try:
                services.check_retention(**{name: cleaned[name] for name in services.KEPT_DAYS})
            except RuleError as error:
                self.add_error("history_days", str(error))
            else:
                lost = self._tell_lost(cleaned)
                if lost and not cleaned["is_meant"]:
                    self.add_error("is_meant", lost)
        return cleaned

    def _tell_lost(self, cleaned: dict[str, Any]) -> str:
        """What will be deleted that is kept now, in words."""
        shorter = [
            f"{name} of {self.initial[column]} to {cleaned[column]} days"
            for column, name in (("payload_days", "payloads"), ("history_days", "finished actions"))
            if cleaned[column] < self.initial.get(column, 0)
        ]
        if not shorter:
            return ""
        return (
            f"This shortens {' and '.join(shorter)}. What is older is deleted from the next "
            "minutes on, for good. Tick this if that is what you mean."
        )


@admin.register(Organization)
class OrganizationAdmin(Narrowed):
    """Tenants."""

    form = OrganizationForm
    org_path = "id"
    list_display = ("name", "slug", "tenant_id", "created_at")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("tenant_id", "created_at", "updated_at")
    add_fieldsets = ((None, {"fields": ("name", "slug")}),)
    fieldsets = (
        *add_fieldsets,
        ("Retention", {"fields": (("payload_days", "history_days"), "is_meant")}),
        ("Billing", {"fields": (("stripe_id", "usage_provider_id"),)}),
        ("Facts", {"fields": ("tenant_id", "created_at", "updated_at")}),
    )

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: Any) -> None:
        """Save it, and when; how long it keeps things by the service, which tells of it."""
        if change:
            services.change_retention(
                org_id=obj.pk,
                changes={name: getattr(obj, name) for name in services.KEPT_DAYS},
                actor=request.user.get_username(),
            )
        obj.updated_at = Now()
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Everything belongs to an organization: none is deleted here."""
        return False


class LowerCaseEmail(forms.ModelForm):
    """People log in with their address in lower case, as `create_user` stores it."""

    def clean_email(self) -> str:
        """The address in lower case."""
        email: str = self.cleaned_data["email"]
        return email.lower()


class NewUserForm(LowerCaseEmail, UserCreationForm):
    """A person and their first password."""

    class Meta:
        model = User
        fields = ("email",)


class UserForm(LowerCaseEmail):
    """A person. The password has a form of its own, and nothing of it is shown."""

    class Meta:
        model = User
        fields = ("email", "name")
        help_texts = {"is_staff": "Sees all organizations; members see theirs without it."}


@admin.register(User)
class UserAdmin(DjangoUserAdmin, Narrowed):
    """People. Nobody is deleted, for what they did stays in the history: deactivate them."""

    org_path = None
    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    filter_horizontal = ("user_permissions",)
    readonly_fields = ("change_password", "last_login", "created_at", "email_verified_at")
    fieldsets = (
        (None, {"fields": ("email", "name", "change_password")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "user_permissions")}),
        ("Facts", {"fields": ("last_login", "created_at", "email_verified_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
    )

    @admin.display(description="password")
    def change_password(self, user: User) -> SafeString:
        """The way to the password's own form."""
        url = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a href="{}" class="text-link">Set a new password</a>', url)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:
        """Save them; a superuser who gives an address vouches for it."""
        if request.user.is_superuser and "email" in form.changed_data:
            obj.email_verified_at = Now()
        super().save_model(request, obj, form, change)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """The form of somebody's password, which opens all that is theirs: for superusers."""
        if not request.user.is_superuser:
            raise PermissionDenied
        given: HttpResponse = super().user_change_password(request, id, form_url)
        return given

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What stands on the page, without the way to where only superusers go."""
        sections = super().get_fieldsets(request, obj)
        hidden = () if request.user.is_superuser else ("change_password",)
        return [
            (name, section | {"fields": [one for one in section["fields"] if one not in hidden]})
            for name, section in sections
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Only a superuser gives rights away, or an address, which is whom somebody logs in as."""
        if request.user.is_superuser:
            return self.readonly_fields
        kept = ("email",) if obj else ()
        return (*self.readonly_fields, *kept, "is_staff", "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a superuser changes others who may come in here."""
        comes_in = obj and (obj.is_staff or obj.is_superuser) and obj != request.user
        if comes_in and not request.user.is_superuser:
            return False
        allowed: bool = super().has_change_permission(request, obj)
        return allowed

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deactivate them instead."""
        return False


NOTE = "It goes into the header x-arklow-auth of calls of the API."


class KeyForm(ServiceForm):
    """A new key; its organization is its member's."""

    permissions = PermissionsField(
        required=False, help_text="None: all that its member has, now and later."
    )
    variants = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="One a line. The key then hands in actions of these, and does nothing else.",
    )
    # The organization of which the form was shown, where that is looked at alone.
    looked_at = forms.CharField(required=False, widget=forms.HiddenInput)
    org: Organization | None = None

    class Meta:
        model = ApiKey
        fields = ("member", "description", "expires_at", "permissions", "variants")

    def clean_looked_at(self) -> str:
        """It; an error where another one is looked at since, in another tab."""
        asked: str = self.cleaned_data["looked_at"]
        if self.org is not None and asked not in ("", str(self.org.pk)):
            # What is hidden has no place for an error.
            self.add_error(None, f"You are looking at {self.org} now. No key was made.")
        return asked

    def clean_permissions(self) -> list[str] | None:
        """Those ticked; nothing ticked is no limit."""
        return self.cleaned_data["permissions"] or None

    def clean_variants(self) -> list[str] | None:
        """Those written; nothing written is no limit."""
        lines = [line.strip() for line in self.cleaned_data["variants"].splitlines()]
        return list(dict.fromkeys(filter(None, lines))) or None


class ApiKeyAdmin(OpensOrganizations, ShowsOnce, SavedByService, SoftlyDeleted):
    """Keys: made and ended. The secret is shown once, its hash never.

    Registered in `agents`, which knows what else a key has that another one takes over.
    """

    form = KeyForm
    delete_note = "The next call with this key is refused. There is no way back."
    list_display = ("description", "masked", "org", "member", "state", "last_used_at", "expires_at")
    list_filter = (LiveFilter, ("org", RowFilter))
    search_fields = ("description", "prefix")
    autocomplete_fields = ("member",)
    ordering = ("-id",)
    empty_value_display = "never"
    fieldsets = (
        (None, {"fields": ("description", "masked", "state", "org", "member")}),
        ("Limits", {"fields": ("shown_permissions", "shown_variants")}),
        ("Times", {"fields": ("created_at", "last_used_at", "expires_at", "deleted_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("member", "description", "expires_at", "looked_at")}),
        ("Limits", {"fields": ("permissions", "variants")}),
    )

    @admin.display(description="permissions")
    def shown_permissions(self, key: ApiKey) -> str:
        """What the key may do at most."""
        return ", ".join(key.permissions) if key.permissions else "those of its member"

    @admin.display(description="variants")
    def shown_variants(self, key: ApiKey) -> str:
        """What it may hand in, if that is all that it does."""
        return ", ".join(key.variants) if key.variants else "not bound to any"

    @admin.display(description="key")
    def masked(self, key: ApiKey) -> SafeString:
        """What may be shown of the secret."""
        return format_html("<code>{}</code>", key.masked)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> SafeString:
        """Whether it opens anything."""
        if key.deleted_at:
            return badge("deleted")
        return badge("expired", "warning") if key.is_expired else badge("live", "success")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With whom it belongs to."""
        rows: QuerySet = super().get_queryset(request)
        return rows.select_related("org", "member__user", "member__org")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A key is what it is; end it and make another."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: Any) -> None:
        """Make the key and show its secret, this once. Members make keys of their own."""
        made, material = services.create_key(
            member=viewer_of(request).member or obj.member,
            description=obj.description,
            expires_at=obj.expires_at,
            limits=services.Limits(obj.permissions, obj.variants),
        )
        obj.pk = made.pk
        obj.refresh_from_db()
        self.keep_secret(
            request, Secret(material, f"The secret of the key {obj.description}", NOTE)
        )

    def delete_row(self, request: HttpRequest, row: ApiKey, *, force: bool) -> None:
        """End the key."""
        services.delete_key(key=row, held=viewer_of(request).limit)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form, which knows of which organization it is shown."""
        form = super().get_form(request, *args, **kwargs)
        form.org = viewer_of(request).org
        if form.org is not None and "looked_at" in form.base_fields:
            # Fields that a form declares are those of all requests.
            mine = form.base_fields["looked_at"] = copy.deepcopy(form.base_fields["looked_at"])
            mine.initial = form.org.pk
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What stands on the page; a member is not asked whose key it is to be."""
        sections = super().get_fieldsets(request, obj)
        if obj or viewer_of(request).is_staff:
            return sections
        (title, first), *others = sections
        mine = tuple(name for name in first["fields"] if name != "member")
        return ((title, {"fields": mine}), *others)


admin.site.register(AuditEntry, AuditEntryAdmin)

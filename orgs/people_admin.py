"""Memberships, invites and captive domains in the admin, whose superusers may give everything."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from config.errors import ConflictError
from orgs import domains, invites, people
from orgs.models import CaptiveDomain, Invite, Membership, Permission, User
from orgs.reach import Narrowed, RowFilter
from orgs.windows import LiveFilter, SavedByService, ServiceForm, SoftlyDeleted, badge

EVERYTHING = (Permission.OWNER,)


class ForSuperusers(Narrowed):
    """An admin of what opens an organization: staff may look, and a superuser alone changes it.

    Else whoever may add a membership could own everything.
    """

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody else adds any."""
        return bool(request.user.is_superuser and super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody else changes one."""
        return bool(request.user.is_superuser and super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody else deletes one."""
        return bool(request.user.is_superuser and super().has_delete_permission(request, obj))


class PermissionsField(forms.MultipleChoiceField):
    """Permissions are ticked."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=Permission.choices, **options)


class MembershipForm(ServiceForm):
    """Somebody in an organization."""

    permissions = PermissionsField()

    class Meta:
        model = Membership
        fields = ("org", "user", "permissions")


@admin.register(Membership)
class MembershipAdmin(ForSuperusers, SavedByService, SoftlyDeleted):
    """Who is in which organization."""

    form = MembershipForm
    can_force = False
    delete_note = "Their keys stop at once. There is no way back for the keys."
    list_display = ("user", "org", "shown_permissions", "created_at", "deleted_at")
    list_filter = (LiveFilter, ("org", RowFilter))
    search_fields = ("user__email", "org__name")
    autocomplete_fields = ("org", "user")
    fields = ("org", "user", "permissions")

    @admin.display(description="permissions")
    def shown_permissions(self, member: Membership) -> str:
        """What they may do there."""
        return ", ".join(member.permissions)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With what its name is made of."""
        rows: QuerySet = super().get_queryset(request)
        return rows.select_related("user", "org")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Who is chosen elsewhere is still a member."""
        rows, twice = super().get_search_results(request, queryset, search_term)
        chosen = request.path.endswith("/autocomplete/")
        return (rows.filter(deleted_at=None) if chosen else rows), twice

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Who it is, and where, never changes."""
        return ("org", "user") if obj else ()

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: Any) -> None:
        """Let them in, or change what they may do."""
        given = form.cleaned_data["permissions"]
        if change:
            actor = request.user.get_username()
            people.change_permissions(member=obj, given=given, held=EVERYTHING, actor=actor)
            return
        obj.pk = people.join(org_id=obj.org_id, user=obj.user, given=given).pk
        obj.refresh_from_db()

    def delete_row(self, request: HttpRequest, row: Membership, *, force: bool) -> None:
        """Remove them."""
        actor = request.user.get_username()
        people.remove_member(member=row, held=EVERYTHING, actor=actor)


class InviteForm(ServiceForm):
    """Who is asked in, and as what."""

    identifier = forms.CharField(
        label="User id or email address", max_length=254, widget=UnfoldAdminTextInputWidget
    )
    init_permissions = PermissionsField(label="Permissions")
    field_names = {"permissions": "init_permissions"}

    class Meta:
        model = Invite
        fields = ("org", "init_permissions")

    def clean_identifier(self) -> str:
        """It; operators see all users, and may be told that there is no such one."""
        identifier: str = self.cleaned_data["identifier"]
        if invites.is_user_id(identifier) and not User.objects.filter(pk=identifier).exists():
            raise forms.ValidationError(f"There is no user {identifier}.")
        return identifier


@admin.register(Invite)
class InviteAdmin(ForSuperusers, SavedByService, SoftlyDeleted):
    """Invites: made and revoked. The token of one for an address is shown once."""

    form = InviteForm
    can_force = False
    delete_note = "Nobody can accept it then."
    list_display = ("invitee", "org", "shown_permissions", "state", "expires_at")
    list_filter = (LiveFilter, ("org", RowFilter))
    search_fields = ("email", "user__email")
    autocomplete_fields = ("org",)
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("org", "invitee", "shown_permissions", "state", "invited_by")}),
        ("Times", {"fields": ("created_at", "expires_at", "accepted_at", "deleted_at")}),
    )
    add_fieldsets = ((None, {"fields": ("org", "identifier", "init_permissions")}),)

    @admin.display(description="for")
    def invitee(self, invite: Invite) -> str:
        """Whom it is for."""
        return invite.email or str(invite.user or f"user {invite.user_id}")

    @admin.display(description="permissions")
    def shown_permissions(self, invite: Invite) -> str:
        """What they may do there afterwards."""
        return ", ".join(invite.init_permissions)

    @admin.display(description="state")
    def state(self, invite: Invite) -> SafeString:
        """Whether it can still be accepted."""
        if invite.accepted_at:
            return badge("accepted", "success")
        if invite.deleted_at:
            return badge("revoked")
        over = invite.expires_at <= timezone.now()
        return badge("expired", "warning") if over else badge("open", "info")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With whom it is about."""
        rows: QuerySet = super().get_queryset(request)
        return rows.select_related("org", "user", "invited_by__user", "invited_by__org")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An invite is what it is; make another, which replaces it."""
        return False

    def save_model(self, request: HttpRequest, obj: Invite, form: Any, change: Any) -> None:
        """Make it and show its token, this once."""
        invited = invites.invite(
            org_id=obj.org_id,
            invitee=invites.read_invitee(form.cleaned_data["identifier"]),
            given=form.cleaned_data["init_permissions"],
            by=None,
            held=EVERYTHING,
        )
        if invited.invite is None:
            # What was saved is undone with this.
            message = "They are a member already: change the membership."
            raise ConflictError(message, code="IS_MEMBER", pointer="/identifier")
        obj.pk = invited.invite.pk
        obj.refresh_from_db()
        if invited.token:
            shown = "The token of this invite, shown only now: <code>{}</code>"
            self.message_user(request, format_html(shown, invited.token), messages.WARNING)

    def delete_row(self, request: HttpRequest, row: Invite, *, force: bool) -> None:
        """Revoke it."""
        invites.revoke_invite(invite=row)


class CaptiveDomainForm(ServiceForm):
    """Whose people join by themselves."""

    default_permissions = PermissionsField()

    class Meta:
        model = CaptiveDomain
        fields = ("org", "domain", "github_org", "default_permissions", "enabled")


@admin.register(CaptiveDomain)
class CaptiveDomainAdmin(ForSuperusers, SavedByService, Narrowed):
    """Domains whose people join an organization by themselves. An empty one is given back."""

    form = CaptiveDomainForm
    list_display = ("org", "domain", "shown_permissions", "enabled")
    list_filter = ("enabled",)
    search_fields = ("domain", "org__name")
    autocomplete_fields = ("org",)
    list_select_related = ("org",)
    fields = ("org", "domain", "github_org", "default_permissions", "enabled")

    @admin.display(description="permissions")
    def shown_permissions(self, row: CaptiveDomain) -> str:
        """What they may do there."""
        return ", ".join(row.default_permissions)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Whose it is never changes."""
        return ("org",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Empty the domain instead."""
        return False

    def save_model(self, request: HttpRequest, obj: CaptiveDomain, form: Any, change: Any) -> None:
        """Save it; a superuser may capture any domain."""
        changes = {name: form.cleaned_data[name] for name in domains.FIELDS}
        row = domains.save_domain(org_id=obj.org_id, changes=changes, held=EVERYTHING, email=None)
        obj.pk = row.pk
        obj.refresh_from_db()

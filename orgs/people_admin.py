"""Memberships, invites and captive domains in the admin: what opens an organization."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet, Value
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from config.errors import ConflictError
from orgs import domains, invites, people
from orgs.models import CaptiveDomain, Invite, Membership, Permission, User
from orgs.reach import Narrowed, RowFilter
from orgs.shown_once import Secret, ShowsOnce
from orgs.viewers import viewer_of
from orgs.windows import LiveFilter, SavedByService, ServiceForm, SoftlyDeleted, badge


class OpensOrganizations(Narrowed):
    """An admin of what opens an organization: members change it as the API has it.

    Of the staff everybody may look who was given that, and superusers alone change it. Else
    whoever may add a membership could own everything.
    """

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody else adds any."""
        return _may_open(request) and bool(super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody else changes one."""
        return _may_open(request) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody else deletes one."""
        return _may_open(request) and bool(super().has_delete_permission(request, obj))


def _may_open(request: HttpRequest) -> bool:
    return request.user.is_superuser or not viewer_of(request).is_staff


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
class MembershipAdmin(OpensOrganizations, SavedByService, SoftlyDeleted):
    """Who is in which organization."""

    form = MembershipForm
    can_force = False
    delete_note = "Their keys stop at once. There is no way back for the keys."
    list_display = ("user", "org", "shown_permissions", "created_at", "deleted_at")
    list_filter = (LiveFilter, ("org", RowFilter))
    search_fields = ("user__email", "org__name")
    autocomplete_fields = ("org", "user")
    fields = ("org", "user", "permissions")

    @admin.display(description="user")
    def person(self, member: Membership) -> str:
        """Who it is; members have no page of users to look at."""
        return f"{member.user.name} ({member.user.email})" if member.user.name else str(member.user)

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
        return ("org", "user", "person") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Who, where and what; the link to who it is only for who may follow it."""
        if obj is None or viewer_of(request).is_staff:
            return self.fields
        return ("person", "permissions")

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: Any) -> None:
        """Let them in, or change what they may do."""
        given = form.cleaned_data["permissions"]
        if change:
            actor, held = request.user.get_username(), viewer_of(request).held
            people.change_permissions(member=obj, given=given, held=held, actor=actor)
            return
        obj.pk = people.join(org_id=obj.org_id, user=obj.user, given=given).pk
        obj.refresh_from_db()

    def delete_row(self, request: HttpRequest, row: Membership, *, force: bool) -> None:
        """Remove them."""
        actor, held = request.user.get_username(), viewer_of(request).held
        people.remove_member(member=row, held=held, actor=actor)


NOTE = (
    "Send it to them: nothing is mailed. Whoever has it joins by it, once, within seven days, with "
    "a login of their own."
)


class InviteForm(ServiceForm):
    """Who is asked in, and as what."""

    identifier = forms.CharField(
        label="User id or email address", max_length=254, widget=UnfoldAdminTextInputWidget
    )
    init_permissions = PermissionsField(label="Permissions")
    # Only who sees all users is told whether there is one.
    sees_users = False
    field_names = {"permissions": "init_permissions"}

    class Meta:
        model = Invite
        fields = ("org", "init_permissions")

    def clean_identifier(self) -> str:
        """It; staff see all users, and may be told that there is no such one."""
        identifier: str = self.cleaned_data["identifier"]
        known = not self.sees_users or not invites.is_user_id(identifier)
        if not known and not User.objects.filter(pk=identifier).exists():
            raise forms.ValidationError(f"There is no user {identifier}.")
        return identifier


@admin.register(Invite)
class InviteAdmin(OpensOrganizations, ShowsOnce, SavedByService, SoftlyDeleted):
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
    def invitee(self, invite: Any) -> str:
        """Whom it is for."""
        return invite.email or invite.address or f"user {invite.user_id}"

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
        """With whom it is about. Who invites an id learns of the user no more than that."""
        rows: QuerySet = super().get_queryset(request)
        address = F("user__email") if viewer_of(request).is_staff else Value("")
        rows = rows.annotate(address=address)
        return rows.select_related("org", "invited_by__user", "invited_by__org")

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Nor is such an invite found by it."""
        return self.search_fields if viewer_of(request).is_staff else ("email",)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form, which tells staff where there is no such user."""
        form = super().get_form(request, *args, **kwargs)
        form.sees_users = viewer_of(request).is_staff
        return form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An invite is what it is; make another, which replaces it."""
        return False

    def save_model(self, request: HttpRequest, obj: Invite, form: Any, change: Any) -> None:
        """Make it and show its link, this once."""
        viewer = viewer_of(request)
        invited = invites.invite(
            org_id=obj.org_id,
            invitee=invites.read_invitee(form.cleaned_data["identifier"]),
            given=form.cleaned_data["init_permissions"],
            by=viewer.member,
            held=viewer.held,
        )
        if invited.invite is None:
            # What was saved is undone with this.
            message = "They are a member already: change the membership."
            raise ConflictError(message, code="IS_MEMBER", pointer="/identifier")
        obj.pk = invited.invite.pk
        obj.refresh_from_db()
        if invited.token:
            link = request.build_absolute_uri(reverse("open_invite", args=[invited.token]))
            self.keep_secret(request, Secret(link, f"The link of the invite of {obj.email}", NOTE))

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
class CaptiveDomainAdmin(OpensOrganizations, SavedByService, Narrowed):
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
        """Save it; a superuser may capture any domain, a member that of their own address."""
        changes = {name: form.cleaned_data[name] for name in domains.FIELDS}
        viewer = viewer_of(request)
        email = None if viewer.is_staff else viewer.user.verified_email
        row = domains.save_domain(org_id=obj.org_id, changes=changes, held=viewer.held, email=email)
        obj.pk = row.pk
        obj.refresh_from_db()

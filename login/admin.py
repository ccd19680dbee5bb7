"""The admin behind the login: one door, and what providers are linked to whom."""

from __future__ import annotations

from typing import Any

from allauth.account import admin as account_admin
from allauth.mfa import admin as mfa_admin
from allauth.socialaccount import admin as social_admin
from allauth.socialaccount.models import SocialAccount
from django.contrib import admin
from django.http import HttpRequest

from login import views
from orgs import viewers
from orgs.reach import Narrowed

# Waybill keeps addresses with its users and providers in the environment, and shows no secrets.
for module in (account_admin, mfa_admin, social_admin):
    for model, shown in tuple(admin.site._registry.items()):
        if type(shown).__module__ == module.__name__:
            admin.site.unregister(model)

admin.site.has_permission = viewers.may_enter  # type: ignore[method-assign]
admin.site.login = views.admin_login  # type: ignore[method-assign]
admin.site.password_change = views.admin_password_change  # type: ignore[assignment, method-assign]


@admin.register(SocialAccount)
class LinkedLoginAdmin(Narrowed):
    """Who logs in by which provider. Without its row, a link is made anew by the address."""

    org_path = None
    list_display = ("user", "provider", "uid", "last_login", "date_joined")
    list_filter = ("provider",)
    search_fields = ("user__email", "uid")
    list_select_related = ("user",)
    fields = ("user", "provider", "uid", "last_login", "date_joined")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Logging in makes them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are as the provider says."""
        return False

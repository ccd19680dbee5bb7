"""The console's pages, all of them below /admin/, before the admin's own."""

from __future__ import annotations

from django.urls import URLPattern, path

from console import organizations

app_name = "console"
urlpatterns: list[URLPattern] = [
    path("organization/", organizations.switch_org, name="switch_org"),
    path("organization/choices/", organizations.offer_orgs, name="offer_orgs"),
    path("organization/leave/", organizations.leave_org, name="leave_org"),
]

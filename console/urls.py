"""The console's pages, all of them below /admin/, before the admin's own."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "console"
urlpatterns: list[URLPattern] = []

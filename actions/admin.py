"""Action definitions in the admin, which leads to their pages in the console."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from actions.models import ActionDefinition
from orgs.reach import Narrowed
from orgs.windows import Window, is_row_id


@admin.register(ActionDefinition)
class DefinitionAdmin(Window, Narrowed):
    """Contracts have pages of their own, on which they are written, linked and withdrawn.

    What asks for them here leads there; here they are found by those who choose one in a form.
    """

    search_fields = ("variant", "names__name")
    ordering = ("variant", "-version")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list there, narrowed as it was here."""
        url, asked = reverse("console:definitions"), request.GET.get("q")
        return redirect(f"{url}?{urlencode({'q': asked})}" if asked else url)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of a new one there."""
        return redirect("console:new_definition")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Its page there."""
        if not is_row_id(object_id):
            raise Http404
        return redirect("console:definition", int(object_id))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """The same: it is withdrawn there."""
        return self.change_view(request, object_id)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """The same."""
        return self.change_view(request, object_id)

"""What consumers get of a definition, from its page in the admin."""

from __future__ import annotations

from typing import Any

import orjson
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.decorators import action

from actions.consumers import offers
from actions.models import ActionDefinition
from config.errors import DomainError

OFFERS = {
    "title": "For consumers",
    "icon": "code",
    "items": ["show_examples", "show_typescript", "show_python", "show_documentation"],
}


class OffersAdmin:
    """Buttons for examples, types and the page of a definition, each as plain text."""

    @action(  # type: ignore[untyped-decorator]
        description="Example payloads", permissions=["view"], url_path="examples"
    )
    def show_examples(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Valid payloads and others."""
        return self._show(request, object_id, make_examples)

    @action(  # type: ignore[untyped-decorator]
        description="TypeScript types", permissions=["view"], url_path="typescript"
    )
    def show_typescript(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The types in TypeScript."""
        return self._show(request, object_id, offers.make_typescript)

    @action(  # type: ignore[untyped-decorator]
        description="Python types", permissions=["view"], url_path="python"
    )
    def show_python(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The types in Python."""
        return self._show(request, object_id, offers.make_python)

    @action(  # type: ignore[untyped-decorator]
        description="Documentation", permissions=["view"], url_path="documentation"
    )
    def show_documentation(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The page of Markdown."""
        return self._show(request, object_id, make_page)

    def _show(self: Any, request: HttpRequest, object_id: str, make: Any) -> HttpResponse:
        definition = self.get_object(request, object_id)
        if definition is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(
                request, self.opts, object_id
            )
            return gone
        try:
            return HttpResponse(make(definition), content_type="text/plain; charset=utf-8")
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect("admin:actions_actiondefinition_change", object_id)


def make_page(definition: ActionDefinition) -> str:
    """The page as the API gives it."""
    return offers.draft_page(definition).finish().text


def make_examples(definition: ActionDefinition) -> str:
    """The examples as the API gives them, to be read."""
    told = orjson.dumps(offers.make_examples(definition), option=orjson.OPT_INDENT_2)
    return told.decode()

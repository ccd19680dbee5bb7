"""What may change of a definition: its names, its links, what is said of it, and that it is there.

Each is a call of a service; what that refuses is told above the definition's page. What leads calls
somewhere else is asked back first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from actions import services
from actions.models import ActionDefinition, DefinitionName
from config.errors import DomainError
from config.parsing import read_timestamp
from console import pages
from console.definitions import asking
from console.definitions.asking import Asked
from console.definitions.found import (
    CHANGE,
    DELETE,
    LINK,
    UNLINK,
    Found,
    check_said,
    find,
    held_by,
)
from console.pages import page, read_text
from dispatch.models import Sender
from orgs.windows import is_row_id

VERSION = "console/definitions/version.html"
WRITING = ("POST",)
NAMED_SENDERS = 5


@page(VERSION, methods=WRITING)
def add_alias(request: HttpRequest, definition_id: int) -> HttpResponseBase:
    """Another name for this version; one that another version has moves here."""
    found = find(request, definition_id, operation=CHANGE)
    name = read_text(request.POST, "name")
    asked = asking.of_alias(found.definition, name)

    def change() -> str:
        held = _lock_names(found.definition)
        _update(found, alias=[*held, name])
        return f"{name} leads to {found.definition} now."

    return _ask(request, found, asked, change)


@page(VERSION, methods=WRITING)
def remove_alias(request: HttpRequest, definition_id: int) -> HttpResponseBase:
    """The version without that name."""
    found = find(request, definition_id, operation=CHANGE)
    name = read_text(request.POST, "name")
    asked = asking.of_removal(found.definition, name)

    def change() -> str:
        held = _lock_names(found.definition)
        _update(found, alias=[one for one in held if one != name])
        return f"{name} leads nowhere any more."

    return _ask(request, found, asked, change)


@page(VERSION, methods=WRITING)
def link(request: HttpRequest, definition_id: int) -> HttpResponseBase:
    """A link to a destination, or the default moved to one."""
    found = find(request, definition_id, operation=LINK)
    destination_id, is_default = _read_id(request), "default" in request.POST
    asked = asking.of_default(found.definition, destination_id) if is_default else None

    def change() -> str:
        services.link_destination(
            definition=found.definition,
            destination_id=destination_id,
            is_default=is_default or None,
        )
        return "The link is stored. It counts from the next action on."

    return _ask(request, found, asked, change)


@page(VERSION, methods=WRITING)
def unlink(request: HttpRequest, definition_id: int) -> HttpResponseBase:
    """The version without a link."""
    found = find(request, definition_id, operation=UNLINK)
    destination_id = _read_id(request)
    asked = asking.of_unlinking(found.definition, destination_id)

    def change() -> str:
        services.unlink_destination(definition=found.definition, destination_id=destination_id)
        return "The link is gone. Actions accepted before keep their destination."

    return _ask(request, found, asked, change)


@page(VERSION, methods=WRITING)
def say(request: HttpRequest, definition_id: int) -> HttpResponseBase:
    """Description, deprecation, need of approval and policy."""
    found = find(request, definition_id, operation=CHANGE)

    def change() -> str:
        asked = request.POST
        _update(
            found,
            description=read_text(asked, "description").replace("\r\n", "\n"),
            requires_approval="requires_approval" in asked,
            compatibility=asked.get("compatibility") or None,
            open_content=asked.get("open_content") or None,
            deprecated_at=_read_moment(request, "deprecated_at"),
            sunset_at=_read_moment(request, "sunset_at"),
        )
        return f"What is said of {found.definition} is stored."

    return _answer(request, found, change)


@page(VERSION, methods=WRITING)
def delete(request: HttpRequest, definition_id: int) -> HttpResponseBase:
    """The version withdrawn: it takes no new actions."""
    found = find(request, definition_id, operation=DELETE)

    def change() -> str:
        services.delete_definition(definition=found.definition)
        return f"{found.definition} takes no new actions any more."

    return _ask(request, found, asking.of_deletion(found.definition), change)


def _ask(
    request: HttpRequest, found: Found, asked: Asked | None, change: Callable[[], str]
) -> HttpResponse:
    """What will happen, for somebody to say yes to; once they have, or need not, it is done."""
    if asked is None or asked.is_answered(request.POST):
        return _answer(request, found, change)
    url = reverse("console:definition", args=[found.definition.pk])
    definitions = ("Definitions", reverse("console:definitions"))
    context = {
        "title": asked.question.title,
        "question": asked.question,
        "crumbs": [definitions, (str(found.definition), url)],
        "url": url,
        "loser": asked.loser,
    }
    if asked.loser is not None:
        context["senders"] = Sender.objects.of_definition(asked.loser.pk)[:NAMED_SENDERS]
    return pages.show(request, "console/definitions/ask.html", context)


def _answer(request: HttpRequest, found: Found, change: Callable[[], str]) -> HttpResponse:
    """Back to the version, with what was done or why it was not."""
    try:
        with transaction.atomic():
            done = change()
        messages.success(request, done)
    except DomainError as error:
        messages.error(request, " ".join(fault.message for fault in error.faults))
    return redirect("console:definition", found.definition.pk)


def _update(found: Found, **said: Any) -> None:
    check_said(said)
    services.update_definition(definition=found.definition, held=held_by(found.viewer), **said)


def _lock_names(definition: ActionDefinition) -> list[str]:
    """The aliases that it has, which nobody else changes until this is stored."""
    services.lock_definition(definition)
    rows = DefinitionName.objects.filter(definition=definition).order_by("id")
    return list(rows.values_list("name", flat=True))


def _read_id(request: HttpRequest) -> int:
    """The destination that was chosen; 0, which is none, where none was."""
    text = request.POST.get("destination", "")
    return int(text) if is_row_id(text) else 0


def _read_moment(request: HttpRequest, name: str) -> datetime | None:
    """A moment as the page writes it, in UTC; nothing takes it back."""
    text = request.POST.get(name, "").strip()
    if not text:
        return None
    return read_timestamp(f"{text}:00Z" if len(text) == 16 else f"{text}Z", name=name)

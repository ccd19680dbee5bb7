"""One version of a variant: its contract, its names and links, who sends it, and its versions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from actions import browsing
from actions.consumers import offers
from actions.models import ActionDefinition, Compatibility, OpenContent
from config.errors import DomainError
from console.definitions.found import (
    CHANGE,
    DELETE,
    LINK,
    PUBLISH,
    READ,
    UNLINK,
    find,
)
from console.pages import fragment, page
from console.ways.drafts import write
from destinations.models import Destination
from dispatch import sightings
from dispatch.models import Sender
from operations import usage
from orgs.permissions import HAND_IN

DAYS = 30
MOST_SENDERS = 20
MOST_VERSIONS = 50
MOST_DESTINATIONS = 1_000
SHOWN_CHARACTERS = 100_000
OFFERS = {
    "typescript": ("ts", offers.make_typescript),
    "python": ("py", offers.make_python),
    "markdown": ("md", lambda definition: offers.draft_page(definition).finish().text),
    "examples": ("json", lambda definition: write(offers.make_examples(definition))),
}


class Line(NamedTuple):
    """A version in the list of a variant's versions."""

    version: ActionDefinition
    aliases: list[str]
    used: dict[str, int]
    seen_at: datetime | None


@page("console/definitions/version.html")
def show_version(request: HttpRequest, definition_id: int) -> dict[str, Any]:
    """The page of a version."""
    viewer, definition = (found := find(request, definition_id)).viewer, found.definition
    text = write(definition.read_schema())
    is_live = definition.deleted_at is None
    links = sorted(definition.links.all(), key=lambda link: (not link.is_default, link.pk))
    return {
        "title": str(definition),
        "crumbs": [("Definitions", reverse("console:definitions"))],
        "definition": definition,
        "schema": text[:SHOWN_CHARACTERS],
        "is_cut": len(text) > SHOWN_CHARACTERS,
        "digest": bytes(definition.schema_digest).hex(),
        "lines": _list_lines(definition),
        "links": links,
        "linkable": _list_linkable(definition, links) if is_live and viewer.may(LINK) else [],
        "senders": Sender.objects.of_definition(definition.pk)[:MOST_SENDERS],
        "policy": Compatibility(found.compatibility).label,
        "days": DAYS,
        "compatibilities": Compatibility.choices,
        "open_contents": OpenContent.values,
        "may_publish": viewer.may(PUBLISH),
        "may_change": is_live and viewer.may(CHANGE),
        "may_link": is_live and viewer.may(LINK),
        "may_unlink": is_live and viewer.may(UNLINK),
        "may_delete": is_live and viewer.may(DELETE),
        "may_send": is_live and viewer.may(HAND_IN),
    }


@fragment("console/definitions/example.html")
def show_example(request: HttpRequest, definition_id: int) -> dict[str, Any]:
    """A payload that the contract accepts, and which it refuses; making them takes a while."""
    definition = find(request, definition_id, operation=f"{READ}/examples").definition
    try:
        found = offers.make_examples(definition, take=3)
    except DomainError as error:
        return {"refusal": str(error)}
    return {
        "examples": [write(one["payload"]) for one in found["items"]],
        "refused": [{**one, "payload": write(one["payload"])} for one in found["invalid"]],
        "is_whole": found["complete"],
    }


@fragment("console/definitions/refused.html")
def download(request: HttpRequest, definition_id: int, offer: str) -> HttpResponse | dict[str, Any]:
    """Types, a page, or examples, as a file; or why there are none."""
    definition = find(request, definition_id, operation=f"{READ}/{offer}").definition
    ending, make = OFFERS[offer]
    try:
        made = make(definition)
    except DomainError as error:
        return {"refusal": str(error)}
    answer = HttpResponse(made, content_type="text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = (
        f'attachment; filename="definition-{definition.pk}.{ending}"'
    )
    return answer


def _list_lines(definition: ActionDefinition) -> list[Line]:
    versions = browsing.list_versions(definition.org_id, definition.variant, most=MOST_VERSIONS)
    aliases = browsing.aliases_of(one.pk for one in versions)
    used = usage.read_versions(
        org_id=definition.org_id, variant=definition.variant, days=_last_days()
    )
    seen = sightings.find_last_seen(one.pk for one in versions)
    return [
        Line(one, aliases.get(one.pk, []), used.get(one.version, {}), seen.get(one.pk))
        for one in versions
    ]


def _last_days() -> list[date]:
    today = datetime.now(UTC).date()
    return [today - timedelta(days=ago) for ago in range(DAYS)]


def _list_linkable(definition: ActionDefinition, links: list[Any]) -> list[Destination]:
    """Destinations that it could lead to and does not yet, by their labels."""
    linked = [link.destination_id for link in links]
    rows = Destination.objects.of_org(definition.org_id).exclude(pk__in=linked)
    return list(rows.order_by("label", "id").only("label", "type")[:MOST_DESTINATIONS])

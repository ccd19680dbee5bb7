"""The page to try a definition on, and what it asks for while somebody types, looks and sends."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from actions.consumers import offers
from actions.models import ActionDefinition
from config import strictjson
from config.errors import DomainError
from console.definitions.found import find
from console.pages import fragment, page
from console.trying import orders, plans
from console.trying.orders import Wanted
from console.ways import drafts
from console.ways.payloads import PayloadWay
from dispatch import idempotency, intake, serializers
from orgs.permissions import HAND_IN, READ_DESTINATION
from orgs.viewers import viewer_of

SECONDS_FOR_AN_EXAMPLE = 3
WRITING = ("POST",)


@page("console/trying/try.html")
def try_definition(request: HttpRequest, definition_id: int) -> dict[str, Any]:
    """A form made of the contract, with an example in it, and its JSON beside it."""
    viewer_of(request).require(HAND_IN)
    definition = find(request, definition_id).definition
    way = PayloadWay(definition)
    draft = drafts.begin(way, _find_example(definition))
    page_of_it = reverse("console:definition", args=[definition.pk])
    return {
        "title": f"Try {definition}",
        "crumbs": [("Definitions", reverse("console:definitions")), (str(definition), page_of_it)],
        "definition": definition,
        "state": draft.as_dict(way)
        | {
            "schema": way.drawn,
            "judge": reverse("console:judge_payload", args=[definition.pk]),
        },
        "why": way.why,
    }


@fragment("console/trying/plan.html", methods=WRITING)
def judge_payload(request: HttpRequest, definition_id: int) -> HttpResponseBase:
    """What is wrong with a payload while it is typed, and how its other way looks."""
    viewer_of(request).require(HAND_IN)
    way = PayloadWay(find(request, definition_id).definition)
    try:
        draft = drafts.read(way, strictjson.parse(request.body))
    except DomainError as error:
        return JsonResponse({"refusal": str(error)}, status=error.status)
    return JsonResponse(draft.as_dict(way))


@fragment("console/trying/plan.html", methods=WRITING)
def plan(request: HttpRequest, definition_id: int) -> dict[str, Any]:
    """Where it would go, and what would be sent."""
    viewer = viewer_of(request)
    viewer.require(HAND_IN)
    definition = find(request, definition_id).definition
    looks = viewer.may(READ_DESTINATION)
    try:
        return {"plan": plans.make(orders.read(request, definition), shows_request=looks)}
    except DomainError as error:
        return {"faults": error.faults}


@fragment("console/trying/sent.html", methods=WRITING)
def send(request: HttpRequest, definition_id: int) -> dict[str, Any]:
    """The action handed in, as its client would; and what becomes of it."""
    viewer_of(request).require(HAND_IN)
    definition = find(request, definition_id).definition
    try:
        wanted = orders.read(request, definition)
        answer, is_replayed = _hand_in(wanted)
    except DomainError as error:
        return {"faults": error.faults}
    return {"sent": answer, "is_replayed": is_replayed}


def _hand_in(wanted: Wanted) -> tuple[dict[str, Any], bool]:
    """What ingress answers, and whether it did so before, under the same key."""
    show = serializers.show_single
    asked = [wanted.submission]
    if not wanted.key:
        shown = intake.accept(wanted.org_id, asked, atomic=True, show=show, actor=wanted.actor)
        return shown, False
    call = idempotency.Call.of(wanted.org_id, wanted.key, wanted.submission.content())
    answer = intake.answer_once(call, asked, atomic=True, show=show, actor=wanted.actor)
    return orjson.loads(answer.data), answer.replayed


def _find_example(definition: ActionDefinition) -> Any:
    """A payload to start from; an empty one where none is made soon."""
    try:
        found = offers.make_examples(definition, take=1, seconds=SECONDS_FOR_AN_EXAMPLE)
    except DomainError:
        return {}
    items = found["items"]
    return items[0]["payload"] if items else {}

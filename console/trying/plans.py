"""Where an action would go, why, and what exactly would be sent. Nothing is stored or sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from actions import judge
from config.errors import DomainError, Fault
from console.trying.orders import Wanted
from destinations import kinds
from destinations.attempts import Request
from destinations.models import Destination, Kind
from dispatch import direct, intake, lanes
from dispatch.intake import Route, Routed

SHOWN_CHARACTERS = 20_000
# Of a kind that is not pushed, what becomes of its actions.
KEPT = "It is kept there, and succeeds as soon as it is accepted: nothing is sent."
NOT_YOURS = "What would be sent is for who may look at its destination."
PULLED = "Nothing is sent: its workers pull it."


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of an action: the way it takes, a step a line, or what is wrong with it."""

    faults: Sequence[Fault] = ()
    route: Route | None = None
    destination: Destination | None = None
    steps: Sequence[str] = field(default_factory=tuple)
    request: Request | None = None
    # Why no request is shown.
    why_not: str = ""

    @property
    def body(self) -> str:
        """The bytes of the request, as text."""
        if self.request is None:
            return ""
        text = self.request.body.decode("utf-8", "replace")
        if len(text) <= SHOWN_CHARACTERS:
            return text
        return f"{text[:SHOWN_CHARACTERS]}… {len(text):,} characters in all."

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of the request, secrets masked."""
        return sorted(self.request.headers.items()) if self.request else []


def make(wanted: Wanted, *, shows_request: bool) -> Plan:
    """What would become of the action if it was handed in now."""
    (judged,) = intake.judge_all(wanted.org_id, [wanted.submission], judge.set_deadline())
    if not isinstance(judged, Routed):
        return Plan(faults=judged)
    route = judged.route
    destination = _find_destination(route)
    steps = _tell_steps(wanted, route, destination)
    if destination is None or route.is_sink or not kinds.is_pushed(destination.type):
        why_not = PULLED if route.kind == Kind.SDK else KEPT
        return Plan((), route, destination, steps, why_not=why_not)
    if not shows_request:
        return Plan((), route, destination, steps, why_not=NOT_YOURS)
    try:
        request = direct.dry_run(wanted.order, key=wanted.key or None)
    except DomainError as error:
        return Plan((), route, destination, steps, why_not=str(error))
    return Plan((), route, destination, steps, request)


def _find_destination(route: Route) -> Destination | None:
    if route.destination_id is None:
        return None
    return Destination.objects.filter(pk=route.destination_id).first()


def _tell_steps(wanted: Wanted, route: Route, destination: Destination | None) -> list[str]:
    asked = wanted.submission
    told = [_tell_version(asked.version, route)]
    if route.deprecated_at:
        told.append("This version is deprecated: whoever sends it is told so.")
    if route.requires_approval:
        told.append("It is held until somebody approves it.")
    if destination is None:
        told.append(
            f"{route.variant} v{route.version} has no default link: "
            "it goes to the organization's default sink."
        )
        return told
    told.append(
        f"The default link of {route.variant} v{route.version} leads to "
        f"{destination.label} ({destination.type})."
    )
    if not route.is_sink:
        tags = orjson.dumps(_canonical(asked.tags)).decode() if asked.tags else "no tags"
        told.append(f"Its lane there is that of {tags}.")
    if destination.paused_at:
        told.append("The destination is paused: it waits until somebody resumes it.")
    return told


def _tell_version(asked: int | None, route: Route) -> str:
    if asked is None:
        return f"No version is asked for: it is the newest one, {route.variant} v{route.version}."
    return f"It is {route.variant} v{route.version}, which was asked for."


def _canonical(tags: dict[str, str]) -> Any:
    return orjson.loads(lanes.canonical_tags(tags))

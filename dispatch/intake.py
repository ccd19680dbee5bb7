"""Accepting actions: resolve their names, judge their payloads, route them, store them.

Whatever the number of actions: one query to resolve the names, one statement that stores
records, payloads and events together and wakes the dispatchers. Payloads are judged before any
transaction is open, and all that one call hands in has one deadline for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import orjson
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from actions import judge
from actions.contracts import validators
from config import strictjson
from config.errors import ConflictError, Fault
from destinations import kinds, services
from destinations.models import Kind
from dispatch import arrays, idempotency, lanes
from dispatch.models import ActionEvent, Status
from dispatch.settlement import PULL, WAKE
from dispatch.sightings import sightings

T = TypeVar("T")
DAYS_AHEAD = 30
NOT_ALLOWED = "VARIANT_NOT_ALLOWED"
# How long a held action waits for somebody to approve it.
APPROVAL_HOURS = 24
# The definition and the default route behind each (name, version) asked for.
RESOLVE = f"""
SELECT q.name, q.version, d.id, d.variant, d.version, t.id, t.type,
  now() + interval '{DAYS_AHEAD} days', d.requires_approval, d.deprecated_at, d.sunset_at
FROM unnest(%(names)s::text[], %(versions)s::int[]) AS q(name, version)
JOIN actions_definitionname n ON n.org_id = %(org)s AND n.name = q.name
JOIN LATERAL (
  SELECT a.id, a.variant, a.version, a.requires_approval, a.deprecated_at, a.sunset_at
  FROM actions_actiondefinition a
  WHERE a.org_id = n.org_id AND a.variant = n.variant AND a.deleted_at IS NULL
    AND CASE WHEN q.version IS NOT NULL THEN a.version = q.version
             WHEN n.kind = 'alias' THEN a.id = n.definition_id
             ELSE true END
  ORDER BY a.version DESC LIMIT 1
) d ON true
LEFT JOIN actions_definitiondestination l ON l.definition_id = d.id AND l.is_default
LEFT JOIN destinations_destination t ON t.id = l.destination_id AND t.deleted_at IS NULL
"""  # noqa: S608 -- constants only
SCHEMAS = "SELECT id, schema::text FROM actions_actiondefinition WHERE id = ANY(%s::bigint[])"
# A sink settles in this statement; what is due at once wakes, at commit, the dispatchers or those
# who wait to pull it.
# A destination that is deleted meanwhile is waited for, and then none of them is stored.
# What needs approval goes nowhere: its event says who handed in what, and that is what is approved.
STORE = f"""
WITH live AS MATERIALIZED (
  SELECT id FROM destinations_destination
  WHERE id = ANY(%(destinations)s::bigint[]) AND deleted_at IS NULL
  ORDER BY id FOR KEY SHARE
), action AS MATERIALIZED (
  SELECT nextval('dispatch_actionrecord_id_seq') AS id, a.*,
    CASE WHEN a.held THEN 'held' WHEN a.sink THEN 'succeeded'
         WHEN a.starts_at > now() THEN 'scheduled' ELSE 'queued' END AS status
  FROM unnest(
    %(definitions)s::bigint[], %(destinations)s::bigint[], %(lanes)s::bigint[],
    %(sinks)s::bool[], %(pushes)s::bool[], %(starts)s::timestamptz[], %(timeouts)s::int[],
    %(tags)s::text[], %(replays)s::bigint[], %(inputs)s::text[], %(helds)s::bool[]
  ) WITH ORDINALITY AS a(definition_id, destination_id, lane_id, sink, push, starts_at, timeout,
                         tags, replay_of, input, held, position)
  WHERE %(distinct)s = (SELECT count(*) FROM live)
), stored AS (
  INSERT INTO dispatch_actionrecord (id, org_id, definition_id, destination_id, lane_id, status,
    push, attempt, failures, available_at, timeout, deadline_at, tags, replay_of, error_message,
    timeout_at, completed_at)
  SELECT id, %(org)s, definition_id, destination_id, lane_id, status, push, 0, 0,
    greatest(starts_at, now()), timeout, now() + timeout * interval '1 second', tags::jsonb,
    replay_of, '', CASE WHEN held THEN now() + interval '{APPROVAL_HOURS} hours' END,
    CASE WHEN status = 'succeeded' THEN now() END
  FROM action
), payload AS (
  INSERT INTO dispatch_actionpayload (record_id, input) SELECT id, input::json FROM action
), event AS (
  INSERT INTO dispatch_actionevent (record_id, kind, status, attempt, available_at, detail)
  SELECT id, kind, status, 0, greatest(starts_at, now()), CASE WHEN kind = '{ActionEvent.Kind.HELD}'
    THEN jsonb_build_object('by', %(actor)s::text, 'definition', definition_id::text,
      'sha256', encode(sha256(convert_to(input, 'UTF8')), 'hex'),
      'expires_at', now() + interval '{APPROVAL_HOURS} hours') END
  FROM action, LATERAL (
    VALUES ('{ActionEvent.Kind.ACCEPTED}', true), ('{ActionEvent.Kind.HELD}', held),
      ('{ActionEvent.Kind.SUNK}', status = 'succeeded')
  ) AS happened(kind, did) WHERE did
)
SELECT id, status, greatest(starts_at, now()),
  (SELECT pg_notify('{WAKE}', '') FROM action WHERE status = 'queued' AND push LIMIT 1),
  (SELECT count(pg_notify('{PULL}', id::text)) FROM live WHERE id IN (
    SELECT destination_id FROM action WHERE status = 'queued' AND NOT push))
FROM action ORDER BY position
"""  # noqa: S608 -- constants only


class DestinationGoneError(ConflictError):
    """An action was routed to a destination that has just been deleted."""

    code = "DESTINATION_DELETED"


@dataclass(frozen=True, slots=True)
class Submission:
    """One action as a client hands it in. Its shape is checked, its contract not yet.

    `body` are the bytes of the input that are stored and delivered; `allowed` are the variants
    that the client may hand in, None for all.
    """

    name: str
    input: Any
    tags: dict[str, str] = field(default_factory=dict)
    version: int | None = None
    timeout: int | None = None
    available_at: datetime | None = None
    allowed: frozenset[str] | None = None
    body: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Writes the bytes once, for measuring, judging and storing."""
        object.__setattr__(self, "body", strictjson.dumps(self.input))

    def content(self) -> dict[str, Any]:
        """All that it asks for: equal for two that ask for the same."""
        return {
            "variant": self.name,
            "version": self.version,
            "tags": self.tags,
            "timeout": self.timeout,
            "available_at": self.available_at,
            "input": self.input,
        }


@dataclass(frozen=True, slots=True)
class Route:
    """What a name resolved to, and where its actions go: None is the default sink."""

    definition_id: int
    variant: str
    version: int
    destination_id: int | None
    kind: str | None
    # Nothing may be put off until later than this, by the database's clock.
    farthest: datetime
    requires_approval: bool = False
    # Its version's, which those who send it are told.
    deprecated_at: datetime | None = None
    sunset_at: datetime | None = None

    @property
    def is_sink(self) -> bool:
        """Whether its actions are settled when they are accepted."""
        return self.destination_id is None or self.kind == Kind.DEFAULT_SINK


@dataclass(frozen=True, slots=True)
class Routed:
    """An action that may be stored: judged, and with a place to go."""

    route: Route
    lane_id: int | None
    input: bytes
    tags: dict[str, str]
    timeout: int | None = None
    available_at: datetime | None = None
    replay_of: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored action."""

    id: int
    status: str
    available_at: datetime
    route: Route


Results = list[Accepted | list[Fault]]
# The parameters of `STORE`, but who hands the actions in.
Columns = dict[str, Any]


def accept(
    org_id: int,
    submissions: Sequence[Submission | list[Fault]],
    *,
    atomic: bool,
    show: Callable[[Results], Any] = list,
    actor: str = "",
) -> Any:
    """For each submission, in order: the stored action, or what is wrong with it; as `show` shows.

    One that is already known to be wrong stays so. With `atomic`, one that is wrong keeps all
    of them out; the others' faults are empty then. Where `show` raises, an atomic call leaves
    nothing behind.
    """
    several = atomic and len(submissions) > 1

    def store_judged(judged: Sequence[Routed | list[Fault]]) -> Any:
        # One action is one statement, which leaves nothing behind where it fails.
        with transaction.atomic() if several else nullcontext():
            return show(_store_judged(org_id, judged, atomic=atomic, actor=actor))

    return _store_when_judged(org_id, submissions, store_judged)


def answer_once(
    call: idempotency.Call,
    submissions: Sequence[Submission | list[Fault]],
    *,
    atomic: bool,
    show: Callable[[Results], Any],
    actor: str = "",
) -> idempotency.Answer:
    """The same for a call with a key, as bytes: what it was answered first, however often it comes.

    Where `show` raises, nothing is left behind, and the key is free.
    """
    known = idempotency.find(call)
    if known is not None:
        return known

    def store_judged(judged: Sequence[Routed | list[Fault]]) -> idempotency.Answer:
        with transaction.atomic():
            faster = idempotency.take(call)
            if faster is not None:
                return faster
            data = show(_store_judged(call.org_id, judged, atomic=atomic, actor=actor))
            return idempotency.keep(call, orjson.dumps(data))

    return _store_when_judged(call.org_id, submissions, store_judged)


def _store_when_judged(
    org_id: int,
    submissions: Sequence[Submission | list[Fault]],
    store_judged: Callable[[Sequence[Routed | list[Fault]]], T],
) -> T:
    """What storing gives, of the judged submissions."""
    deadline = judge.set_deadline()
    try:
        return store_judged(judge_all(org_id, submissions, deadline))
    except DestinationGoneError:
        # Routed anew, they go where its definitions lead now.
        return store_judged(judge_all(org_id, submissions, deadline))


def judge_all(
    org_id: int, submissions: Sequence[Submission | list[Fault]], deadline: float
) -> list[Routed | list[Fault]]:
    """For each submission: where it goes, or what is wrong with it. Nothing is stored."""
    routes = resolve(
        org_id, {(one.name, one.version) for one in submissions if isinstance(one, Submission)}
    )
    return [
        _judge(routes, one, deadline) if isinstance(one, Submission) else one for one in submissions
    ]


def _store_judged(
    org_id: int, judged: Sequence[Routed | list[Fault]], *, atomic: bool, actor: str
) -> Results:
    if atomic and any(isinstance(one, list) for one in judged):
        return _none_of(judged)
    results = place_all(org_id, judged)
    if atomic and any(isinstance(one, list) for one in results):
        return _none_of(results)
    routed = [one for one in results if isinstance(one, Routed)]
    stored = iter(store(org_id, routed, actor=actor))
    sightings.note(org_id, (one.route.definition_id for one in routed), actor)
    return [next(stored) if isinstance(one, Routed) else one for one in results]


def place_all(org_id: int, judged: Sequence[Routed | list[Fault]]) -> list[Routed | list[Fault]]:
    """The actions, each in its lane, which is made where it is new."""
    keys = [lane_key(one.route, one.tags) if isinstance(one, Routed) else None for one in judged]
    placed = lanes.place(org_id, set(keys))
    return [
        _in_lane(one, placed[key]) if isinstance(one, Routed) else one
        for key, one in zip(keys, judged, strict=True)
    ]


def resolve(
    org_id: int, wanted: Iterable[tuple[str, int | None]]
) -> dict[tuple[str, int | None], Route]:
    """The route behind each (name, version) that means something; None is the newest version.

    The contracts of what is found are compiled afterwards.
    """
    asked = list(wanted)
    with connection.cursor() as cursor:
        names, versions = [name for name, _ in asked], [version for _, version in asked]
        cursor.execute(RESOLVE, {"org": org_id, "names": names, "versions": versions})
        rows = cursor.fetchall()
        unknown = {row[2] for row in rows if row[2] not in validators}
        if unknown:
            cursor.execute(SCHEMAS, [list(unknown)])
            for definition_id, schema in cursor.fetchall():
                validators.add(definition_id, schema.encode())
    return {(name, asked): Route(*route) for name, asked, *route in rows}


def lane_key(route: Route, tags: dict[str, str]) -> lanes.LaneKey | None:
    """The lane of an action; None for a sink, which holds nothing back."""
    if route.destination_id is None or route.is_sink:
        return None
    return lanes.LaneKey(route.destination_id, route.variant, lanes.canonical_tags(tags))


def store(org_id: int, actions: Sequence[Routed], *, actor: str = "") -> list[Accepted]:
    """Store the actions, all or none, in one statement. `actor` is who hands them in.

    Raises `DestinationGoneError` where a destination was deleted since they were routed.
    """
    if not actions:
        return []
    with store_columns(lay_out(org_id, actions), actor=actor) as cursor:
        rows = cursor.fetchall()
    pairs = zip(rows, actions, strict=True)
    return [Accepted(row[0], Status(row[1]), row[2], action.route) for row, action in pairs]


def store_columns(columns: Columns, *, actor: str) -> CursorWrapper:
    """The same for actions that are laid out; gives the open cursor that has the stored rows."""
    cursor = connection.cursor()
    cursor.execute(STORE, columns | {"actor": actor})
    if not cursor.rowcount:
        raise DestinationGoneError("The destination was deleted in this moment: send it again.")
    return cursor


def lay_out(org_id: int, actions: Sequence[Routed]) -> Columns:
    """The actions as the columns that are stored: ready for the wire."""
    routes = [action.route for action in actions]
    needs_sink = any(route.destination_id is None for route in routes)
    sink_id = services.ensure_sink(org_id=org_id).pk if needs_sink else None
    destinations = [route.destination_id or sink_id for route in routes]
    return {
        "org": org_id,
        "distinct": len(set(destinations)),
        "definitions": arrays.of_numbers(route.definition_id for route in routes),
        "destinations": arrays.of_numbers(destinations),
        "lanes": arrays.of_numbers(action.lane_id for action in actions),
        "sinks": arrays.of_flags(route.is_sink for route in routes),
        "pushes": arrays.of_flags(
            route.kind is not None and kinds.is_pushed(route.kind) for route in routes
        ),
        "starts": arrays.of_moments(action.available_at for action in actions),
        "timeouts": arrays.of_numbers(action.timeout for action in actions),
        "tags": arrays.of_texts(orjson.dumps(action.tags).decode() for action in actions),
        "replays": arrays.of_numbers(action.replay_of for action in actions),
        "inputs": arrays.of_texts(action.input.decode() for action in actions),
        "helds": arrays.of_flags(route.requires_approval for route in routes),
    }


def _judge(
    routes: dict[tuple[str, int | None], Route], one: Submission, deadline: float
) -> Routed | list[Fault]:
    route = routes.get((one.name, one.version))
    # Whoever may not hand it in is not told whether there is one.
    if one.allowed is not None and (route.variant if route else one.name) not in one.allowed:
        return [Fault(NOT_ALLOWED, f"This key does not hand in {one.name!r}.", "/variant")]
    if route is None:
        asked = one.name if one.version is None else f"{one.name} version {one.version}"
        return [Fault("UNKNOWN_VARIANT", f"There is no action {asked!r}.", "/variant")]
    if one.available_at is not None and one.available_at > route.farthest:
        message = f"`available_at` is at most {DAYS_AHEAD} days ahead."
        return [Fault("INVALID_BODY", message, "/available_at")]
    faults = validators.find_faults(route.definition_id, one.input, one.body, deadline=deadline)
    return faults or Routed(route, None, one.body, one.tags, one.timeout, one.available_at)


def _in_lane(action: Routed, lane: int | Fault | None) -> Routed | list[Fault]:
    if isinstance(lane, Fault):
        return [lane]
    # As `replace` does, in a third of the time.
    route, tags, timeout = action.route, action.tags, action.timeout
    return Routed(route, lane, action.input, tags, timeout, action.available_at, action.replay_of)


def _none_of(results: Sequence[Routed | list[Fault]]) -> list[Accepted | list[Fault]]:
    return [one if isinstance(one, list) else [] for one in results]

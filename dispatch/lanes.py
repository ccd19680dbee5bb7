"""Lanes: found or made for a destination and its tags, at most 1,000 for a variant."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from typing import Any, NamedTuple

import orjson
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from config.errors import Fault

MAX_LANES = 1_000
# Advisory locks of (organization, variant), apart from those of lanes.
VARIANT_LOCKS = 0x7661_7200

FIND = """
SELECT q.position, u.lane_id
FROM unnest(%(destinations)s::bigint[], %(variants)s::text[], %(digests)s::bytea[])
  WITH ORDINALITY AS q(destination_id, variant, digest, position)
JOIN dispatch_lane l ON l.destination_id = q.destination_id AND l.tags_digest = q.digest
JOIN dispatch_laneuse u ON u.org_id = %(org)s AND u.variant = q.variant AND u.lane_id = l.id
"""
LOCK_VARIANTS = """
SELECT pg_advisory_xact_lock(hashtextextended(name, %(seed)s::bigint))
FROM unnest(%(names)s::text[]) AS name
"""
COUNT = """
SELECT u.variant, count(*) FROM dispatch_laneuse u
JOIN dispatch_lane l ON l.id = u.lane_id
JOIN destinations_destination d ON d.id = l.destination_id AND d.deleted_at IS NULL
WHERE u.org_id = %(org)s AND u.variant = ANY(%(variants)s::text[])
GROUP BY u.variant
"""
# A lane that somebody else makes meanwhile is waited for, and then left as it is: what its limits
# are by now is the dispatchers' business. Who waited reads it in a statement of its own, because
# this one's snapshot is older.
MAKE = """
INSERT INTO dispatch_lane (org_id, destination_id, tags, tags_digest)
SELECT %(org)s::bigint, destination_id, tags::jsonb, digest
FROM unnest(%(destinations)s::bigint[], %(tags)s::text[], %(digests)s::bytea[])
  WITH ORDINALITY AS q(destination_id, tags, digest, position)
ORDER BY position
ON CONFLICT (destination_id, tags_digest) DO NOTHING
"""
USE = """
INSERT INTO dispatch_laneuse (org_id, variant, lane_id)
SELECT %(org)s::bigint, q.variant, l.id
FROM unnest(%(destinations)s::bigint[], %(variants)s::text[], %(digests)s::bytea[])
  WITH ORDINALITY AS q(destination_id, variant, digest, position)
JOIN dispatch_lane l ON l.destination_id = q.destination_id AND l.tags_digest = q.digest
ORDER BY q.position
ON CONFLICT (org_id, variant, lane_id) DO NOTHING
"""


class LaneKey(NamedTuple):
    """What a lane is found by, and the variant that uses it."""

    destination_id: int
    variant: str
    tags: bytes

    @property
    def digest(self) -> bytes:
        """What tells two sets of tags apart."""
        return hashlib.sha256(self.tags).digest()


class Places:
    """Lane ids by key, as far as this process has met them. Lanes are never deleted."""

    most = 50_000

    def __init__(self) -> None:
        self.known: dict[LaneKey, int] = {}

    def add(self, found: dict[LaneKey, int]) -> None:
        """Remember them; forget all when there are too many."""
        if len(self.known) + len(found) > self.most:
            self.known = {}
        self.known.update(found)


places = Places()


@functools.lru_cache(maxsize=4096)
def _canonical(items: tuple[tuple[str, str], ...]) -> bytes:
    return orjson.dumps(dict(items), option=orjson.OPT_SORT_KEYS)


def canonical_tags(tags: dict[str, str]) -> bytes:
    """The tags as JSON with sorted keys."""
    return _canonical(tuple(tags.items()))


def place(org_id: int, wanted: Set[LaneKey | None]) -> dict[LaneKey | None, int | Fault | None]:
    """The lane of each key, made where it is new, or the fault of one too many for its variant."""
    result: dict[LaneKey | None, int | Fault | None] = {None: None}
    unknown: list[LaneKey] = []
    for key in wanted:
        if key is not None:
            lane_id = places.known.get(key)
            result[key] = lane_id
            if lane_id is None:
                unknown.append(key)
    if unknown:
        found = find(org_id, unknown)
        places.add(found)
        result.update((key, lane_id) for key, lane_id in found.items())
        new = set(unknown) - found.keys()
        if new:
            result.update((key, made) for key, made in make(org_id, new).items())
    return result


def find(org_id: int, keys: Sequence[LaneKey]) -> dict[LaneKey, int]:
    """Those lanes that exist and are in use by their key's variant."""
    with connection.cursor() as cursor:
        return _find(cursor, org_id, keys)


@transaction.atomic
def make(org_id: int, keys: Set[LaneKey]) -> dict[LaneKey, int | Fault]:
    """A lane for each key. The count is taken under a lock, so it holds under concurrency."""
    # All locks first, then all rows, both in one order: two batches never wait for each other.
    wanted = sorted(keys, key=_row_order)
    variants = sorted({key.variant for key in keys})
    with connection.cursor() as cursor:
        names = [f"{org_id}/{variant}" for variant in variants]
        cursor.execute(LOCK_VARIANTS, {"seed": VARIANT_LOCKS, "names": names})
        found = _find(cursor, org_id, wanted)
        cursor.execute(COUNT, {"org": org_id, "variants": variants})
        new, faults = _within_limit([key for key in wanted if key not in found], cursor.fetchall())
        if new:
            cursor.execute(MAKE, _parameters(org_id, new))
            cursor.execute(USE, _parameters(org_id, new))
            found |= _find(cursor, org_id, new)
    return found | faults


def foresee(org_id: int, keys: Set[LaneKey], made: set[LaneKey]) -> dict[LaneKey, Fault]:
    """What is wrong with those keys for which no lane could be made, were there those in `made`.

    Those that could be are added to them. Nothing is stored, and others may make lanes meanwhile.
    """
    wanted = sorted(keys - made, key=_row_order)
    if not wanted:
        return {}
    found = find(org_id, wanted)
    with connection.cursor() as cursor:
        variants = sorted({key.variant for key in wanted})
        cursor.execute(COUNT, {"org": org_id, "variants": variants})
        counted = Counter(dict(cursor.fetchall()))
    counted.update(key.variant for key in made)
    new = [key for key in wanted if key not in found]
    fitting, faults = _within_limit(new, counted.items())
    made.update(fitting)
    return faults


def _within_limit(
    new: Sequence[LaneKey], counted: Iterable[tuple[str, int]]
) -> tuple[list[LaneKey], dict[LaneKey, Fault]]:
    """Those for which their variant has room, and what is wrong with the others."""
    used = Counter(dict(counted))
    fitting, faults = [], {}
    for key in new:
        if used[key.variant] < MAX_LANES:
            used[key.variant] += 1
            fitting.append(key)
        else:
            message = f"{key.variant!r} has {MAX_LANES:,} lanes; these tags would make another one."
            faults[key] = Fault("TAG_CARDINALITY_EXCEEDED", message, "/tags")
    return fitting, faults


def _find(cursor: CursorWrapper, org_id: int, keys: Sequence[LaneKey]) -> dict[LaneKey, int]:
    cursor.execute(FIND, _parameters(org_id, keys))
    return {keys[position - 1]: lane_id for position, lane_id in cursor.fetchall()}


def _parameters(org_id: int, keys: Sequence[LaneKey]) -> dict[str, Any]:
    return {
        "org": org_id,
        "destinations": [key.destination_id for key in keys],
        "variants": [key.variant for key in keys],
        "tags": [key.tags.decode() for key in keys],
        "digests": [key.digest for key in keys],
    }


def _row_order(key: LaneKey) -> tuple[int, bytes, str]:
    return key.destination_id, key.tags, key.variant

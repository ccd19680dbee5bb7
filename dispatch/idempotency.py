"""Calls that a client may repeat: one key, one effect, and the same answer for 24 hours.

The key's row commits together with what the call stored. Whoever comes second waits on the
unique index until the first one's transaction is over: then it reads the answer, or, where
nothing was committed, goes ahead itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection

from config import strictjson
from config.errors import BadRequestError, ConflictError

MAX_KEY = 255
HOURS = 24
# Of so many organizations that used the same key the actions are found.
MOST_FOUND = 100
PRINTABLE = frozenset(map(chr, range(32, 127)))

FIND = f"""
SELECT digest, answer::text FROM dispatch_idempotencykey
WHERE org_id = %(org)s AND key = %(key)s AND created_at > now() - interval '{HOURS} hours'
"""  # noqa: S608 -- constants only
# Gives a row to whom the key belongs from now on: it was free, or its time is over. A row that
# is left alone is locked all the same, so that it is still there to be read.
TAKE = f"""
INSERT INTO dispatch_idempotencykey AS held (org_id, key, digest)
VALUES (%(org)s, %(key)s, %(digest)s)
ON CONFLICT (org_id, key) DO UPDATE
SET digest = excluded.digest, answer = NULL, created_at = excluded.created_at
WHERE held.created_at <= now() - interval '{HOURS} hours'
RETURNING id
"""  # noqa: S608 -- constants only
# Of whichever of the organizations had the key: of each, its index is asked.
FIND_ANYWHERE = f"""
SELECT k.answer::text FROM orgs_organization o CROSS JOIN LATERAL (
  SELECT answer FROM dispatch_idempotencykey
  WHERE org_id = o.id AND key = %(key)s AND created_at > now() - interval '{HOURS} hours'
) k
WHERE k.answer IS NOT NULL
  AND (%(orgs)s::bigint[] IS NULL OR o.id = ANY(%(orgs)s::bigint[]))
ORDER BY o.id LIMIT {MOST_FOUND}
"""  # noqa: S608 -- constants only
KEEP = """
UPDATE dispatch_idempotencykey SET answer = %(answer)s::json
WHERE org_id = %(org)s AND key = %(key)s
"""


class KeyReusedError(ConflictError):
    """Another call had this key within the last 24 hours."""

    code = "IDEMPOTENCY_KEY_REUSED"


@dataclass(frozen=True, slots=True)
class Call:
    """A call with a key: whose it is, and the digest of all that it asks for."""

    org_id: int
    key: str
    digest: bytes

    @classmethod
    def of(cls, org_id: int, sent: str, asked: Any) -> Call:
        """The call that asks for this under the key that was sent, if that is one."""
        key = sent.strip(" \t")
        if not 0 < len(key) <= MAX_KEY or not PRINTABLE.issuperset(key):
            raise BadRequestError(
                f"Idempotency-Key is 1 to {MAX_KEY} printable ASCII characters.",
                code="INVALID_IDEMPOTENCY_KEY",
            )
        return cls(org_id, key, strictjson.digest(asked))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered: the bytes of its data, and whether it was answered so before."""

    data: bytes
    replayed: bool


def find(call: Call) -> Answer | None:
    """The answer that the call got before; `KeyReusedError` where another one has its key."""
    with connection.cursor() as cursor:
        cursor.execute(FIND, {"org": call.org_id, "key": call.key})
        row = cursor.fetchone()
    if row is None:
        return None
    digest, answer = row
    if bytes(digest) != call.digest:
        raise KeyReusedError(
            f"Idempotency-Key {call.key!r} came with another call in the last {HOURS} hours."
        )
    return Answer(answer.encode(), replayed=True)


def find_records(key: str, org_ids: list[int] | None) -> list[int]:
    """The actions that calls under this key stored, in any of the organizations; None is all."""
    if not 0 < len(key) <= MAX_KEY or not PRINTABLE.issuperset(key):
        return []
    with connection.cursor() as cursor:
        cursor.execute(FIND_ANYWHERE, {"key": key, "orgs": org_ids})
        answers = [orjson.loads(answer) for (answer,) in cursor.fetchall()]
    return [record_id for answer in answers for record_id in _read_ids(answer)]


def _read_ids(answer: Any) -> Iterator[int]:
    """The ids that an answer names: of one action, of a batch, or of one that was waited for."""
    if isinstance(answer, int):
        yield answer
        return
    for shown in answer.get("items", [answer]):
        named = shown.get("id") or shown.get("action_record_id")
        if named is not None:
            yield int(named)


def take(call: Call) -> Answer | None:
    """None when the key is this call's until its transaction ends; waits for who has it now.

    Else the answer is that of the call that was faster.
    """
    parameters: dict[str, Any] = {"org": call.org_id, "key": call.key, "digest": call.digest}
    with connection.cursor() as cursor:
        cursor.execute(TAKE, parameters)
        taken = cursor.fetchone() is not None
    # In a statement of its own, because the snapshot of one that had to wait is too old.
    return None if taken else find(call)


def keep(call: Call, data: bytes) -> Answer:
    """The answer, kept with the key that the call has taken."""
    parameters: dict[str, Any] = {
        "org": call.org_id,
        "key": call.key,
        "answer": data.decode(),
    }
    with connection.cursor() as cursor:
        cursor.execute(KEEP, parameters)
    return Answer(data, replayed=False)

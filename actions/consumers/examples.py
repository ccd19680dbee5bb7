"""Examples of a contract's payloads, valid and not, each judged by the contract itself.

They are made in a process of their own, `python -m actions.consumers.examples`, which writes one a
line and can be ended: there are as many as were made until then.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from actions import samples
from actions.consumers.damage import damage
from actions.consumers.keeping import Kept
from config import validation
from config.errors import BusyError, pointer
from runtime import apart
from runtime.seats import Seats

# Of processor time; by the clock, a busy machine may take longer.
SECONDS = 5
SECONDS_TO_WAIT = 15
MAX_DIFFERENCES = 5
BUSY = "Examples of too many contracts are being made. Try again later."
seats = Seats(4)
kept = Kept()


@dataclass(frozen=True, slots=True)
class Asked:
    """Up to `take` examples of a contract, for which somebody waits so many seconds."""

    schema: bytes
    dialect: str
    take: int
    seconds: float = SECONDS_TO_WAIT


def find_examples(asked: Asked, org_id: int) -> dict[str, Any]:
    """Payloads that the contract accepts, and as many that it refuses, with faults."""
    with seats.waiting(org_id) as seated:
        if not seated:
            raise BusyError(BUSY, retry_after=5)
        told = _find(asked)
    examples = [orjson.loads(line) for line in told]
    return {
        "items": [one for one in examples if "faults" not in one and "payload" in one],
        "invalid": [one for one in examples if "faults" in one],
        "complete": {"done": True} in examples,
    }


def _find(asked: Asked) -> list[bytes]:
    """The lines that were told. Only where they are all are they kept: no error is."""
    try:
        return _split(_make(asked))
    except apart.LateError as error:
        raise BusyError(BUSY, retry_after=5) from error
    except apart.EndedError as ended:
        return _split(ended.told)


def _make(asked: Asked) -> bytes:
    case = b'{"schema":%b,"dialect":%b,"take":%d,"seconds":%d}' % (
        *(asked.schema, orjson.dumps(asked.dialect)),
        *(asked.take, SECONDS),
    )
    told = kept.find(case)
    if told is None:
        told = apart.run("actions.consumers.examples", case, seconds=asked.seconds)
        kept.keep(case, told)
    return told


def _split(told: bytes) -> list[bytes]:
    """Its whole lines."""
    return told.split(b"\n")[:-1]


def main() -> None:
    """Read a contract from standard input; write its examples, one a line, as they are made."""
    asked = orjson.loads(sys.stdin.buffer.read())
    apart.limit(seconds=asked["seconds"])
    for example in make_examples(asked["schema"], asked["dialect"], asked["take"]):
        sys.stdout.buffer.write(orjson.dumps(example) + b"\n")
        sys.stdout.buffer.flush()


def make_examples(schema: Any, dialect: str, take: int) -> Iterator[dict[str, Any]]:
    """The valid ones, the plainest first, then those that are not, and that this is all."""
    validator = validation.compile_schema(schema, dialect=dialect)
    first, found = None, 0
    for payload in samples.generate(schema, dialect=dialect, limit=take):
        first, found = (payload if found == 0 else first), found + 1
        yield {"payload": payload, "differs_at": [] if found == 1 else _differ(first, payload)}
    if found:
        yield from islice(_refused(validator, first), take)
    yield {"done": True}


def _refused(validator: validation.Validator, payload: Any) -> Iterator[dict[str, Any]]:
    """What becomes of a valid payload by one change, where the contract refuses it."""
    for change, damaged in damage(payload):
        faults = validation.find_faults(validator, damaged, code="INVALID_INPUT", at=("input",))
        if faults:
            yield {
                "payload": damaged,
                "change": change,
                "faults": [fault.as_dict() for fault in faults],
            }


def _differ(one: Any, other: Any) -> list[str]:
    """Where two payloads first differ."""
    return list(islice(_differences(one, other, ()), MAX_DIFFERENCES))


def _differences(one: Any, other: Any, path: tuple[str | int, ...]) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys([*one, *other]):
            if name not in one or name not in other:
                yield pointer((*path, name))
            else:
                yield from _differences(one[name], other[name], (*path, name))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _differences(left, right, (*path, index))
    elif orjson.dumps(one) != orjson.dumps(other):
        yield pointer(path)


if __name__ == "__main__":
    main()

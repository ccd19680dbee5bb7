"""A contract's payloads as Python types, by `datamodel-code-generator`."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from actions.consumers.keeping import Kept
from config.errors import BusyError, RuleError
from runtime import apart
from runtime.seats import Seats

# Of processor time; by the clock, a busy machine may take longer.
SECONDS = 10
SECONDS_TO_WAIT = 25
BUSY = "Types of too many contracts are being written. Try again later."
# A process each, of some seconds.
seats = Seats(2)
kept = Kept()


class UnwritableError(RuleError):
    """The contract's types cannot be written."""

    code = "TYPES_UNAVAILABLE"


def write_python(schema: bytes, name: str, heading: Iterable[str], org_id: int) -> str:
    """A module of the types of a stored contract's payloads; 422 where they cannot be told."""
    with seats.waiting(org_id) as seated:
        if not seated:
            raise BusyError(BUSY, retry_after=5)
        written = _generate(schema, name)
    comment = "".join(f"# {line}".rstrip() + "\n" for line in heading)
    return comment + written.partition("\n")[2]


def _generate(schema: bytes, name: str) -> str:
    asked = b'{"schema":%b,"name":%b,"seconds":%d}' % (schema, orjson.dumps(name), SECONDS)
    told = kept.find(asked)
    if told is None:
        told = _run(asked)
        kept.keep(asked, told)
    return told.decode()


def _run(asked: bytes) -> bytes:
    try:
        return apart.run("actions.consumers.generator", asked, seconds=SECONDS_TO_WAIT)
    except apart.LateError as error:
        raise BusyError(BUSY, retry_after=5) from error
    except apart.EndedError as error:
        raise UnwritableError("Its types are too many or too intricate to be written.") from error

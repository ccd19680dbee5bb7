"""A worker as its users write it, in a process of its own.

`python working.py sync|async URL KEY LOG [option=number ...]`: takes actions of the variant
`count`, and writes what it does to LOG. A positive `n` is how many milliseconds one takes.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from waybill_sdk import (
    Action,
    AsyncClient,
    AsyncWorker,
    Client,
    Permanent,
    RetryLater,
    Worker,
)

MODE, URL, KEY, LOG, *GIVEN = sys.argv[1:]
NUMBERS = dict(one.split("=") for one in GIVEN)
OPTIONS = {
    name: float(text) if name.startswith(("wait", "grace")) else int(text)
    for name, text in NUMBERS.items()
}


def write(what: str, action: Action) -> None:
    """A line of the log."""
    with Path(LOG).open("a") as log:
        log.write(f"{what} {action.id} {action.attempt}\n")


def refuse(action: Action) -> None:
    """Raise what its input asks for."""
    match action.input["n"]:
        case -1:
            raise ValueError("as it was asked to")
        case -2:
            raise Permanent("never")
        case -3:
            raise RetryLater("not now", after=100)


def work() -> None:
    """The worker of threads."""
    with Client(URL, KEY) as client:
        worker = Worker(client, "billing-workers", **OPTIONS)

        @worker.action("count")
        def count(action: Action) -> None:
            write("start", action)
            refuse(action)
            time.sleep(action.input["n"] / 1_000)
            write("end", action)

        worker.run()


async def work_async() -> None:
    """The worker of one loop."""
    async with AsyncClient(URL, KEY) as client:
        worker = AsyncWorker(client, "billing-workers", **OPTIONS)

        @worker.action("count", version=1)
        async def count(action: Action) -> None:
            write("start", action)
            refuse(action)
            await asyncio.sleep(action.input["n"] / 1_000)
            write("end", action)

        await worker.run()


if __name__ == "__main__":
    if MODE == "sync":
        work()
    else:
        asyncio.run(work_async())

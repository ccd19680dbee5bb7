"""Where the measured actions go: a receiver of ours, and what Waybill is told about it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from subprocess import Popen
from typing import Any, Protocol

from benchmarks.stack import Stack, free_port, wait_for

PATIENCE_SECONDS = 300
BATCH = 1_000


class Counting(Protocol):
    """What counts what it gets."""

    def count(self) -> int:
        """How much it has got so far."""


@dataclass(frozen=True)
class Receiver:
    """A receiver that runs."""

    port: int

    @property
    def url(self) -> str:
        """Where it takes POSTs."""
        return f"http://127.0.0.1:{self.port}/"

    def count(self) -> int:
        """How many POSTs it has answered."""
        return int(self._get("count"))

    def arrivals(self, start: int = 0) -> list[tuple[str, float]]:
        """Which actions came to `/timed`, from that one on, and when, by the machine's clock."""
        return [(record_id, at) for record_id, at in json.loads(self._get(f"arrivals/{start}"))]

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            body: bytes = answer.read()
        return body


def start_receiver(stack: Stack, milliseconds: float = 0) -> Receiver:
    """A receiver that answers after so many milliseconds."""
    port = free_port()
    stack.start("-m", "benchmarks.receiver", str(port), str(milliseconds))
    wait_for(port)
    return Receiver(port)


def add_webhook(stack: Stack, variant: str, url: str) -> None:
    """A definition whose actions go to a destination of its own, which settles by its answer."""
    config = {"url": url, "signaling": {"enabled": True, "default": "ack"}}
    add_destination(stack, variant, {"type": "webhook", "config": config})


def add_destination(stack: Stack, variant: str, columns: dict[str, Any]) -> None:
    """A definition whose actions go to a destination of its own."""
    definition = stack.call("PUT", "~/actions/definitions", {"variant": variant, "schema": {}})
    destination = stack.call("PUT", "~/destinations", {"label": variant} | columns)
    link = f"~/actions/definitions/{definition['id']}/destinations/{destination['id']}"
    stack.call("PUT", link, {"is_default": True})


def submit(stack: Stack, variants: list[str], lanes: int, count: int) -> None:
    """Hand in so many actions, evenly over the variants and over their lanes."""
    actions: list[dict[str, Any]] = [
        {
            "variant": variants[number % len(variants)],
            "input": {"n": 1},
            "tags": {"lane": str(number // len(variants) % lanes)},
        }
        for number in range(count)
    ]
    for start in range(0, count, BATCH):
        answer = stack.call("POST", "/v1/batch", {"actions": actions[start : start + BATCH]})
        if answer["accepted"] != len(answer["items"]):
            raise RuntimeError([item for item in answer["items"] if "errors" in item][:1])


def clock(receiver: Counting, count: int, start: Callable[[], Popen[bytes]]) -> float:
    """Deliveries a second, from the first ones after the start until there are so many.

    What `start` started is left to the caller. The same for all that are compared: filled
    beforehand, and the time that a process takes to start is not counted.
    """
    before = receiver.count()
    process = start()
    gone = time.monotonic() + PATIENCE_SECONDS
    while not (first := receiver.count() - before):
        _see_it_alive(process, gone)
        time.sleep(0.002)
    began = time.perf_counter()
    while (now := receiver.count() - before) < count:
        _see_it_alive(process, gone)
        time.sleep(0.02)
    return (now - first) / (time.perf_counter() - began)


def _see_it_alive(process: Popen[bytes], gone: float) -> None:
    if process.poll() is not None:
        raise RuntimeError(f"It ended with {process.returncode} before its work was done.")
    if time.monotonic() > gone:
        raise TimeoutError(f"Its work was not done within {PATIENCE_SECONDS} s.")

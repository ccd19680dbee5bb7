"""The two ends of a run: clients that hand in actions, and what the receiver saw."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from tests.chaos.receiver import WORK_SECONDS, Conduct, Request
from tests.end_to_end.clients import Api, fetch
from tests.end_to_end.processes import wait_until

CLIENTS = 5
PAUSE_SECONDS = 0.04
# So long a client waits for an answer; then it does not know.
PATIENCE = 20.0


class Traffic:
    """Actions of one variant, spread over lanes, and what was answered for each.

    An action is known by its number, which is in its input, and once it is accepted by its id.
    """

    def __init__(self, api: Api, variant: str, *, lanes: int, others: Sequence[Api] = ()) -> None:
        self.api = api
        self.apis = [api, *others]
        self.variant = variant
        self.lanes = lanes
        self.accepted: dict[str, int] = {}
        # Without an answer, or with one that promises nothing: stored or not.
        self.unanswered: set[int] = set()
        self.wrong: list[str] = []
        # The ids that are to be replayed, once each.
        self.replayed: set[str] = set()
        self._numbers = itertools.count()

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Clients hand in one action after the other until the end of the block."""
        ended = threading.Event()
        clients = [threading.Thread(target=self._flow, args=[ended]) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            ended.set()
            for client in clients:
                client.join()

    def send(self, count: int, **more: Any) -> list[str]:
        """The ids of some actions, all of them accepted, in one call."""
        numbers = [next(self._numbers) for _ in range(count)]
        actions = [self._write(number) | more for number in numbers]
        answer = self.api.data("POST", "/v1/batch", {"actions": actions})
        ids = [item["id"] for item in answer["items"]]
        self.accepted.update(zip(ids, numbers, strict=True))
        return ids

    def _flow(self, ended: threading.Event) -> None:
        while not ended.is_set():
            self._send_one(next(self._numbers))
            time.sleep(PAUSE_SECONDS)

    def _send_one(self, number: int) -> None:
        body = json.dumps(self._write(number)).encode()
        api = self.apis[number % len(self.apis)]
        key = {"x-arklow-auth": api.key}
        try:
            status, answer = fetch(
                api.port, "POST", "/v1/ingress", body, host=api.host, seconds=PATIENCE, **key
            )
        except (OSError, HTTPException, ValueError):
            self.unanswered.add(number)
            return
        if status == 200:
            self.accepted[answer["data"]["id"]] = number
        elif status >= 500:
            self.unanswered.add(number)
        else:
            self.wrong.append(f"action {number} was answered {status}: {answer}")

    def _write(self, number: int) -> dict[str, Any]:
        tags = {"lane": str(number % self.lanes)}
        return {"variant": self.variant, "input": {"n": number}, "tags": tags}


@dataclass(frozen=True)
class Receiver:
    """The receiver of one variant's actions."""

    port: int
    path: str
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/{self.path}"

    def behave(self, conduct: Conduct, *, work: float = WORK_SECONDS) -> None:
        """Behave like this from now on; an answer takes so many seconds."""
        path = f"/_conduct/{self.path}?as={conduct}&work={work}"
        assert fetch(self.port, "PUT", path, host=self.host)[0] == 200

    def read_seen(self) -> list[Request]:
        """Every request, in order."""
        status, seen = fetch(self.port, "GET", f"/_seen/{self.path}", host=self.host)
        assert status == 200
        return [Request(**one) for one in seen]

    def has_met(self, ids: Iterable[str]) -> bool:
        """Whether each of these actions has been here."""
        return {one.action_id for one in self.read_seen()} >= set(ids)

    def has_answered(self, ids: Iterable[str]) -> bool:
        """Whether the answer to each of these actions is on its way."""
        return {one.action_id for one in self.read_seen() if one.acked_at} >= set(ids)

    def wait_for_new(self, count: int) -> None:
        """Return when some more requests have come than there are now.

        Also where every lane is full of attempts that nobody ends: then it takes a lease.
        """
        wanted = len(self.read_seen()) + count
        wait_until(lambda: len(self.read_seen()) >= wanted, seconds=60)

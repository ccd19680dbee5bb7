"""Schemathesis over the whole document, for a while; and that it sees what it is there to see."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.fuzz import stage
from tests.fuzz.running import EVERYTHING, STATES, fuzz, run
from tests.fuzz.stage import Stage
from tests.routes import DOCUMENT

pytestmark = pytest.mark.alone

SECONDS = 60
SEED = 20_261_126
OPERATIONS = sum(len(item) for item in DOCUMENT["paths"].values())
NUMBER = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
# By path: what a view answers that the document promises `NUMBER` of.
TOYS = {
    "/fine": (200, {"n": 1}),
    "/breaks": (500, {"n": 1}),
    "/surprises": (418, {"n": 1}),
    "/lies": (200, {"n": "one"}),
}
FOUND = {
    "/breaks": "ST101 Server error",
    "/surprises": "ST103 Undocumented status code",
    "/lies": "ST108 Response violates schema",
}


def test_no_call_whatever_is_answered_otherwise_than_the_document_says():
    with stage.set_up() as ready:
        runs = fuzz(ready, seconds=SECONDS, seed=SEED)
        errors = ready.read_errors()

    for done in runs.values():
        assert done.returncode == 0, done.stdout + done.stderr
    assert errors == []
    # States are gone through by links, and everything is called.
    states, everything = (runs[phases].stdout for phases in (STATES, EVERYTHING))
    assert int(re.search(r"API Links: +(\d+) covered", states)[1]) >= 5, states
    assert re.search(rf"Tested: +{OPERATIONS}\b", everything), everything


@pytest.fixture
def toys() -> Iterator[str]:
    """The URL of a server with one view for each of `TOYS`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Toys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Toys(BaseHTTPRequestHandler):
    """Answers each path of `TOYS` as it says there, with an OpenAPI document about all of them."""

    def do_GET(self) -> None:
        content = {"application/json": {"schema": NUMBER}}
        responses = {"200": {"description": "The answer", "content": content}}
        paths = {path: {"get": {"responses": responses}} for path in TOYS}
        document = {"openapi": "3.1.0", "info": {"title": "Toys", "version": "1"}, "paths": paths}
        status, answer = TOYS.get(self.path.partition("?")[0], (200, document))
        self.send(status, answer)

    def refuse(self) -> None:
        self.send(405, {}, Allow="GET")

    do_PUT = do_POST = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_QUERY = refuse  # noqa: N815

    def send(self, status: int, answer: object, **headers: str) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what is wrong with the toys is what the test is about."""


def test_it_fails_on_a_500_on_an_undocumented_status_and_on_an_answer_of_another_shape(
    toys, tmp_path
):
    toy_stage = Stage(toys, toys, "1", "no key", tmp_path)
    done = run(toy_stage, "--max-time=10", f"--seed={SEED}", seconds=60)

    assert done.returncode == 1, done.stdout + done.stderr
    # Each view in which something was found has a chapter of its own, up to the next one.
    _, *chapters = re.split(r"\n_+ GET (\S+) _+\n", done.stdout)
    found = dict(zip(chapters[::2], chapters[1::2], strict=True))
    for path, title in FOUND.items():
        assert title in found[path], done.stdout
    assert "/fine" not in found

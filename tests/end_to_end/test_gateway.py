"""The gateway as a foreign client drives it: real processes, real webhooks, nothing of ours."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.end_to_end.clients import fetch
from tests.end_to_end.conftest import Installation
from tests.end_to_end.processes import find_free_port, wait_until
from tests.gateway import receivers

WALK = Path(__file__).parents[2] / "docs" / "gateway.md"
PREFIX = "/api/v1/gateway"
SCHEMA = {
    "type": "object",
    "properties": {"recipient": {"type": "string"}, "urgent": {"type": "boolean"}},
    "required": ["recipient"],
}


class ActionServer:
    """A developer's server, as the published samples have it: it verifies by one of their rules."""

    def __init__(self, key, verifies):
        self.key, self.verifies = key, verifies
        self.calls = []
        self.tests = 0
        self.fails = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status, said = outer.answer(body, dict(self.headers))
                sent = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/actions"

    def answer(self, body, headers):
        """As the sample server: tests first, then the signature, then the work."""
        data = json.loads(body)
        if data.get("test"):
            self.tests += 1
            return (200, {"result": "ok"}) if receivers.raw(body, self.key) else (401, {})
        if not receivers.raw(body, self.key) or not self.verifies(body, self.key):
            return 401, {"error": "Invalid signature"}
        if abs(time.time() - data["timestamp"]) > 300:
            return 401, {"error": "Timestamp too old"}
        self.calls.append((data, headers))
        if self.fails:
            self.fails -= 1
            return 500, {"result": "", "error": "not yet"}
        return 200, {"result": f"sent to {data['parameters']['recipient']}", "error": ""}

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Developer:
    """A client written after the published reference."""

    def __init__(self, port, api_token):
        self.port = port
        status, body = fetch(
            port, "POST", f"{PREFIX}/token/exchange", json.dumps({"api_token": api_token}).encode()
        )
        assert status == 200
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 86_400)
        self.token = body["jwt_token"]

    def call(self, method, path, body=None, *, prefix=PREFIX):
        """(status, body)."""
        sent = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}"}
        return fetch(self.port, method, prefix + path, sent, **headers)

    def register(self, name, url):
        """Register on start: 201 is new, 409 may be ignored."""
        return self.call(
            "POST",
            "/actions",
            {
                "name": name,
                "description": "Sends a note.",
                "webhook_url": url,
                "json_schema": SCHEMA,
            },
        )


@pytest.fixture
def facts(installation: Installation, request):
    return installation.processes.bootstrap(f"Gateway {request.node.name}")


@pytest.mark.parametrize("verifies", [receivers.python_sample, receivers.go_sample])
def test_a_client_of_the_published_api_works_unchanged(installation, facts, verifies):
    developer = Developer(installation.api.port, facts["api_key"])
    with ActionServer(facts["signing_key"], verifies) as server:
        status, body = developer.register("send_note", f"{server.url}/send_note")
        assert status == 201
        assert body["action"]["tenant_id"] == facts["tenant_id"]
        assert server.tests == 1
        status, body = developer.register("send_note", server.url)
        assert (status, body) == (409, {"error": "action with name 'send_note' already exists"})

        # By ingress, with the same token; the first attempt fails and is repeated.
        server.fails = 1
        ids = []
        for recipient in ("ann", "bob", "cleo"):
            status, body = developer.call(
                "POST",
                "/send_note",
                {"input": {"urgent": True, "recipient": recipient}},
                prefix="/v1/ingress",
            )
            assert status == 200
            ids.append(body["data"]["id"])
        path = f"/v1/orgs/{facts['org_id']}/actions/records/"
        key = {"x-arklow-auth": facts["api_key"]}

        def over():
            answers = [fetch(installation.api.port, "GET", path + one, **key)[1] for one in ids]
            states = [answer["data"]["state"]["status"] for answer in answers]
            return answers if set(states) == {"succeeded"} else None

        answers = wait_until(over, seconds=30)
        results = sorted(answer["data"]["result"] for answer in answers)
        assert results == ["sent to ann", "sent to bob", "sent to cleo"]
        assert len(server.calls) == 4
        named = Counter(headers["x-arklow-actionid"] for _, headers in server.calls)
        assert sorted(named.values()) == [1, 1, 2]
        for data, _ in server.calls:
            assert data["action_name"] == "send_note"
            assert data["parameters"]["urgent"] is True
            assert "test" not in data

        # It moves, and goes.
        moved = f"{server.url}/v2/send_note"
        status, body = developer.call("PUT", "/actions/send_note", {"webhook_url": moved})
        assert (status, body["action"]["webhook_url"], server.tests) == (200, moved, 2)
        assert developer.call("GET", "/actions")[1]["actions"] == [body["action"]]
        assert developer.call("DELETE", "/actions/send_note") == (
            200,
            {"message": "Action deleted successfully"},
        )
        assert developer.call("GET", "/actions/send_note") == (404, {"error": "Action not found"})


def test_a_webhook_that_knows_another_key_is_not_registered(installation, facts):
    developer = Developer(installation.api.port, facts["api_key"])

    with ActionServer("another key", receivers.python_sample) as server:
        status, body = developer.register("send_note", server.url)

    assert status == 400
    assert body == {"error": "action validation failed: webhook endpoint returned status 401"}


def test_a_token_ends_with_its_key(installation, facts):
    developer = Developer(installation.api.port, facts["api_key"])
    assert developer.call("GET", "/actions")[0] == 200
    path = f"/v1/orgs/{facts['org_id']}/keys"
    key = {"x-arklow-auth": facts["api_key"]}
    (row,) = fetch(installation.api.port, "GET", path, **key)[1]["data"]["items"]

    assert fetch(installation.api.port, "DELETE", f"{path}/{row['id']}", **key)[0] == 200

    assert developer.call("GET", "/actions") == (401, {"error": "Invalid token"})


def test_two_processes_count_the_requests_of_an_hour_together(installation, facts):
    """1,000 of 1,100 requests over eight connections, of which one is the exchange."""
    developer = Developer(installation.api.port, facts["api_key"])

    def ask(count):
        seen = Counter()
        with contextlib.closing(HTTPConnection("127.0.0.1", developer.port, timeout=60)) as line:
            for number in range(count):
                if number % 20 == 0:
                    # Another connection may be another process's.
                    line.close()
                headers = {"Authorization": f"Bearer {developer.token}"}
                line.request("GET", f"{PREFIX}/actions", headers=headers)
                answer = line.getresponse()
                answer.read()
                seen[answer.status] += 1
        return seen

    with ThreadPoolExecutor(8) as pool:
        seen = sum(pool.map(ask, [137] * 8), Counter())

    assert seen == {200: 999, 429: 8 * 137 - 999}


def test_the_walk_of_the_docs(installation, facts, tmp_path):
    where = f"http://127.0.0.1:{installation.api.port}"
    known = (
        f"export KEY={facts['api_key']} SIGNING_KEY={facts['signing_key']} "
        f"ORG={facts['org_id']} API={where}"
    )
    blocks = re.findall(r"```bash\n(.*?)```", WALK.read_text(), re.DOTALL)
    walk = re.sub(r"^export KEY=.*", known, "\n".join(blocks)).replace(
        "9000", str(find_free_port())
    )

    done = subprocess.run(
        ["bash", "-euc", f"{walk}\nkill $!"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    made, called, record, again, executed, changed, listed, deleted = lines
    assert '"name":"send_note"' in made
    assert called == "send_note {'recipient': 'zoe', 'text': 'Hi'}"
    assert '"status":"succeeded"' in record
    assert '"Sent to zoe."' in record
    assert again == "send_note {'recipient': 'zoe', 'text': 'Ho'}"
    assert executed.startswith('{"result":"Sent to zoe.","error":"",')
    assert '"description":"Sends a short note."' in changed
    assert json.loads(listed)["actions"] == [json.loads(changed)["action"]]
    assert deleted == '{"message":"Action deleted successfully"}'

"""Clients that send their bodies slowly, in part or not at all, to a real web process."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

import pytest
from django.db import connection

from actions.models import ActionDefinition
from dispatch.models import ActionRecord
from orgs import people
from orgs.models import ApiKey
from tests import factories
from tests.dispatch.background import wait_until
from tests.end_to_end.conftest import is_healthy
from tests.end_to_end.processes import find_free_port

pytestmark = pytest.mark.django_db(transaction=True)
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
COOKIE = f"csrftoken={'a' * 32}"
# In a process with few seats for bodies, and little patience.
HASTY = """
import sys
from runtime import bodies
bodies.AT_ONCE, bodies.SECONDS, bodies.TICK = 32, {seconds}, 0.1
import manage
sys.argv = ["manage.py", "web", "--port", "{port}", "--workers=1"]
manage.main()
"""


@pytest.fixture
def start_web(start_process, tmp_path):
    """The port of a web process in which bodies may take so many seconds."""

    def start(seconds=60):
        port = find_free_port()
        url = urlsplit(os.environ["DATABASE_URL"])
        database = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
        with (tmp_path / "web.log").open("w") as log:
            start_process(
                [sys.executable, "-c", HASTY.format(port=port, seconds=seconds)],
                env=os.environ | {"DATABASE_URL": database},
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: is_healthy(port), seconds=30)
        return port

    return start


@pytest.fixture
def web(start_web):
    return start_web()


def begin(port, path, body=b"{", *, size=100, method="POST", source="127.0.0.1", **headers):
    """A connection on which a request has begun; of its body there is only this much."""
    sent = socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0))
    headers = {"Host": "127.0.0.1", "Content-Type": JSON, "Content-Length": size} | headers
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {told}" for name, told in headers.items())]
    sent.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return sent


def read(sent):
    """The status, the headers and the body of the answer."""
    with closing(sent), closing(HTTPResponse(sent)) as answer:
        answer.begin()
        return answer.status, dict(answer.getheaders()), answer.read()


def cut_off(sent):
    """The answer to what ends here."""
    sent.shutdown(socket.SHUT_WR)
    return read(sent)


def ask(port, path, body=None, source="127.0.0.1", **headers):
    """The status of a whole request."""
    data = None if body is None else json.dumps(body)
    http = HTTPConnection("127.0.0.1", port, timeout=10, source_address=(source, 0))
    with closing(http):
        http.request("POST" if data else "GET", path, data, {"Content-Type": JSON} | headers)
        return http.getresponse().status


def fill(port, held, path="/v1/ingress/x", **headers):
    """Begin so many bodies that this address gets no more room."""
    while ask(port, "/v1/ingress/x", {}) != 503:
        held.enter_context(closing(begin(port, path, **headers)))


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/api/v1/gateway/token/exchange", JSON),
        ("/v1/ingress/count", JSON),
        ("/mcp/acme", JSON),
        ("/accounts/login/", FORM),
        ("/healthz", FORM),
    ],
)
def test_bodies_that_do_not_come_keep_nobody_from_working(
    web, acme, globex, definition, path, content_type
):
    key = {"x-arklow-auth": factories.make_key(acme)}
    with ExitStack() as held:
        # Half of the seats, and four times as many as there are slots.
        fill(web, held, path, **{"Content-Type": content_type, "Cookie": COOKIE} | key)

        assert [ask(web, "/healthz") for _ in range(8)] == [200] * 8
        told = [
            ask(web, "/v1/ingress/count", {"input": {"n": 1}}, source="127.0.0.2", **key)
            for _ in range(8)
        ]

        assert told == [200] * 8
    wait_until(lambda: ask(web, "/v1/ingress/count", {"input": {"n": 1}}, **key) == 200)


def test_who_finds_no_room_is_told_to_come_again(web, acme):
    key = factories.make_key(acme)
    with ExitStack() as held:
        fill(web, held)
        answers = [
            read(begin(web, path, b"{}", size=2, Cookie=COOKIE, **bearer(key)))
            for path in ("/api/v1/gateway/token/exchange", "/mcp/acme", "/accounts/login/")
        ]

    assert [(status, headers.get("retry-after")) for status, headers, _ in answers] == [
        (503, "1"),
        (503, "5"),
        (503, "1"),
    ]


def test_what_does_not_come_in_time_is_cut_off(start_web):
    web = start_web(seconds=1)
    with ExitStack() as held:
        sent = [held.enter_context(closing(begin(web, "/v1/ingress/x"))) for _ in range(16)]
        told = [b"".join(iter(lambda one=one: one.recv(1_000), b"")) for one in sent]

    # Whether the head of an answer gets out before the connection is closed is a matter of luck.
    assert {head.partition(b"\r\n")[0] for head in told} <= {b"", b"HTTP/1.1 408 Request Timeout"}
    wait_until(lambda: ask(web, "/v1/ingress/x", {}) == 401)


def test_what_is_cut_off_is_refused_as_each_face_says_no(web, acme, definition):
    key = factories.make_key(acme)
    body = json.dumps({"api_token": key}).encode()
    whole = read(begin(web, "/api/v1/gateway/token/exchange", body, size=len(body)))
    token = json.loads(whole[2])["jwt_token"]
    own, text = {"x-arklow-auth": key}, "The body ends after "

    answers = [
        cut_off(begin(web, "/v1/ingress/count", b'{"input":{"n":1}}', **own)),
        cut_off(begin(web, "/v1/batch", b'{"actions":[]}', **own)),
        cut_off(
            begin(web, f"/v1/orgs/{acme.pk}/keys", b'{"description":"x"}', method="PUT", **own)
        ),
        # One that needs no body, and is sent half of one.
        cut_off(
            begin(web, f"/v1/orgs/{acme.pk}/keys/{acme.keys.get().pk}", b"", method="DELETE", **own)
        ),
        cut_off(begin(web, "/accounts/login/", b"a=b", Cookie=COOKIE, **{"Content-Type": FORM})),
    ]
    gateway = cut_off(begin(web, "/api/v1/gateway/actions", b'{"name":"x"}', **bearer(token)))
    agent = cut_off(begin(web, "/mcp/acme", b'{"jsonrpc":"2.0","id":1}', **bearer(key)))

    for status, _, body in answers:
        (error,) = json.loads(body)["errors"]
        assert (status, error["code"]) == (400, "BAD_REQUEST")
        assert error["message"].startswith(text)
    assert (gateway[0], agent[0]) == (400, 400)
    assert json.loads(gateway[2])["details"].startswith(text)
    assert json.loads(agent[2])["error"]["message"].startswith(text)
    assert not ActionRecord.objects.exists()
    assert ActionDefinition.objects.count() == 1
    assert ApiKey.objects.filter(org=acme).count() == 1


def test_what_is_too_long_is_refused_unread(web, acme):
    key = factories.make_key(acme)
    upload = {"Content-Type": "multipart/form-data; boundary=B", "Cookie": COOKIE}

    answers = [
        read(begin(web, "/accounts/login/", b"", size=300 * 1_048_576, **upload)),
        read(begin(web, "/admin/login/", b"", size=3 * 1_048_576, **upload)),
        read(begin(web, "/v1/ingress/x", b"", size=1_048_577, **{"x-arklow-auth": key})),
        read(begin(web, "/v1/batch", b"", size=16 * 1_048_576 + 1, **{"x-arklow-auth": key})),
        read(begin(web, "/mcp/acme", b"", size=1_048_577, **bearer(key))),
    ]

    assert [status for status, _, _ in answers] == [413] * 5


@contextmanager
def inviting(web, acme):
    """An admin, a socket on which most of the body of an invite by them is not sent, and that."""
    member = factories.make_member(acme, "admin")
    key = factories.make_key(acme, member=member)
    body = json.dumps({"permissions": ["admin"]}).encode()
    path = f"/v1/orgs/{acme.pk}/members/invites/evil@evil.example"
    sent = begin(web, path, body[:1], size=len(body), method="PUT", **{"x-arklow-auth": key})
    with closing(sent):
        assert ask(web, "/v1/self", **{"x-arklow-auth": key}) == 200
        yield member, sent, body[1:]


def test_who_is_removed_while_a_body_is_on_its_way_may_do_no_more(web, acme):
    with inviting(web, acme) as (member, sent, rest):
        people.remove_member(member=member, held=["owner"], actor="tests")
        sent.sendall(rest)

        assert read(sent)[0] == 401
    assert not acme.invites.exists()


def test_who_is_demoted_while_a_body_is_on_its_way_may_do_no_more(web, acme):
    with inviting(web, acme) as (member, sent, rest):
        acme.memberships.filter(pk=member.pk).update(permissions=["viewer"])
        sent.sendall(rest)

        assert read(sent)[0] == 403
    assert not acme.invites.exists()


def test_the_log_holds_no_token_and_of_a_wrong_host_one_line(web, tmp_path):
    refused = read(begin(web, "/invites/inv_secret", b"", size=0))
    wrong = read(begin(web, "/accounts/login/", b"", size=0, Host="evil.example"))

    log = (tmp_path / "web.log").read_text()
    assert (refused[0], wrong[0]) == (405, 400)
    assert "inv_" not in log
    assert "Traceback" not in log
    assert len([line for line in log.splitlines() if "evil.example" in line]) == 1

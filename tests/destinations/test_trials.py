"""`POST .../destinations/{id}/test`: a marked delivery, what happened to it, and nothing stored."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from aiohttp import web
from django.db import connection
from django.urls import reverse

from destinations import services, trials
from destinations.models import Destination
from destinations.outcomes import Outcome, Verdict
from runtime import slots
from tests import factories
from tests.client import codes
from tests.destinations.hook import Hook
from tests.destinations.receiver import refusing
from tests.dispatch.background import Answer
from tests.stored import everything_stored

SECRET = "a-secret-that-nobody-sees"

pytestmark = pytest.mark.usefixtures("private_networks")


@pytest.fixture
def hook():
    with Hook() as hook:
        yield hook


def try_out(api, destination, body=None, status=200):
    response = api.post(f"~/destinations/{destination.pk}/test", body or {})
    return api.data(response, status) if status == 200 else response


def test_what_happened_is_told_and_nothing_is_stored(api, acme, hook):
    destination = factories.make_receiving(acme, hook.url)
    hook.answer = web.Response(text="thanks")
    before = everything_stored()

    told = try_out(api, destination, {"input": {"n": [1, None]}, "variant": "count"})

    assert {**told, "milliseconds": None} == {
        "status": 200,
        "milliseconds": None,
        "answer": "thanks",
        "verdict": "ack",
        "message": None,
    }
    assert 0 <= told["milliseconds"] < 5_000
    assert everything_stored() == before
    ((headers, body),) = hook.seen
    assert body == b'{"n":[1,null]}'
    assert headers["x-waybill-test"] == "true"
    assert headers["x-arklow-attempt"] == "0"
    assert int(headers["x-arklow-actionid"]) >= 2**62
    assert headers["idempotency-key"] == headers["x-arklow-actionid"]


def test_an_empty_object_is_sent_where_nothing_is_said_and_each_test_is_a_new_one(api, acme, hook):
    destination = factories.make_receiving(acme, hook.url)
    for _ in range(2):
        try_out(api, destination)

    assert [body for _, body in hook.seen] == [b"{}", b"{}"]
    assert len({headers["idempotency-key"] for headers, _ in hook.seen}) == 2


@pytest.mark.parametrize(
    ("answer", "verdict", "said"),
    [
        # by the answer table, as for an action
        (Answer(503, {"retry-after": "9"}, b"later"), "unavailable", "HTTP 503: later"),
        (Answer(429), "rate_limited", "HTTP 429"),
        (Answer(400, {}, b"no"), "permanent", "HTTP 400: no"),
        (Answer(302, {"location": "/"}), "refused", "redirects are not followed"),
        # by its signal
        (Answer(200, {"x-arklow-signaling": "nack"}), "nack", "nack"),
        (Answer(200, {"x-arklow-signaling": "mod_ack"}), "mod_ack", None),
    ],
)
def test_the_verdict_is_that_of_an_action(api, acme, hook, answer, verdict, said):
    hook.answer = web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    told = try_out(api, factories.make_receiving(acme, hook.url))

    assert (told["status"], told["verdict"]) == (answer.status, verdict)
    assert told["answer"] == (answer.body.decode() or None)
    assert (said in told["message"]) if said else told["message"] is None


def test_the_first_two_kilobytes_of_an_answer_are_told(api, acme, hook):
    hook.answer = web.Response(body=b"\0\xff" + b"x" * 100_000)

    told = try_out(api, factories.make_receiving(acme, hook.url))

    assert told["answer"] == "\ufffd\ufffd" + "x" * 2_046


def test_where_nobody_listens_it_says_so(api, acme):
    with refusing() as url:
        told = try_out(api, factories.make_receiving(acme, url))

    assert (told["status"], told["answer"], told["verdict"]) == (None, None, "unavailable")
    assert told["message"]


def test_it_ends_in_time(api, acme, hook, monkeypatch):
    monkeypatch.setattr(trials, "SECONDS", 0.5)
    hook.sleep = 30
    began = time.monotonic()

    told = try_out(api, factories.make_receiving(acme, hook.url))

    assert time.monotonic() - began < 3
    assert told["verdict"] == "ambiguous"
    assert 500 <= told["milliseconds"] < 3_000


def test_what_does_not_end_by_itself_is_ended(acme, webhook, monkeypatch):
    async def hang(*_):
        await asyncio.sleep(60)

    monkeypatch.setattr(trials.kinds, "deliver", hang)
    monkeypatch.setattr(trials, "SECONDS", 0.1)
    monkeypatch.setattr(trials, "GRACE_SECONDS", 0.1)

    trial = trials.try_destination(destination=webhook)

    assert trial.outcome.verdict is Verdict.AMBIGUOUS
    assert trial.milliseconds < 5_000


def test_a_paused_destination_can_be_tested(api, acme, hook):
    destination = factories.make_receiving(acme, hook.url)
    api.data(api.post(f"~/destinations/{destination.pk}/pause"))

    assert try_out(api, destination)["verdict"] == "ack"


def test_a_deleted_destination_cannot(api, acme, hook):
    destination = factories.make_receiving(acme, hook.url)
    api.data(api.delete(f"~/destinations/{destination.pk}"))

    assert try_out(api, destination, status=404).status_code == 404
    assert hook.seen == []


@pytest.mark.parametrize("kind", ["sdk", "default_sink"])
def test_what_nothing_is_sent_to_cannot(api, acme, kind):
    response = try_out(api, factories.make_destination(acme, kind), status=422)

    assert response.status_code == 422
    assert codes(response) == [("NOT_TESTABLE", None)]
    assert kind in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"variant": ""},
        {"variant": 1},
        {"variant": "x" * 256},
        {"attempt": 1},
        [],
    ],
)
def test_a_request_of_another_shape_is_refused(api, webhook, body):
    response = api.post(f"~/destinations/{webhook.pk}/test", body)

    assert response.status_code == 400


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("http_bearer", {"token": SECRET}),
        ("http_basic", {"username": "waybill", "password": SECRET}),
        ("http_auth_headers", {"X-Api-Key": SECRET}),
    ],
)
@pytest.mark.parametrize("status", [200, 403])
def test_a_secret_that_is_echoed_is_not_told(api, acme, hook, kind, secret, status):
    credential = services.create_credential(
        org_id=acme.pk, type=kind, label="the key", secret=secret
    )
    destination = factories.make_receiving(acme, hook.url)
    services.update_destination(destination=destination, changes={"credential_id": credential.pk})
    hook.echoes, hook.answer = True, web.Response(status=status)

    response = api.post(f"~/destinations/{destination.pk}/test", {})

    ((headers, _),) = hook.seen
    sent = headers.get("authorization") or headers["x-api-key"]
    assert api.data(response)["status"] == status
    for hidden in (SECRET, sent, sent.split()[-1]):
        assert hidden not in response.content.decode()
    assert "[secret]" in response.json()["data"]["answer"]


def test_a_credential_that_cannot_be_used_is_our_fault(api, acme, hook):
    credential = services.create_credential(
        org_id=acme.pk, type="http_bearer", label="the key", secret={"token": SECRET}
    )
    destination = factories.make_receiving(acme, hook.url)
    services.update_destination(destination=destination, changes={"credential_id": credential.pk})
    type(credential).objects.update(secret="not what it was")

    told = try_out(api, destination)

    assert told["verdict"] == "ours"
    assert "cannot be decrypted" in told["message"]
    assert hook.seen == []


def test_only_so_many_are_tested_at_once(api, acme, hook):
    destination = factories.make_receiving(acme, hook.url)

    with trials.seats.take(-1), trials.seats.take(-2):
        response = try_out(api, destination, status=503)

    assert codes(response) == [("BUSY", None)]
    assert response["Retry-After"] == "1"
    assert try_out(api, destination)["verdict"] == "ack"


@pytest.mark.django_db(transaction=True)
def test_a_trial_knows_which_destination_it_is_for(webhook, monkeypatch):
    attempts = []

    async def look(attempt, _):
        attempts.append(attempt)
        return Outcome(Verdict.ACK)

    monkeypatch.setattr(trials, "_deliver", look)
    trials.try_destination(destination=webhook)

    (attempt,) = attempts
    assert attempt.destination_id == webhook.pk


def test_no_database_connection_is_held_while_it_waits(api, webhook, monkeypatch):
    async def look(*_):
        return Outcome(Verdict.ACK, "held" if connection.connection else "given back")

    monkeypatch.setattr(trials, "_deliver", look)

    assert try_out(api, webhook)["message"] == "given back"


def test_another_organization_cannot_test_it(globex_api, acme, hook):
    destination = factories.make_receiving(acme, hook.url)

    response = globex_api.post(f"/v1/orgs/{acme.pk}/destinations/{destination.pk}/test", {})

    assert response.status_code == 404
    assert hook.seen == []
    assert Destination.objects.count() == 1


# --- in the console -------------------------------------------------------------------------------


def url_of(destination):
    return reverse("console:test_destination", args=[destination.pk])


def test_an_operator_sends_a_test_and_sees_what_happened(admin_client, acme, hook):
    destination = factories.make_receiving(acme, hook.url)
    hook.answer = web.Response(text="<b>thanks</b>")
    admin_client.get(reverse("console:health"))
    before = everything_stored()

    shown = admin_client.post(url_of(destination), {"input": '{"n": 1}', "variant": "count"}).text

    assert "<strong>ack</strong>, HTTP 200, in " in shown
    assert "&lt;b&gt;thanks&lt;/b&gt;" in shown
    ((headers, body),) = hook.seen
    assert (headers["x-waybill-test"], body) == ("true", b'{"n":1}')
    assert everything_stored() == before


@pytest.mark.parametrize("typed", [{"input": "{", "variant": "a"}, {"input": "1"}])
def test_what_cannot_be_sent_is_told_and_not_sent(admin_client, acme, hook, typed):
    destination = factories.make_receiving(acme, hook.url)

    assert "HTTP" not in admin_client.post(url_of(destination), typed).text
    assert hook.seen == []


def test_what_is_refused_is_told(admin_client, acme, hook):
    destination = factories.make_receiving(acme, hook.url)

    with trials.seats.take(acme.pk):
        shown = admin_client.post(url_of(destination), {"input": "{}", "variant": "a"}).text

    assert "being tested just now" in shown


@pytest.mark.parametrize("kind", ["sdk", "default_sink"])
def test_nothing_is_sent_where_nothing_is_delivered(admin_client, acme, kind):
    destination = factories.make_destination(acme, kind)

    shown = admin_client.post(url_of(destination), {"input": "{}", "variant": "a"}).text

    assert "Nothing is sent to a" in shown


# --- beside the work of others --------------------------------------------------------------------


def test_one_organization_tests_one_at_a_time(api, globex_api, acme, globex, hook):
    ours, theirs = (factories.make_receiving(org, hook.url) for org in (acme, globex))

    with trials.seats.take(acme.pk):
        response = try_out(api, ours, status=503)

        assert codes(response) == [("BUSY", None)]
        assert response["Retry-After"] == "1"
        assert try_out(globex_api, theirs)["verdict"] == "ack"
        assert try_out(globex_api, theirs)["verdict"] == "ack"
    assert try_out(api, ours)["verdict"] == "ack"


def test_a_test_leaves_its_slot_while_it_waits(api, webhook, monkeypatch):
    done = []

    @contextlib.contextmanager
    def leave():
        done.append("out")
        yield
        done.append("in")

    async def deliver(*_):
        done.append("delivers")
        return Outcome(Verdict.ACK)

    monkeypatch.setattr(slots, "left", leave)
    monkeypatch.setattr(trials, "_deliver", deliver)

    try_out(api, webhook)

    assert done == ["out", "delivers", "in"]


def test_who_may_not_leave_its_slot_tests_nothing(api, acme, hook, monkeypatch):
    monkeypatch.setattr(slots, "may_leave", lambda: False)

    response = try_out(api, factories.make_receiving(acme, hook.url), status=503)

    assert codes(response) == [("BUSY", None)]
    assert hook.seen == []

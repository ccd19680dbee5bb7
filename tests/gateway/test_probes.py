"""The test that a webhook answers first: what is told of it, and whom it keeps waiting."""

from __future__ import annotations

import contextlib

import pytest
from django.db import connection

from destinations import trials
from destinations.outcomes import Outcome, Verdict
from destinations.outward import outbound
from gateway import probes
from gateway.errors import GatewayError
from runtime import slots
from tests import factories
from tests.destinations.receiver import refusing
from tests.gateway.client import Gateway
from tests.stored import everything_stored

FAILED = "action validation failed: webhook endpoint "
INSIDE = "leads to an address that may not be called"


def error_of(answer, status=400):
    assert answer.status_code == status, answer.content
    return answer.json()["error"]


def test_where_nobody_listens_it_could_not_be_reached(gateway):
    before = everything_stored()

    with refusing() as url:
        answer = gateway.create(url)

    # Not a word of why: it might tell somebody about our network.
    assert answer.json() == {"error": FAILED + "could not be reached"}
    assert everything_stored() == before


def test_who_takes_too_long_is_told_so(gateway, hook, monkeypatch):
    monkeypatch.setattr(probes, "SECONDS", 0.5)
    hook.sleep = 5

    assert error_of(gateway.create(hook.url)) == FAILED + "gave no whole answer within 0 seconds"


def test_thirty_seconds_are_what_a_webhook_has():
    assert probes.SECONDS == 30


@pytest.mark.parametrize(
    ("url", "details"),
    [
        ("https://127.0.0.1/", INSIDE),
        ("https://[::1]/", INSIDE),
        ("https://10.0.0.1/", INSIDE),
        ("https://localhost/", INSIDE),
        ("https://a.localhost/", INSIDE),
        ("https://hooks.example.com/", INSIDE),
        ("https://user:secret@example.com/", "is invalid: The URL holds credentials"),
        ("ftp://example.com/", "is invalid: The URL must start with https:// or http://."),
        ("https://example.com:22/", "is invalid: Port 22 may not be called."),
        ("https:///a", "is invalid: "),
        ("https://127.1/", "is invalid: Write 127.1 as 127.0.0.1."),
        ("nonsense", "is invalid: "),
    ],
)
def test_an_address_that_may_not_be_called_is_400_and_where_it_leads_is_not_told(
    url, details, gateway, hook, settings, monkeypatch
):
    monkeypatch.setattr(outbound, "look_up", lambda host, seconds: ["10.1.2.3"])
    gateway.made(hook.url, "known")
    settings.ALLOW_PRIVATE_NETWORKS = False
    before = everything_stored()

    for answer in (
        gateway.create(url),
        gateway.call("PUT", "/actions/known", {"webhook_url": url}),
    ):
        assert error_of(answer) == "Invalid request format"
        assert answer.json()["details"].startswith(f"Field 'webhook_url' {details}")
    assert everything_stored() == before


def test_where_https_is_asked_for_nothing_else_is_taken(gateway, action, hook, settings):
    settings.HTTPS = True
    settings.SECURE_SSL_REDIRECT = False
    hook.seen.clear()

    for answer in (
        gateway.create(hook.url, "another"),
        gateway.call("PUT", "/actions/send_note", {"webhook_url": hook.url + "v2"}),
    ):
        assert error_of(answer) == "Invalid request format"
        assert answer.json()["details"] == "Field 'webhook_url' must be an HTTPS URL"
    assert hook.seen == []


def test_what_the_webhook_says_is_not_repeated(gateway, hook):
    hook.echoes = True
    hook.answer.set_status(500)

    assert error_of(gateway.create(hook.url)) == FAILED + "returned status 500"


# --- beside the work of others --------------------------------------------------------------------


def test_meanwhile_no_slot_and_no_transaction_is_held(gateway, hook, monkeypatch):
    done = []

    @contextlib.contextmanager
    def leave():
        done.append("out")
        yield
        done.append("in")

    def run(attempt, seconds):
        done.append((attempt.variant, seconds))
        return Outcome(Verdict.ACK, status=200)

    monkeypatch.setattr(slots, "left", leave)
    monkeypatch.setattr(trials, "run", run)

    assert gateway.create(hook.url).status_code == 201
    assert done == ["out", ("send_note", 30.0), "in"]


@pytest.mark.django_db(transaction=True)
def test_meanwhile_no_connection_is_held(acme, private_networks, hook, monkeypatch):
    factories.make_signing_key(acme)
    gateway = Gateway(factories.make_key(acme))
    held = []

    def run(attempt, seconds):
        held.append(connection.connection is not None)
        return Outcome(Verdict.ACK, status=200)

    monkeypatch.setattr(trials, "run", run)

    assert gateway.create(hook.url).status_code == 201
    body = {"webhook_url": hook.url + "v2"}
    assert gateway.call("PUT", "/actions/send_note", body).status_code == 200
    assert held == [False, False]


def test_who_gets_no_seat_is_told_to_come_back_and_nothing_is_stored(gateway, acme, hook):
    before = everything_stored()
    with contextlib.ExitStack() as held:
        while held.enter_context(probes.seats.take(acme.pk)):
            pass

        answer = gateway.create(hook.url)

        assert error_of(answer, 503) == "Service unavailable"
        assert answer["Retry-After"] == "1"
        assert answer.json()["details"].endswith("try again in a moment.")
        assert (hook.seen, everything_stored()) == ([], before)
    assert gateway.create(hook.url).status_code == 201


def test_one_organization_that_tests_as_much_as_it_may_leaves_room_for_others(
    acme, globex, private_networks, hook
):
    factories.make_signing_key(globex)
    theirs = Gateway(factories.make_key(globex))
    with contextlib.ExitStack() as held:
        while held.enter_context(probes.seats.take(acme.pk)):
            pass

        assert probes.seats.taken_by(acme.pk) == 32
        assert theirs.create(hook.url).status_code == 201


@pytest.mark.parametrize(
    ("come_of_it", "raised"),
    [
        (lambda *_: Outcome(Verdict.OURS), GatewayError),
        (lambda *_: Outcome(Verdict.ACK, status=200), None),
        (lambda *_: 1 / 0, ZeroDivisionError),
    ],
)
def test_a_probe_gives_its_seat_back_however_it_ends(monkeypatch, come_of_it, raised):
    monkeypatch.setattr(trials, "run", come_of_it)

    with pytest.raises(raised) if raised else contextlib.nullcontext():
        probes.probe(org_id=1, name="a", config={}, keys=None)

    assert probes.seats.taken_by(1) == 0

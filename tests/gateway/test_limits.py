"""1,000 requests an hour for each tenant, told by `RateLimit` headers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from gateway import limits
from gateway.models import RequestWindow
from orgs.services import Limits
from tests import factories
from tests.dispatch.concurrency import at_once
from tests.gateway.client import Gateway, send


@pytest.fixture
def key(acme):
    return factories.make_key(acme)


@pytest.fixture
def few(settings):
    settings.GATEWAY_REQUESTS_PER_HOUR = 5


def left(answer):
    """(policy, remaining, seconds) of an answer's headers."""
    said = re.fullmatch(r'"hour";r=(\d+);t=(\d+)', answer["RateLimit"])
    return answer["RateLimit-Policy"], int(said[1]), int(said[2])


def test_every_answer_says_what_is_left(key):
    gateway = Gateway(key)

    for number, path in enumerate(("/actions", "/actions/nothing", "/actions"), start=2):
        policy, remaining, seconds = left(gateway.call("GET", path))
        assert policy == '"hour";q=1000;w=3600'
        assert remaining == 1_000 - number
        assert 3_590 <= seconds <= 3_600
    assert "Retry-After" not in gateway.call("GET", "/actions")


def test_who_is_not_known_is_told_the_policy_alone(db):
    for answer in (
        send("GET", "/actions"),
        send("GET", "/actions", token="nonsense"),
        send("POST", "/token/exchange", {"api_token": "nonsense"}),
        send("GET", "/nothing"),
    ):
        assert answer["RateLimit-Policy"] == '"hour";q=1000;w=3600'
        assert "RateLimit" not in answer
    assert not RequestWindow.objects.exists()


def test_one_too_many_is_429_and_says_when_to_try_again(key, acme, globex, few):
    gateway = Gateway(key)
    for _ in range(4):
        assert gateway.call("GET", "/actions").status_code == 200

    answer = gateway.call("GET", "/actions")

    assert answer.status_code == 429
    _, remaining, seconds = left(answer)
    assert (remaining, answer["Retry-After"]) == (0, str(seconds))
    body = answer.json()
    assert body["error"] == "Rate limit exceeded"
    said = re.fullmatch(
        r"The 5 requests of this hour are used up\. Try again in (\d+) seconds, at (\S+Z)\.",
        body["details"],
    )
    assert int(said[1]) == seconds
    again = datetime.fromisoformat(said[2])
    assert abs(again - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=30)
    # Whatever is asked, also a token; but not of another tenant.
    assert gateway.call("POST", "/actions", b"{").status_code == 429
    assert send("POST", "/token/exchange", {"api_token": key}).status_code == 429
    assert Gateway(factories.make_key(globex)).call("GET", "/actions").status_code == 200
    # The rest of Waybill is not counted.
    assert RequestWindow.objects.get(org=acme).used == 5


def test_what_a_key_may_not_do_is_not_counted_and_not_answered_for_ever(key, acme, few, settings):
    settings.WRONG_KEYS_PER_MINUTE = 3
    viewer = Gateway(factories.make_key(acme, limits=Limits(permissions=["viewer"])))
    used = RequestWindow.objects.get().used

    for _ in range(3):
        answer = viewer.call("POST", "/actions", {})
        assert (answer.status_code, answer.json()["error"]) == (403, "Permission denied")
        assert "RateLimit" not in answer
    answer = viewer.call("POST", "/actions", {})

    assert (answer.status_code, answer.json()["error"]) == (429, "Rate limit exceeded")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert RequestWindow.objects.get().used == used
    # What it may do it does, and so do others.
    assert viewer.call("GET", "/actions").status_code == 200
    assert Gateway(key).call("POST", "/actions", {}).status_code == 400


def test_a_key_for_a_device_gets_no_token_and_is_not_counted(acme, settings):
    settings.WRONG_KEYS_PER_MINUTE = 1
    device = factories.make_key(acme, limits=Limits(variants=["count"]))

    first, second = (send("POST", "/token/exchange", {"api_token": device}) for _ in range(2))

    assert (first.status_code, first.json()) == (
        403,
        {
            "error": "Permission denied",
            "details": "This key hands in actions of its variants, and nothing else.",
        },
    )
    assert (second.status_code, second.json()["error"]) == (429, "Rate limit exceeded")
    assert not RequestWindow.objects.exists()


def test_after_the_hour_there_are_as_many_again(key, few):
    gateway = Gateway(key)
    while gateway.call("GET", "/actions").status_code == 200:
        pass
    RequestWindow.objects.update(began_at=Now() - timedelta(seconds=3_601))

    answer = gateway.call("GET", "/actions")

    assert answer.status_code == 200
    assert left(answer)[1] == 4
    assert RequestWindow.objects.get().used == 1


def test_keys_of_one_tenant_share_its_requests(key, acme, few):
    first, second = Gateway(key), Gateway(factories.make_key(acme))

    first.call("GET", "/actions")

    assert left(second.call("GET", "/actions"))[1] == 1


def test_counting_is_one_statement_and_no_write_where_none_is_left(key, acme, few):
    with CaptureQueriesContext(connection) as queries:
        quota = limits.take(acme.pk)
    assert (len(queries), quota.remaining, quota.until) == (1, 4, None)
    RequestWindow.objects.update(used=F("used") + 100)
    before = RequestWindow.objects.get()

    quota = limits.take(acme.pk)

    assert (quota.remaining, quota.until is not None) == (0, True)
    assert RequestWindow.objects.get().used == before.used


@pytest.mark.django_db(transaction=True)
def test_those_who_ask_at_once_are_counted_exactly(acme, settings):
    settings.GATEWAY_REQUESTS_PER_HOUR = 40

    def take(_):
        return sum(limits.take(acme.pk).until is None for _ in range(10))

    granted = at_once(take, range(8))

    assert sum(granted) == 40
    assert RequestWindow.objects.get().used == 40

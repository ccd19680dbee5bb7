"""Wrong keys: counted by address, and slowed down without harm to the good ones beside them."""

from __future__ import annotations

import pytest

from config.addresses import network_of
from orgs import guesses as module
from orgs.guesses import guesses
from tests import factories
from tests.client import ApiClient, codes


@pytest.fixture
def few(settings):
    """Three wrong keys a minute."""
    settings.WRONG_KEYS_PER_MINUTE = 3


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [1_000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def guess(acme, times=1, **headers):
    return [ApiClient(acme, f"api_{n}").get("~/keys", **headers).status_code for n in range(times)]


def test_guessing_ends_with_429_and_when_to_go_on(acme, few, clock):
    assert guess(acme, 4) == [401, 401, 401, 429]

    answer = ApiClient(acme, "api_more").get("~/keys")

    assert (answer.status_code, codes(answer)) == (429, [("TOO_MANY_REQUESTS", None)])
    assert answer["Retry-After"] == "60"
    clock[0] += 59.5
    assert ApiClient(acme, "api_more").get("~/keys")["Retry-After"] == "1"
    clock[0] += 0.5
    assert guess(acme, 4) == [401, 401, 401, 429]


def test_a_key_that_is_not_looked_up_costs_no_query(acme, few, django_assert_num_queries):
    guess(acme, 3)

    with django_assert_num_queries(0):
        assert guess(acme) == [429]


def test_ingress_is_guarded_too(acme, few):
    guess(acme, 3)
    stranger = ApiClient(acme, None)

    answer = stranger.call("POST", "/v1/ingress/x", {"input": 1}, Authorization="Bearer api_guess")

    assert answer.status_code == 429


def test_a_key_that_was_good_before_stays_good(acme, api, few):
    assert api.get("~/keys").status_code == 200
    guess(acme, 9)

    assert [api.get("~/keys").status_code for _ in range(5)] == [200] * 5


def test_a_key_that_was_never_seen_waits_with_the_rest(acme, few, clock):
    fresh = ApiClient(acme, factories.make_key(acme))
    guess(acme, 3)

    assert fresh.get("~/keys").status_code == 429
    clock[0] += 60
    assert fresh.get("~/keys").status_code == 200


def test_a_good_key_does_not_wipe_the_slate(acme, api, few):
    guess(acme, 2)
    api.get("~/keys")

    assert guess(acme, 2) == [401, 429]


def test_a_key_that_has_ended_is_a_wrong_one(acme, api, few):
    api.get("~/keys")
    acme.keys.update(deleted_at=acme.created_at)

    assert [api.get("~/keys").status_code for _ in range(4)] == [401, 401, 401, 429]


def test_no_key_at_all_is_no_guess(acme, few):
    assert [ApiClient(acme, None).get("~/keys").status_code for _ in range(9)] == [401] * 9


def test_zero_is_no_limit(acme, settings):
    settings.WRONG_KEYS_PER_MINUTE = 0

    assert guess(acme, 40) == [401] * 40


def test_other_addresses_are_left_alone(acme, few, settings):
    settings.TRUSTED_PROXIES = 1
    guess(acme, 3, **{"X-Forwarded-For": "198.51.100.1"})

    assert guess(acme, **{"X-Forwarded-For": "198.51.100.1"}) == [429]
    assert guess(acme, **{"X-Forwarded-For": "198.51.100.2"}) == [401]


def test_a_client_does_not_choose_its_address(acme, few, settings):
    # Nobody is trusted, so nobody is believed.
    told = [guess(acme, **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(4)]
    assert told == [[401], [401], [401], [429]]
    guesses.forget()
    # What the client itself says stands left of what the proxy has seen.
    settings.TRUSTED_PROXIES = 1
    told = [guess(acme, **{"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.9"}) for n in range(4)]
    assert told == [[401], [401], [401], [429]]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.1", "198.51.100.1"),
        # A customer has a whole /64.
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        # A socket without a name.
        ("", ""),
        ("a:b", "a:b"),
    ],
)
def test_what_counts_as_one_address(address, network):
    assert network_of(address) == network


def test_memory_is_bounded(few, monkeypatch):
    monkeypatch.setattr(module, "MOST_ADDRESSES", 5)
    monkeypatch.setattr(module, "MOST_KEYS", 5)

    for number in range(50):
        guesses.note_wrong(f"198.51.100.{number}", b"wrong")
        guesses.note_good(b"good %d" % number)

    assert (len(guesses._wrong), len(guesses._good)) == (5, 5)

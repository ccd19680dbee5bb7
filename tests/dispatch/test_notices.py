"""Who sends a version that is deprecated, or is to go, is told so with every answer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions import services
from tests import factories
from tests.client import codes

BEGAN = datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC)
ENDS = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
DEPRECATION, SUNSET = "@1772366400", "Tue, 01 Sep 2026 12:00:00 GMT"
INPUT = {"n": 1}


@pytest.fixture
def deprecated(definition):
    return services.update_definition(definition=definition, deprecated_at=BEGAN, sunset_at=ENDS)


def headers(answer):
    assert answer.status_code == 200, answer.content
    return answer.headers.get("Deprecation"), answer.headers.get("Sunset")


def send_again(api, path, body):
    """The answers to two calls under one key."""
    return [api.call("POST", path, body, **{"Idempotency-Key": "k"}) for _ in range(2)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/ingress/count", {"input": INPUT}),
        ("/v1/ingress/tally", {"input": INPUT}),
        ("/v1/ingress", {"variant": "count", "version": 1, "input": INPUT}),
        ("/v1/batch", {"actions": [{"variant": "count", "input": INPUT}, {"variant": "?"}]}),
        ("/v1/batch?atomic=true", {"actions": [{"variant": "count", "input": INPUT}]}),
    ],
)
def test_it_stands_in_headers_of_the_first_answer_and_of_a_repeated_one(
    api, deprecated, path, body
):
    services.update_definition(definition=deprecated, alias=["tally"])

    assert headers(api.post(path, body)) == (DEPRECATION, SUNSET)
    first, again = send_again(api, path, body)
    assert headers(first) == headers(again) == (DEPRECATION, SUNSET)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.content == again.content


def test_it_stands_in_the_answer_of_each_action(api, deprecated):
    shown = api.data(api.post("/v1/ingress/count", {"input": INPUT}))

    assert datetime.fromisoformat(shown["deprecated_at"]) == BEGAN
    assert datetime.fromisoformat(shown["sunset_at"]) == ENDS


def test_what_is_not_deprecated_is_told_nothing(api, definition):
    answer = api.post("/v1/ingress/count", {"input": INPUT})

    assert headers(answer) == (None, None)
    assert not {"deprecated_at", "sunset_at"} & answer.json()["data"].keys()
    assert [headers(one) for one in send_again(api, "/v1/ingress/count", {"input": INPUT})] == [
        (None, None)
    ] * 2


def test_it_is_that_of_the_version_that_is_sent(api, acme, deprecated):
    factories.make_definition(acme, schema={"type": "object"}, sunset_at=ENDS)

    assert headers(api.post("/v1/ingress/count", {"input": INPUT})) == (None, SUNSET)
    older = {"input": INPUT, "version": 1}
    assert headers(api.post("/v1/ingress/count", older)) == (DEPRECATION, SUNSET)


def test_of_several_actions_it_is_the_earliest(api, acme, deprecated):
    factories.make_definition(acme, "earlier", deprecated_at=BEGAN.replace(year=2025))
    factories.make_definition(acme, "none")
    names = ["count", "none", "earlier", "count"]
    body = {"actions": [{"variant": name, "input": INPUT} for name in names]}

    answers = [api.post("/v1/batch", body), *send_again(api, "/v1/batch", body)]

    assert {headers(one) for one in answers} == {("@1740830400", SUNSET)}
    items = api.data(answers[0])["items"]
    assert ["deprecated_at" in item for item in items] == [True, False, True, True]


def test_what_is_refused_is_told_nothing(api, deprecated):
    answer = api.post("/v1/ingress/count", {"input": {}})

    assert answer.status_code == 400
    assert "Deprecation" not in answer.headers


@pytest.mark.parametrize("name", ["deprecated_at", "sunset_at"])
def test_what_no_header_can_tell_is_refused(api, definition, name):
    path = f"~/actions/definitions/{definition.pk}"

    refused = api.post(path, {name: "1969-12-31T23:59:59Z"})
    assert (refused.status_code, codes(refused)) == (422, [("INVALID_MOMENT", f"/{name}")])
    assert api.post(path, {name: "1970-01-01T00:00:00Z"}).status_code == 200
    began, ends = headers(api.post("/v1/ingress/count", {"input": INPUT}))
    assert (began or ends) in {"@0", "Thu, 01 Jan 1970 00:00:00 GMT"}


def test_after_its_time_it_is_still_taken(api, definition):
    past = datetime(2020, 1, 1, tzinfo=UTC)
    services.update_definition(definition=definition, sunset_at=past)

    answer = api.post("/v1/ingress/count", {"input": INPUT})
    assert headers(answer) == (None, "Wed, 01 Jan 2020 00:00:00 GMT")


def test_it_costs_no_further_query(api, definition):
    def count():
        with CaptureQueriesContext(connection) as queries:
            told = headers(api.post("/v1/ingress/count", {"input": INPUT}))
        return len(queries), told[0]

    # The first ones compile the contract and make the lane.
    *_, (before, _) = [count() for _ in range(3)]
    services.update_definition(definition=definition, deprecated_at=BEGAN)
    assert count() == (before, DEPRECATION)

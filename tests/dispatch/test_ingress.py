"""`/v1/ingress`: what is accepted, what is refused, and what is stored."""

from datetime import UTC, datetime, timedelta

import pytest

from actions import services as actions
from config import validation
from dispatch.models import ActionRecord, Lane
from tests import factories
from tests.client import ApiClient, codes
from tests.dispatch.counting import count_rows

pytestmark = pytest.mark.usefixtures("definition")


def moment(**delta):
    return (datetime.now(UTC) + timedelta(**delta)).isoformat()


def test_an_accepted_action_waits_with_its_payload_lane_and_event(api, acme, definition, webhook):
    body = {"input": {"n": 1}, "tags": {"tenant": "t1"}, "timeout": 60}

    data = api.data(api.post("/v1/ingress/count", body))

    record = ActionRecord.objects.get(pk=data["id"])
    assert data == {
        "id": str(record.pk),
        "status": "queued",
        "variant": "count",
        "version": 1,
        "action_definition_id": str(definition.pk),
        "available_at": data["available_at"],
    }
    assert (record.org, record.definition, record.destination) == (acme, definition, webhook)
    assert (record.status, record.push, record.attempt, record.failures) == ("queued", True, 0, 0)
    assert (record.tags, record.lane.tags) == ({"tenant": "t1"}, {"tenant": "t1"})
    assert (record.timeout, record.timeout_at, record.started_at) == (60, None, None)
    assert record.deadline_at - record.created_at == timedelta(seconds=60)
    assert [(e.kind, e.status, e.attempt) for e in record.events.all()] == [
        ("accepted", "queued", 0)
    ]


@pytest.mark.parametrize(
    ("path", "body", "version"),
    [
        # by path
        ("/v1/ingress/count", {}, 2),
        ("/v1/ingress/count/", {}, 2),
        # by body
        ("/v1/ingress", {"variant": "count"}, 2),
        ("/v1/ingress/", {"variant": "count"}, 2),
        # an alias means the version that holds it
        ("/v1/ingress/tally", {}, 1),
        ("/v1/ingress", {"variant": "tally"}, 1),
        # a version is exact
        ("/v1/ingress/count", {"version": 1}, 1),
        ("/v1/ingress/count", {"version": 2}, 2),
        # an integer is one also when it is spelt 1.0
        ("/v1/ingress/count", {"version": 1.0}, 1),
        # a version wins over the alias's own
        ("/v1/ingress/tally", {"version": 2}, 2),
    ],
)
def test_an_action_is_of_the_definition_that_its_name_means(
    api, acme, definition, path, body, version
):
    actions.update_definition(definition=definition, alias=["tally"])
    factories.make_definition(acme, schema=factories.SCHEMA | {"description": "newer"})

    data = api.data(api.post(path, {"input": {"n": 1}} | body))

    assert (data["variant"], data["version"]) == ("count", version)
    assert ActionRecord.objects.get(pk=data["id"]).definition.version == version


def test_a_name_with_any_printable_character_is_found(api, acme, webhook):
    factories.make_definition(acme, "orders.créated %?#", to=webhook)

    response = api.post("/v1/ingress/orders.cr%C3%A9ated%20%25%3F%23", {"input": {"n": 1}})

    assert api.data(response)["variant"] == "orders.créated %?#"


def test_a_deleted_version_makes_room_for_the_one_below(api, acme, definition):
    newer = factories.make_definition(acme, schema=factories.SCHEMA | {"description": "newer"})
    actions.delete_definition(definition=newer)

    assert api.data(api.post("/v1/ingress/count", {"input": {"n": 1}}))["version"] == 1
    assert codes(api.post("/v1/ingress/count", {"input": {"n": 1}, "version": 2})) == [
        ("UNKNOWN_VARIANT", "/variant")
    ]


@pytest.mark.parametrize(
    "body",
    [
        # no such name
        {"variant": "nothing"},
        # the organization next door has it
        {"variant": "theirs"},
        # no such version
        {"variant": "count", "version": 2},
        # deleted
        {"variant": "gone"},
    ],
)
def test_a_name_that_means_nothing_is_400(api, acme, globex, body):
    factories.make_definition(globex, "theirs")
    actions.delete_definition(definition=factories.make_definition(acme, "gone"))
    before = count_rows()

    response = api.post("/v1/ingress", {"input": {"n": 1}} | body)

    assert response.status_code == 400
    assert codes(response) == [("UNKNOWN_VARIANT", "/variant")]
    assert count_rows() == before


def test_every_fault_of_a_payload_is_named_below_input_and_nothing_is_left_behind(api, acme):
    schema = {
        "type": "object",
        "required": ["to", "lines"],
        "properties": {
            "lines": {"type": "array", "items": {"type": "object", "required": ["sku"]}},
            "a/b~c": {"type": "integer"},
        },
        "additionalProperties": False,
    }
    # Without a destination it would go to a sink, which a refusal does not make either.
    factories.make_definition(acme, "order", schema=schema)
    before = count_rows()

    body = {"input": {"lines": [{}, {"sku": 1}], "a/b~c": "x", "more": 1}, "tags": {"new": "lane"}}
    response = api.post("/v1/ingress/order", body)

    assert response.status_code == 400
    assert sorted(codes(response)) == [
        ("INVALID_INPUT", "/input/a~1b~0c"),
        ("INVALID_INPUT", "/input/lines/0/sku"),
        ("INVALID_INPUT", "/input/more"),
        ("INVALID_INPUT", "/input/to"),
    ]
    assert count_rows() == before


def test_at_most_fifty_faults_of_a_payload_are_named(api, acme):
    schema = {"type": "array", "items": {"type": "integer"}}
    factories.make_definition(acme, "numbers", schema=schema)

    response = api.post("/v1/ingress/numbers", {"input": ["x"] * 100})

    assert len(codes(response)) == validation.MAX_FAULTS


@pytest.mark.parametrize(
    ("query", "tags", "stored"),
    [
        # none
        ("", {}, {}),
        # in the query
        ("?tag.tenant=t1&tag.region=eu", {}, {"tenant": "t1", "region": "eu"}),
        # in both: added up, and the body's wins
        ("?tag.tenant=t1&tag.a=1", {"tenant": "t2"}, {"tenant": "t2", "a": "1"}),
        # an empty value, other characters, a dot
        ("?tag.a.b=&tag.%C3%A9=%20%F0%9F%9A%80", {}, {"a.b": "", "é": " 🚀"}),
        # other parameters are not tags
        ("?tagged=1&x.tag.y=2", {}, {}),
        # as many and as long as they may be
        ("", {str(n): "v" for n in range(16)}, {str(n): "v" for n in range(16)}),
        ("", {"k" * 128: "é" * 256}, {"k" * 128: "é" * 256}),
    ],
)
def test_tags_come_from_the_body_and_the_query(api, query, tags, stored):
    data = api.data(api.post(f"/v1/ingress/count{query}", {"input": {"n": 1}, "tags": tags}))

    record = ActionRecord.objects.get(pk=data["id"])
    assert (record.tags, record.lane.tags) == (stored, stored)


def test_the_same_tags_in_another_order_are_the_same_lane(api):
    for tags in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}):
        api.data(api.post("/v1/ingress/count", {"input": {"n": 1}, "tags": tags}))

    assert Lane.objects.get().tags == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("available_at", "status"),
    [
        # later
        (moment(hours=1), "scheduled"),
        (moment(days=30, minutes=-5), "scheduled"),
        # by an offset, later all the same
        ((datetime.now(UTC) + timedelta(hours=1)).isoformat()[:-6] + "-01:00", "scheduled"),
        # over already: now
        (moment(hours=-1), "queued"),
        ("0001-01-01T00:00:00Z", "queued"),
    ],
    ids=["later", "almost a month", "by an offset", "over", "long over"],
)
def test_an_action_waits_for_its_time_and_is_shown_as_queued(api, available_at, status):
    data = api.data(
        api.post("/v1/ingress/count", {"input": {"n": 1}, "available_at": available_at})
    )

    record = ActionRecord.objects.get(pk=data["id"])
    assert (record.status, data["status"]) == (status, "queued")
    shown = datetime.fromisoformat(data["available_at"])
    assert shown == record.available_at
    expected = datetime.fromisoformat(available_at) if status == "scheduled" else record.created_at
    assert shown == expected
    assert record.events.get().status == status


@pytest.mark.parametrize("timeout", [1, 30 * 86_400, 60.0])
def test_a_timeout_counts_from_acceptance(api, timeout):
    body = {"input": {"n": 1}, "timeout": timeout, "available_at": moment(days=1)}

    record = ActionRecord.objects.get(pk=api.data(api.post("/v1/ingress/count", body))["id"])

    assert record.timeout == timeout
    assert record.deadline_at == record.created_at + timedelta(seconds=timeout)


def test_bearer_authorization_is_a_key_too(api, acme):
    key = api.headers["x-arklow-auth"]
    stranger = ApiClient(acme, None)

    def post(**headers):
        return stranger.call("POST", "/v1/ingress/count", {"input": {"n": 1}}, **headers)

    assert post(authorization=f"Bearer {key}").status_code == 200
    assert post(authorization=f"bearer  {key} ").status_code == 200
    # Our own header wins.
    assert post(authorization="Bearer nothing", **{"x-arklow-auth": key}).status_code == 200
    for wrong in ("", "Bearer", f"Basic {key}", key, "Bearer nothing"):
        assert post(authorization=wrong).status_code == 401


def test_an_accept_takes_three_queries(api, django_assert_num_queries):
    for _ in range(2):
        api.data(api.post("/v1/ingress/count", {"input": {"n": 1}}))

    with django_assert_num_queries(3):
        api.data(api.post("/v1/ingress/count", {"input": {"n": 2}}))

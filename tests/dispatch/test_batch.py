"""`/v1/batch`: many actions at once, each judged by itself, or all or none."""

import pytest

from dispatch import lanes
from dispatch.models import ActionPayload, ActionRecord, LaneUse
from tests import factories
from tests.client import codes
from tests.dispatch.counting import count_rows

pytestmark = pytest.mark.usefixtures("definition")


def action(n=1, **more):
    return {"variant": "count", "input": {"n": n}, **more}


def test_a_batch_is_stored_in_its_order(api):
    body = {"actions": [action(n, tags={"tenant": str(n % 3)}) for n in range(10)]}

    data = api.data(api.post("/v1/batch", body))

    assert data["accepted"] == 10
    ids = [int(item["id"]) for item in data["items"]]
    assert ids == sorted(set(ids))
    stored = ActionPayload.objects.in_bulk(ids)
    assert [stored[pk].input for pk in ids] == [b'{"n":%d}' % n for n in range(10)]
    records = ActionRecord.objects.in_bulk(ids)
    assert [records[pk].tags["tenant"] for pk in ids] == [str(n % 3) for n in range(10)]
    assert {item["status"] for item in data["items"]} == {"queued"}


def test_each_action_of_a_batch_is_judged_by_itself(api):
    body = {
        "actions": [
            action(),
            # breaks its contract
            {"variant": "count", "input": {"n": "x", "more": 1}},
            # means nothing
            {"variant": "nothing", "input": 1},
            # has the wrong shape
            {"variant": "count"},
            "count",
            None,
            action(available_at="tomorrow"),
            action(tags={str(n): "" for n in range(17)}),
            action(2),
        ]
    }

    data = api.data(api.post("/v1/batch", body))

    assert data["accepted"] == ActionRecord.objects.count() == 2
    found = [
        [(error["code"], error.get("pointer")) for error in item.get("errors", [])]
        for item in data["items"]
    ]
    assert [sorted(one) for one in found] == [
        [],
        [("INVALID_INPUT", "/input/more"), ("INVALID_INPUT", "/input/n")],
        [("UNKNOWN_VARIANT", "/variant")],
        [("INVALID_BODY", "/input")],
        [("INVALID_BODY", "")],
        [("INVALID_BODY", "")],
        [("INVALID_BODY", "/available_at")],
        [("INVALID_BODY", "/tags")],
        [],
    ]


def test_a_batch_of_nothing_but_faults_stores_nothing(api):
    before = count_rows()

    data = api.data(api.post("/v1/batch", {"actions": [None, {"variant": "count", "input": 1}]}))

    assert data["accepted"] == 0
    assert count_rows() == before


def test_an_atomic_batch_is_refused_as_a_whole_with_every_fault(api, acme):
    factories.make_definition(acme, "sunk")
    before = count_rows()
    actions = [
        action(tags={"new": "lane"}),
        {"variant": "count", "input": {"n": "x"}},
        {"variant": "sunk", "input": {"n": 1}},
        {"variant": "nothing", "input": 1},
        "count",
    ]

    response = api.post("/v1/batch?atomic=true", {"actions": actions})

    assert response.status_code == 400
    assert codes(response) == [
        ("INVALID_INPUT", "/actions/1/input/n"),
        ("UNKNOWN_VARIANT", "/actions/3/variant"),
        ("INVALID_BODY", "/actions/4"),
    ]
    assert count_rows() == before


def test_an_atomic_batch_refused_for_its_lanes_has_used_up_none(api, monkeypatch):
    monkeypatch.setattr(lanes, "MAX_LANES", 3)
    before = count_rows()
    actions = [action(tags={"tenant": str(n)}) for n in range(5)]

    response = api.post("/v1/batch?atomic=true", {"actions": actions})

    assert response.status_code == 400
    assert {code for code, _ in codes(response)} == {"TAG_CARDINALITY_EXCEEDED"}
    assert count_rows() == before
    assert api.data(api.post("/v1/batch?atomic=true", {"actions": actions[2:]}))["accepted"] == 3


def test_an_atomic_batch_without_a_fault_is_stored(api):
    data = api.data(api.post("/v1/batch?atomic=true", {"actions": [action(), action()]}))

    assert data["accepted"] == len(data["items"]) == ActionRecord.objects.count() == 2


def test_at_most_fifty_faults_of_an_atomic_batch_are_named(api):
    response = api.post("/v1/batch?atomic=1", {"actions": ["wrong"] * 100})

    assert len(codes(response)) == 50


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        # not a batch
        ("/v1/batch", [], ""),
        ("/v1/batch", {}, "/actions"),
        ("/v1/batch", {"actions": {}}, "/actions"),
        ("/v1/batch", {"actions": [1], "more": 1}, "/more"),
        # none, and too many
        ("/v1/batch", {"actions": []}, "/actions"),
        ("/v1/batch", {"actions": [1] * 1001}, "/actions"),
        # a flag that is none
        ("/v1/batch?atomic=maybe", {"actions": [1]}, "/atomic"),
    ],
)
def test_a_batch_of_the_wrong_shape_is_400(api, path, body, pointer):
    response = api.post(path, body)

    assert response.status_code == 400
    assert [at for _, at in codes(response)] == [pointer]


def test_a_thousand_actions_are_a_batch(api):
    data = api.data(api.post("/v1/batch", {"actions": [action()] * 1000}))

    assert data["accepted"] == ActionRecord.objects.count() == 1000


def test_an_action_of_a_batch_is_at_most_one_megabyte(api, acme, webhook, settings):
    factories.make_definition(acme, "text", to=webhook, schema={"type": "string"})
    fitting = {"variant": "text", "input": "x" * (settings.MAX_BODY_BYTES - 2)}
    larger = {"variant": "text", "input": "x" * (settings.MAX_BODY_BYTES - 1)}

    data = api.data(api.post("/v1/batch", {"actions": [fitting, larger, action()]}))

    assert data["accepted"] == 2
    (error,) = data["items"][1]["errors"]
    assert (error["code"], error["pointer"]) == ("TOO_LARGE", "/input")


def test_a_batch_is_at_most_sixteen_megabytes(api, acme, webhook, settings):
    factories.make_definition(acme, "text", to=webhook, schema={"type": "string"})
    body = b'{"actions":[{"variant":"text","input":""}]}'
    fitting = body + b" " * (settings.MAX_BATCH_BYTES - len(body))

    assert api.call("POST", "/v1/batch", fitting).status_code == 200
    assert api.call("POST", "/v1/batch", fitting + b" ").status_code == 413


def test_tags_of_the_query_are_added_to_every_action(api):
    actions = [action(), action(tags={"tenant": "own"})]

    api.data(api.post("/v1/batch?tag.tenant=all&tag.more=1", {"actions": actions}))

    assert [record.tags for record in ActionRecord.objects.order_by("id")] == [
        {"tenant": "all", "more": "1"},
        {"tenant": "own", "more": "1"},
    ]


def test_a_batch_knows_many_variants_and_versions(api, acme, webhook):
    factories.make_definition(acme, schema=factories.SCHEMA | {"description": "newer"})
    factories.make_definition(acme, "text", to=webhook, schema={"type": "string"}, alias=["t"])
    actions = [
        action(version=1),
        action(),
        {"variant": "text", "input": "x"},
        {"variant": "t", "input": "x"},
        {"variant": "text", "input": 1},
    ]

    items = api.data(api.post("/v1/batch", {"actions": actions}))["items"]

    assert [(item.get("variant"), item.get("version")) for item in items] == [
        ("count", 1),
        ("count", 2),
        ("text", 1),
        ("text", 1),
        (None, None),
    ]


def test_a_batch_takes_three_queries_whatever_its_size(api, django_assert_num_queries):
    for _ in range(2):
        api.data(api.post("/v1/ingress/count", {"input": {"n": 1}}))

    for size in (1, 100):
        with django_assert_num_queries(3):
            api.data(api.post("/v1/batch", {"actions": [action()] * size}))


def test_a_batch_over_the_lanes_of_its_variant_takes_what_fits(api, monkeypatch):
    monkeypatch.setattr(lanes, "MAX_LANES", 3)
    actions = [action(tags={"tenant": str(n)}) for n in range(5)]

    data = api.data(api.post("/v1/batch", {"actions": actions}))

    assert data["accepted"] == LaneUse.objects.count() == 3
    refused = [item["errors"][0]["code"] for item in data["items"] if "errors" in item]
    assert refused == ["TAG_CARDINALITY_EXCEEDED"] * 2

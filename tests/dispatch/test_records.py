"""`/v1/orgs/{org_id}/actions/records`: the list, and one action with all that happened to it."""

from datetime import timedelta
from urllib.parse import quote

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions import services as actions
from dispatch.models import ActionRecord, Status
from tests import factories
from tests.client import codes

LIST = "~/actions/records"


@pytest.fixture
def five(acme, globex, definition):
    """Two variants, two destinations, several states; and one of the organization next door."""
    factories.make_definition(acme, "other", to=factories.make_destination(acme))
    rows = [
        factories.make_record(acme, tags={"tenant": "t1", "region": "eu"}),
        factories.make_record(acme, tags={"tenant": "t1"}),
        factories.make_record(acme, "other", tags={"tenant": "t2"}),
        factories.make_record(acme, "other"),
        factories.make_record(acme),
    ]
    over = {"completed_at": rows[0].created_at}
    factories.move(rows[1], status="scheduled")
    factories.move(rows[2], status="failed", error_message="HTTP 500", attempt=3, **over)
    factories.move(rows[3], status="succeeded", **over)
    for index, row in enumerate(rows):
        factories.move(row, created_at=rows[0].created_at + timedelta(minutes=index))
    factories.make_definition(globex)
    factories.make_record(globex)
    return rows


def found(api, rows, query=""):
    """Which of the rows are listed, in the list's order."""
    data = api.data(api.get(f"{LIST}?{query}"))
    ids = [row.pk for row in rows]
    indexes = [ids.index(int(item["id"])) for item in data["items"]]
    assert data["count"] == len(indexes)
    return indexes


def test_the_newest_is_first_and_nobody_elses_is_there(api, five):
    assert found(api, five) == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        # status: what is scheduled is shown as queued
        ("status=queued", [4, 1, 0]),
        ("status=failed", [2]),
        ("status=succeeded", [3]),
        ("status=running", []),
        # variant, never an alias or a part
        ("variant=other", [3, 2]),
        ("variant=oth", []),
        # destination
        ("destination={destination}", [4, 1, 0]),
        ("destination=0", []),
        # tags: all of them
        ("tag.tenant=t1", [1, 0]),
        ("tag.tenant=t1&tag.region=eu", [0]),
        ("tag.tenant=t3", []),
        # created, from and before
        ("created_after={second}", [4, 3, 2, 1]),
        ("created_before={second}", [0]),
        ("created_after={second}&created_before={third}", [1]),
        # combined
        ("variant=count&tag.tenant=t1&status=queued&created_after={second}", [1]),
        ("variant=other&status=queued", []),
    ],
)
def test_the_list_is_narrowed(api, five, query, indexes):
    filled = query.format(
        destination=five[0].destination_id,
        second=quote(five[1].created_at.isoformat()),
        third=quote(five[2].created_at.isoformat()),
    )

    assert found(api, five, filled) == indexes


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        # What an index has, which has nothing else.
        ("status=queued", '"completed_at" IS NULL'),
        ("status=ack_wait", '"completed_at" IS NULL'),
        # Not along the primary key, from the newest back to that time.
        ("created_before=2026-01-01T00:00:00Z", '"id" < '),
        ("created_after=2026-01-01T00:00:00Z", '"id" >= '),
    ],
)
def test_a_list_is_found_by_an_index(api, five, query, condition):
    with CaptureQueriesContext(connection) as queries:
        api.data(api.get(f"{LIST}?{query}"))

    listed = [one["sql"] for one in queries if 'FROM "dispatch_actionrecord"' in one["sql"]]
    assert len(listed) >= 1
    for sql in listed:
        assert f'"dispatch_actionrecord".{condition}' in sql


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        # not shown to anybody
        ("status=scheduled", "/status"),
        ("status=", "/status"),
        ("status=QUEUED", "/status"),
        # not an id
        ("destination=", "/destination"),
        ("destination=x", "/destination"),
        ("destination=-1", "/destination"),
        ("destination=9223372036854775808", "/destination"),
        # not a time
        ("created_after=yesterday", "/created_after"),
        ("created_before=", "/created_before"),
        ("created_before=0001-01-01T00:00:00%2B23:00", "/created_before"),
        # not a page
        ("take=0", "/take"),
        ("take=51", "/take"),
        ("skip=-1", "/skip"),
        ("count_only=perhaps", "/count_only"),
        # not a search
        ("search=x", "/search"),
        ("search={%22field%22:%22status%22,%22op%22:%22eq%22,%22value%22:%22queued%22}", "/search"),
        ("search={%22field%22:%22input%22,%22op%22:%22eq%22,%22value%22:1}", "/search"),
        ("search={%22field%22:%22id%22,%22op%22:%22like%22,%22value%22:1}", "/search"),
        ("search={%22field%22:%22id%22,%22op%22:%22eq%22,%22value%22:%22x%22}", "/search"),
    ],
)
def test_a_wrong_value_is_400(api, query, pointer):
    response = api.get(f"{LIST}?{query}")

    assert response.status_code == 400
    assert codes(response) == [("INVALID_PARAMETER", pointer)]


@pytest.mark.parametrize(
    ("field", "op", "value", "indexes"),
    [
        ("variant", "eq", "other", [3, 2]),
        ("variant", "ne", "other", [4, 1, 0]),
        ("variant", "in", ["count", "none"], [4, 1, 0]),
        ("error_message", "contains", "http 5", [2]),
        ("attempt", "gt", 2, [2]),
        ("attempt", "gte", "3", [2]),
        ("attempt", "lt", 3, [4, 3, 1, 0]),
        ("replay_of", "eq", 5, []),
        # beyond every column
        ("id", "lt", 2**63 - 1, [4, 3, 2, 1, 0]),
        ("attempt", "eq", 2**40, []),
    ],
)
def test_the_list_is_searched(api, five, field, op, value, indexes):
    search = orjson.dumps({"field": field, "op": op, "value": value})

    assert found(api, five, f"search={quote(search)}") == indexes


def test_the_list_is_searched_by_id(api, five):
    for field in ("field", "col"):
        search = orjson.dumps({field: "id", "op": "eq", "value": str(five[2].pk)})
        assert found(api, five, f"search={quote(search)}") == [2]


def test_the_list_comes_in_pages(api, five):
    def page(query):
        data = api.data(api.get(f"{LIST}?{query}"))
        return [int(item["id"]) for item in data["items"]], data["count"]

    ids = [row.pk for row in reversed(five)]
    assert page("take=2") == (ids[:2], 5)
    assert page("take=2&skip=2") == (ids[2:4], 5)
    assert page("take=2&skip=4") == (ids[4:], 5)
    assert page("skip=5") == ([], 5)
    assert page("count_only=true") == ([], 5)
    assert page("count_only=true&variant=other") == ([], 2)


def test_a_listed_record_has_its_payload_state_and_definition_but_no_events(
    api, acme, definition, record
):
    data = api.data(api.get(LIST))["items"][0]

    assert data.keys() == {
        "id", "org_id", "action_definition_id", "destination_id", "input", "timeout", "tags",
        "payload_kept", "replay_of", "created_at", "state", "definition",
    }  # fmt: skip
    assert data["id"] == str(record.pk)
    assert data["input"] == {"n": 1}
    assert data["state"]["status"] == "queued"
    assert (data["definition"]["id"], data["definition"]["version"]) == (str(definition.pk), 1)


def test_the_list_takes_the_same_queries_for_any_length(
    api, acme, record, django_assert_num_queries
):
    api.get(LIST)
    with django_assert_num_queries(8):
        assert len(api.data(api.get(LIST))["items"]) == 1
    for _ in range(19):
        factories.make_record(acme)

    with django_assert_num_queries(8):
        assert len(api.data(api.get(LIST))["items"]) == 20


def test_a_record_takes_the_same_queries_for_any_number_of_events(
    api, record, django_assert_num_queries
):
    api.get(LIST)
    for _ in range(2):
        with django_assert_num_queries(8):
            api.data(api.get(f"{LIST}/{record.pk}"))
        for _ in range(20):
            record.events.create(kind="extended", status="ack_wait", attempt=0)


def test_a_record_tells_everything(api, acme, globex, definition, webhook, record):
    factories.move(record, status="ack_wait", attempt=1, error_message="nack")
    record.events.create(kind="delivered", status="ack_wait", attempt=1, detail={"seconds": 60})
    record.events.create(kind="retried", status="scheduled", attempt=0)

    data = api.data(api.get(f"{LIST}/{record.pk}"))

    assert data["destination_id"] == str(webhook.pk)
    assert data["definition"]["schema"] == factories.SCHEMA
    assert data["definition"]["destinations"][0]["destination"]["id"] == str(webhook.pk)
    assert data["state"].keys() == {
        "status", "attempt", "updated_at", "available_at", "timeout_at", "deadline_at",
        "started_at", "completed_at", "error_message",
    }  # fmt: skip
    assert (data["state"]["status"], data["state"]["attempt"]) == ("ack_wait", 1)
    assert data["state"]["error_message"] == "nack"
    accepted, delivered, retried = data["events"]
    assert accepted.keys() == {
        "id", "action_record_id", "org_id", "kind", "status", "attempt", "available_at",
        "detail", "created_at",
    }  # fmt: skip
    assert (accepted["kind"], accepted["org_id"]) == ("accepted", str(acme.pk))
    assert delivered["detail"] == {"seconds": 60}
    assert retried["status"] == "queued"


def test_a_record_of_a_deleted_definition_is_still_told(api, definition, record):
    actions.delete_definition(definition=definition)

    data = api.data(api.get(f"{LIST}/{record.pk}"))

    assert data["definition"]["deleted_at"] is not None
    assert found(api, [record]) == [0]


@pytest.mark.parametrize("path", ["", "/replay", "/cancel"])
def test_another_organizations_record_is_not_there(globex_api, record, path):
    call = globex_api.post if path else globex_api.get

    assert call(f"{LIST}/{record.pk}{path}").status_code == 404
    assert call(f"{LIST}/{'9' * 19}{path}").status_code == 404
    assert call(f"{LIST}/{'9' * 18}{path}").status_code == 404
    assert call(f"{LIST}/x{path}").status_code == 404
    assert call(f"/v1/orgs/{record.org_id}/actions/records/{record.pk}{path}").status_code == 404


def test_every_status_is_shown(api, record):
    for status in Status:
        over = status in {"succeeded", "failed", "canceled"}
        completed_at = record.created_at if over else None
        factories.move(record, status=status, completed_at=completed_at)

        shown = api.data(api.get(f"{LIST}/{record.pk}"))["state"]["status"]

        assert shown == ("queued" if status == "scheduled" else status)
        assert found(api, [record], f"status={shown}") == [0]


def test_rows_have_names(record):
    assert str(record) == f"action {record.pk}"
    assert str(record.payload) == f"payload of action {record.pk}"
    assert str(record.events.get()) == f"accepted of action {record.pk}"
    assert str(record.lane) == str(record.destination)
    assert str(record.lane.uses.get()) == f"count on {record.lane}"
    record.lane.tags = {"b": "2", "a": "1"}
    assert str(record.lane) == f"{record.destination} [a=1, b=2]"
    assert ActionRecord.objects.get() == record

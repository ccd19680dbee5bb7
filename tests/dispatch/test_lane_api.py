"""`.../lanes`: what is in each lane, read by definition and by destination."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dispatch import gauges
from dispatch.models import ActionRecord, Lane, LaneUse, Status
from tests import factories
from tests.client import codes


@pytest.fixture
def lane(acme, definition, webhook):
    """A lane that `count` uses, with nothing in it."""
    made = factories.make_lane(
        webhook, tags={"tenant": "initech"}, running_limit=4, unsettled_limit=4
    )
    LaneUse.objects.create(org=acme, variant="count", lane=made)
    return made


def read(api, definition, query=""):
    return api.data(api.get(f"~/actions/definitions/{definition.pk}/lanes{query}"))


def read_one(api, definition):
    (item,) = read(api, definition)["items"]
    return item


def ago(**time):
    """By the database's clock, which stands still in a test."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        return cursor.fetchone()[0] - timedelta(**time)


def test_an_idle_lane_shows_everything_about_it(api, acme, definition, webhook, lane):
    assert read_one(api, definition) == {
        "id": str(lane.pk),
        "org_id": str(acme.pk),
        "destination_id": str(webhook.pk),
        "destination": {
            "id": str(webhook.pk),
            "label": webhook.label,
            "type": "webhook",
            "paused_at": None,
        },
        "tags": {"tenant": "initech"},
        "variants": ["count"],
        "state": "running",
        "explanation": "Open: room for 4 more.",
        "paused_until": None,
        "running": 0,
        "running_limit": 4,
        "running_cap": None,
        "unsettled": 0,
        "unsettled_limit": 4,
        "unsettled_cap": None,
        "queued": 0,
        "queued_exact": True,
        "scheduled": 0,
        "scheduled_exact": True,
        "held": 0,
        "held_exact": True,
        "oldest_due_at": None,
        "oldest_due_seconds": None,
        "next_due_at": None,
        "last_reason": None,
        "last_moved_at": None,
        "created_at": lane.created_at.isoformat(),
    }


def test_what_is_in_a_lane_is_counted_by_what_it_waits_for(api, definition, lane):
    later = timezone.now() + timedelta(hours=1)
    oldest, over = ago(seconds=95), ago(days=9)
    factories.make_records(lane, definition, 3, status=Status.RUNNING, timeout_at=later)
    factories.make_records(lane, definition, 2, status=Status.ACK_WAIT, timeout_at=later)
    factories.make_records(lane, definition, 6, available_at=ago(seconds=20))
    factories.make_records(lane, definition, 1, available_at=oldest)
    factories.make_records(
        lane, definition, 2, status=Status.SCHEDULED, available_at=later + timedelta(hours=1)
    )
    factories.make_records(lane, definition, 1, status=Status.SCHEDULED, available_at=later)
    factories.make_records(
        lane, definition, 5, status=Status.SUCCEEDED, available_at=over, completed_at=over
    )

    shown = read_one(api, definition)

    assert (shown["running"], shown["unsettled"]) == (3, 5)
    assert (shown["queued"], shown["scheduled"]) == (7, 3)
    assert shown["oldest_due_at"] == oldest.isoformat()
    assert 95 <= shown["oldest_due_seconds"] < 120
    assert shown["next_due_at"] == later.isoformat()


def test_work_that_is_not_pushed_is_counted_too(api, acme):
    definition = factories.make_definition(acme, to=factories.make_destination(acme, "sdk"))
    record = factories.make_record(acme)
    factories.move(record, available_at=ago(seconds=30))

    shown = read_one(api, definition)

    assert (shown["queued"], shown["queued_exact"]) == (1, True)
    assert shown["oldest_due_seconds"] >= 30
    assert shown["explanation"].startswith("Room for 4 more, and work has been due for 3")
    assert shown["explanation"].endswith(" s: does a worker pull?")


def test_a_lane_that_is_pulled_from_explains_itself(api, acme):
    definition = factories.make_definition(acme, to=factories.make_destination(acme, "sdk"))
    record = factories.make_record(acme)
    assert read_one(api, definition)["explanation"] == "Open: workers may take 4 more."

    factories.move(record, status="ack_wait")
    assert read_one(api, definition)["explanation"] == "Open: workers may take 3 more."
    # What workers hold is bound by both caps.
    Lane.objects.update(running_cap=1)
    said = "Full: 1 are with workers, and no more may be."
    assert read_one(api, definition)["explanation"] == said


def test_a_retry_that_nobody_has_promoted_is_due_all_the_same(api, definition, lane):
    due = ago(seconds=40)
    factories.make_records(lane, definition, 1, status=Status.SCHEDULED, available_at=due)

    shown = read_one(api, definition)

    assert (shown["queued"], shown["scheduled"]) == (0, 1)
    assert shown["oldest_due_at"] == due.isoformat()
    assert shown["next_due_at"] is None
    assert "is a dispatcher running" in shown["explanation"]


@pytest.mark.parametrize(
    ("count", "shown", "exact"), [(9, 9, True), (10, 10, True), (11, 10, False), (500, 10, False)]
)
@pytest.mark.parametrize("name", ["queued", "scheduled"])
def test_counting_stops_at_its_bound(api, definition, lane, monkeypatch, name, count, shown, exact):
    monkeypatch.setattr(gauges, "COUNT", gauges.COUNT.replace("LIMIT 10001", "LIMIT 11"))
    monkeypatch.setattr(gauges, "COUNTED", 10)
    factories.make_records(lane, definition, count, status=name)

    found = read_one(api, definition)

    assert (found[name], found[f"{name}_exact"]) == (shown, exact)


def test_the_variants_that_share_a_lane_are_named(api, acme, definition, webhook, lane):
    factories.make_definition(acme, "aside", to=webhook)
    LaneUse.objects.create(org=acme, variant="aside", lane=lane)

    assert read_one(api, definition)["variants"] == ["aside", "count"]


def test_a_definition_shows_the_lanes_of_its_variant_whatever_the_version(
    api, acme, globex, definition, webhook
):
    factories.make_record(acme, tags={"tenant": "a"})
    moved_to = factories.make_destination(acme)
    newer = factories.make_definition(acme, schema=True, to=moved_to)
    factories.make_record(acme, tags={"tenant": "a"})
    factories.make_definition(acme, "other", to=webhook)
    factories.make_record(acme, "other", tags={"tenant": "b"})
    factories.make_definition(globex, to=factories.make_destination(globex))
    factories.make_record(globex)

    for one in (definition, newer):
        page = read(api, one)
        assert page["count"] == 2
        assert [item["destination"]["id"] for item in page["items"]] == [
            str(webhook.pk),
            str(moved_to.pk),
        ]


def test_a_destination_shows_the_lanes_of_all_variants(api, acme, definition, webhook):
    factories.make_record(acme, tags={"tenant": "a"})
    factories.make_definition(acme, "other", to=webhook)
    factories.make_record(acme, "other", tags={"tenant": "b"})
    elsewhere = factories.make_definition(acme, "third", to=factories.make_destination(acme))
    factories.make_record(acme, "third")

    page = api.data(api.get(f"~/destinations/{webhook.pk}/lanes"))

    assert [item["tags"] for item in page["items"]] == [{"tenant": "a"}, {"tenant": "b"}]
    assert [item["variants"] for item in page["items"]] == [["count"], ["other"]]
    assert read(api, elsewhere)["count"] == 1


def test_lanes_of_a_deleted_destination_are_gone_from_the_definition(
    api, acme, definition, webhook
):
    factories.make_record(acme)

    api.data(api.delete(f"~/destinations/{webhook.pk}?force=true"))

    assert read(api, definition) == {"items": [], "count": 0}
    assert api.get(f"~/destinations/{webhook.pk}/lanes").status_code == 404


@pytest.mark.parametrize(
    ("columns", "state"),
    [
        ({}, "running"),
        ({"running_cap": 1, "unsettled_cap": 1}, "running"),
        ({"running_cap": 0}, "paused"),
        ({"unsettled_cap": 0}, "paused"),
        ({"paused_until": 60}, "paused"),
        ({"paused_until": -60}, "running"),
        # Its breaker has opened: closed to all for a while, then to all but a probe.
        ({"paused_until": 60, "opened": 1}, "paused"),
        ({"paused_until": -60, "opened": 1}, "probing"),
        ({"opened": 2}, "probing"),
        ({"opened": 2, "running_cap": 0}, "paused"),
    ],
)
def test_a_lane_is_found_by_its_state(api, definition, lane, columns, state):
    if "paused_until" in columns:
        columns = columns | {"paused_until": ago(seconds=-columns["paused_until"])}
    Lane.objects.update(**columns)

    found = {one: read(api, definition, f"?state={one}")["count"] for one in gauges.State}

    assert read_one(api, definition)["state"] == state
    assert found == dict.fromkeys(gauges.State, 0) | {state: 1}


def test_a_state_that_is_none_is_a_400(api, definition):
    refused = api.get(f"~/actions/definitions/{definition.pk}/lanes?state=open")

    assert refused.status_code == 400
    assert codes(refused) == [("INVALID_PARAMETER", "/state")]


def test_lanes_are_found_by_tag_and_by_reason(api, acme, definition, webhook):
    for tenant in ("a", "b"):
        factories.make_record(acme, tags={"tenant": tenant, "region": "eu"})
    Lane.objects.filter(tags__tenant="b").update(reason="halved from 16 to 8: HTTP 503")

    def tenants(query):
        return [item["tags"]["tenant"] for item in read(api, definition, query)["items"]]

    assert tenants("?tag.region=eu") == ["a", "b"]
    assert tenants("?tag.region=eu&tag.tenant=a") == ["a"]
    assert tenants("?tag.region=us") == []
    search = '?search={"field": "last_reason", "op": "contains", "value": "503"}'
    assert tenants(search) == ["b"]


def test_a_page_of_lanes_takes_one_statement_for_all_its_counts(
    api, acme, definition, django_assert_num_queries
):
    for number in range(60):
        factories.make_record(acme, tags={"number": str(number)})
    read(api, definition)

    # The key, the definition, the count, the page, and what is in its lanes.
    for query, shown in (("", 20), ("?take=50", 50), ("?take=50&skip=50", 10)):
        with django_assert_num_queries(5) as asked:
            page = read(api, definition, query)
        assert (len(page["items"]), page["count"]) == (shown, 60)
        counting = [one for one in asked.captured_queries if "dispatch_actionrecord" in one["sql"]]
        assert len(counting) == 1
    with django_assert_num_queries(4):
        assert read(api, definition, "?count_only=true") == {"items": [], "count": 60}
    assert ActionRecord.objects.count() == 60

"""The list of actions: what it finds, for whom, how fast, and how far it looks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.records import searching
from dispatch import idempotency, intake, searches, services
from dispatch.filters import RecordFilter
from dispatch.intake import Submission
from dispatch.models import ActionRecord
from dispatch.searches import Place
from tests import factories
from tests.console.looking import member_of, staff_with

pytestmark = pytest.mark.django_db
LIST = reverse("console:records")
NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


@pytest.fixture
def theirs(globex):
    factories.make_definition(globex, to=factories.make_destination(globex, label="theirs"))
    return factories.make_record(globex)


def ids(client, query=None):
    """The ids that a page lists."""
    return [record.pk for record in client.get(LIST, query or {}).context["records"]]


def under(org, key, count=1):
    """The actions of one call under an idempotency key."""
    submissions = [Submission("count", {"n": number}) for number in range(count)]
    call = idempotency.Call.of(org.pk, key, [one.input for one in submissions])

    def show(results):
        shown = [{"id": str(one.id)} for one in results]
        return shown[0] if count == 1 else {"items": shown}

    intake.answer_once(call, submissions, atomic=True, show=show, actor="key 1")
    return list(ActionRecord.objects.order_by("-id").values_list("pk", flat=True)[:count])


def make_failed(org, error, **fields):
    return factories.move(factories.make_over(org, **fields), error_message=error)


def test_staff_see_the_newest_of_all_and_members_those_of_theirs(
    admin_client, acme, record, theirs
):
    assert ids(admin_client) == [theirs.pk, record.pk]
    assert ids(member_of(acme)) == [record.pk]
    assert "Acme" in admin_client.get(LIST).content.decode()


def test_who_may_not_look_is_refused(acme, record):
    assert staff_with().get(LIST).status_code == 403


def test_the_list_takes_as_many_queries_for_many_actions_and_counts_none(
    admin_client, acme, definition, django_assert_num_queries
):
    factories.make_record(acme)
    # The session, the person, which actions, and what is shown of them.
    with django_assert_num_queries(4):
        admin_client.get(LIST)
    for _ in range(8):
        factories.make_record(acme)
    with django_assert_num_queries(4) as few:
        assert len(ids(admin_client)) == 9
    for asked in few.captured_queries:
        assert "count(" not in asked["sql"].lower()
        assert "OFFSET" not in asked["sql"]
        # Neither payloads nor contracts.
        assert "payload" not in asked["sql"]
        assert '"schema"' not in asked["sql"]


def test_a_search_takes_a_few_queries_more(admin_client, acme, record, django_assert_num_queries):
    query = {
        "q": record.pk, "variant": "count", "destination": "webhook 0", "tag": "a=b", "error": "x",
        "status": "failed", "since": "2026-01-01T00:00", "until": "2026-02-01T00:00",
    }  # fmt: skip
    # The session, the person; the key, the label, aliases, definitions; times; the actions.
    with django_assert_num_queries(10):
        admin_client.get(LIST, query)


def test_however_much_there_is_it_takes_no_more_than_so_many_queries(
    admin_client, acme, definition, monkeypatch, django_assert_max_num_queries
):
    for _ in range(8):
        factories.make_record(acme)
    monkeypatch.setattr(searches, "WINDOW", 1)
    monkeypatch.setattr(searches, "MOST_WINDOWS", 3)
    monkeypatch.setattr(searches, "SECONDS", 60)

    # The session, the person, two for each window, and when the last one ends.
    with django_assert_max_num_queries(9):
        page = admin_client.get(LIST, {"error": "nothing says it"})
    assert "Looked back to" in page.content.decode()


@pytest.mark.parametrize("query", [{"variant": "nothing"}, {"destination": "nowhere"}])
def test_what_names_nothing_looks_through_nothing(
    admin_client, acme, record, query, django_assert_num_queries
):
    with django_assert_num_queries(4 if "variant" in query else 3):
        page = admin_client.get(LIST, query)
    assert "No action matches" in page.content.decode()


def test_a_members_list_takes_one_query_more(acme, record, django_assert_num_queries):
    client = member_of(acme)
    client.get(LIST)
    with django_assert_num_queries(5):
        client.get(LIST)


def test_an_action_is_found_by_its_id(admin_client, acme, record, theirs):
    assert ids(admin_client, {"q": f" {record.pk} "}) == [record.pk]
    assert ids(member_of(acme), {"q": theirs.pk}) == []
    assert ids(admin_client, {"q": "9" * 40}) == []


def test_a_key_finds_the_actions_of_all_organizations_that_are_looked_at(
    admin_client, acme, globex, definition, theirs
):
    ours = under(acme, "order-7")
    batch = under(globex, "order-7", count=3)
    under(acme, "order-8")

    assert ids(admin_client, {"q": "order-7"}) == [*batch, *ours]
    assert ids(member_of(acme), {"q": "order-7"}) == ours


def test_what_is_a_number_is_an_id_and_a_key(admin_client, acme, record, definition):
    (own,) = under(acme, str(record.pk))

    assert ids(admin_client, {"q": record.pk}) == [own, record.pk]


def test_an_answer_of_a_tool_or_of_a_direct_call_names_its_action(acme, definition, record):
    for key, answer in (
        ("tool", str(record.pk)),
        ("direct", f'{{"action_record_id":"{record.pk}"}}'),
    ):
        call = idempotency.Call.of(acme.pk, key, key)
        idempotency.take(call)
        idempotency.keep(call, answer.encode())

        assert idempotency.find_records(key, None) == [record.pk]
        assert idempotency.find_records(key, [acme.pk + 1]) == []


def test_a_variant_finds_all_of_its_versions_and_so_does_an_alias(
    admin_client, acme, record, theirs
):
    factories.make_definition(acme, schema=True, alias=["tally"])
    newer = factories.make_record(acme)

    assert ids(admin_client, {"variant": "tally"}) == [newer.pk, record.pk]
    assert ids(admin_client, {"variant": "count"}) == [newer.pk, theirs.pk, record.pk]
    assert ids(admin_client, {"variant": "coun"}) == []


def test_a_label_finds_live_and_deleted_destinations(admin_client, acme):
    made = []
    for number in range(2):
        label = f"v{number}"
        destination = factories.make_destination(acme, label="hook")
        factories.make_definition(acme, label, to=destination, schema=True)
        made.append(factories.make_over(acme, variant=label).pk)
        services.delete_destination(destination=destination, force=True, actor="tests")

    assert ids(admin_client, {"destination": "hook"}) == made[::-1]
    assert "deleted" in admin_client.get(LIST, {"destination": "hook"}).content.decode()
    assert ids(admin_client, {"destination": "hoo"}) == []


def test_tags_are_all_to_be_there(admin_client, acme, definition):
    both = factories.make_record(acme, tags={"tenant": "a", "region": "x=y"})
    factories.make_record(acme, tags={"tenant": "a"})

    assert ids(admin_client, {"tag": ["tenant=a", "region=x=y"]}) == [both.pk]
    page = admin_client.get(LIST, {"tag": ["tenant=a", "region=x=y"]}).content.decode()
    assert 'value="region=x=y"' in page


@pytest.mark.parametrize("status", searching.STATUSES)
def test_a_status_is_found_and_scheduled_is_queued(admin_client, acme, definition, status):
    over = status in {"succeeded", "failed", "canceled"}
    for number, stored in enumerate(["queued", status]):
        record = factories.make_record(acme)
        factories.move(record, status=stored,
                       completed_at=record.created_at if over and number else None)  # fmt: skip
    found = ids(admin_client, {"status": status})

    assert record.pk in found
    assert len(found) == (2 if status == "queued" else 1)


def test_times_are_of_the_viewers_zone(admin_client, acme, definition):
    records = [factories.make_record(acme) for _ in range(3)]
    for hours, record in enumerate(records):
        factories.move(record, created_at=NOON + timedelta(hours=hours))

    # 14:00 in Berlin on this day is noon in UTC: its summer time has begun at night.
    query = {"since": "2026-03-29T14:30", "until": "2026-03-29T15:30", "zone": "Europe/Berlin"}
    assert ids(admin_client, query) == [records[1].pk]
    assert ids(admin_client, query | {"zone": "UTC"}) == []
    assert ids(admin_client, {"since": "2026-03-29T12:30:00+00:00"}) == [
        records[2].pk, records[1].pk,
    ]  # fmt: skip


def test_the_text_of_the_error_is_found_in_any_case(admin_client, acme, definition):
    failed = make_failed(acme, "HTTP 503: 100 % Busy_now")
    make_failed(acme, "HTTP 404")

    assert ids(admin_client, {"error": "100 % busy_"}) == [failed.pk]
    assert ids(admin_client, {"error": "100 _"}) == []


def test_what_is_asked_for_together_is_found_together(admin_client, acme, definition, theirs):
    tagged = make_failed(acme, "HTTP 503", tags={"tenant": "a"})
    make_failed(acme, "HTTP 503")

    query = {"variant": "count", "status": "failed", "tag": "tenant=a", "error": "503"}
    assert ids(admin_client, query) == [tagged.pk]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"status": "lost"}, searching.NO_STATUS),
        ({"since": "yesterday"}, searching.NO_MOMENT),
        ({"until": "0001-01-01T00:00"}, searching.NO_MOMENT),
        ({"tag": "tenant"}, searching.NO_TAG),
        ({"tag": "=a"}, searching.NO_TAG),
        ({"q": "x" * 256}, searching.TOO_LONG),
        ({"error": "x" * 256}, searching.TOO_LONG),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_finds_nothing(admin_client, record, query, told):
    answer = admin_client.get(LIST, query)

    assert told in answer.content.decode()
    assert "This cannot be searched for" in answer.content.decode()
    assert 'aria-invalid="true"' in answer.content.decode()
    assert list(answer.context["records"]) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    query=st.dictionaries(
        st.sampled_from([*searching.TEXTS, "tag", "below", "above", "kind", "ids", "ticked"]),
        st.text(max_size=40) | st.sampled_from(["1", "-1", "9" * 30, "\0", "a=b", "../../x", "٣"]),
    ),
    path=st.sampled_from([LIST, reverse("console:record_bulk")]),
)
def test_whatever_an_address_says_is_answered(admin_client, record, query, path):
    assert admin_client.get(path, query).status_code in {200, 302}


def test_pages_follow_each_other_both_ways(admin_client, acme, definition, monkeypatch):
    monkeypatch.setattr(searches, "PAGE", 2)
    made = [factories.make_record(acme).pk for _ in range(5)][::-1]

    first = admin_client.get(LIST, {"variant": "count"})
    second = admin_client.get(f"{LIST}?{first.context['older']}")
    third = admin_client.get(f"{LIST}?{second.context['older']}")
    back = admin_client.get(f"{LIST}?{third.context['newer']}")
    top = admin_client.get(f"{LIST}?{back.context['newer']}")

    shown = [[one.pk for one in page.context["records"]] for page in (first, second, third)]
    assert shown == [made[:2], made[2:4], made[4:]]
    assert not first.context["newer"]
    assert not third.context["older"]
    assert [one.pk for one in back.context["records"]] == made[2:4]
    assert [one.pk for one in top.context["records"]] == made[:2]
    assert not top.context["newer"]
    assert "variant=count" in first.context["older"]


def test_what_is_rare_is_looked_for_in_windows_and_it_is_said_how_far(
    admin_client, acme, definition, monkeypatch
):
    rare = factories.make_record(acme, tags={"tenant": "rare"})
    for _ in range(7):
        factories.make_record(acme)
    monkeypatch.setattr(searches, "WINDOW", 3)
    monkeypatch.setattr(searches, "SECONDS", -1)

    page = admin_client.get(LIST, {"tag": "tenant=rare"})
    assert list(page.context["records"]) == []
    assert "Looked back to" in page.content.decode()
    assert "No action matches" not in page.content.decode()
    looks = 1
    while not page.context["records"]:
        page = admin_client.get(f"{LIST}?{page.context['older']}")
        looks += 1
    assert [one.pk for one in page.context["records"]] == [rare.pk]
    assert looks == 3
    # And back up again.
    up = admin_client.get(LIST, {"tag": "tenant=none", "above": rare.pk})
    assert "Looked through what was accepted until" in up.content.decode()


def test_within_its_time_it_looks_on_by_itself(admin_client, acme, definition, monkeypatch):
    rare = factories.make_record(acme, tags={"tenant": "rare"})
    for _ in range(7):
        factories.make_record(acme)
    monkeypatch.setattr(searches, "WINDOW", 3)
    monkeypatch.setattr(searches, "SECONDS", 60)

    assert ids(admin_client, {"tag": "tenant=rare"}) == [rare.pk]


@pytest.mark.parametrize("status", ["queued", "failed"])
def test_of_all_organizations_windows_are_looked_through_and_of_one_an_index(
    admin_client, acme, definition, monkeypatch, status
):
    """Where everything else is over otherwise, an index of all has nothing to stop at."""
    sought = factories.make_record(acme)
    if status == "failed":
        factories.move(sought, status="failed", completed_at=NOON)
    for _ in range(7):
        factories.make_over(acme, status="succeeded")
    monkeypatch.setattr(searches, "WINDOW", 3)
    monkeypatch.setattr(searches, "SECONDS", -1)

    page = admin_client.get(LIST, {"status": status})

    assert list(page.context["records"]) == []
    assert "Looked back to" in page.content.decode()
    assert ids(member_of(acme), {"status": status}) == [sought.pk]


@pytest.mark.parametrize("name", ["record_ids", "definition_ids"])
def test_more_ids_than_a_statement_has_parameters_are_looked_for(record, name):
    wanted = record.pk if name == "record_ids" else record.definition_id
    asked = RecordFilter(**{name: (*range(10**9, 10**9 + 70_000), wanted)})

    assert [one.pk for one in searches.find_page(None, asked, Place()).records] == [record.pk]


def test_a_name_of_too_many_versions_is_told_to_be_one(admin_client, acme, record, monkeypatch):
    monkeypatch.setattr(searching, "MOST_VERSIONS", 1)
    assert ids(admin_client, {"variant": "count"}) == [record.pk]
    factories.make_definition(acme, schema=True, alias=["tally"])

    for name in ("count", "tally"):
        page = admin_client.get(LIST, {"variant": name})
        assert searching.TOO_MANY_VERSIONS in page.content.decode()
        assert list(page.context["records"]) == []


def test_an_alias_stands_for_the_variant_of_its_own_organization_only(
    admin_client, acme, record, theirs
):
    factories.make_definition(acme, schema=True, alias=["tally"])

    assert ids(admin_client, {"variant": "tally"}) == [record.pk]


def test_an_empty_house_and_an_empty_search_say_what_to_do(admin_client, acme, definition):
    assert "No actions yet" in admin_client.get(LIST).content.decode()
    page = admin_client.get(LIST, {"q": "1"}).content.decode()
    assert "No action matches" in page
    assert "Show all actions" in page


def test_only_who_may_do_something_in_bulk_is_offered_it(acme, record):
    assert "Replay ticked" not in member_of(acme).get(LIST).content.decode()
    assert "Replay ticked" in member_of(acme, "operator").get(LIST).content.decode()


def test_what_asks_for_actions_in_the_admin_is_led_here(admin_client, record):
    old = reverse("admin:dispatch_actionrecord_changelist")
    assert admin_client.get(old).url == LIST
    assert admin_client.get(old, {"status__exact": "held"}).url == f"{LIST}?status=held"
    page = reverse("admin:dispatch_actionrecord_change", args=[record.pk])
    assert admin_client.get(page).url == reverse("console:record", args=[record.pk])
    assert admin_client.get(page.replace(str(record.pk), "x")).status_code == 404
    assert admin_client.get(reverse("admin:dispatch_actionrecord_add")).status_code == 403


def test_the_sidebar_leads_to_records_for_those_who_may_look(admin_client, acme):
    assert re.search(rf'href="{LIST}"', admin_client.get("/admin/").content.decode())
    nobody = staff_with("view_lane")
    assert f'href="{LIST}"' not in nobody.get("/admin/").content.decode()

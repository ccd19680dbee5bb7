"""The health of destinations: how they answer, how their lanes stand, pause, resume and test."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from config import histograms
from console import destinations as pages
from destinations import soundings, trials
from destinations.models import Destination, Sounding
from destinations.outcomes import Outcome, Verdict
from dispatch.models import Lane
from operations import lane_samples
from orgs.models import AuditEntry
from tests import factories
from tests.operations.using import never

LIST = reverse("console:health")


def page_of(destination, name="show_health"):
    return reverse(f"console:{name}", args=[destination.pk])


def sound(destination, *, minutes=1, milliseconds=80, **counts):
    """How it answered so many minutes ago."""
    at = timezone.now() - timedelta(minutes=minutes)
    at -= timedelta(minutes=at.minute % 5, seconds=at.second, microseconds=at.microsecond)
    number = sum(counts.get(name, 0) for name in ("succeeded", "failed"))
    counts.setdefault("error_at", at if counts.get("error") else None)
    times = {str(histograms.bucket_of(milliseconds)): number}
    Sounding.objects.create(destination=destination, at=at, times=times, **counts)


@pytest.fixture
def come(acme, client):
    """Logs a member of acme in who holds this permission."""

    def log_in(permission):
        client.force_login(factories.make_member(acme, permission).user)
        client.get(LIST)

    return log_in


@pytest.fixture
def hooks(acme, globex):
    """Acme's destinations of every kind of health, by it, and one of globex."""
    config = {"url": "https://example.com/hook", "response_time_sla_ms": 500}
    made = {
        name: factories.make_destination(acme, label=name, config=config)
        for name in ("failing", "paused", "quiet", "slow", "well")
    }
    sound(made["failing"], succeeded=8, failed=2, error="HTTP 503: upstream is away")
    sound(made["slow"], succeeded=20, late=20, milliseconds=900)
    sound(made["well"], succeeded=99, failed=1, error="HTTP 500")
    Destination.objects.filter(label="paused").update(
        paused_at=timezone.now(), pause_reason="it burns"
    )
    made["globex"] = factories.make_destination(globex, label="globex's hook")
    sound(made["globex"], failed=5, error="HTTP 418")
    return made


def words(response):
    return {row.destination.label: row.word for row in response.context["rows"]}


def test_each_destination_is_judged_by_its_last_hour(come, client, hooks):
    come("viewer")
    sound(hooks["quiet"], minutes=70, failed=5, error="HTTP 500")

    response = client.get(LIST)

    assert words(response) == {name: name for name in hooks if name != "globex"}
    rates = {row.destination.label: row.rate for row in response.context["rows"]}
    assert (rates["failing"], rates["well"], rates["quiet"]) == ("80 %", "99 %", "-")
    for said in ("HTTP 503: upstream is away", "it burns", "500 ms"):
        assert said in response.text
    assert "globex" not in response.text.lower()


@pytest.mark.parametrize(
    ("show", "labels"), [("failing", ["failing", "well"]), ("paused", ["paused"])]
)
def test_the_list_is_narrowed_to_what_needs_somebody(come, client, hooks, show, labels):
    come("viewer")

    assert list(words(client.get(LIST, {"show": show}))) == labels


def test_staff_see_those_of_all_organizations(admin_client, hooks):
    response = admin_client.get(LIST, {"show": "failing"})

    assert list(words(response)) == ["globex's hook", "failing", "well"]
    assert "Globex" in response.text


def test_a_destination_is_found_by_a_part_of_its_label(come, client, hooks):
    come("viewer")

    assert list(words(client.get(LIST, {"q": "AIL"}))) == ["failing"]
    assert "No destination is called that" in client.get(LIST, {"q": "globex"}).text


def test_what_no_column_holds_is_left_out_of_a_search(come, client, hooks):
    come("viewer")

    assert "quiet" in client.get(LIST, {"q": "qui\0et"}).text


def test_pages_follow_each_other_without_a_gap(come, client, acme, hooks, monkeypatch):
    monkeypatch.setattr("console.health.LISTED", 2)
    come("viewer")
    found, query = [], {}
    for _ in range(3):
        response = client.get(LIST, query)
        found += words(response)
        query = {"after": response.context["after"]}

    assert found == sorted(name for name in hooks if name != "globex")
    assert query["after"] is None
    # Another organization's row is no place in the list.
    assert list(words(client.get(LIST, {"after": hooks["globex"].pk}))) == ["failing", "paused"]


def test_an_empty_list_says_what_to_do(come, client, acme):
    come("editor")
    assert reverse("admin:destinations_destination_add") in client.get(LIST).text
    come("viewer")
    page = client.get(LIST).text
    assert "Whoever may edit this organization adds them." in page
    assert "No destination is paused" in client.get(LIST, {"show": "paused"}).text


def test_the_list_takes_as_many_queries_for_one_as_for_many(
    come, client, acme, hooks, django_assert_num_queries
):
    come("viewer")
    client.get(LIST)
    with django_assert_num_queries(5):
        client.get(LIST)
    for number in range(10):
        sound(factories.make_destination(acme, label=f"more {number}"), succeeded=1)
    with django_assert_num_queries(5):
        client.get(LIST)


def test_a_page_tells_how_a_destination_answers_and_its_lanes_stand(come, client, hooks):
    come("viewer")
    hook = hooks["failing"]
    lane = factories.make_lane(hook, tags={"tenant": "initech"})
    Lane.objects.filter(pk=lane.pk).update(
        moved_at=timezone.now(), revision=2, opened=1, reason="HTTP 503"
    )
    lane_samples.take(never)

    response = client.get(page_of(hook))

    values = {tile["name"]: tile["value"] for tile in response.context["tiles"]}
    assert values["Attempts"] == "10"
    assert values["Success rate"] == "80 %"
    assert [step.error for step in response.context["errors"]] == ["HTTP 503: upstream is away"]
    ((gauge, spark),) = response.context["lanes"]
    assert (gauge.state, spark.text) == ("probing", "From 16 to 16, now 16")
    for said in ("may be 500 ms", "tenant=initech", "One delivery at a time until one succeeds"):
        assert said in response.text


def test_a_lane_stands_as_it_is_also_where_it_has_moved_since_its_last_sample(hooks):
    lane = factories.make_lane(hooks["well"], moved_at=timezone.now(), revision=2)
    lane_samples.take(never)
    Lane.objects.filter(pk=lane.pk).update(running_limit=3, revision=3)

    (((_, spark),), _) = pages.read_lanes(hooks["well"])

    assert spark.text == "From 3 to 16, now 3"


def test_lanes_with_trouble_come_first_and_there_is_an_end_of_them(hooks, monkeypatch):
    monkeypatch.setattr(pages, "LANES", 2)
    monkeypatch.setattr(pages, "LANES_COUNTED", 3)
    now = timezone.now()
    for number in range(5):
        factories.make_lane(
            hooks["well"], tags={"n": str(number)}, opened=number == 3,
            moved_at=now if number == 4 else None,
        )  # fmt: skip

    lanes, count = pages.read_lanes(hooks["well"])

    assert [gauge.lane.tags["n"] for gauge, _ in lanes] == ["3", "4"]
    assert count == 4


def test_what_moves_is_fetched_by_itself(come, client, hooks):
    come("viewer")
    address = page_of(hooks["well"], "health_now")

    part = client.get(address, {"window": "days"})

    assert f'hx-get="{address}?window=days"' in part.text
    assert "<html" not in part.text
    assert len(part.context["charts"][0].rows) == 96
    assert sum(float(row.values[0]) for row in part.context["charts"][0].rows) == 99


def test_what_is_pulled_has_lanes_and_no_answers(come, client, acme):
    come("editor")
    response = client.get(page_of(factories.make_destination(acme, "sdk")))

    assert "Nothing is delivered to it" in response.text
    assert "Send a test" not in response.text
    assert "its first one makes a lane" in response.text


def test_each_error_is_told_once_newest_first(hooks):
    for minutes, error in ((60, "HTTP 500"), (30, "HTTP 404"), (10, "HTTP 500")):
        sound(hooks["quiet"], minutes=minutes, failed=1, error=error)

    steps = soundings.read([hooks["quiet"].pk], timedelta(days=2))[hooks["quiet"].pk]

    assert [step.error for step in pages.find_errors(steps)] == ["HTTP 500", "HTTP 404"]


@pytest.mark.parametrize("name", ["show_health", "health_now"])
def test_another_organizations_destination_is_not_there(come, client, hooks, name):
    come("owner")

    assert client.get(page_of(hooks["globex"], name)).status_code == 404


@pytest.mark.parametrize("name", ["pause_destination", "resume_destination", "test_destination"])
def test_nothing_is_done_to_another_organizations_destination(come, client, hooks, name):
    come("owner")

    answer = client.post(page_of(hooks["globex"], name), {"reason": "x", "input": "{}"})

    assert answer.status_code == 404
    hooks["globex"].refresh_from_db()
    assert hooks["globex"].paused_at is None


@pytest.mark.parametrize(
    ("permission", "pauses", "tests"),
    [("viewer", False, False), ("operator", True, False), ("editor", False, True),
     ("admin", True, True)],
)  # fmt: skip
def test_buttons_are_there_for_those_who_may(come, client, hooks, permission, pauses, tests):
    come(permission)
    hook = hooks["well"]

    page = client.get(page_of(hook)).text

    assert (page_of(hook, "pause_destination") in page) == pauses
    assert (page_of(hook, "test_destination") in page) == tests
    if not pauses:
        assert client.get(page_of(hook, "resume_destination")).status_code == 403
        answer = client.post(page_of(hook, "pause_destination"), {"reason": "x"})
        assert answer.status_code == 403
    if not tests:
        assert client.post(page_of(hook, "test_destination"), {}).status_code == 403


def test_a_pause_has_a_reason_that_everybody_reads(come, client, hooks):
    come("operator")
    hook = hooks["well"]
    lane = factories.make_lane(hook)

    refused = client.post(page_of(hook, "pause_destination"), {"reason": " "}, follow=True)
    assert "Say why it is to be paused" in refused.text
    page = client.post(page_of(hook, "pause_destination"), {"reason": "it \0burns"}, follow=True)

    hook.refresh_from_db()
    assert hook.paused_at is not None
    assert hook.pause_reason == "it burns"
    assert AuditEntry.objects.filter(after__pause_reason="it burns").exists()
    assert page.text.count(": it burns.") == 2
    assert page_of(hook, "pause_destination") not in page.text
    assert lane.pk == page.context["lanes"][0][0].lane.pk

    assert page_of(hook, "resume_destination") in page.text
    page = client.post(page_of(hook, "resume_destination"), follow=True)
    hook.refresh_from_db()
    assert (hook.paused_at, hook.pause_reason) == (None, "")
    assert "is delivered to again" in page.text


def test_a_pause_that_lanes_have_learnt_can_be_ended(come, client, hooks):
    come("operator")
    lane = factories.make_lane(hooks["well"], opened=3)
    page = page_of(hooks["well"], "resume_destination")
    assert page in client.get(page_of(hooks["well"])).text
    assert page not in client.get(page_of(hooks["slow"])).text

    client.post(page)

    lane.refresh_from_db()
    assert lane.opened == 0


def told(client, hook):
    """The question before a resume, sentence by sentence."""
    return client.get(page_of(hook, "resume_destination")).context["question"]


def test_a_resume_tells_first_what_waits_and_changes_nothing(come, client, hooks, acme):
    come("operator")
    hook = hooks["paused"]
    count = factories.make_definition(acme, to=hook)
    assert told(client, hook).told == [
        "Nothing waits at present. What comes from now on starts at once."
    ]

    lane = factories.make_lane(hook)
    factories.make_records(lane, count, 1)
    assert told(client, hook).told[0].startswith("1 action waits in 1 lane. It starts again")
    other = factories.make_lane(hook, tags={"n": "2"}, opened=3)
    factories.make_records(other, count, 1_233)

    asked = told(client, hook)
    assert asked.title == "Resume paused?"
    assert asked.told == [
        "1,234 actions wait in 2 lanes. They start again at once, as fast as limits and caps "
        "allow.",
        "What 1 lane learnt to wait for ends as well.",
    ]
    hook.refresh_from_db()
    assert hook.paused_at is not None


def test_a_resume_counts_no_more_than_it_has_to(come, client, hooks, acme):
    come("operator")
    hook = hooks["paused"]
    count = factories.make_definition(acme, to=hook)
    factories.make_records(factories.make_lane(hook), count, 10_001)

    (first,) = told(client, hook).told

    assert first.startswith("More than 10,000 actions wait in 1 lane. They start")


def test_a_resume_of_lanes_alone_says_so(come, client, hooks):
    come("operator")
    for number in range(2):
        factories.make_lane(hooks["well"], tags={"n": str(number)}, opened=1)

    asked = told(client, hooks["well"])

    assert asked.told[0] == "It is not paused itself."
    assert asked.told[-1] == "What 2 lanes learnt to wait for ends as well."


def test_what_is_open_is_not_resumed(come, client, hooks):
    come("operator")

    asked = told(client, hooks["well"])

    assert (asked.title, asked.button) == ("well is open", "")


def test_a_question_takes_as_many_queries_however_much_waits(
    come, client, hooks, acme, django_assert_num_queries
):
    come("operator")
    hook = hooks["paused"]
    count = factories.make_definition(acme, to=hook)
    address = page_of(hook, "resume_destination")
    client.get(address)
    for number in range(10):
        factories.make_records(factories.make_lane(hook, tags={"n": str(number)}), count, 5)
    with django_assert_num_queries(6):
        client.get(address)


def test_a_tests_answer_is_shown_with_secrets_masked(come, client, hooks, monkeypatch):
    come("editor")
    reply = {
        "status": 503,
        "headers": {"retry-after": "30", "content-type": "text/plain"},
        "body": "no *** here",
        "is_cut": True,
    }
    outcome = Outcome(
        Verdict.UNAVAILABLE, "HTTP 503", status=503, reply=reply, answer=b"no hunter2 here"
    )
    monkeypatch.setattr(trials, "run", lambda attempt, seconds: outcome)

    part = client.post(
        page_of(hooks["well"], "test_destination"), {"input": '{"n": 1}', "variant": "count"}
    ).text

    for said in ("unavailable", "HTTP 503", " ms", "retry-after", "30", "no *** here", "is cut"):
        assert said in part
    assert "hunter2" not in part
    assert "<html" not in part


def test_a_test_that_cannot_be_read_is_refused_in_words(come, client, hooks):
    come("editor")
    part = client.post(
        page_of(hooks["well"], "test_destination"), {"input": '{"n": ', "variant": ""}
    ).text

    assert "Input:" in part
    assert "Variant: This field is required." in part


def test_nothing_is_paused_by_looking(come, client, hooks):
    come("owner")

    assert client.get(page_of(hooks["well"], "pause_destination")).status_code == 405


def test_a_page_takes_as_many_queries_however_much_there_is(
    come, client, hooks, django_assert_num_queries
):
    come("admin")
    client.get(page_of(hooks["well"]))
    factories.make_lane(hooks["well"])
    with django_assert_num_queries(10):
        client.get(page_of(hooks["well"]))
    for number in range(10):
        factories.make_lane(hooks["well"], tags={"n": str(number)})
    with django_assert_num_queries(10):
        client.get(page_of(hooks["well"]))

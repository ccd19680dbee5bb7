"""Who sends which version: noted for nothing, and written down when the answer is out."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dispatch import intake, sightings
from dispatch.intake import Submission
from dispatch.models import Sender
from operations import retention
from orgs.audit import acting
from tests import factories
from tests.client import ApiClient
from tests.operations.using import never

PATH = "/v1/ingress/count"
BODY = {"input": {"n": 1}}


@pytest.fixture(autouse=True)
def seen(monkeypatch):
    """A process that has seen nobody yet."""
    fresh = sightings.Sightings()
    for name in ("_known", "_noted"):
        monkeypatch.setattr(sightings.sightings, name, getattr(fresh, name))
    return sightings.sightings


@pytest.fixture
def senders_path(definition):
    return f"~/actions/definitions/{definition.pk}/senders"


def senders():
    return list(Sender.objects.values_list("definition__version", "caller"))


def wrote(queries):
    return sum("dispatch_sender" in query["sql"] for query in queries)


def age(**ago):
    """Have all been seen so long ago."""
    Sender.objects.update(last_at=timezone.now() - timedelta(**ago))


def test_it_is_listed_who_sends_a_version_and_since_when(api, acme, senders_path):
    member = factories.make_member(acme, "operator")
    other = ApiClient(acme, factories.make_key(acme, member=member))
    api.data(api.post(PATH, BODY))
    other.data(other.post("/v1/batch", {"actions": [{"variant": "count", **BODY}] * 3}))

    page = api.data(api.get(senders_path))

    keys = list(acme.keys.order_by("id"))
    assert page["count"] == 2
    assert {(one["caller"], one["key_id"], one["user_id"]) for one in page["items"]} == {
        (f"key {key.pk}", str(key.pk), str(key.member.user_id)) for key in keys
    }
    assert all(one["first_seen_at"] <= one["last_seen_at"] for one in page["items"])


def test_a_version_is_told_from_another(api, acme, definition):
    factories.make_definition(acme, schema=True)
    api.data(api.post(PATH, BODY))
    api.data(api.post(PATH, BODY | {"version": 1}))

    (key,) = acme.keys.all()
    assert sorted(senders()) == [(1, f"key {key.pk}"), (2, f"key {key.pk}")]


def test_it_is_written_once_and_again_after_some_minutes(api, definition, seen, monkeypatch):
    with CaptureQueriesContext(connection) as first:
        api.data(api.post(PATH, BODY))
    with CaptureQueriesContext(connection) as further:
        for _ in range(3):
            api.data(api.post(PATH, BODY))
    assert (wrote(first), wrote(further)) == (1, 0)

    age(minutes=6)
    began = Sender.objects.get().first_at
    monkeypatch.setattr(sightings, "SECONDS", 0.0)
    api.data(api.post(PATH, BODY))
    known = Sender.objects.get()
    assert known.first_at == began
    assert timezone.now() - known.last_at < timedelta(minutes=1)


def test_what_another_process_has_just_written_is_left_alone(api, definition, monkeypatch):
    monkeypatch.setattr(sightings, "SECONDS", 0.0)
    api.data(api.post(PATH, BODY))
    age(seconds=sightings.SEEN_SECONDS / 2)
    before = Sender.objects.get().last_at

    api.data(api.post(PATH, BODY))

    assert Sender.objects.get().last_at == before


def test_what_is_refused_is_not_seen(api, definition):
    assert api.post(PATH, {"input": {}}).status_code == 400
    answer = api.post("/v1/batch?atomic=true", {"actions": [{"variant": "count", "input": {}}]})
    assert answer.status_code == 400
    assert senders() == []


def test_whoever_hands_in_by_a_command_is_seen_too(acme, definition, seen):
    with acting.acting(acting.as_command("import_records")):
        intake.accept(acme.pk, [Submission("count", {"n": 1})], atomic=False)
    assert senders() == []
    seen.write_down()

    ((_, caller),) = senders()
    assert caller.endswith("at the command line")


def test_of_nobody_nothing_is_noted(acme, definition, seen):
    factories.make_record(acme)
    with CaptureQueriesContext(connection) as queries:
        seen.write_down()
    assert len(queries) == 0


def test_only_so_many_are_known(acme, definition, seen, monkeypatch):
    monkeypatch.setattr(sightings, "MOST_KNOWN", 2)
    for number in range(4):
        seen.note(acme.pk, [definition.pk], f"key {number}")
    assert len(seen._known) == 2

    seen.write_down()
    assert len(senders()) == 4


def test_what_cannot_be_written_is_noted_again(acme, definition, seen, caplog):
    with connection.execute_wrapper(_fail):
        seen.note(acme.pk, [definition.pk], "key 1")
        seen.write_down()
    assert "could not be written down" in caplog.text
    assert senders() == []

    seen.note(acme.pk, [definition.pk], "key 1")
    seen.write_down()
    assert senders() == [(1, "key 1")]


def _fail(execute, sql, params, many, context):
    raise OperationalError("away")


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_a_row_that_somebody_else_has(acme, definition, seen, monkeypatch):
    """Another process is writing the same down, and takes its time."""
    monkeypatch.setattr(sightings, "SECONDS", 0.0)
    seen.note(acme.pk, [definition.pk], "key 1")
    seen.write_down()
    age(hours=1)

    def write():
        seen.note(acme.pk, [definition.pk], "key 1")
        seen.write_down()
        connection.close()

    with transaction.atomic():
        Sender.objects.select_for_update().get()
        other = threading.Thread(target=write)
        other.start()
        other.join(10)
        assert not other.is_alive()
    assert timezone.now() - Sender.objects.get().last_at > timedelta(minutes=59)


@pytest.mark.django_db(transaction=True)
def test_many_processes_write_the_same_at_once(acme, definition):
    """Each in an order of its own: nobody waits for long, and nobody for each other."""
    callers = [f"key {number}" for number in range(50)]
    ready = threading.Barrier(6)

    def run(turn):
        process = sightings.Sightings()
        for caller in callers[turn:] + callers[:turn]:
            process.note(acme.pk, [definition.pk], caller)
        ready.wait(10)
        process.write_down()
        connection.close()
        return process._known

    with ThreadPoolExecutor(6) as pool:
        known = list(pool.map(run, range(6)))

    # Who could not write would have forgotten.
    assert all(len(one) == len(callers) for one in known)
    assert sorted(caller for _, caller in senders()) == sorted(callers)


def test_what_a_killed_process_had_noted_is_seen_by_the_next(acme, definition):
    killed, following = sightings.Sightings(), sightings.Sightings()
    killed.note(acme.pk, [definition.pk], "key 1")

    following.note(acme.pk, [definition.pk], "key 1")
    following.write_down()

    assert senders() == [(1, "key 1")]


def test_they_are_kept_as_long_as_the_history(acme, globex, definition):
    acme.history_days, acme.payload_days = 10, 10
    acme.save()
    factories.make_sender(definition, "old")
    age(days=11)
    factories.make_sender(definition, "new")
    foreign = factories.make_definition(globex)
    old = timezone.now() - timedelta(days=11)
    factories.make_sender(foreign, "old", last_at=old)

    assert retention.delete_senders(never).result == {"deleted": 1}
    assert {(sender.org, sender.caller) for sender in Sender.objects.all()} == {
        (acme, "new"),
        (globex, "old"),
    }

"""What a dispatcher keeps of how destinations answer."""

from __future__ import annotations

import pytest

from destinations import soundings
from destinations.models import Sounding
from tests import factories
from tests.dispatch.background import Answer, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def sums():
    rows = Sounding.objects.values_list("succeeded", "failed", "error")
    return [row for row in rows if row[0]]


def test_a_dispatcher_writes_how_destinations_answer_while_it_runs(
    acme, delivered, receiver, start_dispatcher, monkeypatch
):
    monkeypatch.setattr(soundings, "WRITE_SECONDS", 0.0)
    receiver.answers = [Answer(503), Answer(headers={"x-arklow-signaling": "ack"})]
    start_dispatcher()
    for _ in range(2):
        factories.make_record(acme)

    wait_until(lambda: sums() == [(1, 1, "HTTP 503")])
    assert sum(map(sum, (one.times.values() for one in Sounding.objects.all()))) == 2


def test_what_it_has_not_written_it_writes_at_its_end(acme, delivered, receiver, start_dispatcher):
    running = start_dispatcher()
    factories.make_record(acme)
    wait_until(lambda: len(receiver.received) == 1)
    running.stop()

    wait_until(lambda: sums() == [(1, 0, "")])


@pytest.mark.parametrize(
    "refusal",
    [
        # the database refuses it
        "SELECT 1 / 0",
        # the connection is lost meanwhile
        "SELECT pg_terminate_backend(pg_backend_pid())",
    ],
)
def test_where_it_cannot_be_written_deliveries_go_on(
    refusal, acme, delivered, receiver, start_dispatcher, monkeypatch
):
    taken, take = [], soundings.Soundings.take

    def note(these):
        seen = take(these)
        taken.extend(filter(None, [seen]))
        return seen

    monkeypatch.setattr(soundings.Soundings, "take", note)
    monkeypatch.setattr(soundings, "WRITE_SECONDS", 0.0)
    monkeypatch.setattr(soundings, "ADD", refusal)
    start_dispatcher()
    first = factories.make_record(acme)
    wait_until(lambda: len(taken) == 1)
    second = factories.make_record(acme)
    wait_until(lambda: len(taken) == 2)

    for record in (first, second):
        record.refresh_from_db()
        assert record.status == "succeeded"
    assert not Sounding.objects.exists()

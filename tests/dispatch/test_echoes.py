"""How destinations answer those who wait: summed up by each process, and written now and then."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, connections

from destinations import soundings
from destinations.models import Sounding
from destinations.outcomes import Outcome, Verdict
from destinations.soundings import Soundings
from dispatch.echoes import Echoes, echoes
from tests.dispatch.background import Answer

pytestmark = pytest.mark.django_db(transaction=True)
CALLS = 40


@pytest.fixture
def writes(monkeypatch):
    """A process that has written nothing yet; each time that it does is among these."""
    written, write = [], Soundings.write

    def note(seen):
        written.append(seen)
        write(seen)

    monkeypatch.setattr(echoes, "_written", Echoes()._written)
    monkeypatch.setattr(echoes, "_heard", Soundings())
    monkeypatch.setattr(Soundings, "write", note)
    return written


def sums():
    rows = Sounding.objects.values_list("succeeded", "failed")
    return tuple(map(sum, zip(*rows, strict=True)))


def hear(webhook, verdict=Verdict.ACK):
    echoes.note(webhook.pk, Outcome(verdict, "HTTP 503"), milliseconds=12.0, sla=None)


def test_many_at_once_are_written_once_in_ten_seconds_and_all_of_them_at_the_end(webhook, writes):
    together = threading.Barrier(CALLS)

    def call(number):
        together.wait(10)
        hear(webhook, Verdict.ACK if number % 4 else Verdict.UNAVAILABLE)
        echoes.write_down_in_time()
        connections.close_all()

    with ThreadPoolExecutor(CALLS) as pool:
        list(pool.map(call, range(CALLS)))
    assert len(writes) == 1

    echoes.write_down()
    assert len(writes) <= 2
    assert sums() == (30, 10)


def test_what_was_heard_meanwhile_is_written_when_the_time_has_come(webhook, writes, monkeypatch):
    for _ in range(3):
        hear(webhook)
        echoes.write_down_in_time()
    assert sums() == (1, 0)

    monkeypatch.setattr(soundings, "WRITE_SECONDS", 0.0)
    echoes.write_down_in_time()
    assert (sums(), len(writes)) == ((3, 0), 2)
    for write in (echoes.write_down_in_time, echoes.write_down):
        write()
    assert len(writes) == 2


def test_what_cannot_be_written_is_lost_and_said_to_be(webhook, writes, caplog):
    def fail(*_):
        raise OperationalError("away")

    hear(webhook)
    with connection.execute_wrapper(fail):
        echoes.write_down()

    assert "could not be written down: away" in caplog.text
    echoes.write_down()
    assert not Sounding.objects.exists()


def test_what_is_executed_is_heard_and_written_when_it_is_answered(
    api, delivered, receiver, writes, settings
):
    settings.ROOT_URLCONF = "tests.dispatch.direct_urls"
    receiver.answers = [Answer(body=b'{"result": 1}'), Answer(503), Answer(503)]

    for _ in range(3):
        api.data(api.post("/v1/execute/count", {"n": 1}))

    assert (sums(), len(writes)) == ((1, 0), 1)
    echoes.write_down()
    assert sums() == (1, 2)
    assert Sounding.objects.get().error == "HTTP 503"

"""How destinations answer is summed up, and written now and then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from config import histograms
from destinations import soundings
from destinations.models import Sounding
from destinations.outcomes import Outcome, Verdict
from destinations.soundings import Soundings
from tests import factories


def note(seen, destination, verdict=Verdict.ACK, message="", milliseconds=80.0, sla=None):
    outcome = Outcome(verdict, message)
    seen.note(destination.pk, outcome, milliseconds=milliseconds, sla=sla)


def test_what_several_have_seen_adds_up(webhook, acme):
    other = factories.make_destination(acme)
    for _ in range(2):
        seen = Soundings()
        note(seen, webhook)
        note(seen, webhook, Verdict.WAIT, milliseconds=300, sla=100)
        note(seen, webhook, Verdict.UNAVAILABLE, "HTTP 503", milliseconds=5)
        note(seen, other)
        seen.write()

    row = Sounding.objects.get(destination=webhook)
    assert (row.succeeded, row.failed, row.late, row.error) == (4, 2, 2, "HTTP 503")
    assert {int(bucket): n for bucket, n in row.times.items()} == {
        histograms.bucket_of(one): 2 for one in (5, 80, 300)
    }
    assert row.error_at is not None
    assert Sounding.objects.get(destination=other).error_at is None


def test_a_good_answer_does_not_wipe_the_last_error_off(webhook):
    for verdict, message in ((Verdict.REFUSED, "HTTP 404"), (Verdict.ACK, "")):
        seen = Soundings()
        note(seen, webhook, verdict, message)
        seen.write()

    assert Sounding.objects.get().error == "HTTP 404"


def test_a_fault_of_ours_counts_as_failed_and_says_nothing_of_how_fast_it_is(webhook):
    seen = Soundings()
    note(seen, webhook, Verdict.OURS, "The credential is gone.", milliseconds=9_000, sla=10)
    seen.write()

    row = Sounding.objects.get()
    assert (row.failed, row.late, row.times) == (1, 0, {})


def test_nothing_seen_writes_nothing(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        Soundings().write()


def test_a_destination_that_is_not_there_is_passed_over(webhook):
    seen = Soundings()
    note(seen, webhook)
    seen.note(webhook.pk + 1_000, Outcome(Verdict.ACK), milliseconds=1, sla=None)
    seen.write()

    assert Sounding.objects.get().destination_id == webhook.pk


@pytest.mark.parametrize(("days", "kept"), [(1, True), (3, False)])
def test_they_are_kept_for_two_days(webhook, days, kept):
    Sounding.objects.create(destination=webhook, at=timezone.now() - timedelta(days=days))

    assert soundings.delete_batch() == (not kept)
    assert Sounding.objects.exists() == kept

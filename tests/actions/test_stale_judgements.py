"""Policies where others publish meanwhile: nothing is stored by a verdict on what was."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from actions import compatibility, services
from actions.compatibility import Report, Verdict
from actions.models import ActionDefinition
from tests.actions.conftest import compare, publish, requiring


@pytest.mark.django_db(transaction=True)
def test_it_is_judged_with_nothing_locked_and_again_where_others_publish_meanwhile(
    acme, monkeypatch
):
    publish(acme, compatibility="backward")
    seen = []

    def interrupt(old, new, **options):
        assert not connection.in_atomic_block
        seen.append((old["required"], new["required"]))
        if len(seen) == 1:
            publish(acme, "a", compatibility="none")
        return compare(old, new, **options)

    monkeypatch.setattr(compatibility, "compare_apart", interrupt)

    assert publish(acme, "a", "b", compatibility="forward").version == 3
    assert seen == [([], ["a", "b"]), (["a"], ["a", "b"])]


def test_who_is_overtaken_again_and_again_is_told(acme, monkeypatch):
    publish(acme, compatibility="backward")
    turns = []

    def overtake(old, new, **options):
        turns.append(new)
        rows = ActionDefinition.objects.filter(org=acme)
        rows.update(open_content=["lenient", "strict"][len(turns) % 2 - 1])
        return Report(Verdict.COMPATIBLE)

    monkeypatch.setattr(compatibility, "compare_apart", overtake)

    with pytest.raises(services.StaleJudgementError):
        publish(acme, "a")
    assert len(turns) == services.TRIES


def test_what_was_judged_before_is_stored_in_a_transaction_of_others(acme, compared):
    publish(acme, "a", compatibility="backward")
    judgement = services.judge_version(org_id=acme.pk, variant="count", schema=requiring())

    with transaction.atomic():
        services.lock_definitions(acme.pk)
        stored = services.store_version(judgement, description="Fewer.")

    assert (stored.version, stored.description) == (2, "Fewer.")
    assert len(compared) == 1
    with pytest.raises(services.StaleJudgementError):
        services.store_version(judgement, compatibility="full")
    # It is there by now, and as it was to be.
    publish(acme, "b", compatibility="none")
    with pytest.raises(services.StaleJudgementError):
        services.store_version(judgement, compatibility="backward")

"""Any order of claims, answers, settles, cancels and passing time, of old attempts and new ones.

Hypothesis makes up the histories. After every step the rows and events are compared with those
before it: what may have changed is little, and the same for all histories.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from config.errors import ConflictError
from dispatch import services, settlement
from dispatch.models import IN_FLIGHT, OPEN, ActionRecord
from tests import factories
from tests.dispatch import lives
from tests.dispatch.claiming import claim, promote

ACTIONS = 3
# What is no end of an attempt; nobody wins by it.
NO_END = {"accepted", "delivered", "extended", "late"}
# What a step may do to an action without telling: begin an attempt, or find it due.
SILENT = {("queued", "running"), ("scheduled", "queued")}
MOMENTS = ("available_at", "timeout_at", "deadline_at")
SAYINGS = {
    "ack": settlement.ack,
    "nack": settlement.nack,
    "nack, now": lambda **key: settlement.nack(retry_at=0, **key),
    "nack, never again": lambda **key: settlement.nack(retry=False, **key),
    "modack": lambda **key: settlement.extend(seconds=60, **key),
    "modack of no time": lambda **key: settlement.extend(seconds=0, **key),
}
MEANT = {saying: saying[:4].strip() for saying in SAYINGS}
WINS = {"ack": "succeeded", "nack": "nacked"}
indexes = st.integers(0, ACTIONS - 1)


@dataclass(frozen=True)
class Told:
    """One event."""

    kind: str
    status: str
    attempt: int


@dataclass(frozen=True)
class Seen:
    """An action as a step left it."""

    columns: dict
    told: tuple[Told, ...]

    @property
    def at(self) -> tuple[str, int]:
        return self.columns["status"], self.columns["attempt"]

    @property
    def in_flight(self) -> bool:
        return self.columns["status"] in IN_FLIGHT

    @property
    def over(self) -> bool:
        return self.columns["status"] not in OPEN


def look(record_id: int) -> Seen:
    record = ActionRecord.objects.filter(pk=record_id)
    events = record.get().events.order_by("id").values_list("kind", "status", "attempt")
    return Seen(record.values().get(), tuple(Told(*event) for event in events))


def check_step(before: Seen, after: Seen) -> None:
    """At most one transition, with exactly its event; none at all from what is over."""
    assert after.told[: len(before.told)] == before.told
    new = after.told[len(before.told) :]
    loud = [told for told in new if told.kind != "late"]
    assert before.columns["attempt"] <= after.columns["attempt"] <= before.columns["attempt"] + 1
    if after.columns == before.columns:
        assert loud == [] or loud[0].kind in {"extended", "delivered"}
    elif (before.at[0], after.at[0]) in SILENT and after.at[1] == before.at[1]:
        assert loud == []
    else:
        (told,) = loud
        assert (told.status, told.attempt) == (after.at[0], before.at[1])
        assert not before.over


def check_story(seen: Seen) -> None:
    """At most one winner an attempt; what is over says when and how, and is over once."""
    ends = Counter(told.attempt for told in seen.told if told.kind not in NO_END)
    assert all(count == 1 for count in ends.values()), seen
    assert all(attempt <= seen.columns["attempt"] for attempt in ends)
    loud = [told for told in seen.told if told.kind != "late"]
    finals = [told for told in loud if told.status not in OPEN]
    assert (seen.columns["completed_at"] is not None) == seen.over == bool(finals)
    if seen.over:
        assert [loud[-1]] == finals
        assert (finals[0].status, finals[0].attempt) == seen.at
        assert seen.columns["timeout_at"] is None


class Histories(RuleBasedStateMachine):
    """A few actions of one lane, and the dispatchers that have claimed them."""

    org = None

    @initialize(timeout=st.sampled_from([None, 50, 4_000]))
    def accept(self, timeout: int | None) -> None:
        made = [
            factories.make_record(self.org, timeout=timeout if index == 0 else None)
            for index in range(ACTIONS)
        ]
        self.ids = [record.pk for record in made]
        # Deliveries that somebody believes to be under way: also those whose lease is over.
        self.held: list[tuple[int, int]] = []
        self.seen = {pk: look(pk) for pk in self.ids}

    @rule()
    def claim(self) -> None:
        self.held += [(row[0], row[1]) for row in claim() if row[0] in self.seen]

    @rule(
        data=st.data(),
        outcomes=st.lists(st.sampled_from(sorted(lives.OUTCOMES)), min_size=1, max_size=4),
        broken=st.booleans(),
    )
    def flush(self, data: st.DataObject, outcomes: list[str], broken: bool) -> None:
        """Some deliveries end, written at once; where the wire broke, they are written again."""
        if not self.held:
            return
        ending = data.draw(st.lists(st.sampled_from(self.held), unique=True, min_size=1))
        pairs = list(zip(ending, outcomes, strict=False))
        # Two attempts of one action in one flush: at most one of them is the current one.
        current = {key for key, _ in pairs if self._is_current(*key)}
        lives.write_outcomes((*key, lives.OUTCOMES[outcome]) for key, outcome in pairs)
        if not broken:
            self.held = [key for key in self.held if key not in dict(pairs)]
        for record_id, attempt in dict(pairs).keys() - current:
            self._expect_unchanged(record_id, attempt)

    def _is_current(self, record_id: int, attempt: int) -> bool:
        seen = self.seen[record_id]
        return seen.in_flight and seen.columns["attempt"] == attempt

    def _expect_unchanged(self, record_id: int, attempt: int) -> None:
        told = look(record_id).told[len(self.seen[record_id].told) :]
        assert [one.kind for one in told if one.attempt == attempt] == ["late"]

    @rule(index=indexes, saying=st.sampled_from(sorted(SAYINGS)), ahead=st.integers(-2, 1))
    def settle(self, index: int, saying: str, ahead: int) -> None:
        """A worker says something of the attempt, of one before it, or of one to come."""
        record_id = self.ids[index]
        before = self.seen[record_id]
        attempt = before.columns["attempt"] + ahead
        same = Told(WINS.get(MEANT[saying], ""), "", attempt)
        repeated = any(replace(told, status="") == same for told in before.told)
        wins = before.in_flight and ahead == 0
        if wins or repeated:
            SAYINGS[saying](org_id=self.org.pk, record_id=record_id, attempt=attempt)
        else:
            with pytest.raises(ConflictError) as refused:
                SAYINGS[saying](org_id=self.org.pk, record_id=record_id, attempt=attempt)
            assert [fault.code for fault in refused.value.faults] == ["ATTEMPT_OVER"]
        if not wins:
            assert look(record_id) == before

    @rule(index=indexes)
    def cancel(self, index: int) -> None:
        record = ActionRecord.objects.get(pk=self.ids[index])
        before = self.seen[record.pk]
        try:
            services.cancel_record(record=record, actor="a test")
        except ConflictError:
            assert before.over
            assert look(record.pk) == before
        else:
            assert not before.over

    @rule(seconds=st.sampled_from([45, 70, 5_000, 50_000]))
    def wait(self, seconds: int) -> None:
        """Time passes, for whoever is not done."""
        back = {moment: F(moment) - timedelta(seconds=seconds) for moment in MOMENTS}
        ActionRecord.objects.filter(pk__in=self.ids, completed_at=None).update(**back)
        # That was no step of the product's.
        for pk in self.ids:
            self.seen[pk] = replace(look(pk), told=self.seen[pk].told)

    @rule()
    def promote(self) -> None:
        promote()

    @invariant()
    def nothing_but_steps(self) -> None:
        for pk in getattr(self, "ids", ()):
            after = look(pk)
            check_step(self.seen[pk], after)
            check_story(after)
            self.seen[pk] = after

    def teardown(self) -> None:
        """The next history has the lane for itself."""
        with connection.cursor() as cursor:
            cursor.execute("UPDATE dispatch_actionrecord SET push = false")


def test_no_history_lets_an_old_attempt_change_anything(acme, definition):
    Histories.org = acme

    run_state_machine_as_test(Histories, settings=settings(max_examples=60, stateful_step_count=25))

"""A dispatcher whose wall clock is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.chaos.receiver import Conduct
from tests.chaos.trial import LANES, Trial
from tests.end_to_end.processes import wait_until

OFF_SECONDS = 120
# What a first retry waits for at least, and how much later than due it may be on a busy machine.
LEAST_RETRY = 4.0
MOST_LATE = 30.0


def skew_clock(trial: Trial) -> None:
    """The clock of one dispatcher is two minutes off; for a while there is no other one."""
    installation = trial.installation
    seconds = trial.dice.choice([-OFF_SECONDS, OFF_SECONDS])
    for name in list(installation.dispatchers):
        installation.end_dispatcher(name)
    trial.faults += _start_skewed(trial, seconds)
    skewed = installation.dispatchers[0]
    trial.receiver.behave(Conduct.REFUSE)
    due = datetime.now(UTC) + timedelta(seconds=trial.dice.uniform(3, 5))
    later = trial.traffic.send(LANES, available_at=due.isoformat())
    trial.traffic.send(LANES)
    wait_until(lambda: trial.receiver.has_met(later), seconds=60)
    # From now on beside one whose clock is right.
    trial.receiver.behave(Conduct.ANSWER)
    installation.complete_dispatchers()
    with trial.traffic.flowing():
        trial.pause(2, 3)
    wait_until(lambda: not trial.ledger.count_open(trial.traffic.variant), seconds=60)
    trial.faults += find_wrong_times(trial, set(later), due.timestamp())
    installation.end_dispatcher(skewed)
    installation.complete_dispatchers()
    trial.fault_over = time.time()


def _start_skewed(trial: Trial, seconds: int) -> Iterator[str]:
    """Start it and see in its own log that its clock is wrong."""
    before = time.time()
    log = trial.installation.processes.log(trial.installation.start_skewed_dispatcher(seconds))
    wait_until(lambda: "The clock says" in log.read_text(), seconds=30)
    off = float(log.read_text().partition("The clock says ")[2].split()[0]) - before
    if abs(off - seconds) > OFF_SECONDS / 2:
        yield f"the clock is {off:.0f} s off, and should be {seconds} s off"


def find_wrong_times(trial: Trial, later: set[str], due: float) -> Iterator[str]:
    """What came before its time, or as late as a wrong clock would have it."""
    first: dict[str, float] = {}
    for request in trial.receiver.read_seen():
        if request.attempt == 0:
            first[request.action_id] = request.at
            earliest = due if request.action_id in later else request.at
        else:
            earliest = first[request.action_id] + LEAST_RETRY
        if not earliest <= request.at <= earliest + MOST_LATE:
            what = f"action {request.action_id}, attempt {request.attempt}"
            yield f"{what}: {request.at - earliest:.1f} s after its time"

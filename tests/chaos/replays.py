"""The worker, killed in the middle of a replay in bulk."""

from __future__ import annotations

import time
from typing import Any

from tests.chaos.ledger import RECOVERY_SECONDS
from tests.chaos.trial import Trial
from tests.end_to_end.processes import wait_until

# A few of the batches that a replay commits one by one.
ACTIONS = 1_200
AT_ONCE = 600
# Each costs the time until the dead worker is missed.
MOST_STRIKES = 2
# Payloads are what a batch writes first; nothing else is held up.
LOCK = "LOCK TABLE dispatch_actionpayload IN SHARE MODE"
HOLDER = """
SELECT worker_id FROM procrastinate_jobs
WHERE task_name = 'run_bulk_operation' AND status = 'doing' AND args->>'operation_id' = %s
"""


def kill_worker(trial: Trial) -> None:
    """SIGKILL the worker mid-replay: in the middle of a batch, then also between two."""
    trial.installation.renew_workers()
    originals = [pk for _ in range(ACTIONS // AT_ONCE) for pk in trial.traffic.send(AT_ONCE)]
    wait_until(lambda: not trial.ledger.count_open(trial.traffic.variant), seconds=60)
    trial.traffic.replayed.update(originals)
    operation_id = ""
    for strike in range(min(trial.strikes, MOST_STRIKES)):
        struck = time.monotonic()
        with trial.installation.database.held(LOCK) as hold:
            operation_id = operation_id or _ask_for_replay(trial)
            wait_until(hold.find_blocked, seconds=RECOVERY_SECONDS)
            if strike % 2 == 0:
                _kill_holder(trial, operation_id)
        if strike % 2:
            trial.pause(0, 0.3)
            _kill_holder(trial, operation_id)
        if strike and (seconds := time.monotonic() - struck) > RECOVERY_SECONDS:
            trial.faults.append(f"it took {seconds:.0f} s until another worker went on")
        trial.note_strike()
        trial.installation.complete_workers()


def _ask_for_replay(trial: Trial) -> str:
    body = {
        "kind": "replay",
        "filter": {"variant": trial.traffic.variant},
        "reason": "To see it through.",
        "cap": 2 * ACTIONS,
    }
    operation: dict[str, Any] = trial.installation.api.data("PUT", "~/actions/bulk", body)
    return str(operation["id"])


def _kill_holder(trial: Trial, operation_id: str) -> None:
    """SIGKILL the worker that has the job; where it is over just now, any."""
    installation = trial.installation
    holders = {worker_id for (worker_id,) in installation.database.rows(HOLDER, [operation_id])}
    names = [name for name, worker_id in installation.workers.items() if worker_id in holders]
    installation.kill_worker(trial.dice.choice(names or sorted(installation.workers)))

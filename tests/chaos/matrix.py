"""Rounds of scenarios on one installation, each followed by its reconciliation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.chaos.clients import Receiver, Traffic
from tests.chaos.installation import Installation
from tests.chaos.ledger import RECOVERY_SECONDS, Account, Ledger
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.trial import LANES, Trial

# How long to wait for what is late: then it counts as stuck.
PATIENCE_SECONDS = 2 * RECOVERY_SECONDS
ACK = {"enabled": True, "default": "ack"}
Report = Callable[[str], None]


@dataclass(frozen=True)
class Round:
    """Which scenarios, with what dice. A storm does not wait for one to be over."""

    number: int
    seed: int
    names: Sequence[str]
    strikes: int
    storm: bool

    @property
    def order(self) -> list[str]:
        """A storm has its own."""
        return (
            Random(self.seed).sample(self.names, len(self.names)) if self.storm else [*self.names]
        )

    def replay_command(self, name: str) -> str:
        """What strikes in the same way again."""
        what = "--storm" if self.storm else f"--only {name}"
        return f'make chaos ARGS="{what} --seed {self.seed} --strikes {self.strikes}"'


class Matrix:
    """Plays rounds and tells what came of them."""

    def __init__(self, installation: Installation, report: Report) -> None:
        self.installation = installation
        self.ledger = Ledger(installation.database)
        self.report = report

    def play(self, played: Round) -> dict[str, Account]:
        """The account of each scenario, by name."""
        groups = [played.order] if played.storm else [[name] for name in played.order]
        accounts: dict[str, Account] = {}
        for group in groups:
            accounts |= self._play_group(played, group)
        return accounts

    def _play_group(self, played: Round, names: list[str]) -> dict[str, Account]:
        trials = {name: self._prepare(played, name) for name in names}
        for name, trial in trials.items():
            self._strike(name, trial)
        # In a storm what one fault has left open may be hit by the next one: the last one counts.
        fault_over = max(trial.fault_over for trial in trials.values())
        self._wait(list(trials.values()), fault_over)
        self.ledger.note_torn()
        unsound = self.installation.reconcile()
        for trial in trials.values():
            trial.faults += unsound
        return {name: self._settle(played, name, trials[name], fault_over) for name in names}

    def _prepare(self, played: Round, name: str) -> Trial:
        variant = f"chaos.{played.number}.{name}"
        api = self.installation.api
        receiver = Receiver(self.installation.receiver_port, variant)
        config = {"url": receiver.url, "signaling": ACK}
        body = {"label": variant, "type": "webhook", "config": config}
        api.link(variant, True, api.data("PUT", "~/destinations", body))
        return Trial(
            self.installation,
            self.ledger,
            Traffic(api, variant, lanes=LANES),
            receiver,
            Random(f"{played.seed}/{name}"),
            played.strikes,
        )

    def _strike(self, name: str, trial: Trial) -> None:
        began = time.monotonic()
        try:
            SCENARIOS[name](trial)
        except AssertionError as error:
            trial.faults.append(f"the scenario did not come to its end: {error}")
        trial.fault_over = trial.fault_over or time.time()
        trial.faults += self.installation.find_fallen()
        seconds = time.monotonic() - began
        self.report(f"{name:12} {len(trial.traffic.accepted):5} accepted in {seconds:4.1f} s")

    def _wait(self, trials: list[Trial], fault_over: float) -> None:
        variants = [trial.traffic.variant for trial in trials]
        while self.ledger.count_open(*variants) and time.time() < fault_over + PATIENCE_SECONDS:
            time.sleep(0.25)

    def _settle(self, played: Round, name: str, trial: Trial, fault_over: float) -> Account:
        account = self.ledger.reconcile(trial.traffic, trial.receiver, fault_over)
        account = replace(account, faults=[*trial.faults, *account.faults])
        for fault in account.faults[:20]:
            self.report(f"{name}: {fault}")
        if account.faults:
            self.report(f"{name}: {len(account.faults)} faults; {played.replay_command(name)}")
        return account

"""The kill matrix: one function a fault, which strikes and leaves everything running again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from tests.chaos import clocks, edges, replays
from tests.chaos.receiver import Conduct
from tests.chaos.trial import LANES, Trial
from tests.end_to_end.processes import wait_until

# --- processes ---------------------------------------------------------------------------------


def kill_dispatcher(trial: Trial) -> None:
    """SIGKILL one dispatcher mid-delivery; another one takes its place."""
    with trial.striking() as strikes:
        for _ in strikes:
            trial.wait_for_deliveries()
            trial.installation.kill_dispatcher(trial.dice.choice(trial.installation.dispatchers))
            trial.note_strike()
            trial.installation.complete_dispatchers()


def kill_all_dispatchers(trial: Trial) -> None:
    """SIGKILL all dispatchers mid-delivery at once; others come a while later."""
    with trial.striking() as strikes:
        for _ in strikes:
            trial.wait_for_deliveries()
            for name in list(trial.installation.dispatchers):
                trial.installation.kill_dispatcher(name)
            trial.note_strike()
            trial.pause(0, 1)
            trial.installation.complete_dispatchers()
            trial.wait_for_deliveries()


def kill_web(trial: Trial) -> None:
    """SIGKILL web mid-accept: at any moment, and in turn in the middle of a statement."""
    with trial.striking() as strikes:
        for strike in strikes:
            trial.pause(0, 0.5)
            if strike % 2:
                trial.installation.kill_web()
            else:
                _kill_web_in_a_statement(trial)
            trial.note_strike()
            trial.installation.start_web()
            trial.wait_for_deliveries()


def _kill_web_in_a_statement(trial: Trial) -> None:
    """The accepting statement goes on after its client's death: stored, and nobody was told."""
    with trial.installation.database.held(
        "LOCK TABLE dispatch_actionpayload IN SHARE MODE"
    ) as hold:
        hold.wait_for_blocked()
        trial.installation.kill_web()


# --- database ----------------------------------------------------------------------------------


def terminate_connections(trial: Trial) -> None:
    """`pg_terminate_backend` of every connection."""
    with trial.striking() as strikes:
        for _ in strikes:
            for _ in range(trial.dice.randint(1, 3)):
                trial.installation.database.terminate_clients()
                trial.note_strike()
                trial.pause(0, 0.3)
            trial.wait_for_deliveries()


def restart_postgres_fast(trial: Trial) -> None:
    """PostgreSQL is restarted: connections are ended, then it stops."""
    _restart(trial, signal.SIGINT)


def restart_postgres_immediate(trial: Trial) -> None:
    """PostgreSQL is restarted without a shutdown, as after a power cut of the server alone."""
    _restart(trial, signal.SIGQUIT)


def _restart(trial: Trial, number: signal.Signals) -> None:
    with trial.striking() as strikes:
        for _ in strikes:
            trial.pause(0, 0.3)
            trial.installation.database.restart(number, away=trial.dice.uniform(0, 2))
            trial.note_strike()
            trial.wait_for_deliveries()


def crash_postgres(trial: Trial) -> None:
    """SIGKILL of one backend, upon which PostgreSQL ends all others and recovers."""
    with trial.striking() as strikes:
        for _ in strikes:
            trial.pause(0, 0.3)
            trial.installation.database.crash()
            trial.note_strike()
            trial.wait_for_deliveries()


def exhaust_connections(trial: Trial) -> None:
    """Others take all of PostgreSQL's connections."""
    with trial.striking() as strikes:
        for _ in strikes[:2]:
            with trial.installation.database.exhausted():
                trial.pause(1, 3)
            trial.note_strike()
            trial.wait_for_deliveries()


# --- receivers ---------------------------------------------------------------------------------


def drop_answers(trial: Trial) -> None:
    """The receiver does the work and drops the answer, at each action's first attempt."""
    trial.receiver.behave(Conduct.DROP)
    # Few for each lane, or its breaker would stretch them over minutes.
    sent = trial.traffic.send(LANES * 3)
    wait_until(lambda: trial.receiver.has_met(sent), seconds=30)
    trial.receiver.behave(Conduct.ANSWER)
    trial.fault_over = time.time()


def hang(trial: Trial) -> None:
    """The receiver takes requests and never answers them, for a while."""
    trial.receiver.behave(Conduct.HANG)
    sent = trial.traffic.send(LANES * 2)
    wait_until(lambda: trial.receiver.has_met(sent), seconds=30)
    trial.pause(0, 2)
    trial.receiver.behave(Conduct.ANSWER)
    trial.fault_over = time.time()


SCENARIOS: dict[str, Callable[[Trial], None]] = {
    "dispatcher": kill_dispatcher,
    "dispatchers": kill_all_dispatchers,
    "settle": edges.crash_at_settle,
    "hang": hang,
    "drop": drop_answers,
    "worker": replays.kill_worker,
    "web": kill_web,
    "connections": terminate_connections,
    "fast": restart_postgres_fast,
    "immediate": restart_postgres_immediate,
    "crash": crash_postgres,
    "pool": exhaust_connections,
    "clock": clocks.skew_clock,
}

"""Keeps a set of processes running until it is told to stop, and then leaves none behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

TETHER = Path(__file__).with_name("tether.py")
FIRST_DELAY = 1.0
LONGEST_DELAY = 30.0
# A child that ran this long was well: its next restart is a first one again.
STEADY_SECONDS = 60.0
TICK = 0.2


class Child:
    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self.command = command
        self.environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at = 0.0
        self._delay = FIRST_DELAY

    def keep_up(self, now: float) -> None:
        """Start what is due to start, and note what has died."""
        if self._process is None:
            if now >= self._start_at:
                self._start(now)
        elif self.has_ended():
            self._bury(now)

    def has_ended(self) -> bool:
        """Tell whether the process has died, leaving it unreaped: its group keeps its number."""
        if self._process is None:
            return True
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, options) is not None

    def terminate(self) -> None:
        if self._process:
            self._process.terminate()

    def clear(self) -> int | None:
        """Kill what is left of the process and of all it started; return its exit code."""
        if self._process is None:
            return None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        self._process = None
        return code

    def _start(self, now: float) -> None:
        tether = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid())]
        self._process = subprocess.Popen(  # noqa: S603 (its purpose)
            [*tether, *self.command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            process_group=0,  # the terminal's Ctrl-C is for the supervisor alone
        )
        self._started_at = now

    def _bury(self, now: float) -> None:
        code = self.clear()
        if now - self._started_at >= STEADY_SECONDS:
            self._delay = FIRST_DELAY
        self._start_at = now + self._delay
        sys.stderr.write(
            f"{self.name} has ended (exit code {code}) and is started again "
            f"in {self._delay:.0f} s.\n"
        )
        self._delay = min(2 * self._delay, LONGEST_DELAY)


class Supervisor:
    def __init__(self, commands: Mapping[str, Sequence[str]], environment: Mapping[str, str]):
        self.children = [Child(name, command, environment) for name, command in commands.items()]
        self.grace = 15.0
        self._stopping = threading.Event()
        self._forced = False

    def run(self, each_tick: Callable[[], None] = lambda: None) -> None:
        """Run the children until SIGINT, SIGTERM or SIGHUP; a second signal ends them at once."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._handle_signal)
        try:
            while not self._stopping.is_set():
                for child in self.children:
                    child.keep_up(time.monotonic())
                each_tick()
                self._stopping.wait(TICK)
        finally:
            self._stop()

    def _stop(self) -> None:
        for child in self.children:
            child.terminate()
        deadline = time.monotonic() + self.grace
        while not all(child.has_ended() for child in self.children):
            if self._forced or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        for child in self.children:
            child.clear()

    def _handle_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._forced = self._stopping.is_set()
        self._stopping.set()

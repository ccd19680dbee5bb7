"""Schemathesis in a process of its own, told what only a run knows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.end_to_end.processes import REPOSITORY
from tests.fuzz.stage import Stage

CONFIG = Path(__file__).with_name("schemathesis.toml")
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# What it takes to load the document, to call everything once, and to end what is under way, where
# the machine has much else to do.
GRACE_SECONDS = 600
# States first: what comes after them has deleted most rows by its end.
STATES, EVERYTHING, FUZZING = ("stateful", "examples,coverage", "fuzzing")


def fuzz(
    stage: Stage, *, seconds: int, seed: int, more: Sequence[str] = (), show: bool = False
) -> dict[str, subprocess.CompletedProcess[str]]:
    """All checks in all phases, by phase: 0 where nothing was found.

    What is found by trying is tried for so long, states for half of the time. The calls of the
    other phases are what the document makes them, and all of them are made.
    """
    spans = {STATES: seconds // 2, EVERYTHING: None, FUZZING: seconds // 2}
    return {
        phases: run(
            stage,
            f"--phases={phases}",
            *([] if span is None else [f"--max-time={span}"]),
            f"--seed={seed}",
            *more,
            seconds=(span or 0) + GRACE_SECONDS,
            show=show,
        )
        for phases, span in spans.items()
    }


def run(
    stage: Stage, *options: str, seconds: int, show: bool = False
) -> subprocess.CompletedProcess[str]:
    """One run of schemathesis with all checks, and what it said unless it was shown."""
    command = (SCHEMATHESIS, f"--config-file={CONFIG}", "run", f"{stage.url}/openapi.json")
    told = {
        "PYTHONPATH": str(REPOSITORY),
        "FUZZ_URL": stage.url,
        "FUZZ_RECEIVER": stage.receiver,
        "FUZZ_ORG": stage.org_id,
        "FUZZ_KEY": stage.key,
        "FUZZ_HOME": str(stage.home),
    }
    return subprocess.run(
        [*command, "--checks=all", *options],
        cwd=REPOSITORY,
        env=os.environ | told,
        stdin=subprocess.DEVNULL,
        capture_output=not show,
        text=True,
        timeout=seconds,
        check=False,
    )

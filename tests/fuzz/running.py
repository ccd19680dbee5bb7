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
# What it takes to load the document, and to end what is under way.
GRACE_SECONDS = 120


# States first: what comes after them has deleted most rows by its end.
PHASES = ("stateful", "examples,coverage,fuzzing")


def fuzz(
    stage: Stage, *, seconds: int, seed: int, more: Sequence[str] = (), show: bool = False
) -> list[subprocess.CompletedProcess[str]]:
    """All checks in all phases, states for half of the time: 0 where nothing was found."""
    return [
        run(
            stage,
            *(f"--phases={phases}", f"--max-time={seconds // 2}", f"--seed={seed}", *more),
            seconds=seconds // 2 + GRACE_SECONDS,
            show=show,
        )
        for phases in PHASES
    ]


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

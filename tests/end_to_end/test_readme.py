"""The README's walk, run as it is written there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.end_to_end.conftest import Installation
from tests.end_to_end.processes import find_free_port

README = Path(__file__).parents[2] / "README.md"


def test_the_five_minute_walk_ends_in_a_retried_success(installation: Installation, tmp_path):
    facts = installation.processes.bootstrap("Readme")
    where = f"http://127.0.0.1:{installation.api.port}"
    known = f"export KEY={facts['api_key']} ORG={facts['org_id']} API={where}"
    blocks = re.findall(r"```bash\n(.*?)```", README.read_text(), re.DOTALL)
    walk = re.sub(r"^export KEY=.*", known, "\n".join(blocks)).replace(
        "9000", str(find_free_port())
    )

    done = subprocess.run(
        ["bash", "-euc", f"{walk}\nkill $!"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert '"code":"INVALID_INPUT"' in done.stdout
    assert '"pointer":"/input/recipient"' in done.stdout
    answers = [line for line in done.stdout.splitlines() if line.startswith('{"data"')]
    record, lanes, replayed, preview = answers[-4:]
    assert '"state":{"status":"succeeded","attempt":1' in record
    assert re.findall(r'"kind":"(\w+)"', record) == ["accepted", "retried", "succeeded"]
    assert '"explanation":"Open: room for 4 more."' in lanes
    assert '"status":"queued"' in replayed
    assert '"count":1,"count_exact":true' in preview

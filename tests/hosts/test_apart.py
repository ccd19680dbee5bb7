"""The same on two hosts, one of which is cut off for longer than a lease."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.end_to_end.processes import REPOSITORY, TETHER

pytestmark = pytest.mark.alone

PROVE = ["unshare", "--net", sys.executable, "-m", "tests.hosts", "--apart"]
PATIENCE = 240


def test_a_host_that_is_cut_off_loses_nothing_and_two_deliver_more_than_one():
    for tool in ("ip", "unshare", "nsenter"):
        assert shutil.which(tool), f"{tool} is missing: apt-get install iproute2 util-linux"
    # By SIGTERM it removes what it has made, also where this process is killed.
    proof = subprocess.Popen(
        [*TETHER, *PROVE],
        cwd=REPOSITORY,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        told, _ = proof.communicate(timeout=PATIENCE)
    finally:
        proof.terminate()
        proof.wait()
    assert proof.returncode == 0, told

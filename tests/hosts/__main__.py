"""`python -m tests.hosts`: two web processes and two dispatchers, beside or apart.

`--apart` puts them into network namespaces, as root, in one of its own: `unshare --net`.
"""

from __future__ import annotations

import argparse
import signal
import sys

from tests.chaos import table
from tests.hosts.network import Network
from tests.hosts.proof import Findings, Proof
from tests.hosts.site import opened


def main() -> None:
    """Prove it, and say what was measured; exits 1 on any fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.hosts", description=__doc__)
    parser.add_argument("--apart", action="store_true", help="on two hosts")
    parser.add_argument("--cuts", type=int, default=1, help="how often a host is cut off (1)")
    options = parser.parse_args()
    apart = options.apart
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    with opened(Network() if apart else None) as site:
        proof = Proof(site)
        findings = proof.prove_apart(options.cuts) if apart else proof.prove_beside()
    show("two hosts" if apart else "two of each", findings)
    sys.exit(bool(findings.account.faults))


def show(name: str, findings: Findings) -> None:
    """The figures."""
    for fault in findings.account.faults[:20]:
        table.say(fault)
    table.show({name: findings.account})
    table.say(f"one dispatcher {findings.alone:.0f}/s, two {findings.together:.0f}/s")
    if findings.rejoined:
        table.say(f"delivering again {findings.rejoined:.1f} s after the healing")


if __name__ == "__main__":
    main()

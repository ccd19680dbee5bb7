"""Hosts without machines: network namespaces on a bridge, gone with the processes that hold them.

This process is in a namespace of its own already (`unshare --net`), where the bridge is. No
address is ever given to an interface of the machine.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field

BRIDGE = "bridge"
NETWORK = "10.77.0"
HUB = f"{NETWORK}.1"
# The kernel ends this one, and with it the namespace, when whoever started it has died.
HOLDER = "import ctypes, sys; ctypes.CDLL(None).prctl(1, 9); print(flush=True); sys.stdin.read()"


def run(*command: str) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


@dataclass
class Network:
    """A bridge with the hosts that have been plugged in."""

    holders: list[subprocess.Popen[str]] = field(default_factory=list)

    def open(self) -> None:
        """The bridge, with an address for what all hosts use."""
        # In a new namespace nothing is up; else this would be the machine's own network.
        assert not run("ip", "-o", "link", "show", "up"), "start it by `unshare --net`"
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", f"{HUB}/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")

    def add_host(self, number: int) -> tuple[str, list[str]]:
        """The address of one more host, and what makes a command run there."""
        holder = subprocess.Popen(
            ["unshare", "--net", sys.executable, "-I", "-S", "-c", HOLDER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.holders.append(holder)
        assert holder.stdout
        assert holder.stdout.readline() == "\n"
        address = f"{NETWORK}.{10 + number}"
        enter = ["nsenter", f"--net=/proc/{holder.pid}/ns/net", "--"]
        cable = _cable(number)
        run(*f"ip link add {cable} type veth peer name eth0 netns {holder.pid}".split())
        run(*f"ip link set {cable} master {BRIDGE} up".split())
        run(*enter, *["ip", "link", "set", "lo", "up"])
        run(*enter, *f"ip address add {address}/24 dev eth0".split())
        run(*enter, *["ip", "link", "set", "eth0", "up"])
        return address, enter

    def cut(self, number: int) -> None:
        """From now on nothing comes from the host, and nothing reaches it; nobody is told."""
        run("ip", "link", "set", _cable(number), "nomaster")

    def heal(self, number: int) -> None:
        """As before."""
        run("ip", "link", "set", _cable(number), "master", BRIDGE)

    def close(self) -> None:
        """Let go of the hosts; the kernel removes what was theirs."""
        for holder in self.holders:
            holder.kill()
            holder.wait()
            for stream in (holder.stdin, holder.stdout):
                if stream:
                    stream.close()


def _cable(number: int) -> str:
    return f"host{number}"

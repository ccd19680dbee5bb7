"""The judgement of addresses: what it adds to a webhook delivery."""

from __future__ import annotations

import statistics
from dataclasses import replace

from benchmarks import targets
from benchmarks.contestants import Waybill
from benchmarks.stack import Stack

# The difference is smaller than what a shared machine does from round to round. Evenly many: each
# of the two is the first as often as the other.
ROUNDS = 8
JOBS = 6_000
LANES = 12
# Loopback is allowed as a network, so that nothing is passed over.
GUARDED = {
    "WAYBILL_ALLOW_PRIVATE_NETWORKS": "false",
    "WAYBILL_OUTBOUND_NETWORKS": "127.0.0.0/8,::1/128",
}
UNGUARDED = ("-m", "benchmarks.unguarded")
# Microseconds: of a URL that has been judged before, as each delivery does it; of one that has
# not; and of the addresses of a name, as each new connection does it.
CHECKS = """
import timeit
from destinations.outward import addresses, outbound
url = "https://hooks.example.com/orders"
policy = addresses.read_policy(allow_private=False)
def again(): outbound.check_url(url, allow_private=False)
def anew(): addresses.check_url.__wrapped__(url, policy)
def connect():
    for address in ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"):
        addresses.check_address(address, policy, host="hooks.example.com")
for check in (again, anew, connect):
    print(min(timeit.repeat(check, number=5_000, repeat=7)) / 5_000 * 1e6)
"""


def run(stack: Stack) -> dict[str, float]:
    """Deliveries a second with and without it, in turn; and the checks by themselves."""
    receiver = targets.start_receiver(stack)
    # By name: its addresses are judged for each connection.
    url = receiver.url.replace("127.0.0.1", "localhost")
    targets.add_webhook(stack, "guarded", url)
    guarded = Waybill(stack, receiver, ["guarded"], LANES, environment=GUARDED)
    unguarded = replace(guarded, program=UNGUARDED, environment={})
    guarded.deliver(JOBS)
    rounds = [_deliver_both(guarded, unguarded, number) for number in range(ROUNDS)]
    again, anew, connect = map(float, stack.manage("shell", "-v0", "-c", CHECKS).split())
    rate = statistics.median(without for _, without in rounds)
    return {
        "guarded": statistics.median(ours for ours, _ in rounds),
        "unguarded": rate,
        "guarded / unguarded": statistics.median(ours / without for ours, without in rounds),
        "address check": again,
        "address check of a new URL": anew,
        "address check of a connection": connect,
        "address check / delivery": again * rate / 1e6,
    }


def _deliver_both(guarded: Waybill, unguarded: Waybill, number: int) -> tuple[float, float]:
    """In turn the first: what one leaves behind is met by the next."""
    if number % 2:
        without = unguarded.deliver(JOBS)
        return guarded.deliver(JOBS), without
    return guarded.deliver(JOBS), unguarded.deliver(JOBS)

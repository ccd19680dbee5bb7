"""The same guarantees with two web processes and two dispatchers, and more speed than with one."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tests.chaos.clients import Receiver, Traffic
from tests.chaos.ledger import RECOVERY_SECONDS, Account, Ledger
from tests.chaos.receiver import Conduct, Request
from tests.end_to_end.processes import wait_until
from tests.hosts.site import CONCURRENCY, Host, Site

LANES = 12
# By lane: what an operator lets be under way there.
CAPS = {0: 1, 1: 2, 2: 3}
WORK_SECONDS = 0.05
# So slow that it bounds a dispatcher, and not this machine, however busy that is.
PACE_SECONDS = 0.2
PACED = 80
# Of two dispatchers, in the best of so many measurements.
LEAST_GROWTH = 1.4
MEASURED = 3
LATE = "SELECT count(*) FROM dispatch_actionevent WHERE kind = 'late'"
# Sessions of a host from before a moment; there is nobody left at their other end.
GHOSTS = """
SELECT count(*) FROM pg_stat_activity
WHERE client_addr = %s::inet AND backend_start < to_timestamp(%s)
"""


@dataclass(frozen=True)
class Findings:
    """What was measured. Good where the account is."""

    account: Account
    # Deliveries a second: by one dispatcher, and by two.
    alone: float
    together: float
    # From the healing of a host until it delivers again.
    rejoined: float


class Proof:
    """Two variants: one with caps on some of its lanes, one to measure speed by."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ledger = Ledger(site.database)
        first, second = site.apis
        self.receiver = site.make_receiver("hosts.load")
        self.load = Traffic(first, "hosts.load", lanes=LANES, others=[second])
        self.pace_receiver = site.make_receiver("hosts.pace")
        self.pace = Traffic(second, "hosts.pace", lanes=LANES)
        self.receiver.behave(Conduct.ANSWER, work=WORK_SECONDS)
        self.pace_receiver.behave(Conduct.ANSWER, work=PACE_SECONDS)
        self.alone = self.together = self.rejoined = 0.0
        self.faults: list[str] = []
        self._set_caps()

    def prove_beside(self) -> Findings:
        """On one machine."""
        one, two = self.site.hosts
        self.site.start_dispatcher(one)
        self.alone = self.measure_pace()
        self.site.start_dispatcher(two)
        self.together = self.measure_growth()
        self.let_flow(seconds=2)
        return self._conclude(time.time())

    def prove_apart(self, cuts: int) -> Findings:
        """On two hosts, which are cut off in turn, each in the middle of its work."""
        for host in self.site.hosts:
            self.site.start_dispatcher(host)
        self.let_flow(seconds=2)
        cut_at = 0.0
        for number in range(cuts):
            cut_at = self._cut_off(number % 2)
        return self._conclude(cut_at)

    def _cut_off(self, index: int) -> float:
        """When a host was cut off; returns when it is healed again."""
        host, other = self.site.hosts[index], self.site.hosts[1 - index]
        self.load.api = self.pace.api = self.site.apis[1 - index]
        cut_at = self._cut_in_the_middle(host)
        self.let_flow(seconds=0.5)
        self.alone = self.measure_pace()
        patience = RECOVERY_SECONDS - (time.time() - cut_at)
        wait_until(lambda: not self.ledger.count_open(self.load.variant), seconds=patience)
        senders = {request.sender for request in self._seen_since(cut_at)}
        if senders != {other.address}:
            self.faults.append(f"{senders} delivered while only {other.address} could be reached")
        healed_at = self._heal(host)
        self.rejoined = time.time() - healed_at
        self.together = self.measure_growth()
        self.faults += self._find_left_behind(host, cut_at)
        return cut_at

    def let_flow(self, *, seconds: float) -> None:
        """Actions by both web processes, and at once more than the capped lanes can take."""
        self.load.send(LANES * 12)
        with self.load.flowing():
            time.sleep(seconds)

    def measure_pace(self) -> float:
        """Deliveries a second while there is enough to do."""
        receiver, before = self.pace_receiver, len(self.pace_receiver.read_seen())
        self.pace.send(PACED)
        wait_until(lambda: len(receiver.read_seen()) >= before + PACED, seconds=30)
        times = sorted(request.at for request in receiver.read_seen()[before:])
        skipped = PACED // 5
        return (PACED - 2 * skipped) / (times[-skipped - 1] - times[skipped])

    def measure_growth(self) -> float:
        """What two deliver; again where something else has slowed them down."""
        best = 0.0
        for _ in range(MEASURED):
            best = max(best, self.measure_pace())
            if best >= LEAST_GROWTH * self.alone:
                break
        return best

    def _set_caps(self) -> None:
        api = self.site.apis[0]
        for lane, cap in CAPS.items():
            body = {"variant": self.load.variant, "schema": True}
            definition = api.data("PUT", "~/actions/definitions", body)
            path = f"~/actions/definitions/{definition['id']}/lanes/advice"
            api.data("POST", path, {"tags": {"lane": str(lane)}, "running_cap": cap})

    # --- a host is cut off -----------------------------------------------------------------------

    def _cut_in_the_middle(self, host: Host) -> float:
        """When the host was cut off; by then it had deliveries under way."""
        assert self.site.network
        wait_until(lambda: not self.ledger.count_open(self.load.variant), seconds=30)
        self.receiver.behave(Conduct.HOLD)
        held_at = time.time()
        self.load.send(LANES * 4)

        def count_held() -> int:
            return sum(one.sender == host.address for one in self._seen_since(held_at))

        wait_until(lambda: count_held() >= CONCURRENCY // 2, seconds=15)
        self.ledger.note_strike()
        self.site.network.cut(host.number)
        cut_at = time.time()
        self.receiver.behave(Conduct.ANSWER, work=WORK_SECONDS)
        return cut_at

    def _heal(self, host: Host) -> float:
        """When it was healed; returns when both its processes are at work again."""
        assert self.site.network
        self.site.network.heal(host.number)
        healed_at = time.time()
        wait_until(lambda: self.site.is_healthy(host), seconds=RECOVERY_SECONDS)

        def delivers() -> bool:
            self.pace.send(CONCURRENCY * 2)
            seen = self.pace_receiver.read_seen()
            return any(one.sender == host.address and one.at > healed_at for one in seen)

        wait_until(delivers, seconds=RECOVERY_SECONDS)
        return healed_at

    def _find_left_behind(self, host: Host, cut_at: float) -> Iterator[str]:
        """Its sessions from before are over; what it had not heard of was told late."""
        if ghosts := self.site.database.rows(GHOSTS, [host.address, cut_at])[0][0]:
            yield f"{ghosts} sessions of a host that was gone are still there"
        if not self.site.database.rows(LATE)[0][0]:
            yield "the outcomes of the host that was gone were not even told late"

    def _seen_since(self, moment: float) -> Iterable[Request]:
        return [one for one in self.receiver.read_seen() if one.at > moment]

    # --- what came of it -------------------------------------------------------------------------

    def _conclude(self, fault_over: float) -> Findings:
        """Everything is over: whether all of it is accounted for."""
        both = (self.load.variant, self.pace.variant)
        wait_until(lambda: not self.ledger.count_open(*both), seconds=60)
        self.ledger.note_torn()
        account = self.ledger.reconcile(self.load, self.receiver, fault_over)
        paced = self.ledger.reconcile(self.pace, self.pace_receiver, time.time())
        found = [*self.faults, *account.faults, *paced.faults]
        found += find_crowding(self.load, self.receiver)
        if self.together < LEAST_GROWTH * self.alone:
            found.append(f"two deliver {self.together:.0f} a second, one {self.alone:.0f}")
        done = self.site.processes.run("reconcile")
        if done.returncode:
            found.append(f"reconcile ended with {done.returncode}: {done.stdout}{done.stderr}")
        account = replace(account, faults=found)
        return Findings(account, self.alone, self.together, self.rejoined)


def find_crowding(traffic: Traffic, receiver: Receiver) -> Iterator[str]:
    """The capped lanes in which the receiver had more to do at once than it should, or less."""
    moments: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
    for request in receiver.read_seen():
        number = traffic.accepted.get(request.action_id)
        if number is not None and request.done_at:
            moments[number % traffic.lanes] += [(request.at, 1), (request.done_at, -1)]
    for lane, cap in CAPS.items():
        most = running = 0
        for _, change in sorted(moments[lane]):
            running += change
            most = max(most, running)
        if most != cap:
            yield f"lane {lane} had {most} under way at once, and its cap is {cap}"

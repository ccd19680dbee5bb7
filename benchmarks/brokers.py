"""Queues and topics: what Waybill makes of the client libraries, beside their own batched loops.

The counterparts are made for the purpose, in processes of their own, and do as little as they
can: with a slow one on both sides, every ratio would be near 1.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import grpc

from benchmarks import sending, targets, topic
from benchmarks.contestants import Waybill, clocked
from benchmarks.raw import TABLE
from benchmarks.stack import Stack, free_port, wait_for
from benchmarks.targets import Counting

ROUNDS = 3
JOBS = 6_000
LANES = 12


@dataclass(frozen=True)
class Topic:
    """A topic that runs."""

    address: str

    def count(self) -> int:
        """How many messages it has taken."""
        with grpc.insecure_channel(self.address) as channel:
            return int(channel.unary_unary(topic.COUNT)(b"", wait_for_ready=True, timeout=10))


@dataclass(frozen=True)
class Broker:
    """A counterpart, and what is measured with it."""

    stack: Stack
    name: str
    kind: str
    address: str
    counting: Counting

    def send(self, how: str, more: str) -> float:
        """Messages a second, as `benchmarks.sending` sends them."""
        words = ("-m", "benchmarks.sending", how, self.kind, self.address, more)
        return clocked(self.stack, self.counting, JOBS, lambda: self.stack.start(*words))

    def send_claimed(self) -> float:
        """The same, with rows that are claimed and finished."""
        with self.stack.connect() as connection:
            connection.execute(TABLE.replace("%(jobs)s", str(JOBS)))
        return self.send("raw", self.stack.database_url)

    def measure(self) -> dict[str, float]:
        """Medians of rounds in turn."""
        waybill = Waybill(self.stack, self.counting, [self.kind], LANES)
        # Lanes start low and grow while they are served; they are warm from here on.
        waybill.deliver(JOBS)
        work: dict[str, Callable[[], float]] = {
            f"deliver to {self.name}": lambda: self.send("deliver", str(JOBS)),
            f"client to {self.name}": lambda: self.send("client", str(JOBS)),
            f"dispatch to {self.name}": lambda: waybill.deliver(JOBS),
            f"raw to {self.name}": self.send_claimed,
        }
        rounds = [{name: one() for name, one in work.items()} for _ in range(ROUNDS)]
        figures = {name: statistics.median(one[name] for one in rounds) for name in work}
        for ours, other in (("deliver", "client"), ("dispatch", "raw")):
            name = f"{ours} to {self.name}"
            figures[f"{name} / {other}"] = statistics.median(
                one[name] / one[f"{other} to {self.name}"] for one in rounds
            )
        return figures


def run(stack: Stack) -> dict[str, float]:
    """Messages a second to either, and the ratios."""
    return start_sqs(stack).measure() | start_pubsub(stack).measure()


def start_sqs(stack: Stack) -> Broker:
    """A queue that answers at once."""
    receiver = targets.start_receiver(stack)
    stack.environment["WAYBILL_AWS_ENDPOINT"] = receiver.url
    add_destination(
        stack,
        "aws_sqs",
        {"queue_url": sending.QUEUE_URL},
        {"type": "aws_access_key", "secret": sending.AWS_SECRET},
    )
    return Broker(stack, "SQS", "aws_sqs", receiver.url, receiver)


def start_pubsub(stack: Stack) -> Broker:
    """A topic that answers at once."""
    port = free_port()
    stack.start("-m", "benchmarks.topic", str(port))
    wait_for(port)
    address = f"127.0.0.1:{port}"
    stack.environment["WAYBILL_PUBSUB_ENDPOINT"] = address
    add_destination(
        stack,
        "google_pubsub",
        {"project_id": sending.PROJECT, "topic_id": sending.TOPIC},
        {"type": "gcp_service_account", "secret": sending.make_account()},
    )
    return Broker(stack, "Pub/Sub", "google_pubsub", address, Topic(address))


def add_destination(
    stack: Stack, kind: str, config: dict[str, str], credential: dict[str, object]
) -> None:
    """A destination with its credential, and a definition of its own."""
    made = stack.call("PUT", "~/credentials", {"label": kind} | credential)
    columns = {"type": kind, "config": config, "credential_id": made["id"]}
    targets.add_destination(stack, kind, columns)

"""Pub/Sub as tests meet it: the official emulator, where it is installed, or a server of ours."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from typing import Any

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from destinations.attempts import Attempt
from destinations.keys import Keys
from destinations.outcomes import Outcome
from tests.destinations.kinds.pubsub_proxy import Proxy
from tests.destinations.kinds.suite import deliver, make_attempt, make_keys

PACKAGE = "google-cloud-cli-pubsub-emulator"
PROJECT = "acme-prod"


def find_emulator() -> str | None:
    """The jar of the official emulator; None where it is not installed."""
    try:
        listed = subprocess.run(
            ["dpkg", "-L", PACKAGE], check=False, stdout=-1, stderr=-1, text=True
        )
    except FileNotFoundError:
        return None
    jars = [line for line in listed.stdout.split() if line.endswith("-all.jar")]
    return jars[0] if jars else None


EMULATOR = find_emulator()
SERVERS = ["ours", "emulator"] if EMULATOR else ["ours"]


def make_command(server: str, port: int) -> list[str]:
    """What starts it."""
    if server == "ours":
        return [sys.executable, "-m", "tests.destinations.kinds.pubsub_server", str(port)]
    java = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-jar", str(EMULATOR)]
    return [*java, "--host=127.0.0.1", f"--port={port}"]


def make_key() -> tuple[str, str]:
    """A key pair: what signs, and what it is checked with, in PEM."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def make_account(private: str) -> Keys:
    """Keys that hold a service account with this private key."""
    return make_keys(
        "gcp_service_account",
        type="service_account",
        client_email="waybill@acme-prod.iam.gserviceaccount.com",
        private_key_id="one",
        private_key=private,
    )


class Topic:
    """A topic with a subscription, on a server behind a proxy."""

    def __init__(self, upstream: str, proxy: Proxy, keys: Keys) -> None:
        self.proxy = proxy
        self.keys = keys
        self.channel = grpc.insecure_channel(upstream)
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=self.channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=self.channel))
        self.id = f"topic-{uuid.uuid4().hex}"
        name = f"projects/{PROJECT}/topics/{self.id}"
        self.subscription = f"projects/{PROJECT}/subscriptions/{self.id}"
        publisher.create_topic(name=name)
        self.subscriber.create_subscription(
            request={"name": self.subscription, "topic": name, "enable_message_ordering": True}
        )

    def read(self, count: int) -> list[Any]:
        """So many messages, or all where there are not that many."""
        messages = []
        while len(messages) < count:
            answer = self.subscriber.pull(
                subscription=self.subscription, max_messages=1_000, timeout=5
            )
            if not answer.received_messages:
                break
            messages += [one.message for one in answer.received_messages]
            ids = [one.ack_id for one in answer.received_messages]
            self.subscriber.acknowledge(subscription=self.subscription, ack_ids=ids)
        return messages

    def make(self, **fields: Any) -> Attempt:
        """An attempt at it."""
        config = {"project_id": PROJECT, "topic_id": self.id} | fields.pop("config", {})
        return make_attempt("google_pubsub", config, **{"keys": self.keys} | fields)

    def outcome(self, **fields: Any) -> Outcome:
        """What comes of one attempt at it."""
        (outcome,) = asyncio.run(deliver(self.make(**fields)))
        return outcome

"""`google_pubsub`: a Pub/Sub topic. Settles when Pub/Sub has taken the message."""

from __future__ import annotations

import re
from typing import Any

from config.errors import Fault
from destinations.attempts import Attempt, Request
from destinations.brokers.batches import Account, Batches, Limits, Messages, Place
from destinations.models import CredentialType
from destinations.outcomes import Outcome
from destinations.outward.clients import Clients
from destinations.signaling import RESPONSE_TIME_SLA, SIGNALING

CONFIG: dict[str, Any] = {
    "type": "object",
    "required": ["project_id", "topic_id"],
    "properties": {
        "project_id": {"type": "string"},
        "topic_id": {"type": "string"},
        "response_time_sla_ms": RESPONSE_TIME_SLA,
    },
}
# Beside what the published schema names.
OURS: dict[str, Any] = {
    "signaling": SIGNALING,
    "ordering": {
        "description": "The messages of a lane bear its id as their ordering key.",
        "type": "boolean",
    },
}
CREDENTIALS = (CredentialType.GCP_SERVICE_ACCOUNT,)
EXAMPLE: dict[str, Any] = {"project_id": "acme-prod", "topic_id": "orders"}
# One request holds at most 1,000 messages and 10 MB (cloud.google.com/pubsub/quotas); smaller
# ones are answered sooner.
LIMITS = Limits(messages=100, bytes=1_000_000, calls=8)
MOST_BYTES = 10_000_000
# What a message takes besides its data and attributes, amply.
OVERHEAD = 200
NO_CREDENTIAL = (
    "The destination has no credential: give it one of type gcp_service_account that may "
    "pubsub.topics.publish on the topic. What this machine may do itself is not lent to a "
    "destination."
)
MESSAGES = Messages("Pub/Sub", OVERHEAD, MOST_BYTES, NO_CREDENTIAL)
# cloud.google.com/resource-manager/docs/creating-managing-projects, with the old domain-scoped
# ones; cloud.google.com/pubsub/docs/pubsub-basics#resource_names
_PROJECT = re.compile(r"(?:[a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_TOPIC = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")


def find_config_faults(config: dict[str, Any]) -> list[Fault]:
    """What the schema leaves open: names that Pub/Sub would not take."""
    faults = []
    if not _PROJECT.fullmatch(config["project_id"]):
        faults.append(_fault("This is no project id of Google Cloud.", "project_id"))
    if not _TOPIC.fullmatch(config["topic_id"]):
        faults.append(_fault("This is no topic id: give the name without its path.", "topic_id"))
    return faults


def _fault(message: str, name: str) -> Fault:
    return Fault("INVALID_CONFIG", message, f"/config/{name}")


async def deliver(attempt: Attempt, clients: Clients) -> Outcome:
    """Publish the payload's own bytes, together with what else goes to the topic just then."""
    credential, size = MESSAGES.weigh(attempt)
    account = Account(credential.id, credential.version, secret=credential.value)
    place = Place(account, _name_topic(attempt), order=_find_order(attempt))
    return await clients.of(Topics).batches.deliver(attempt, place, size)


def compose(attempt: Attempt) -> Request:
    """The message as Pub/Sub gets it: its attributes, and its ordering key where it has one."""
    MESSAGES.weigh(attempt)
    order = _find_order(attempt)
    said = attempt.attributes() | ({"orderingKey": order} if order else {})
    return Request("Publish", _name_topic(attempt), said, {}, attempt.payload)


def _name_topic(attempt: Attempt) -> str:
    return f"projects/{attempt.config['project_id']}/topics/{attempt.config['topic_id']}"


def _find_order(attempt: Attempt) -> str:
    return str(attempt.lane_id) if attempt.config.get("ordering") else ""


class Topics:
    """What is on its way to topics, and the clients for it."""

    def __init__(self, _: Clients) -> None:
        self.batches = Batches("destinations.brokers.pubsub", LIMITS)

    async def close(self) -> None:
        """Give up what is under way, and end the clients."""
        await self.batches.close()

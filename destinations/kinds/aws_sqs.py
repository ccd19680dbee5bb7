"""`aws_sqs`: an SQS queue. Settles when SQS has taken the message."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from config.errors import Fault
from destinations.attempts import Attempt, Request
from destinations.brokers.batches import Account, Batches, Limits, Messages, Place
from destinations.models import CredentialType
from destinations.outcomes import Outcome
from destinations.outward.clients import Clients
from destinations.signaling import RESPONSE_TIME_SLA, SIGNALING

CONFIG: dict[str, Any] = {
    "type": "object",
    "required": ["queue_url"],
    "properties": {
        "queue_url": {"type": "string", "format": "uri"},
        "region": {"type": "string"},
        "response_time_sla_ms": RESPONSE_TIME_SLA,
    },
}
# Beside what the published schema names.
OURS: dict[str, Any] = {"signaling": SIGNALING}
CREDENTIALS = (CredentialType.AWS_ACCESS_KEY,)
EXAMPLE: dict[str, Any] = {
    "queue_url": "https://sqs.eu-central-1.amazonaws.com/123456789012/orders",
    "region": "eu-central-1",
}
# A call takes ten messages. Together they keep to what a queue took before 1 MiB was allowed and
# what it may still be set to; a message that is larger goes by itself.
LIMITS = Limits(messages=10, bytes=262_144, calls=16)
MOST_BYTES = 1_048_576
# The data type of each of at most four attributes counts, too.
OVERHEAD = 24
NO_CREDENTIAL = (
    "The destination has no credential: give it one of type aws_access_key that may "
    "sqs:SendMessage to the queue. What this machine may do itself is not lent to a destination."
)
MESSAGES = Messages("SQS", OVERHEAD, MOST_BYTES, NO_CREDENTIAL)
FIRST_REGION = "us-east-1"
_REGION = r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}"
_SUFFIX = r"(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|api\.aws|api\.amazonwebservices\.com\.cn)"
# docs.aws.amazon.com/general/latest/gr/sqs-service.html, with the legacy names.
_HOST = re.compile(
    rf"sqs(?:-fips)?\.(?P<region>{_REGION})\.{_SUFFIX}"
    rf"|(?P<legacy>{_REGION})\.queue\.amazonaws\.com(?:\.cn)?|queue\.amazonaws\.com"
)
_PATH = re.compile(r"/[0-9]{12}/(?:[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo)")


def find_config_faults(config: dict[str, Any]) -> list[Fault]:
    """What the schema leaves open: where the URL may lead, and what a region is called."""
    faults = []
    region = config.get("region")
    if region is not None and not re.fullmatch(_REGION, region):
        message = "This is no region of AWS, like eu-central-1."
        faults.append(Fault("INVALID_CONFIG", message, "/config/region"))
    if not settings.AWS_ENDPOINT:
        faults += _find_url_faults(config["queue_url"], region)
    return faults


def _find_url_faults(url: str, region: str | None) -> list[Fault]:
    parts = urlsplit(url)
    host = _HOST.fullmatch(parts.netloc)
    if parts.scheme != "https" or host is None:
        message = "The queue's URL must be https on a host of SQS, as AWS gives it."
        return [Fault("ADDRESS_REFUSED", message, "/config/queue_url")]
    if not _PATH.fullmatch(parts.path) or parts.query or parts.fragment:
        message = "The URL's path must be /account/queue, as AWS gives it."
        return [Fault("INVALID_CONFIG", message, "/config/queue_url")]
    if re.fullmatch(_REGION, region or "") and region != (named := read_region(url)):
        message = f"The queue's URL is of {named}: say that, or leave it out."
        return [Fault("INVALID_CONFIG", message, "/config/region")]
    return []


def read_region(url: str) -> str:
    """The region in a queue's URL; the first one where it names none."""
    host = _HOST.fullmatch(urlsplit(url).netloc)
    return (host and (host["region"] or host["legacy"])) or FIRST_REGION


async def deliver(attempt: Attempt, clients: Clients) -> Outcome:
    """Send the payload's own text, together with what else goes to the queue just then."""
    credential, size = MESSAGES.weigh(attempt)
    url = attempt.config["queue_url"]
    region = attempt.config.get("region") or read_region(url)
    account = Account(credential.id, credential.version, region, credential.value)
    # A queue that has an order takes a group's calls as they come: there is one at a time.
    place = Place(account, url, order=str(attempt.lane_id) if is_fifo(url) else "")
    return await clients.of(Queues).batches.deliver(attempt, place, size)


def compose(attempt: Attempt) -> Request:
    """The message as SQS gets it; its attributes, and where it has an order, what that is by."""
    MESSAGES.weigh(attempt)
    url = attempt.config["queue_url"]
    ordered = attempt.order() if is_fifo(url) else {}
    return Request("SendMessage", url, attempt.attributes() | ordered, {}, attempt.payload)


def is_fifo(url: str) -> bool:
    """Whether the queue keeps an order."""
    return url.endswith(".fifo")


class Queues:
    """What is on its way to queues, and the clients for it."""

    def __init__(self, _: Clients) -> None:
        self.batches = Batches("destinations.brokers.sqs", LIMITS)

    async def close(self) -> None:
        """Give up what is under way, and end the clients."""
        await self.batches.close()

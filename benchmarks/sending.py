"""Messages to SQS or Pub/Sub: `python -m benchmarks.sending HOW KIND ADDRESS [COUNT | DATABASE]`.

HOW is `client`, the client library's own batched loop; `raw`, the same with rows that are claimed
and finished, and no more; or `deliver`, what Waybill's kinds make of attempts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import django
import grpc
import psycopg
import uvloop
from aiobotocore.session import get_session
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from benchmarks.raw import CLAIM, CLAIMED, FINISH

Rows = Sequence[tuple[int, str]]
Send = Callable[[Rows], Awaitable[None]]
REGION = "eu-central-1"
QUEUE_URL = f"https://sqs.{REGION}.amazonaws.com/123456789012/orders"
PROJECT, TOPIC = "acme-prod", "orders"
AWS_SECRET = {"access_key_id": "bench", "secret_access_key": "bench"}
# What Waybill has under way at once, at most: a quarter of a dispatcher's thousand, 16 calls.
UNDER_WAY = 250
CALLS = 16


def make_attributes(number: int) -> dict[str, str]:
    """What each message says of itself."""
    return {"actionid": str(number), "attempt": "0", "variant": "orders"}


@contextlib.asynccontextmanager
async def opened_sqs(address: str) -> AsyncIterator[Send]:
    """Send by `SendMessageBatch`, ten at a time."""
    calls = asyncio.Semaphore(CALLS)
    async with get_session().create_client(
        "sqs",
        region_name=REGION,
        endpoint_url=address,
        aws_access_key_id=AWS_SECRET["access_key_id"],
        aws_secret_access_key=AWS_SECRET["secret_access_key"],
    ) as client:

        async def send_ten(rows: Rows) -> None:
            entries = [
                {
                    "Id": str(number),
                    "MessageBody": body,
                    "MessageAttributes": {
                        name: {"DataType": "String", "StringValue": value}
                        for name, value in make_attributes(number).items()
                    },
                }
                for number, body in rows
            ]
            async with calls:
                await client.send_message_batch(QueueUrl=QUEUE_URL, Entries=entries)

        async def send(rows: Rows) -> None:
            tens = range(0, len(rows), 10)
            await asyncio.gather(*(send_ten(rows[start : start + 10]) for start in tens))

        yield send


@contextlib.asynccontextmanager
async def opened_pubsub(address: str) -> AsyncIterator[Send]:
    """Publish through the client that batches by itself."""
    channel = grpc.insecure_channel(address)
    client = pubsub_v1.PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    topic = client.topic_path(PROJECT, TOPIC)

    async def send(rows: Rows) -> None:
        futures = [
            client.publish(topic, body.encode(), **make_attributes(number)) for number, body in rows
        ]
        await asyncio.gather(*map(asyncio.wrap_future, futures))

    yield send
    client.stop()


async def send_claimed(send: Send, database_url: str) -> None:
    """Claim 100, send them, finish them in one statement; again until none is left."""
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
    async with connection:
        while True:
            claimed = await connection.execute(CLAIM, [CLAIMED], prepare=True)
            rows = await claimed.fetchall()
            if not rows:
                return
            await send(rows)
            await connection.execute(FINISH, [[row[0] for row in rows]], prepare=True)


@contextlib.asynccontextmanager
async def opened_kind(kind: str) -> AsyncIterator[Send]:
    """Deliver as a dispatcher does, without one."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    # What needs Django.
    from destinations import kinds  # noqa: PLC0415
    from destinations.attempts import Attempt  # noqa: PLC0415
    from destinations.keys import Keys, Secret  # noqa: PLC0415
    from destinations.outward import outbound  # noqa: PLC0415
    from destinations.outward.clients import Clients  # noqa: PLC0415

    if kind == "aws_sqs":
        config = {"queue_url": QUEUE_URL}
        secret = Secret(1, 1, "aws_access_key", AWS_SECRET)
    else:
        config = {"project_id": PROJECT, "topic_id": TOPIC}
        secret = Secret(1, 1, "gcp_service_account", make_account())
    keys, room = Keys(secret), asyncio.Semaphore(UNDER_WAY)

    async with (
        outbound.open_session(allow_private=True, connections=10) as session,
        Clients(session) as clients,
    ):

        async def send_one(number: int, body: str) -> None:
            async with room:
                ends = time.monotonic() + 30
                payload = body.encode()
                attempt = Attempt(
                    number, 0, 0, kind, config, payload, ends, "orders", lane_id=1, keys=keys
                )
                outcome = await kinds.deliver(attempt, clients)
                if outcome.verdict != "ack":
                    raise RuntimeError(outcome)

        async def send(rows: Rows) -> None:
            await asyncio.gather(*(send_one(number, body) for number, body in rows))

        yield send


def make_account() -> dict[str, str]:
    """The key of a service account that nobody knows."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    email = "bench@acme-prod.iam.gserviceaccount.com"
    return {"type": "service_account", "client_email": email, "private_key": pem.decode()}


async def run(how: str, kind: str, address: str, more: str) -> None:
    """Send all of it, and stay until the clock has seen the last one."""
    opened = {"aws_sqs": opened_sqs, "google_pubsub": opened_pubsub}[kind]
    async with opened_kind(kind) if how == "deliver" else opened(address) as send:
        if how == "raw":
            await send_claimed(send, more)
        else:
            await send([(number, '{"n": 1}') for number in range(int(more))])
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(run(*sys.argv[1:]))

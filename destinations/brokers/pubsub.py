"""Batches to Pub/Sub topics, through Google's client.

Of google-cloud-pubsub it is the generated client's transport: it signs in and speaks gRPC. The
`PublisherClient` above it batches in threads of its own and takes ten times the time for each
message; grpc.aio has one set of sockets for all event loops of a process, which get in each
other's way. The futures of this one belong to no loop and block none.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import grpc
from django.conf import settings
from google.api_core.gapic_v1 import routing_header
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account
from google.pubsub_v1 import types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from destinations.brokers.batches import (
    Account,
    Batch,
    Entry,
    Place,
    accepted_outcome,
    judge_silence,
    send_halves,
)
from destinations.brokers.pools import Client, Pool
from destinations.credentials import GOOGLE_TOKEN_URI
from destinations.outcomes import Outcome, Verdict
from destinations.outward import threads
from destinations.outward.outbound import CONNECT_SECONDS

# It answers with a number for each message.
CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", 1_048_576),
)
AUDIENCE = "https://pubsub.googleapis.com/"
# An assertion of ours is good for an hour.
SIGNED_SECONDS = 3_000

_FORBIDDEN = "allow pubsub.topics.publish on this topic to the destination's credential"
_UNKNOWN = "Google does not take the credential: update it"
_NO_TOPIC = "there is no such topic: check the destination's project_id and topic_id"
# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
CODES: dict[grpc.StatusCode, tuple[Verdict, str]] = {
    grpc.StatusCode.PERMISSION_DENIED: (Verdict.REFUSED, _FORBIDDEN),
    grpc.StatusCode.UNAUTHENTICATED: (Verdict.REFUSED, _UNKNOWN),
    grpc.StatusCode.NOT_FOUND: (Verdict.REFUSED, _NO_TOPIC),
    grpc.StatusCode.FAILED_PRECONDITION: (Verdict.REFUSED, "the topic's state forbids it"),
    grpc.StatusCode.UNIMPLEMENTED: (Verdict.REFUSED, "this is no Pub/Sub"),
    grpc.StatusCode.INVALID_ARGUMENT: (Verdict.PERMANENT, ""),
    grpc.StatusCode.OUT_OF_RANGE: (Verdict.PERMANENT, ""),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (Verdict.RATE_LIMITED, ""),
}
# What gRPC itself says under the codes that a server may give, too.
UNCONNECTED = ("failed to connect to all addresses", "DNS resolution failed", "Name resolution")
BROKEN_OFF = ("Socket closed", "Connection reset", "recvmsg", "Stream removed", "GOAWAY")
TOO_LARGE = "larger than max"
_ENDED = frozenset(
    [
        grpc.ChannelConnectivity.READY,
        grpc.ChannelConnectivity.TRANSIENT_FAILURE,
        grpc.ChannelConnectivity.SHUTDOWN,
    ]
)
# Untyped in their package.
_credentials: Any = service_account.Credentials
_signer: Any = jwt.Credentials
_routing: Any = routing_header
_message = types.PubsubMessage.pb()
_request = types.PublishRequest.pb()


class UnconnectedError(Exception):
    """No connection in time, or none at all."""


class KeyFileError(Exception):
    """What the credential holds cannot be used to sign in."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """A transport that is connected, and what each call bears besides."""

    transport: PublisherGrpcTransport
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Body:
    """Whether a call is on its way."""

    sent: bool = False


class Broker:
    """Sends batches over channels that it keeps."""

    def __init__(self) -> None:
        self._pool: Pool[Account, Publisher] = Pool(connect)

    async def send(self, place: Place, batch: Batch) -> list[Outcome]:
        """The outcome of each entry of one publish request."""
        request = _request(
            topic=place.name, messages=[_make_message(one, place) for one in batch.entries]
        )
        try:
            async with self._pool.use(place.account) as publisher:
                batch.body = Body(sent=True)
                answer = await _publish(publisher, request, batch.seconds_left())
        except KeyFileError as error:
            outcome = Outcome(Verdict.REFUSED, str(error), said=False, sent=False)
        except UnconnectedError as error:
            outcome = judge_silence(str(error), sent=False)
        except grpc.RpcError as error:
            outcome = judge_error(error)
            if outcome.verdict is Verdict.PERMANENT and len(batch.entries) > 1:
                return await send_halves(self.send, place, batch)
        else:
            if len(answer.message_ids) == len(batch.entries):
                taken = zip(batch.entries, answer.message_ids, strict=True)
                return [accepted_outcome(one.attempt, {"messageId": said}) for one, said in taken]
            outcome = judge_silence("the answer does not mention it", sent=True)
        return [outcome] * len(batch.entries)

    async def close(self) -> None:
        """End the channels."""
        await self._pool.close()


async def connect(account: Account) -> Client[Publisher]:
    """A publisher that signs in with the account's key, connected."""
    publisher, until = await threads.run(_sign_in, account.secret)
    channel = publisher.transport.grpc_channel
    try:
        await _wait_until_connected(channel)
    except BaseException:
        channel.close()
        raise

    async def close() -> None:
        await threads.run(channel.close)

    return Client(publisher, close, until)


def _sign_in(secret: dict[str, str]) -> tuple[Publisher, float]:
    """A transport for this key, and until when it is good. It asks nobody for a token."""
    try:
        credentials = _credentials.from_service_account_info(
            {"token_uri": GOOGLE_TOKEN_URI} | secret
        )
    except (ValueError, GoogleAuthError) as error:
        raise KeyFileError(
            "The private_key of the destination's credential cannot be read: update it."
        ) from error
    transport = PublisherGrpcTransport(
        credentials=credentials, channel=_open_channel, always_use_jwt_access=True
    )
    if not settings.PUBSUB_ENDPOINT:
        return Publisher(transport), float("inf")
    # A channel without TLS sends no credentials by itself.
    headers: dict[str, str] = {}
    signer = _signer.from_signing_credentials(credentials, AUDIENCE)
    signer.before_request(None, "POST", AUDIENCE, headers)
    bearing = (("authorization", headers["authorization"]),)
    return Publisher(transport, bearing), time.monotonic() + SIGNED_SECONDS


def _open_channel(host: str, **given: Any) -> grpc.Channel:
    if settings.PUBSUB_ENDPOINT:
        return grpc.insecure_channel(settings.PUBSUB_ENDPOINT, CHANNEL_OPTIONS)
    return PublisherGrpcTransport.create_channel(host, **given | {"options": CHANNEL_OPTIONS})


async def _wait_until_connected(channel: grpc.Channel) -> None:
    loop = asyncio.get_running_loop()
    heard: asyncio.Future[grpc.ChannelConnectivity] = loop.create_future()

    def hear(state: grpc.ChannelConnectivity) -> None:
        # It is called in a thread of the channel.
        if state in _ENDED:
            loop.call_soon_threadsafe(_settle, heard, state)

    channel.subscribe(hear, try_to_connect=True)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            state = await heard
    except TimeoutError as error:
        raise UnconnectedError("no connection in time") from error
    finally:
        channel.unsubscribe(hear)
    if state is not grpc.ChannelConnectivity.READY:
        raise UnconnectedError("no connection")


async def _publish(publisher: Publisher, request: Any, seconds: float) -> Any:
    """The answer to one request; cancelled with whoever waits for it."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Any] = loop.create_future()
    topic = _routing.to_grpc_metadata([("topic", request.topic)])
    publish: Any = publisher.transport.publish
    call = publish.future(
        types.PublishRequest.wrap(request), timeout=seconds, metadata=(*publisher.metadata, topic)
    )
    call.add_done_callback(lambda _: _call_soon(loop, ended, call))
    try:
        await ended
    finally:
        call.cancel()
    return call.result()


def _call_soon(loop: asyncio.AbstractEventLoop, ended: asyncio.Future[Any], call: Any) -> None:
    # What ends with its loop is missed by nobody.
    if not loop.is_closed():
        loop.call_soon_threadsafe(_settle, ended, call)


def _settle(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _make_message(entry: Entry, place: Place) -> Any:
    attempt = entry.attempt
    return _message(data=attempt.payload, attributes=attempt.attributes(), ordering_key=place.order)


def judge_error(error: grpc.RpcError) -> Outcome:
    """What a call means that gRPC ends with another status than OK."""
    code, said = error.code(), error.details() or ""
    message = f"{code.name}: {said}".rstrip(": ")
    if any(text in said for text in UNCONNECTED):
        return judge_silence(message, sent=False)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return judge_silence("no answer in time", sent=True)
    if TOO_LARGE in said or any(text in said for text in BROKEN_OFF):
        return judge_silence(message, sent=True)
    verdict, hint = CODES.get(code, (Verdict.UNAVAILABLE, ""))
    return Outcome(verdict, f"{message} ({hint})" if hint else message)

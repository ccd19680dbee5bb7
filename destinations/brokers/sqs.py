"""Batches to SQS queues, through aiobotocore."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
)
from botocore.parsers import ResponseParserError
from django.conf import settings

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
from destinations.outcomes import Outcome, Verdict
from destinations.outward import threads
from destinations.outward.outbound import CONNECT_SECONDS, RequestBody

CONNECTIONS = 64
ANSWER_SECONDS = 30
# What SQS answers is under 20 KB.
MOST_ANSWERED = 1_048_576
# A role is assumed anew before its credentials run out under a call.
ROLE_SECONDS = 3_600
ROLE_MARGIN = 120
ROLE_SESSION = "waybill"

_UNKNOWN_KEY = "AWS does not know the access key: update the destination's credential"
_UNFIT_KEY = "the secret access key does not fit: update the destination's credential"
_EXPIRED = "the session token is over: update the destination's credential"
_FORBIDDEN = "allow sqs:SendMessage on this queue to the destination's credential"
_NO_QUEUE = "there is no such queue: check the destination's queue_url and region"
_NO_KMS = "allow kms:GenerateDataKey and kms:Decrypt on the queue's key to the credential"
# What each code wants changed, as SQS and STS name them in either of their protocols.
REFUSALS = {
    "AccessDenied": _FORBIDDEN,
    "AccessDeniedException": _FORBIDDEN,
    "AuthorizationError": _FORBIDDEN,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "InvalidSecurity": _UNKNOWN_KEY,
    "IncompleteSignature": _UNFIT_KEY,
    "InvalidSignatureException": _UNFIT_KEY,
    "SignatureDoesNotMatch": _UNFIT_KEY,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "NonExistentQueue": _NO_QUEUE,
    "QueueDoesNotExist": _NO_QUEUE,
    "QueueDeletedRecently": _NO_QUEUE,
    "InvalidAddress": _NO_QUEUE,
    "KMS.AccessDeniedException": _NO_KMS,
    "KmsAccessDenied": _NO_KMS,
    "KmsDisabled": "enable the KMS key of the queue",
    "KmsNotFound": "the KMS key of the queue is gone",
}
_NO_ROLE = (
    "allow sts:AssumeRole on it to the destination's credential, and the credential, with its "
    "external_id, in the role's trust policy"
)
ROLE_REFUSALS = REFUSALS | dict.fromkeys(["AccessDenied", "AccessDeniedException"], _NO_ROLE)
LIMITED = frozenset(
    [
        "KmsThrottled",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    ]
)
UNFIT = frozenset(
    [
        "BatchRequestTooLong",
        "InvalidAttributeValue",
        "InvalidMessageContents",
        "InvalidParameterValue",
        "MessageTooLong",
    ]
)
FAILURES = (BotoCoreError, ClientError, ResponseParserError, aiohttp.ClientError, OSError)
# The clock of this machine is wrong: SigV4 allows it five minutes.
SKEWED = frozenset(["RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"])

_sending: ContextVar[Batch | None] = ContextVar("_sending", default=None)


class Session(AIOHTTPSession):
    """Notes when a batch leaves this machine, and reads no more of an answer than is sensible."""

    async def send(self, request: AWSPreparedRequest) -> AioAWSResponse:
        """The answer, read."""
        body = request.body
        raw = RequestBody(body if isinstance(body, bytes) else (body or "").encode())
        if batch := _sending.get():
            batch.body = raw
        request.body = raw
        request.stream_output = True
        response = await super().send(request)
        kept = await _read_start(response.raw)
        response._content = kept
        return response


async def _read_start(answer: aiohttp.ClientResponse) -> bytes:
    kept = b""
    while chunk := await answer.content.read(65_536):
        kept += chunk
        if len(kept) > MOST_ANSWERED:
            answer.close()
            break
    return kept


class Broker:
    """Sends batches with clients that it keeps."""

    def __init__(self) -> None:
        # Nothing of the machine's own profiles and credentials: those are the operator's.
        nothing = (None, None, os.devnull, None)
        self._session = AioSession(
            session_vars={
                "profile": (None, None, None, None),
                "config_file": nothing,
                "credentials_file": nothing,
            }
        )
        self._pool: Pool[Account, Any] = Pool(self._connect)
        self._prepared: asyncio.Task[None] | None = None

    async def send(self, place: Place, batch: Batch) -> list[Outcome]:
        """The outcome of each entry of one `SendMessageBatch`."""
        try:
            async with self._pool.use(place.account) as client:
                _sending.set(batch)
                answer = await client.send_message_batch(
                    QueueUrl=place.name,
                    Entries=[
                        _make_entry(number, entry, place)
                        for number, entry in enumerate(batch.entries)
                    ],
                )
        except FAILURES as error:
            outcome = judge_error(error, sent=batch.sent)
            if outcome.verdict is Verdict.PERMANENT and len(batch.entries) > 1:
                return await send_halves(self.send, place, batch)
            return [outcome] * len(batch.entries)
        return judge_answer(answer, batch)

    async def close(self) -> None:
        """End the clients."""
        await self._pool.close()

    async def _connect(self, account: Account) -> Client[Any]:
        if self._prepared is None:
            self._prepared = asyncio.create_task(self._prepare())
        await asyncio.shield(self._prepared)
        secret, until = account.secret, float("inf")
        if "role_arn" in secret:
            secret, until = await self._assume_role(account)
        client = await self._open("sqs", account.region, secret).__aenter__()
        return Client(client, lambda: client.__aexit__(None, None, None), until)

    async def _prepare(self) -> None:
        """Read the descriptions of the services, which are large files, in a thread."""
        try:
            for service in ("sqs", "sts"):
                await threads.run(self._session.warm_up_loader_caches, service)
        except BaseException:
            # The next attempt tries again.
            self._prepared = None
            raise

    async def _assume_role(self, account: Account) -> tuple[dict[str, str], float]:
        """The credentials that the role gives for an hour, and until when they are good."""
        asked = {"RoleArn": account.secret["role_arn"], "RoleSessionName": ROLE_SESSION}
        if "external_id" in account.secret:
            asked["ExternalId"] = account.secret["external_id"]
        async with self._open("sts", account.region, account.secret) as sts:
            try:
                answer = await sts.assume_role(**asked, DurationSeconds=ROLE_SECONDS)
            except ClientError as error:
                raise RoleError(asked["RoleArn"], error) from error
        given = answer["Credentials"]
        left = (given["Expiration"] - datetime.now(UTC)).total_seconds()
        secret = {
            "access_key_id": given["AccessKeyId"],
            "secret_access_key": given["SecretAccessKey"],
            "session_token": given["SessionToken"],
        }
        return secret, time.monotonic() + left - ROLE_MARGIN

    def _open(self, service: str, region: str, secret: dict[str, str]) -> Any:
        return self._session.create_client(
            service,
            region_name=region,
            aws_access_key_id=secret["access_key_id"],
            aws_secret_access_key=secret["secret_access_key"],
            aws_session_token=secret.get("session_token"),
            endpoint_url=settings.AWS_ENDPOINT or None,
            config=AioConfig(
                http_session_cls=Session,
                connect_timeout=CONNECT_SECONDS,
                read_timeout=ANSWER_SECONDS,
                max_pool_connections=CONNECTIONS,
                # It says who calls, and spares putting a sentence about this machine together.
                user_agent="Waybill",
                # SQS judges what we make; doing it here as well takes a fifth of the time.
                parameter_validation=False,
                # Retries are the engine's, by its schedule.
                retries={"total_max_attempts": 1},
                # AWS_ENDPOINT_URL of the environment is for other programs.
                ignore_configured_endpoint_urls=True,
            ),
        )


class RoleError(BotoCoreError):
    """STS does not give the role."""

    fmt = "The role {role} cannot be assumed"

    def __init__(self, role: str, error: ClientError) -> None:
        super().__init__(role=role)
        self.response = error.response


def _make_entry(number: int, entry: Entry, place: Place) -> dict[str, Any]:
    attempt = entry.attempt
    made: dict[str, Any] = {
        "Id": str(number),
        "MessageBody": attempt.payload.decode(),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value}
            for name, value in attempt.attributes().items()
        },
    }
    return made | attempt.order() if place.order else made


def judge_answer(answer: dict[str, Any], batch: Batch) -> list[Outcome]:
    """What SQS says of each entry."""
    taken = {one["Id"]: one for one in answer.get("Successful", ())}
    failed = {one["Id"]: one for one in answer.get("Failed", ())}
    outcomes = []
    for number, entry in enumerate(batch.entries):
        if str(number) in taken:
            outcomes.append(accepted_outcome(entry.attempt, taken[str(number)]))
        elif str(number) in failed:
            outcomes.append(_judge_failed(failed[str(number)]))
        else:
            outcomes.append(judge_silence("the answer does not mention it", sent=True))
    return outcomes


def _judge_failed(failed: dict[str, Any]) -> Outcome:
    otherwise = Verdict.PERMANENT if failed.get("SenderFault") else Verdict.UNAVAILABLE
    return judge_code(failed.get("Code", ""), failed.get("Message", ""), otherwise)


def judge_error(error: Exception, *, sent: bool) -> Outcome:
    """What it means that a whole call has failed."""
    if isinstance(error, RoleError):
        return _judge_refusal(error.response, ROLE_REFUSALS, f"{error}: ")
    if isinstance(error, ClientError):
        return _judge_refusal(error.response, REFUSALS)
    return judge_silence(f"{type(error).__name__}: {error}", sent=sent)


def _judge_refusal(response: dict[str, Any], hints: Mapping[str, str], told: str = "") -> Outcome:
    said = response.get("Error", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    otherwise = Verdict.UNAVAILABLE if status >= 500 else Verdict.REFUSED
    if status == 429:
        otherwise = Verdict.RATE_LIMITED
    return judge_code(said.get("Code", ""), told + said.get("Message", ""), otherwise, hints)


def judge_code(
    code: str, said: str, otherwise: Verdict, hints: Mapping[str, str] = REFUSALS
) -> Outcome:
    """The outcome of an error by its code; `otherwise` for codes that are not known."""
    short = code.rpartition("#")[2].removeprefix("AWS.SimpleQueueService.")
    # What was signed follows a wrong signature in further lines, tokens included.
    first_line, *_ = said.splitlines() or [""]
    message = f"{short}: {first_line}".rstrip(": ")
    if short in LIMITED:
        return Outcome(Verdict.RATE_LIMITED, message)
    if short in SKEWED:
        return Outcome(Verdict.OURS, f"{message} (the clock of this machine is wrong)", said=False)
    if hint := hints.get(short):
        return Outcome(Verdict.REFUSED, f"{message} ({hint})")
    return Outcome(Verdict.PERMANENT if short in UNFIT else otherwise, message)

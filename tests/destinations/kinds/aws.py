"""SQS as tests meet it: ministack or moto behind a proxy that can misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sys
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.session

from destinations.attempts import Attempt
from destinations.keys import Keys
from destinations.outcomes import Outcome
from tests.destinations.kinds.servers import free_port, serving
from tests.destinations.kinds.suite import deliver, make_attempt, make_keys

REGION = "eu-central-1"
BIN = Path(sys.executable).parent
# AWS asks for sqs:SendMessage, ministack for sqs:SendMessageBatch.
SEND = "sqs:SendMessage*"
THROTTLED = {"__type": "com.amazonaws.sqs#RequestThrottled", "message": "Slow down."}


@contextlib.contextmanager
def ministack(folder: Path, **environment: str) -> Iterator[str]:
    """The URL of a ministack with SQS, STS and IAM."""
    port = free_port()
    asked = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "SERVICES": "sqs,sts,iam"}
    log = folder / "ministack.log"
    with serving(log, [str(BIN / "ministack")], port, **asked, **environment):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def moto(folder: Path) -> Iterator[str]:
    """The URL of moto's server."""
    port = free_port()
    command = [str(BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with serving(folder / "moto.log", command, port):
        yield f"http://127.0.0.1:{port}"


@functools.cache
def open_client(service: str, endpoint: str) -> Any:
    """The vendor's synchronous client, as whoever owns the account."""
    return botocore.session.Session().create_client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


class Proxy(ThreadingHTTPServer):
    """Passes calls on, or misbehaves as `mode` says; `calls` are the calls of SQS that came."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.upstream = upstream
        self.mode = ""
        self.calls: list[dict[str, Any]] = []
        self.roles = 0
        self.lock = threading.Lock()
        # How many calls are passed on at once, and how many have been at most.
        self.under_way = self.most = 0
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Passing(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Type"].startswith("application/x-amz-json"):
            self.server.calls.append(json.loads(body))
        self.server.roles += b"Action=AssumeRole" in body
        match self.server.mode:
            case "":
                with self.under_way():
                    passed = self.pass_on(body)
                self.answer(*passed)
            case "throttled":
                self.answer(400, json.dumps(THROTTLED).encode())
            case "slow":
                self.server.released.wait(30)
                self.close_connection = True
            case "huge":
                self.answer(200, b"[" + b"1," * 2_000_000 + b"1]")
            case "broken":
                self.close_connection = True
            case "failing":
                self.answer(503, b"<html>")
            case answer:
                self.answer(*json.loads(answer))

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        with self.server.lock:
            self.server.under_way += 1
            self.server.most = max(self.server.most, self.server.under_way)
        try:
            yield
        finally:
            with self.server.lock:
                self.server.under_way -= 1

    def pass_on(self, body: bytes) -> tuple[int, bytes]:
        headers = dict(self.headers.items())
        request = urllib.request.Request(self.server.upstream + self.path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def answer(self, status: int, body: bytes | str) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextlib.contextmanager
def proxying(upstream: str) -> Iterator[Proxy]:
    """A proxy before this server."""
    with Proxy(upstream) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=[0.05])
        thread.start()
        try:
            yield proxy
        finally:
            proxy.released.set()
            proxy.shutdown()
            thread.join()


class Account:
    """An AWS account on a server, whose calls from Waybill go through the proxy."""

    def __init__(self, upstream: str, proxy: Proxy) -> None:
        self.proxy = proxy
        self.upstream = upstream
        self.sqs = open_client("sqs", upstream)
        self.queue_url = ""

    def make_queue(self, suffix: str = "", **attributes: str) -> str:
        """The URL of a new queue."""
        name = f"q-{uuid.uuid4().hex}{suffix}"
        if suffix:
            attributes |= {"FifoQueue": "true"}
        made = self.sqs.create_queue(QueueName=name, Attributes=attributes)
        self.queue_url = made["QueueUrl"]
        return self.queue_url

    def read(self) -> list[dict[str, Any]]:
        """The messages in the queue, taken out."""
        messages = []
        while found := self._receive():
            messages += found
        return messages

    def _receive(self) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        found = answer.get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return found


def make_user(upstream: str, *, may: str = "") -> Keys:
    """Keys of a new IAM user who may do this."""
    iam = open_client("iam", upstream)
    name = f"user-{uuid.uuid4().hex}"
    iam.create_user(UserName=name)
    if may:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=allow(may))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return make_keys(
        "aws_access_key",
        access_key_id=made["AccessKeyId"],
        secret_access_key=made["SecretAccessKey"],
    )


def allow(action: str, **more: Any) -> str:
    """A policy that allows this."""
    statement = {"Effect": "Allow", "Action": action} | (more or {"Resource": "*"})
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def make(account: Account, keys: Keys, **fields: Any) -> Attempt:
    """An attempt at the account's queue."""
    config = {"queue_url": account.queue_url, "region": REGION} | fields.pop("config", {})
    return make_attempt("aws_sqs", config, keys=keys, **fields)


def outcome_of(account: Account, keys: Keys, **fields: Any) -> Outcome:
    """What comes of one attempt at the account's queue."""
    (outcome,) = asyncio.run(deliver(make(account, keys, **fields)))
    return outcome


def attributes_of(message: dict[str, Any]) -> dict[str, str]:
    """The attributes of a message by name."""
    return {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}

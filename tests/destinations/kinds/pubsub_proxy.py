"""A gRPC proxy that passes calls on as they are, or misbehaves as it is told."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.auth import jwt
from google.pubsub_v1 import types

PUBLISH = "/google.pubsub.v1.Publisher/Publish"
POISON = b'"poison"'
OPTIONS = [("grpc.max_receive_message_length", 20_000_000), ("grpc.so_reuseport", 0)]


class Proxy(grpc.GenericRpcHandler):
    """In front of a Pub/Sub server, on loopback.

    `mode` is empty, "slow", "huge", "short", or the name of a status that each publish gets.
    Where there are certificates, whoever publishes must have signed with one of their keys.
    """

    def __init__(self, upstream: str) -> None:
        self.mode = ""
        self.certificates: dict[str, str] = {}
        self.requests: list[Any] = []
        self.metadata: list[dict[str, Any]] = []
        self.released = threading.Event()
        self.channel = grpc.insecure_channel(upstream, OPTIONS)
        self.server = grpc.server(ThreadPoolExecutor(32), options=OPTIONS)
        self.server.add_generic_rpc_handlers([self])
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Whatever is called, as bytes."""

        def call(request: bytes, context: grpc.ServicerContext) -> bytes:
            if details.method == PUBLISH:
                self.metadata.append(dict(details.invocation_metadata))
                self.requests.append(types.PublishRequest.pb().FromString(request))
                if answer := self.misbehave(context):
                    return answer
            return self.pass_on(details.method, request, context)

        return grpc.unary_unary_rpc_method_handler(call)

    def misbehave(self, context: grpc.ServicerContext) -> bytes | None:
        """What a publish is answered with instead of passing it on, if anything."""
        if self.certificates and not self.is_signed(self.metadata[-1].get("authorization", "")):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "Request had invalid credentials.")
        if any(POISON in message.data for message in self.requests[-1].messages):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "A message does not fit the schema.")
        if self.mode == "slow":
            self.released.wait(30)
        elif self.mode == "huge":
            return types.PublishResponse.pb()(message_ids=["x" * 3_000_000]).SerializeToString()
        elif self.mode == "short":
            return types.PublishResponse.pb()(message_ids=["1"]).SerializeToString()
        elif self.mode:
            context.abort(grpc.StatusCode[self.mode], "As told.")
        return None

    def is_signed(self, authorization: str) -> bool:
        """Whether the bearer token is signed with one of the keys."""
        try:
            jwt.decode(authorization.removeprefix("Bearer "), certs=self.certificates)
        except ValueError:
            return False
        return True

    def pass_on(self, method: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        """The server's own answer."""
        try:
            return self.channel.unary_unary(method)(request, timeout=30)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())


@contextlib.contextmanager
def proxying(upstream: str) -> Iterator[Proxy]:
    """A proxy before this server."""
    proxy = Proxy(upstream)
    proxy.server.start()
    try:
        yield proxy
    finally:
        proxy.released.set()
        proxy.server.stop(0).wait()
        proxy.channel.close()

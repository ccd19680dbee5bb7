"""As much of Pub/Sub as its real client needs to publish and pull, over gRPC on loopback."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types

PUBLISHER, SUBSCRIBER = "google.pubsub.v1.Publisher", "google.pubsub.v1.Subscriber"
OPTIONS = [("grpc.max_receive_message_length", 20_000_000), ("grpc.so_reuseport", 0)]


class PubSub:
    """Topics, their subscriptions, and the messages that wait in those."""

    def __init__(self) -> None:
        self.topics: dict[str, set[str]] = {}
        self.waiting: dict[str, list[Any]] = {}
        self.ids = itertools.count(1)
        self.lock = threading.Lock()

    def create_topic(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.topics.setdefault(request.name, set())
        return request

    def create_subscription(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.lock:
            self._topic(request.topic, context).add(request.name)
            self.waiting[request.name] = []
        return request

    def publish(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.lock:
            subscriptions = self._topic(request.topic, context)
            for message in request.messages:
                message.message_id = str(next(self.ids))
                for name in subscriptions:
                    self.waiting[name].append(message)
        ids = [message.message_id for message in request.messages]
        return types.PublishResponse.pb()(message_ids=ids)

    def pull(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.lock:
            waiting = self.waiting[request.subscription]
            taken, waiting[:] = waiting[: request.max_messages], waiting[request.max_messages :]
        answer = types.PullResponse.pb()()
        for message in taken:
            answer.received_messages.add(ack_id=message.message_id, message=message)
        return answer

    def acknowledge(self, request: Any, context: grpc.ServicerContext) -> Any:
        return Empty()

    def _topic(self, name: str, context: grpc.ServicerContext) -> set[str]:
        if name not in self.topics:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Topic not found: {name}")
        return self.topics[name]


def _handle(method: Callable[..., Any], request: Any) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(
        method, request.pb().FromString, lambda answer: answer.SerializeToString()
    )


def start(port: int = 0) -> tuple[grpc.Server, int]:
    """A server that listens on loopback, and its port; `stop` it."""
    pubsub = PubSub()
    publisher = {
        "CreateTopic": _handle(pubsub.create_topic, types.Topic),
        "Publish": _handle(pubsub.publish, types.PublishRequest),
    }
    subscriber = {
        "CreateSubscription": _handle(pubsub.create_subscription, types.Subscription),
        "Pull": _handle(pubsub.pull, types.PullRequest),
        "Acknowledge": _handle(pubsub.acknowledge, types.AcknowledgeRequest),
    }
    server = grpc.server(ThreadPoolExecutor(16), options=OPTIONS)
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(PUBLISHER, publisher),
            grpc.method_handlers_generic_handler(SUBSCRIBER, subscriber),
        ]
    )
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound


if __name__ == "__main__":
    start(int(sys.argv[1]))[0].wait_for_termination()

"""A Pub/Sub that takes whatever is published: `python -m benchmarks.topic PORT`.

`/count` says how many messages there have been.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.pubsub_v1 import types

PUBLISH = "/google.pubsub.v1.Publisher/Publish"
COUNT = "/count"


class Topic(grpc.GenericRpcHandler):
    """Counts the messages, and answers with an id for each."""

    count = 0

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """What is called, as bytes."""
        methods = {PUBLISH: self.publish, COUNT: self.tell}
        method = methods.get(details.method)
        return method and grpc.unary_unary_rpc_method_handler(method)

    def publish(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        """Take the messages."""
        taken = len(types.PublishRequest.pb().FromString(request).messages)
        ids = [str(number) for number in range(self.count, self.count + taken)]
        self.count += taken
        answer: bytes = types.PublishResponse.pb()(message_ids=ids).SerializeToString()
        return answer

    def tell(self, _request: bytes, _: grpc.ServicerContext) -> bytes:
        """How many there have been."""
        return str(self.count).encode()


def serve(port: int) -> None:
    """Listen until the process is ended."""
    # One thread: it counts without a lock.
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers([Topic()])
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    serve(int(sys.argv[1]))

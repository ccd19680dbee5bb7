"""What workers call: pull actions of a namespace, and acknowledge many at once."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config.api import operation, reply
from config.errors import Fault
from dispatch import pull_schemas, pulls, serializers, settlement
from dispatch.pulls import Order
from dispatch.retries import SETTLE_SECONDS
from orgs.auth import IngressAuthentication
from orgs.scope import CallerView

DEFAULT_PULLED = 10


class WorkerView(CallerView):
    """A view for workers."""

    authentication_classes = (IngressAuthentication,)
    manages = False
    tag = "sdk"
    security = [{"apiKey": []}, {"authorization": []}]


class PullView(WorkerView):
    """`/v1/sdk/{namespace}/pull`."""

    @operation(
        summary="Pull actions of a namespace",
        description="The oldest due actions of the organization's sdk destinations of this "
        "namespace, as far as their lanes have room. Each is `ack_wait` until it is settled, or "
        "until its `deadline`: then it comes back under its next attempt. With `wait_seconds` the "
        "call waits for the first action.",
        operation_id="pullActions",
        body=pull_schemas.PULL,
        data=pull_schemas.PULLED,
        example={"max": 10, "lease_seconds": 60, "wait_seconds": 0},
    )
    def post(self, request: Request, namespace: str, body: dict[str, Any]) -> Response:
        """The actions, which may be none."""
        order = Order(
            org_id=self.caller.org_id,
            namespace=namespace,
            most=int(body.get("max", DEFAULT_PULLED)),
            lease_seconds=int(body.get("lease_seconds", SETTLE_SECONDS)),
            actor=str(self.caller),
            worker=body.get("worker", ""),
        )
        pulled = pulls.pull(order, wait_seconds=body.get("wait_seconds", 0))
        return reply({"items": [serializers.show_pulled(one) for one in pulled]})


class AckBatchView(WorkerView):
    """`/v1/sdk/ack`."""

    @operation(
        summary="Acknowledge up to 1,000 actions: they succeeded",
        description="Each is judged by itself, as by `/v1/ack`.",
        operation_id="ackActions",
        body=pull_schemas.ACKS,
        data=pull_schemas.ACKED,
        example={"items": [{"action_record_id": "42", "attempt": 0}]},
    )
    def post(self, request: Request, body: dict[str, Any]) -> Response:
        """For each, in order: that it is `succeeded`, or why not."""
        attempts = [serializers.read_attempt(item) for item in body["items"]]
        faults = settlement.ack_all(org_id=self.caller.org_id, attempts=attempts)
        return reply({"settled": faults.count(None), "items": [_show_ack(one) for one in faults]})


def _show_ack(fault: Fault | None) -> dict[str, Any]:
    return {"errors": [fault.as_dict()]} if fault else {"status": "ok"}

"""Ingress, settlement, records, and the end of destinations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from config import paging
from config.api import operation, reply
from config.errors import Fault
from config.openapi import page_of
from config.parsing import BatchJSONParser
from destinations.models import Destination
from destinations.schemas import DESTINATION
from destinations.serializers import show_destination
from destinations.views import DestinationView
from dispatch import (
    approvals,
    idempotency,
    intake,
    notices,
    records,
    schemas,
    serializers,
    services,
    settlement,
)
from dispatch.intake import Submission
from dispatch.models import ActionRecord
from dispatch.retries import SETTLE_SECONDS
from orgs.auth import IngressAuthentication
from orgs.scope import CallerView, OrgView

ANY_REFUSAL = (409,)
IDEMPOTENCY_KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY = OpenApiParameter(
    IDEMPOTENCY_KEY,
    {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
    OpenApiParameter.HEADER,
    description="The same call under the same key has its effect once, and is given its "
    "first answer again for 24 hours. Another call under that key is 409.",
)
KEY_PARAMETERS = [
    KEY,
    OpenApiParameter(
        REPLAYED,
        {"type": "string", "enum": ["true"]},
        OpenApiParameter.HEADER,
        response=[200],
        description="The answer is that of an earlier call; nothing was stored by this one.",
    ),
    *notices.PARAMETERS,
]
SUBMISSION_EXAMPLE = {
    "input": {"recipient": "user@example.com", "subject": "Hi", "body": "Hello"},
    "tags": {"tenant": "acme"},
}


class IngressView(CallerView):
    """A view that hands in or settles actions."""

    authentication_classes = (IngressAuthentication,)
    manages = False
    tag = "ingress"
    security = [{"apiKey": []}, {"authorization": []}]

    def accept(self, request: Request, variant: str | None = None) -> Response:
        """One action, stored; 400 with every fault of it."""
        tags = records.read_tags(request)
        submission = serializers.read_submission(request.data, tags, variant)
        return self.hand_in(
            request,
            [submission],
            asked=submission.content,
            atomic=True,
            show=serializers.show_single,
        )

    def hand_in(
        self,
        request: Request,
        submissions: Sequence[Submission | list[Fault]],
        *,
        asked: Callable[[], Any],
        atomic: bool,
        show: Callable[[intake.Results], Any],
    ) -> Response:
        """What `show` shows of the actions; with an idempotency key, what it showed first.

        A key is compared by all that is `asked`, and by the variants that the caller is bound to:
        so nobody is given the answer to what they may not ask.
        """
        org_id, key = self.caller.org_id, request.headers.get(IDEMPOTENCY_KEY)
        variants, actor = self.caller.variants, str(self.caller)
        submissions = serializers.bind(submissions, variants)
        if key is None:
            shown = intake.accept(org_id, submissions, atomic=atomic, show=show, actor=actor)
            return notices.add_headers(reply(shown), shown)
        content = asked() if variants is None else [asked(), sorted(variants)]
        call = idempotency.Call.of(org_id, key, content)
        answer = intake.answer_once(call, submissions, atomic=atomic, show=show, actor=actor)
        replied = notices.add_headers(reply(orjson.Fragment(answer.data)), answer.data)
        if answer.replayed:
            replied[REPLAYED] = "true"
        return replied


class VariantIngressView(IngressView):
    """`/v1/ingress/{variant}`."""

    @operation(
        summary="Create an action of a variant",
        operation_id="createIngressVariantAction",
        shown_body=schemas.VARIANT_SUBMISSION,
        data=schemas.ACCEPTED,
        query=[records.TAG_PARAMETER, *KEY_PARAMETERS],
        refuses=ANY_REFUSAL,
        example=SUBMISSION_EXAMPLE,
    )
    def post(self, request: Request, variant: str) -> Response:
        """The stored action; `variant` may be an alias."""
        return self.accept(request, variant)


class PlainIngressView(IngressView):
    """`/v1/ingress`."""

    @operation(
        summary="Create an action",
        operation_id="createIngressAction",
        shown_body=schemas.SUBMISSION,
        data=schemas.ACCEPTED,
        query=[records.TAG_PARAMETER, *KEY_PARAMETERS],
        refuses=ANY_REFUSAL,
        example={"variant": "send_email", **SUBMISSION_EXAMPLE},
    )
    def post(self, request: Request) -> Response:
        """The stored action; `variant` in the body may be an alias."""
        return self.accept(request)


class BatchView(IngressView):
    """`/v1/batch`."""

    parser_classes = (BatchJSONParser,)

    @operation(
        summary="Create up to 1,000 actions",
        description="Each action is judged by itself, unless `atomic` asks for all or none.",
        operation_id="createIngressBatch",
        body=schemas.BATCH,
        shown_body=schemas.SHOWN_BATCH,
        data=schemas.BATCH_ACCEPTED,
        query=[
            OpenApiParameter("atomic", bool, description="Take all of them or none."),
            records.TAG_PARAMETER,
            *KEY_PARAMETERS,
        ],
        refuses=ANY_REFUSAL,
        example={"actions": [{"variant": "send_email", **SUBMISSION_EXAMPLE}]},
    )
    def post(self, request: Request, body: dict[str, Any]) -> Response:
        """For each action, in order: what was stored, or its errors."""
        atomic = paging.read_flag(request, "atomic")
        tags = records.read_tags(request)
        items = [serializers.read_batch_item(item, tags) for item in body["actions"]]
        return self.hand_in(
            request,
            items,
            asked=lambda: {"actions": body["actions"], "atomic": atomic, "tags": tags},
            atomic=atomic,
            show=serializers.show_whole_batch if atomic else serializers.show_batch,
        )


class AckView(IngressView):
    """`/v1/ack`."""

    @operation(
        summary="Acknowledge an action: it succeeded",
        operation_id="ackIngressAction",
        body=schemas.ACK,
        data=schemas.SIGNALED,
        refuses=ANY_REFUSAL,
        example={"action_record_id": "42", "attempt": 0},
    )
    def post(self, request: Request, body: dict[str, Any]) -> Response:
        """The action is `succeeded`."""
        settlement.ack(**serializers.read_signal(self.caller.org_id, body))
        return reply({"status": "ok"})


class NackView(IngressView):
    """`/v1/nack`."""

    @operation(
        summary="Refuse an action: its attempt failed",
        operation_id="nackIngressAction",
        body=schemas.NACK,
        data=schemas.SIGNALED,
        refuses=(*ANY_REFUSAL, 422),
        example={"action_record_id": "42", "attempt": 0, "terms": {"retry": False}},
    )
    def post(self, request: Request, body: dict[str, Any]) -> Response:
        """The action is tried again as `terms` say, or has `failed`."""
        terms = body.get("terms", {})
        settlement.nack(
            **serializers.read_signal(self.caller.org_id, body),
            retry_at=terms.get("retry_at"),
            retry=terms.get("retry", True),
        )
        return reply({"status": "ok"})


class ModAckView(IngressView):
    """`/v1/modack`."""

    @operation(
        summary="Move the settlement deadline of an action",
        operation_id="modAckIngressAction",
        body=schemas.MODACK,
        data=schemas.SIGNALED,
        refuses=ANY_REFUSAL,
        example={"action_record_id": "42", "attempt": 0, "seconds": 300},
    )
    def post(self, request: Request, body: dict[str, Any]) -> Response:
        """The action waits in `ack_wait` for that long."""
        seconds = int(body.get("seconds", SETTLE_SECONDS))
        settlement.extend(**serializers.read_signal(self.caller.org_id, body), seconds=seconds)
        return reply({"status": "ok"})


class RecordsView(OrgView):
    """`/v1/orgs/{org_id}/actions/records`."""

    tag = "actions"

    @operation(
        summary="List action records",
        description="Newest first.",
        data=page_of(schemas.LISTED_RECORD),
        query=[*records.PARAMETERS, records.TAG_PARAMETER, *paging.PARAMETERS],
    )
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's actions, narrowed by the query."""
        rows = records.narrow(records.in_full().of_org(org_id), request)
        show = serializers.show_listed_record
        return reply(paging.answer_page(request, rows, show, fields=records.SEARCHED))


class RecordView(OrgView):
    """`/v1/orgs/{org_id}/actions/records/{id}`."""

    tag = "actions"

    @operation(summary="Get an action record", data=schemas.RECORD)
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """One action with its payload and everything that happened to it."""
        return reply(serializers.show_record(self.find_row(records.in_full(), id)))


class ReplayView(OrgView):
    """`/v1/orgs/{org_id}/actions/records/{id}/replay`."""

    tag = "actions"

    @operation(summary="Replay an action record", data=schemas.RECORD, refuses=ANY_REFUSAL)
    def post(self, request: Request, org_id: int, id: int) -> Response:
        """A new action with the same payload, version and tags, routed as things are now."""
        record = self.find_row(ActionRecord.objects.select_related("definition"), id)
        accepted = services.replay_record(record=record, actor=str(self.caller))
        return reply(serializers.show_record(self.find_row(records.in_full(), accepted.id)))


class CancelView(OrgView):
    """`/v1/orgs/{org_id}/actions/records/{id}/cancel`."""

    tag = "actions"

    @operation(summary="Cancel an action record", data=schemas.RECORD, refuses=ANY_REFUSAL)
    def post(self, request: Request, org_id: int, id: int) -> Response:
        """The canceled action. A delivery under way may still happen; it changes nothing."""
        record = self.find_row(ActionRecord.objects.all(), id)
        services.cancel_record(record=record, actor=str(self.caller))
        return reply(serializers.show_record(self.find_row(records.in_full(), id)))


class ApproveView(OrgView):
    """`/v1/orgs/{org_id}/actions/records/{id}/approve`."""

    tag = "actions"

    @operation(
        summary="Approve a held action record",
        description="It goes on its way. Not by whoever handed it in, and once only.",
        body=schemas.DECISION,
        data=schemas.RECORD,
        refuses=ANY_REFUSAL,
        example={"reason": "The customer has confirmed it by telephone."},
    )
    def post(self, request: Request, org_id: int, id: int, body: dict[str, Any]) -> Response:
        """The action, which is due now, or when it was asked for."""
        record = self.find_row(ActionRecord.objects.all(), id)
        approvals.approve_record(record=record, actor=str(self.caller), reason=body["reason"])
        return reply(serializers.show_record(self.find_row(records.in_full(), id)))


class DenyView(OrgView):
    """`/v1/orgs/{org_id}/actions/records/{id}/deny`."""

    tag = "actions"

    @operation(
        summary="Deny a held action record",
        description="It ends as canceled. A replay of it waits for approval again.",
        body=schemas.DECISION,
        data=schemas.RECORD,
        refuses=ANY_REFUSAL,
        example={"reason": "The customer has taken it back."},
    )
    def post(self, request: Request, org_id: int, id: int, body: dict[str, Any]) -> Response:
        """The action, which is over."""
        record = self.find_row(ActionRecord.objects.all(), id)
        approvals.deny_record(record=record, actor=str(self.caller), reason=body["reason"])
        return reply(serializers.show_record(self.find_row(records.in_full(), id)))


class DeletableDestinationView(DestinationView):
    """`/v1/orgs/{org_id}/destinations/{id}`, with what only this level knows: its open work."""

    @operation(
        summary="Delete a destination",
        description="409 names what uses it; `force` ends its open actions as failed.",
        data=DESTINATION,
        refuses=ANY_REFUSAL,
        query=[OpenApiParameter("force", bool)],
    )
    def delete(self, request: Request, org_id: int, id: int) -> Response:
        """The deleted destination."""
        destination = self.find_row(Destination.objects.all(), id)
        deleted = services.delete_destination(
            destination=destination,
            force=paging.read_flag(request, "force"),
            actor=str(self.caller),
        )
        return reply(show_destination(deleted))

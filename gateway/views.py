"""The gateway: tokens, and actions by their names (`docs/gateway.md`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from config import paging
from config.addresses import client_address
from config.api import ApiView
from config.errors import NotFoundError
from dispatch import direct, notices
from dispatch.direct import Order
from dispatch.views import IDEMPOTENCY_KEY, KEY
from gateway import declaring, limits, schemas, services
from gateway.declaring import operation
from gateway.errors import RATE_EXCEEDED, GatewayError
from gateway.limits import Quota
from gateway.serializers import show_action, show_executed, show_request
from orgs import tokens
from orgs.audit.acting import Via
from orgs.auth import TokenAuthentication, find_caller
from orgs.models import Organization
from orgs.scope import CallerView


class GatewayView(ApiView):
    """A view of the gateway: its errors, and what is left of the hour's requests."""

    tag = "gateway"
    quota: Quota | None = None

    def get_exception_handler(self) -> Callable[..., Response]:
        """What turns exceptions into answers."""
        return declaring.refuse

    def get_authenticate_header(self, request: Request) -> str:
        """Makes DRF answer 401 to a key that is none, also where no header is asked for."""
        return "Bearer"

    def count(self, org_id: int) -> None:
        """Count this request of the organization, and refuse it where it is one too many."""
        self.quota = limits.take(org_id)
        if self.quota.until:
            again = self.quota.until.isoformat(timespec="seconds").replace("+00:00", "Z")
            raise GatewayError(
                RATE_EXCEEDED,
                status=429,
                details=f"The {self.quota.most} requests of this hour are used up. "
                f"Try again in {self.quota.seconds} seconds, at {again}.",
            )

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        """The answer, with what is left to the caller."""
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        answer["RateLimit-Policy"] = limits.policy()
        for name, value in (self.quota.headers() if self.quota else {}).items():
            answer[name] = value
        return answer


class TokenView(GatewayView, CallerView):
    """A view of the gateway that needs a token."""

    authentication_classes = (TokenAuthentication,)
    security = [{"authorization": []}]
    via = Via.GATEWAY

    def check_permission(self, request: Request) -> None:
        """Refuses what the caller may not do, and what is one too many of its organization's."""
        super().check_permission(request)
        self.count(self.caller.org_id)

    def deny(self, why: str) -> NoReturn:
        """Says that the caller may not do it; not any number of times."""
        limits.note_denied(str(self.caller))
        super().deny(why)


class ExchangeView(GatewayView):
    """`/api/v1/gateway/token/exchange`."""

    security = []

    @operation(
        operation_id="exchangeToken",
        summary="Exchange an API key for a token",
        description="The token stands for the key for a day, or until the key ends.",
        body=schemas.EXCHANGE,
        answer=schemas.TOKEN,
        refuses=(403,),
        example=schemas.EXAMPLE_TOKEN,
    )
    def post(self, request: Request, body: dict[str, Any]) -> Response:
        """A token."""
        caller = find_caller(body["api_token"], client_address(request))
        services.check_exchange(caller)
        self.count(caller.org_id)
        org = Organization.objects.get(pk=caller.org_id)
        token = tokens.issue(
            key_id=caller.key_id, tenant_id=org.tenant_id, permissions=caller.permissions
        )
        lasts = tokens.LIFETIME_SECONDS
        return Response({"jwt_token": token, "token_type": "Bearer", "expires_in": lasts})


class ActionsView(TokenView):
    """`/api/v1/gateway/actions`."""

    @operation(
        operation_id="listActions", summary="List actions", answer=schemas.ACTIONS, refuses=(403,)
    )
    def get(self, request: Request) -> Response:
        """All of the tenant's actions, oldest first."""
        found = services.list_actions(org_id=self.caller.org_id)
        return Response({"actions": [show_action(one) for one in found]})

    @operation(
        operation_id="createAction",
        summary="Create an action",
        description="The webhook is sent a signed request with `test: true`, and has to answer "
        "with a 2xx within 30 seconds.",
        body=schemas.NEW_ACTION,
        answer=schemas.ACTION,
        status=201,
        refuses=(403, 409),
        example=schemas.EXAMPLE,
    )
    def post(self, request: Request, body: dict[str, Any]) -> Response:
        """The new action."""
        known = {name: body[name] for name in schemas.NEW_ACTION["properties"]}
        made = services.create_action(org_id=self.caller.org_id, **known)
        return Response({"action": show_action(made)}, status=201)


class ActionView(TokenView):
    """`/api/v1/gateway/actions/{name}`."""

    @operation(
        operation_id="getAction",
        summary="Fetch an action",
        answer=schemas.ACTION,
        refuses=(403, 404),
    )
    def get(self, request: Request, name: str) -> Response:
        """The action."""
        found = services.find_action(org_id=self.caller.org_id, name=name)
        return Response({"action": show_action(found)})

    @operation(
        operation_id="updateAction",
        summary="Update an action",
        description="Absent fields stay. A new `json_schema` is the next version of the "
        "definition; a new `webhook_url` is sent a test as at the start.",
        body=schemas.ACTION_CHANGES,
        answer=schemas.ACTION,
        refuses=(403, 404, 409),
        example={"description": "Sends a note."},
    )
    def put(self, request: Request, name: str, body: dict[str, Any]) -> Response:
        """The action as changed."""
        known = {key: body[key] for key in schemas.ACTION_CHANGES["properties"] if key in body}
        changed = services.update_action(org_id=self.caller.org_id, name=name, changes=known)
        return Response({"action": show_action(changed)})

    @operation(
        operation_id="deleteAction",
        summary="Delete an action",
        description="It takes no new work; what is open finishes.",
        answer=schemas.MESSAGE,
        refuses=(403, 404),
    )
    def delete(self, request: Request, name: str) -> Response:
        """That it is gone."""
        services.delete_action(org_id=self.caller.org_id, name=name, actor=str(self.caller))
        return Response({"message": "Action deleted successfully"})


class ExecuteView(TokenView):
    """`/api/v1/gateway/actions/{name}/execute`."""

    manages = False

    @operation(
        operation_id="executeAction",
        summary="Execute an action",
        description="Delivers now, once, and answers within 30 seconds. It has succeeded where "
        "`error` is empty; what has failed is not tried again. 202: it is not over, for it waits "
        "for approval or the webhook has asked for time: ask for its record. The same call under "
        "the same `Idempotency-Key` is one action. `?dry_run=true` answers the request that would "
        "be sent, without what is secret, and sends nothing.",
        body=schemas.EXECUTE,
        answer=schemas.EXECUTED,
        also=202,
        query=[OpenApiParameter("dry_run", bool), KEY, *notices.PARAMETERS],
        refuses=(403, 404, 409, 422),
        example={"parameters": {"recipient": "Zoë", "text": "Hello"}},
    )
    def post(self, request: Request, name: str, body: dict[str, Any]) -> Response:
        """What has come of it."""
        found = services.find_action(org_id=self.caller.org_id, name=name)
        parameters = body.get("parameters", {})
        order = Order(self.caller.org_id, name, parameters, actor=str(self.caller))
        key = request.headers.get(IDEMPOTENCY_KEY)
        if paging.read_flag(request, "dry_run"):
            return Response(show_request(direct.dry_run(order, key=key)))
        executed = direct.execute(order, key=key)
        over = executed.status not in direct.UNFINISHED
        answer = Response(show_executed(executed), status=200 if over else 202)
        return notices.add_headers(answer, notices.show(found.definition))


class UnknownView(GatewayView):
    """Everything else below `/api/v1/gateway`."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """There is nothing, whoever asks."""
        raise NotFoundError("Not found")

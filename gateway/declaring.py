"""How the gateway's views declare their operations, and answer when they say no.

What `config.api` does for all others, with the published error bodies: `{"error", "details"?}`.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config import openapi, validation
from config.api import ApiView, handle_exception
from config.errors import Fault
from config.parsing import check_length
from gateway import schemas
from gateway.errors import INVALID_REQUEST, GatewayError

REQUIRED = "This field is required."
# The published texts, and natural ones where none is published.
TEXTS = {
    400: INVALID_REQUEST,
    401: "Invalid token",
    403: "Permission denied",
    404: "Not found",
    405: "Method not allowed",
    411: "Length required",
    413: "Payload too large",
    415: "Unsupported media type",
    500: "Internal server error",
    503: "Service unavailable",
}
INPUT = "/input"
# They are published without any.
WITHOUT_DETAILS = (401, 404, 500)


def operation(  # noqa: PLR0913 -- one declaration, all by keyword
    *,
    operation_id: str,
    summary: str,
    answer: dict[str, Any],
    status: int = 200,
    also: int | None = None,
    query: Sequence[OpenApiParameter] = (),
    body: dict[str, Any] | None = None,
    refuses: Sequence[int] = (),
    example: Any = None,
    description: str = "",
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Declares one operation: its OpenAPI entry and, by the same schema, the check of its body.

    Its answer has the `status`, or the one that it may have, `also`.
    """
    answered = [status] if also is None else [status, also]
    statuses = sorted({400, 401, 429, 500, 503, *refuses} | ({411, 413, 415} if body else set()))
    document = extend_schema(
        summary=summary,
        description=description or summary + ".",
        operation_id=operation_id,
        parameters=list(query),
        examples=[OpenApiExample("Example", value=example, request_only=True)] if body else [],
        request={"application/json": copy.deepcopy(body)} if body else None,
        responses={
            **{code: OpenApiResponse(copy.deepcopy(answer), "The answer") for code in answered},
            **{
                code: OpenApiResponse(copy.deepcopy(schemas.ERROR), openapi.REASONS[code])
                for code in statuses
            },
        },
    )
    # No fault repeats any of what was sent: it may be a secret.
    validator = validation.compile_schema(body, mask="This") if body else None

    def declare(method: Callable[..., Response]) -> Callable[..., Response]:
        @functools.wraps(method)
        def checked(view: ApiView, request: Request, **kwargs: Any) -> Response:
            if validator is not None:
                check_length(request)
                kwargs["body"] = check_shape(validator, request.data)
            return method(view, request, **kwargs)

        return document(checked)

    return declare


def check_shape(validator: validation.Validator, body: Any) -> Any:
    """The body as it is; 400 says of every field what is wrong with it."""
    faults = validation.find_faults(validator, body, code="INVALID_BODY")
    if faults:
        raise GatewayError(INVALID_REQUEST, details="; ".join(map(tell, faults)))
    return body


def tell(fault: Fault) -> str:
    """A fault as the gateway words it: `Field 'name' is required`."""
    field = (fault.pointer or "").removeprefix("/").replace("/", ".")
    if not field:
        return "The body is a JSON object"
    if fault.message == REQUIRED:
        return f"Field '{field}' is required"
    return f"Field '{field}' is invalid: {fault.message}"


def locate(fault: Mapping[str, str]) -> str:
    """A fault of another room, with where it is: what they call the input are the parameters."""
    where = fault.get("pointer", "")
    if where == INPUT or where.startswith(f"{INPUT}/"):
        return f"/parameters{where.removeprefix(INPUT)}: {fault['message']}"
    return fault["message"]


def refuse(error: Exception, context: Mapping[str, Any]) -> Response:
    """Any exception of a view in the published error body."""
    refused = handle_exception(error, context)
    said = "; ".join(map(locate, refused.data["errors"]))
    if isinstance(error, GatewayError):
        text, details = str(error), error.details
    else:
        text, details = TEXTS.get(refused.status_code, said), said
    body = {"error": text}
    if details not in ("", text) and refused.status_code not in WITHOUT_DETAILS:
        body["details"] = details
    if refused.status_code == 401:
        refused["WWW-Authenticate"] = "Bearer"
    refused.data = body
    return refused

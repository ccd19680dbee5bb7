"""How every API view reads a body, answers, and says no."""

from __future__ import annotations

import copy
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import orjson
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from config import openapi, validation
from config.errors import BadRequestError, DomainError, Fault
from config.openapi import OperationSchema
from config.parsing import StrictJSONParser, check_length
from config.rendering import JSONOnly, JSONRenderer
from runtime import bodies

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer", bound=HttpResponseBase)
JSON = "application/json"
# The media type of JSON values, one a line.
LINES = "application/x-ndjson"
CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_ERROR",
    503: "UNAVAILABLE",
}


class ApiView(APIView):
    """A view of the JSON API."""

    # No OPTIONS: DRF would describe the view in a shape of its own.
    http_method_names = ["get", "head", "post", "put", "delete"]
    content_negotiation_class = JSONOnly
    metadata_class = None
    parser_classes: Sequence[type[BaseParser]] = (StrictJSONParser,)
    renderer_classes = (JSONRenderer,)
    schema = OperationSchema()
    tag = "waybill"
    # The OpenAPI `security` of the view's operations; None is the document's own.
    security: list[dict[str, list[str]]] | None = None

    def required_permission(self, method: str, path: str) -> str | None:
        """What a caller has to have, as the OpenAPI document says it; None: nothing."""
        return None

    def get_exception_handler(self) -> Callable[..., Response]:
        """What turns exceptions into answers."""
        return handle_exception

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuses a body that is not whole, and in the URL what PostgreSQL holds in no text."""
        super().initial(request, *args, **kwargs)
        bodies.check(request.META)
        query = request.query_params
        if any("\0" in str(part) for part in (*kwargs.values(), *query, *query.values())):
            raise BadRequestError("The URL holds a NUL character.")


def reply(data: Any) -> Response:
    """A 200 in the envelope."""
    return Response({"data": data, "errors": None})


def refusal(code: int, faults: Sequence[Fault], *, retry_after: int | None = None) -> Response:
    """A failure in the envelope; `retry_after` are seconds."""
    told = {"data": None, "errors": [fault.as_dict() for fault in faults]}
    headers = None if retry_after is None else {"Retry-After": str(retry_after)}
    return Response(told, status=code, headers=headers)


def operation(  # noqa: PLR0913 -- one declaration, all by keyword
    *,
    summary: str,
    data: dict[str, Any],
    body: dict[str, Any] | None = None,
    shown_body: dict[str, Any] | None = None,
    query: Sequence[OpenApiParameter] = (),
    refuses: Sequence[int] = (),
    operation_id: str | None = None,
    example: Any = None,
    description: str = "",
    quotes: bool = True,
    media_type: str = JSON,
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Declares one operation: its OpenAPI entry and, from the same schema, the check of its body.

    A view method with a `body` schema gets the parsed, checked body as the keyword `body`;
    `shown_body` is what the document shows where another check goes further, or is the only one.
    Where a body holds secrets, `quotes` is False: no fault repeats any of it. An answer of another
    `media_type` is `data` without an envelope; of `LINES`, any number of it, each on a line.
    """
    shown = copy.deepcopy(shown_body or body)
    statuses = sorted({400, 401, 403, 404, 429, *refuses} | ({411, 413, 415} if shown else set()))
    examples = [OpenApiExample("Example", value=example, request_only=True)] if example else []
    document = extend_schema(
        summary=summary,
        description=description or summary + ".",
        operation_id=operation_id,
        parameters=list(query),
        examples=examples,
        request={JSON: shown} if shown else None,
        responses={
            (200, media_type): OpenApiResponse(
                openapi.envelope(copy.deepcopy(data))
                if media_type == JSON
                else copy.deepcopy(data),
                "The answer",
            ),
            **{
                code: OpenApiResponse(copy.deepcopy(openapi.ERRORS), openapi.REASONS[code])
                for code in (*statuses, 500, 503)
            },
        },
    )
    mask = None if quotes else "This"
    validator = validation.compile_schema(body, mask=mask) if body else None

    def declare(method: Callable[..., Answer]) -> Callable[..., Answer]:
        @functools.wraps(method)
        def checked(view: ApiView, request: Request, **kwargs: Any) -> Answer:
            if shown:
                check_length(request)
            if validator is not None:
                kwargs["body"] = check_shape(validator, request.data)
            return method(view, request, **kwargs)

        return document(checked)

    return declare


def check_shape(validator: validation.Validator, body: Any) -> Any:
    """The body as it is; `BadRequestError` names every part that has the wrong shape."""
    faults = validation.find_faults(validator, body, code="INVALID_BODY")
    if faults:
        raise BadRequestError.of(faults)
    return body


def handle_exception(error: Exception, context: Mapping[str, Any]) -> Response:
    """Any exception of a view as the error envelope; what is our fault is logged as well."""
    set_rollback()
    match error:
        case DomainError():
            return refusal(error.status, error.faults, retry_after=error.retry_after)
        case Http404():
            return refusal(404, [Fault(CODES[404], "Not found.")])
        case SuspiciousOperation():
            return refusal(400, [Fault(CODES[400], str(error))])
        case exceptions.APIException():
            return _refuse_request(error)
    if isinstance(error, OperationalError) or is_read_only(error):
        logger.warning("Database out of reach or too slow: %s", error)
        late = "The database did not answer in time. Try again, or ask for less."
        return refusal(503, [Fault(CODES[503], late)])
    logger.error("Unhandled error in %s", context["view"].__class__.__name__, exc_info=error)
    return refusal(500, [Fault(CODES[500], "Internal server error.")])


def _refuse_request(error: exceptions.APIException) -> Response:
    code = error.status_code
    faults = [Fault(CODES.get(code, "BAD_REQUEST"), str(error.detail))]
    refused = refusal(code, faults, retry_after=getattr(error, "wait", None))
    if code == status.HTTP_401_UNAUTHORIZED:
        refused["WWW-Authenticate"] = 'ApiKey header="x-arklow-auth", Bearer'
    return refused


def is_read_only(error: BaseException) -> bool:
    """Whether the database takes no writes for now: a failover, or maintenance."""
    return getattr(error.__cause__, "sqlstate", None) == "25006"


def _outside_views(code: int, message: str) -> Callable[..., HttpResponse]:
    def answer(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        return refuse_outside(code, [Fault(CODES[code], message)])

    return answer


def refuse_outside(
    code: int, faults: Sequence[Fault], *, retry_after: int | None = None
) -> HttpResponse:
    """The refusal where no view of the API answers."""
    refused = refusal(code, faults, retry_after=retry_after)
    answer = HttpResponse(orjson.dumps(refused.data), JSON, code)
    if "Retry-After" in refused:
        answer["Retry-After"] = refused["Retry-After"]
    return answer


# Django's own error views, for what fails before a view is reached.
bad_request = _outside_views(400, "Bad request.")
permission_denied = _outside_views(403, "Forbidden.")
not_found = _outside_views(404, "Not found.")
server_error = _outside_views(500, "Internal server error.")

"""`/mcp/{org slug}`: the endpoint of the Model Context Protocol, over streamable HTTP."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from django.conf import settings
from django.db import InternalError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.http.request import validate_host
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import AuthenticationFailed, Throttled

from agents import methods, protocol, streams
from agents.protocol import Message, ProtocolError
from config.addresses import client_address
from config.api import is_read_only
from config.errors import DomainError
from orgs.audit import acting
from orgs.audit.acting import Via
from orgs.auth import Caller, find_caller
from orgs.models import Organization
from orgs.permissions import HAND_IN, NEEDED
from runtime import bodies

logger = logging.getLogger(__name__)

JSON, EVENTS = "application/json", "text/event-stream"
LISTEN = "subscriptions/listen"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
CHANGED = "notifications/tools/list_changed"


@csrf_exempt
def serve(request: HttpRequest, slug: str) -> HttpResponseBase:
    """What an agent's client is answered; what it changes is changed in its caller's name."""
    with acting.scope():
        return _serve(request, slug)


def _serve(request: HttpRequest, slug: str) -> HttpResponseBase:
    message: Message | None = None
    try:
        check_origin(request.headers.get("Origin"))
        caller = find_agent(request, slug)
        acting.be(caller.as_actor(request, Via.API))
        if request.method == "GET":
            return stream_changes(request, caller)
        message = read_request(request)
        return answer(request, caller, message)
    except ProtocolError as error:
        return refuse(error, message)
    except (OperationalError, InternalError) as error:
        if isinstance(error, InternalError) and not is_read_only(error):
            raise
        logger.warning("Database out of reach or too slow: %s", error)
        late = "The database did not answer in time. Try again."
        return refuse(ProtocolError(protocol.INTERNAL_ERROR, late, status=503), message)


def check_origin(origin: str | None) -> None:
    """Refuse what a page of another site's sends, whatever name it has for this machine."""
    try:
        host = origin and urlsplit(origin).hostname
    except ValueError:
        host = None
    if origin is None:
        return
    host = f"[{host}]" if host and ":" in host else host
    if not host or not validate_host(host, settings.ALLOWED_HOSTS):
        raise ProtocolError(protocol.INVALID_REQUEST, "This Origin may not call.", status=403)


def find_agent(request: HttpRequest, slug: str) -> Caller:
    """The caller of a live key of that organization."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip() if scheme.lower() == "bearer" else ""
    if not token:
        raise ProtocolError(
            protocol.INVALID_REQUEST, "Send `Authorization: Bearer <API key>`.", status=401
        )
    try:
        caller = find_caller(token, client_address(request))
    except (AuthenticationFailed, Throttled) as error:
        raise ProtocolError(
            protocol.INVALID_REQUEST,
            str(error.detail),
            status=error.status_code,
            data="invalid_token" if error.status_code == 401 else None,
        ) from error
    check_permission(caller)
    # By the caller's own: another organization's slug is not even looked for.
    if not Organization.objects.filter(pk=caller.org_id, slug=slug).exists():
        raise ProtocolError(
            protocol.INVALID_REQUEST, f"There is no organization {slug!r}.", status=404
        )
    return caller


def check_permission(caller: Caller) -> None:
    """Refuse whoever may not hand actions in, which is what tools do."""
    if caller.variants is not None:
        text = "This key hands in actions of its variants by ingress, and nothing else."
    elif not caller.may(HAND_IN):
        text = f"This needs the permission '{NEEDED[HAND_IN]}'."
    else:
        return
    raise ProtocolError(protocol.INVALID_REQUEST, text, status=403)


def read_request(request: HttpRequest) -> Message:
    """The message of a POST, whose headers are checked before its body is read."""
    if request.method != "POST":
        raise ProtocolError(protocol.INVALID_REQUEST, "Send messages by POST.", status=405)
    if (request.content_type or "").lower() != JSON:
        raise ProtocolError(protocol.INVALID_REQUEST, f"Send {JSON}.", status=415)
    if not accepts(request, JSON):
        raise ProtocolError(protocol.INVALID_REQUEST, f"Answers are {JSON}.", status=406)
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdigit():
        text = "Send the body with a Content-Length header."
        raise ProtocolError(protocol.INVALID_REQUEST, text, status=411)
    if int(length) > settings.MAX_BODY_BYTES:
        text = f"The body is larger than {settings.MAX_BODY_BYTES} bytes."
        raise ProtocolError(protocol.INVALID_REQUEST, text, status=413)
    try:
        bodies.check(request.META)
    except DomainError as error:
        raise ProtocolError(protocol.INVALID_REQUEST, str(error), status=error.status) from error
    return protocol.read_message(request.body, request.headers.get("MCP-Protocol-Version"))


def accepts(request: HttpRequest, media_type: str) -> bool:
    """Whether the client reads answers of that type; one that does not say reads all."""
    return "Accept" not in request.headers or request.accepts(media_type)


def answer(request: HttpRequest, caller: Caller, message: Message) -> HttpResponseBase:
    """The answer to a message."""
    if message.is_notification:
        return HttpResponse(status=202)
    if message.is_stateless:
        protocol.check_envelope(message, request.headers)
        if message.method == LISTEN:
            return listen(request, caller, message)
    data = protocol.write_result(message, methods.answer(caller, message))
    return HttpResponse(data, JSON)


def listen(request: HttpRequest, caller: Caller, message: Message) -> HttpResponseBase:
    """A stream of what the client asks for and there is: changes of the list of tools."""
    if not accepts(request, EVENTS):
        raise ProtocolError(protocol.INVALID_REQUEST, f"A stream is {EVENTS}.", status=406)
    asked = message.params.get("notifications")
    if not isinstance(asked, dict):
        raise ProtocolError(protocol.INVALID_PARAMS, "`notifications` is an object.")
    meta = {"_meta": {protocol.SUBSCRIPTION_KEY: message.id}}
    granted = {"toolsListChanged": True} if asked.get("toolsListChanged") is True else {}
    told = protocol.write_notification(ACKNOWLEDGED, {"notifications": granted, **meta})
    changed = protocol.write_notification(CHANGED, meta)
    return stream(
        caller,
        first=protocol.write_event(told),
        change=protocol.write_event(changed) if granted else b": still here\n\n",
        last=protocol.write_event(protocol.write_result(message, meta)),
    )


def stream_changes(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The same for clients that make a connection of their own for it: those with a handshake."""
    version = request.headers.get("MCP-Protocol-Version", protocol.WITH_HANDSHAKE[-1])
    if version not in protocol.WITH_HANDSHAKE or not request.accepts(EVENTS):
        raise ProtocolError(protocol.INVALID_REQUEST, "Send messages by POST.", status=405)
    changed = protocol.write_event(protocol.write_notification(CHANGED, {}))
    return stream(caller, first=b": here\n\n", change=changed, last=b"")


def stream(caller: Caller, *, first: bytes, change: bytes, last: bytes) -> StreamingHttpResponse:
    """The answer that is sent bit by bit; 503 where there are too many of them."""
    key = caller.org_id, caller.key_id
    try:
        body = streams.Stream(key, first=first, change=change, last=last)
    except streams.TooManyStreamsError as error:
        text = "Too many streams are open. Try again later."
        raise ProtocolError(protocol.INTERNAL_ERROR, text, status=503) from error
    response = StreamingHttpResponse(body, content_type=EVENTS)
    response["Cache-Control"] = "no-cache, no-transform"
    # What nginx would otherwise keep until there is more of it.
    response["X-Accel-Buffering"] = "no"
    return response


def refuse(error: ProtocolError, message: Message | None) -> HttpResponse:
    """The answer to what cannot be answered."""
    is_stateless = message is not None and message.is_stateless
    # With a handshake, errors of the methods are answers as others are.
    spoken = message is None or is_stateless or error.status not in (400, 404)
    answered = error.id if message is None else message.id
    data = protocol.write_error(error, answered)
    response = HttpResponse(data, JSON, status=error.status if spoken else 200)
    if error.status == 401:
        reason = ', error="invalid_token"' if error.data else ""
        response["WWW-Authenticate"] = f'Bearer realm="Waybill"{reason}'
    if error.status == 405:
        response["Allow"] = "GET, POST"
    if error.status in (429, 503):
        response["Retry-After"] = "60" if error.status == 429 else "5"
    return response

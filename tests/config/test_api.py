"""The envelope: whatever goes wrong, a client reads JSON that says what."""

from __future__ import annotations

import io
import logging

import pytest
from django.core.exceptions import TooManyFieldsSent
from django.http import Http404
from django.test import Client, RequestFactory
from rest_framework import exceptions

from config.api import ApiView, operation, reply
from config.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    RuleError,
    TooLargeError,
)
from config.parsing import LengthRequiredError
from orgs import services
from orgs.auth import KeyAuthentication
from tests.client import codes


class FailingView(ApiView):
    """Raises what it is given."""

    authentication_classes = (KeyAuthentication,)
    error = Exception()

    def get(self, request):
        raise self.error


class EchoView(ApiView):
    """Answers the body."""

    @operation(summary="Echo", body={"$comment": "anything"}, data={})
    def put(self, request, body):
        return reply(body)


def fail(error):
    return FailingView.as_view(error=error)(RequestFactory().get("/")).render()


def echo(body=b"", content_type="application/json", **environ):
    request = RequestFactory().put("/", body, content_type=content_type, **environ)
    return EchoView.as_view()(request).render()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        # The domain's.
        (BadRequestError("no"), 400, "BAD_REQUEST"),
        (NotFoundError("no"), 404, "NOT_FOUND"),
        (ConflictError("no"), 409, "CONFLICT"),
        (LengthRequiredError(), 411, "LENGTH_REQUIRED"),
        (TooLargeError("no"), 413, "TOO_LARGE"),
        (RuleError("no"), 422, "UNPROCESSABLE"),
        # The framework's.
        (Http404("no"), 404, "NOT_FOUND"),
        (TooManyFieldsSent("no"), 400, "BAD_REQUEST"),
        (exceptions.ParseError(), 400, "BAD_REQUEST"),
        (exceptions.NotAuthenticated(), 401, "UNAUTHORIZED"),
        (exceptions.AuthenticationFailed(), 401, "UNAUTHORIZED"),
        (exceptions.PermissionDenied(), 403, "FORBIDDEN"),
        (exceptions.NotFound(), 404, "NOT_FOUND"),
        (exceptions.MethodNotAllowed("GET"), 405, "METHOD_NOT_ALLOWED"),
        (exceptions.NotAcceptable(), 406, "BAD_REQUEST"),
        (exceptions.UnsupportedMediaType("text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (exceptions.Throttled(), 429, "TOO_MANY_REQUESTS"),
        # A code of its own.
        (RuleError("no", code="INVALID_SCHEMA"), 422, "INVALID_SCHEMA"),
    ],
)
def test_an_exception_becomes_an_envelope_with_its_status(error, status, code, caplog):
    answer = fail(error)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/json"
    assert answer.data["data"] is None
    assert [fault["code"] for fault in answer.data["errors"]] == [code]
    assert not caplog.records


def test_a_401_says_how_to_authenticate():
    assert fail(exceptions.NotAuthenticated())["WWW-Authenticate"] == (
        'ApiKey header="x-arklow-auth", Bearer'
    )


def test_an_error_we_did_not_foresee_is_logged_and_told_without_a_trace(caplog):
    answer = fail(ZeroDivisionError("the secret is 42"))

    assert answer.status_code == 500
    assert answer.data["errors"] == [
        {"code": "INTERNAL_ERROR", "message": "Internal server error."}
    ]
    assert b"secret" not in answer.content
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info[0] is ZeroDivisionError


def test_an_unforeseen_error_changes_nothing(api, acme, monkeypatch, caplog):
    def delete_and_fail(*, key):
        raise ZeroDivisionError

    monkeypatch.setattr(services, "delete_key", delete_and_fail)

    answer = api.delete(f"~/keys/{acme.keys.get().pk}")

    assert answer.status_code == 500
    assert codes(answer) == [("INTERNAL_ERROR", None)]
    assert acme.keys.get().deleted_at is None


@pytest.mark.parametrize("accept", ["application/json", "text/html", "image/png", ""])
def test_an_answer_is_json_whatever_the_client_accepts(api, accept):
    answer = api.get("~/keys", Accept=accept)

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "path",
    [
        # Nothing at all, nothing of the API, and the API's nothing.
        "/nothing",
        "/v1/nothing",
        "/v1/orgs/1/nothing",
        # An id that is none, that is negative, and that fits no bigint.
        "/v1/orgs/acme/keys",
        "/v1/orgs/-1/keys",
        "/v1/orgs/9223372036854775808/keys",
        "/v1/orgs/99999999999999999999/keys",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_path_that_leads_nowhere_is_404_in_the_envelope(method, path):
    answer = Client().generic(method, path)

    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/json"
    assert codes(answer) == [("NOT_FOUND", None)]


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_a_method_that_there_is_not_is_405_and_says_which_there_are(api, method):
    answer = api.call(method, "~/keys")

    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD, PUT"
    assert codes(answer) == [("METHOD_NOT_ALLOWED", None)]


def test_head_is_get_without_the_body(api):
    answer = api.call("HEAD", "~/keys")

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonlines",
        # No type at all.
        "",
    ],
)
def test_a_body_that_is_not_called_json_is_415(content_type):
    answer = echo(b"{}", content_type=content_type)

    assert answer.status_code == 415
    assert answer.data["errors"][0]["code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
def test_a_body_that_is_called_json_is_read(content_type):
    assert echo(b'{"a": 1}', content_type=content_type).data["data"] == {"a": 1}


@pytest.mark.parametrize(
    "environ",
    [
        # Chunked: only the server knows where it ends.
        {"HTTP_TRANSFER_ENCODING": "chunked"},
        # HTTP/2 ends a body without saying how long it is.
        {"SERVER_PROTOCOL": "HTTP/2"},
        # Servers may leave the length empty where there is none.
        {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""},
    ],
)
def test_a_body_of_unsaid_length_is_411_and_not_taken_for_none(environ):
    answer = echo(**{"wsgi.input": io.BytesIO(b'{"a": 1}')}, **environ)

    assert answer.status_code == 411
    assert answer.data["errors"][0]["code"] == "LENGTH_REQUIRED"


@pytest.mark.parametrize(
    "environ",
    [
        # A length below nothing would read to the end of the connection.
        {"CONTENT_LENGTH": "-1"},
        # A header that only looks like the length.
        {"CONTENT_LENGTH": "", "HTTP_CONTENT_LENGTH": "8"},
        {"CONTENT_LENGTH": "+8"},
    ],
)
def test_a_length_that_is_none_does_not_let_a_body_in(environ):
    answer = echo(b'{"a": 1}', **environ)

    assert answer.data["data"] in (None, {})
    assert answer.status_code in (200, 411)


def test_no_body_is_an_empty_one():
    assert echo(SERVER_PROTOCOL="HTTP/1.1").data == {"data": {}, "errors": None}


def test_a_body_of_exactly_the_limit_is_read(settings):
    body = b'"' + b"x" * (settings.MAX_BODY_BYTES - 2) + b'"'

    assert echo(body).status_code == 200


def test_a_body_over_the_limit_is_413_and_not_read(settings):
    body = io.BytesIO(b"[]")

    length = str(settings.MAX_BODY_BYTES + 1)
    answer = echo(b"[]", **{"CONTENT_LENGTH": length, "wsgi.input": body})

    assert answer.status_code == 413
    assert answer.data["errors"][0]["code"] == "TOO_LARGE"
    assert body.tell() == 0


@pytest.mark.parametrize(
    "path",
    [
        # In the query, as a name and as a value, and in the path.
        "/v1/self?a%00b=1",
        "/v1/self?a=%00",
        "/v1/ingress/a%00b",
        "/v1/ingress/a?tag.b%00=1",
    ],
)
def test_a_nul_in_the_url_is_400(api, path):
    answer = api.call("POST" if "ingress" in path else "GET", path)

    assert answer.status_code == 400
    assert codes(answer) == [("BAD_REQUEST", None)]


def test_a_query_of_too_many_parts_is_400(api):
    answer = api.get("~/keys?" + "&".join(f"a{number}=1" for number in range(1001)))

    assert answer.status_code == 400
    assert codes(answer) == [("BAD_REQUEST", None)]


def test_a_host_that_is_not_ours_is_400_in_the_envelope(api):
    answer = api.get("~/keys", Host="evil.example")

    assert answer.status_code == 400
    assert codes(answer) == [("BAD_REQUEST", None)]

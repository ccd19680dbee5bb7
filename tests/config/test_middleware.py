"""What is the same for every response: the policy of the browser, and the trailing slash."""

from __future__ import annotations

import io
import tempfile

import pytest
from django.test import Client

from config.errors import BusyError, TooLargeError
from runtime import bodies
from tests.client import codes

STRICT_SCRIPTS = "script-src 'self';"


@pytest.mark.parametrize(
    "path",
    [
        # Answers of the API, of Django before a view, and the page of the docs.
        "/v1/self",
        "/nothing",
        "/openapi.json",
        "/docs",
        # What only begins like the admin.
        "/administrators",
    ],
)
def test_everything_outside_the_admin_is_under_the_strict_policy(path):
    policy = Client().get(path)["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert STRICT_SCRIPTS in policy
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.django_db
def test_only_the_admin_may_evaluate_scripts():
    policy = Client().get("/admin/login/")["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]


@pytest.mark.django_db
def test_a_response_tells_browsers_not_to_guess_and_not_to_frame():
    headers = Client().get("/healthz").headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz/", 200),
        ("/openapi.json/", 200),
        ("/swagger/ui/json/", 200),
        ("/docs/", 200),
        ("/v1/self/", 401),
        # One slash is a matter of taste, two are another path.
        ("/healthz//", 404),
        # The admin and static files have their own rules.
        ("/static/nothing/", 404),
    ],
)
@pytest.mark.django_db
def test_a_trailing_slash_leads_to_the_same_place_without_a_redirect(path, status):
    assert Client().get(path).status_code == status


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/", "/docs"),
        # The published address of the docs.
        ("/swagger/ui", "/docs"),
        ("/swagger/ui/", "/docs"),
    ],
)
def test_people_are_led_to_the_docs(path, target):
    answer = Client().get(path)

    assert (answer.status_code, answer["Location"]) == (302, target)


@pytest.mark.django_db
def test_a_form_that_did_not_come_whole_is_refused_before_it_is_read():
    fault = {bodies.FAULT: TooLargeError("The body is larger than 3 bytes.")}

    answers = [Client().post(path, {"a": "b"}, **fault) for path in ("/accounts/login/", "/")]

    assert [codes(answer) for answer in answers] == [[("TOO_LARGE", None)]] * 2
    assert [answer.status_code for answer in answers] == [413, 413]


@pytest.mark.django_db
def test_who_finds_no_room_for_a_form_hears_when_to_come_again():
    answer = Client().post("/accounts/login/", **{bodies.FAULT: BusyError("Later.")})

    assert (answer.status_code, answer["Retry-After"]) == (503, "1")


@pytest.mark.django_db
def test_a_file_is_left_out_of_a_form(monkeypatch):
    made = []
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", lambda *_, **__: made.append(1))
    large = io.BytesIO(b"x" * 3 * 1_048_576)

    answer = Client().post("/accounts/login/", {"login": "x", "password": "y", "file": large})

    assert answer.status_code == 200
    assert answer.wsgi_request.FILES == {}
    assert answer.wsgi_request.POST["login"] == "x"
    assert not made

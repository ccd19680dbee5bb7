"""What is served besides the API: health, the document and its page."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest
from django.db import connection
from django.test import Client

# Whatever a page loads: scripts, styles, icons.
LOADED = re.compile(r'<(?:script|link|img)[^>]*? (?:src|href)="([^"]+)"')


@pytest.fixture(autouse=True)
def _no_static_files():
    """Here they are asked for."""


@pytest.mark.django_db
def test_health_is_ok_when_the_database_answers():
    answer = Client().get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_health_asks_the_database_each_time():
    def refuse(execute, sql, params, many, context):
        raise ConnectionError

    with connection.execute_wrapper(refuse):
        answer = Client(raise_request_exception=False).get("/healthz")

    assert answer.status_code == 500
    assert answer.json()["errors"][0]["code"] == "INTERNAL_ERROR"


@pytest.mark.django_db
def test_the_docs_page_loads_all_of_itself_from_here():
    page = Client().get("/docs")

    loaded = LOADED.findall(page.content.decode())
    assert len(loaded) >= 4
    for address in loaded:
        assert address.startswith(("/", "?")), address
        part = Client().get(urljoin("/docs", address))
        assert part.status_code == 200, address
        part.close()


def test_the_docs_page_runs_under_its_policy():
    page = Client().get("/docs")

    assert "script-src 'self';" in page["Content-Security-Policy"]
    # No script in the page, neither as an element nor as an attribute.
    html = page.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"\son\w+=", html)


def test_the_docs_page_shows_our_document():
    html = Client().get("/docs").content.decode()

    (script,) = [address for address in LOADED.findall(html) if "script=" in address]
    assert b'url: "/openapi.json"' in Client().get(urljoin("/docs", script)).content

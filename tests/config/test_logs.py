"""The log: no token in any line, and no traceback for what a client did wrong."""

from __future__ import annotations

import logging
import sys

import pytest
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.test import Client

from config.logs import Line

TOKEN = "inv_x4-Zq_9dK2"


def write(name, message, *args, error=None):
    """A record as it stands in the log."""
    try:
        raise error or ValueError("as it was asked to")
    except (ValueError, DisallowedHost):
        record = logging.LogRecord(
            name, logging.ERROR, __file__, 1, message, args, sys.exc_info() if error else None
        )
    return Line(settings.LOGGING["formatters"]["line"]["format"]).format(record)


def test_a_token_never_stands_in_a_line():
    line = write("django.request", "Internal Server Error: %s", f"/invites/{TOKEN}/")

    assert line.endswith("ERROR django.request Internal Server Error: /invites/inv_***/")
    assert TOKEN not in write("orgs", "no", error=ValueError(f"of {TOKEN}"))


def test_what_is_our_fault_is_traced_and_what_a_client_did_is_not():
    assert "Traceback" in write("django.request", "no", error=ValueError())
    assert "Traceback" not in write("django.security.DisallowedHost", "no", error=DisallowedHost())


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_an_invitation_is_only_opened_and_nothing_is_logged(method, caplog):
    answer = getattr(Client(enforce_csrf_checks=True), method)(f"/invites/{TOKEN}")

    assert answer.status_code == 405
    # What is no more than the client's business stands below the level of the log.
    assert [one.levelname for one in caplog.records if one.name != "django.request"] == []

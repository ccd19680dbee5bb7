"""The log: its lines are ours, without tokens, and what a client did wrong is not traced."""

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


FORGED = "x\n2026-11-26 12:00:00,000 WARNING orgs FORGED"


@pytest.fixture
def lines_of():
    """A record as the log has it, in lines, without its time."""
    declared = settings.LOGGING["formatters"]["line"]
    assert declared["class"] == f"{Line.__module__}.{Line.__qualname__}"
    formatter = Line(declared["format"].removeprefix("%(asctime)s "))

    def write_lines(message, *args, **more):
        record = logging.LogRecord("orgs", logging.INFO, __file__, 1, message, args, **more)
        return formatter.format(record).split("\n")

    return write_lines


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Grace's “Büro” 漢字 🚚", "Grace's “Büro” 漢字 🚚"),
        (FORGED, FORGED.replace("\n", "\\n")),
        ("a\rb\x1b[2Jc\x85d\x00\x7f", r"a\rb\x1b[2Jc\x85d\x00\x7f"),
        # Other ends of lines, what turns text around, and what cannot be written at all.
        ("a\u2028b\u2029c\u202ed\ud800", r"a\u2028b\u2029c\u202ed\ud800"),
    ],
)
def test_a_message_is_one_line(lines_of, text, written):
    assert lines_of("%s joined", text, exc_info=None) == [f"INFO orgs {written} joined"]


def test_a_traceback_keeps_its_lines_and_none_of_them_looks_like_ours(lines_of):
    def fail():
        raise RuntimeError(FORGED + "\x1b")

    with pytest.raises(RuntimeError) as caught:
        fail()
    told = lines_of("It failed", exc_info=(caught.type, caught.value, caught.tb))

    assert told[0] == "INFO orgs It failed"
    assert told[1] == "  Traceback (most recent call last):"
    assert told[-1] == "  " + FORGED.partition("\n")[2] + "\\x1b"
    assert all(line.startswith("  ") for line in told[1:])


def test_so_does_a_stack(lines_of):
    told = lines_of("Here", exc_info=None, sinfo="Stack (most recent call last):\n  line\n\x07")

    assert told == ["INFO orgs Here", "  Stack (most recent call last):", "    line", "  \\x07"]

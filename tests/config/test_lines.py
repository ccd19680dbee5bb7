"""The log: nobody writes a line of it but us."""

from __future__ import annotations

import logging

import pytest
from django.conf import settings

from config.lines import LineFormatter

FORGED = "x\n2026-11-26 12:00:00,000 WARNING orgs FORGED"


@pytest.fixture
def write():
    """A record as the log has it, in lines, without its time."""
    declared = settings.LOGGING["formatters"]["line"]
    assert declared["class"] == f"{LineFormatter.__module__}.{LineFormatter.__qualname__}"
    formatter = LineFormatter(declared["format"].removeprefix("%(asctime)s "))

    def lines(message, *args, **more):
        record = logging.LogRecord("orgs", logging.INFO, __file__, 1, message, args, **more)
        return formatter.format(record).split("\n")

    return lines


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
def test_a_message_is_one_line(write, text, written):
    assert write("%s joined", text, exc_info=None) == [f"INFO orgs {written} joined"]


def test_a_traceback_keeps_its_lines_and_none_of_them_looks_like_ours(write):
    def fail():
        raise RuntimeError(FORGED + "\x1b")

    with pytest.raises(RuntimeError) as caught:
        fail()
    told = write("It failed", exc_info=(caught.type, caught.value, caught.tb))

    assert told[0] == "INFO orgs It failed"
    assert told[1] == "  Traceback (most recent call last):"
    assert told[-1] == "  " + FORGED.partition("\n")[2] + "\\x1b"
    assert all(line.startswith("  ") for line in told[1:])


def test_so_does_a_stack(write):
    told = write("Here", exc_info=None, sinfo="Stack (most recent call last):\n  line\n\x07")

    assert told == ["INFO orgs Here", "  Stack (most recent call last):", "    line", "  \\x07"]

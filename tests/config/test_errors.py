"""What the domain says when it says no."""

from __future__ import annotations

import pytest

from config.errors import DomainError, Fault, RuleError, pointer


@pytest.mark.parametrize(
    ("path", "text"),
    [
        # The whole document.
        ((), ""),
        # Keys and indexes.
        (("input", "lines", 0), "/input/lines/0"),
        # A slash in a key,
        (("a/b",), "/a~1b"),
        # a tilde,
        (("a~b",), "/a~0b"),
        # and what the two could be taken for.
        (("~1",), "/~01"),
        # The empty key is a key.
        (("",), "/"),
    ],
)
def test_a_path_becomes_a_json_pointer(path, text):
    assert pointer(path) == text


def test_an_error_of_several_faults_keeps_their_order():
    error = RuleError.of([Fault("A", "first"), Fault("B", "second", "/b")])

    assert isinstance(error, RuleError)
    assert [fault.as_dict() for fault in error.faults] == [
        {"code": "A", "message": "first"},
        {"code": "B", "message": "second", "pointer": "/b"},
    ]


def test_an_error_without_a_code_takes_that_of_its_class():
    assert DomainError("no").faults == (Fault("UNPROCESSABLE", "no"),)

"""Comparisons in a process of their own, and those that are ended."""

from __future__ import annotations

import io
import json
import resource
import signal
import subprocess
import sys
import time

import pytest

from actions.compatibility import (
    Direction,
    OpenContent,
    Verdict,
    apart,
    checks,
    compare_apart,
)
from actions.compatibility.comparing import compare

TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def test_what_is_compared_apart_has_the_same_report():
    old, new = {"properties": {"a": {}}}, {"properties": {"a": {}, "b": TEXT}}
    for open_content in OpenContent:
        how = {"direction": Direction.FULL, "open_content": open_content}
        report = compare_apart(old, new, **how)
        assert report == compare(old, new, **how)
        assert report.as_dict()["findings"]


def branch(number):
    return {"properties": {"a": {"$ref": f"#/$defs/d{number}"}}, "required": [f"r{number}"]}


TREES = {
    "$defs": {f"d{n}": {"anyOf": [branch(m) for m in range(12)]} for n in range(12)},
    "$ref": "#/$defs/d0",
}
OTHERS = json.loads(json.dumps(TREES).replace('["r', '["s'))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (TREES, OTHERS),
        # products of branches
        (
            {"allOf": [{"anyOf": [{"pattern": f"a{n}"}, {"pattern": f"b{n}"}]} for n in range(40)]},
            {"allOf": [{"oneOf": [{"pattern": f"c{n}"}, {"pattern": f"d{n}"}]} for n in range(40)]},
        ),
        # more properties than anybody has
        (
            {"properties": {f"p{n}": {"pattern": "^(a+)+$"} for n in range(10_000)}},
            {"properties": {f"p{n}": {"pattern": "^(a|a)*$"} for n in range(10_000)}},
        ),
    ],
)  # fmt: skip
def test_a_comparison_ends_in_time(monkeypatch, old, new):
    monkeypatch.setattr(checks, "SECONDS", 2)
    began = time.monotonic()
    report = compare_apart(old, new, direction=Direction.BACKWARD)

    assert time.monotonic() - began < 5
    assert report.verdict is not Verdict.COMPATIBLE
    assert report.findings


@pytest.mark.parametrize("left", [0.001, 0, -10])
def test_what_there_is_no_time_left_for_is_indeterminate(left):
    deadline = time.monotonic() + left
    report = compare_apart(TEXT, NUMBER, direction=Direction.FULL, deadline=deadline)
    assert report.verdict is Verdict.INDETERMINATE
    assert [finding.rule for finding in report.findings] == ["NOT_JUDGED_IN_TIME"]


def test_the_process_reads_a_case_and_writes_its_report(monkeypatch):
    case = {"old": TEXT, "new": NUMBER, "direction": "backward", "open_content": "strict"}
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(case)))
    monkeypatch.setattr(sys, "stdout", told := io.StringIO())

    apart.main()

    assert json.loads(told.getvalue())["findings"][0]["rule"] == "TYPE_NARROWED"


def test_a_process_that_fails_is_logged_with_what_it_said(caplog):
    report = compare_apart(TEXT, NUMBER, direction="sideways")

    assert report.verdict is Verdict.INDETERMINATE
    assert [finding.rule for finding in report.findings] == ["JUDGE_FAILED"]
    assert "'sideways' is not a valid Direction" in caplog.text


@pytest.mark.parametrize(
    ("returncode", "said"),
    [(-signal.SIGXCPU, b""), (-signal.SIGKILL, b""), (1, b"...\nMemoryError\n")],
)
def test_a_process_that_its_limits_end_was_too_slow(monkeypatch, caplog, returncode, said):
    def run(cmd, **options):
        raise subprocess.CalledProcessError(returncode, cmd, b"", said)

    monkeypatch.setattr(subprocess, "run", run)

    assert compare_apart(TEXT, NUMBER, direction=Direction.FULL) == checks.TOO_LATE
    assert not caplog.records

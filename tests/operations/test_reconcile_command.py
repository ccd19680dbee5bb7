"""`manage.py reconcile`: what it tells, and how it ends."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from dispatch.models import ActionEvent, ActionRecord
from operations import chores
from operations.chores import Report
from operations.management.commands import reconcile
from tests import factories
from tests.factories import make_over, make_record


def run(*arguments):
    """What it prints; it must end well."""
    printed = StringIO()
    call_command("reconcile", *arguments, stdout=printed)
    return printed.getvalue()


def run_in_vain(*arguments):
    """What it prints, what it complains of, and its exit code."""
    printed = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("reconcile", *arguments, stdout=printed)
    return printed.getvalue(), str(failed.value), failed.value.returncode


def test_it_says_in_a_line_that_all_is_well(acme, definition):
    make_record(acme)
    make_over(acme, days_ago=1)

    assert run() == "2 actions in 2 organization-hours: all accounted for.\n"


def test_it_names_what_is_not_and_exits_1(acme, definition):
    record = make_record(acme)
    make_over(acme, days_ago=1)
    ActionEvent.objects.filter(record=record).delete()

    told, complaint, code = run_in_vain()

    assert f"action {record.pk}: no event says that it was accepted" in told
    assert len(told.splitlines()) == 1
    assert (complaint, code) == ("Not accounted for in 1 organization-hours.", 1)


def test_it_tells_the_sums_of_every_hour_when_asked(acme, definition):
    make_over(acme, days_ago=1)
    make_record(acme)

    first, second, last = run("--hours").splitlines()

    assert first.endswith("accepted 1, succeeded 0 + failed 1 + canceled 0 + in flight 0")
    assert second.endswith("accepted 1, succeeded 0 + failed 0 + canceled 0 + in flight 1")
    assert last.startswith("2 actions")


def test_it_looks_at_one_organization_and_at_what_came_since(acme, globex, definition):
    factories.make_definition(globex, to=factories.make_destination(globex))
    make_over(acme, days_ago=2)
    make_record(acme)
    lost = make_record(globex)
    ActionEvent.objects.filter(record=lost).delete()
    since = (timezone.now() - timedelta(days=1)).isoformat()

    assert run(f"--org={acme.pk}").startswith("2 actions")
    assert run(f"--org={acme.pk}", f"--since={since}").startswith("1 actions")
    assert run_in_vain(f"--org={globex.pk}")[2] == 1


def test_a_lost_record_is_told_whichever_organization_is_asked_about(acme, globex, definition):
    lost = make_record(acme)
    ActionRecord.objects.filter(pk=lost.pk).delete()

    told, _, code = run_in_vain(f"--org={globex.pk}")

    assert f"action {lost.pk}: it has events and no record" in told
    assert code == 1


def test_nothing_can_be_told_without_a_database(db):
    def refuse(execute, sql, params, many, context):
        raise OperationalError("the connection is lost")

    with connection.execute_wrapper(refuse):
        assert run_in_vain() == ("", "Database out of reach: the connection is lost", 2)


@pytest.mark.parametrize("since", ["0001-01-01", "9999-12-31"])
def test_a_moment_at_an_end_of_the_calendar_is_one_like_others(acme, definition, since):
    make_record(acme)

    assert "all accounted for" in run(f"--since={since}")


def test_nothing_can_be_told_of_an_organization_that_is_not_there(db):
    assert run_in_vain("--org=4711") == ("", "There is no organization 4711.", 2)


def test_it_writes_json_for_scripts_whatever_it_found(acme, definition):
    chores.run("reconcile", lambda: Report({"sound": True}))
    record = make_record(acme)

    told = json.loads(run("--json", "--hours"))
    assert (told["sound"], told["complete"], told["accepted"]) == (True, True, 1)
    assert told["unsound"] == []
    assert [hour["in_flight"] for hour in told["every_hour"]] == [1]
    (last,) = told["last"]
    assert (last["name"], last["result"], last["trouble"]) == ("reconcile", {"sound": True}, "")

    ActionEvent.objects.filter(record=record).delete()
    printed, _, code = run_in_vain("--json")
    told = json.loads(printed)
    assert (told["sound"], code) == (False, 1)
    assert told["unsound"][0]["faults"] == [f"{record.pk}: no event says that it was accepted"]
    assert "every_hour" not in told


def test_it_shows_on_a_terminal_how_far_it_has_come(acme, definition):
    make_record(acme)
    screen = StringIO()
    screen.isatty = lambda: True

    call_command("reconcile", stdout=StringIO(), stderr=screen)

    assert screen.getvalue().endswith("\r100%\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24", datetime(2026, 11, 24, tzinfo=UTC)),
        ("2026-11-24T18:00", datetime(2026, 11, 24, 18, tzinfo=UTC)),
        ("2026-11-24T18:00:00Z", datetime(2026, 11, 24, 18, tzinfo=UTC)),
        ("2026-11-24T18:00:00+02:00", datetime(2026, 11, 24, 16, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc(text, expected):
    assert reconcile.moment(text) == expected


def test_a_time_that_is_none_is_refused():
    with pytest.raises(ArgumentTypeError, match="is not like 2026-11-24"):
        reconcile.moment("yesterday")


def test_its_help_teaches_the_equation_and_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        call_command("reconcile", "--help")

    told = capsys.readouterr().out
    assert "accepted = succeeded + failed + canceled + in flight" in told
    assert "1  something is not; it is named" in told

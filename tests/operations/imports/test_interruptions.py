"""Imports that are killed, cut off and run again; what they cost in memory and statements."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.db import connection

from config import commands
from config.commands import Exit
from dispatch.models import ActionEvent
from operations.imports import batches, lines, runs
from operations.imports.lines import Batch, Item, Place
from operations.models import RecordImport
from tests import factories
from tests.dispatch.background import wait_until
from tests.operations.imports.conftest import stored

GOOD = b'{"variant": "count", "input": {"n": %d}}\n'
BAD = b'{"variant": "count", "input": {"n": "%d"}}\n'
real = pytest.mark.django_db(transaction=True)


def far():
    """How many lines are read."""
    return RecordImport.objects.values_list("line", flat=True).first() or 0


@real
def test_whoever_goes_on_after_a_kill_loses_nothing_and_stores_nothing_twice(
    start_command, make_file, acme, definition, tmp_path
):
    count, report = 16_000, tmp_path / "refused.jsonl"
    file = make_file(b"".join((BAD if n % 100 == 0 else GOOD) % n for n in range(count)))
    words = str(file), f"--org={acme.pk}", f"--rejects={report}"

    for _ in range(2):
        before = far()
        process = start_command("import_records", *words)
        wait_until(lambda before=before: far() > before)
        (child,) = find_children(process.pid)
        process.kill()
        assert process.wait() == -9
        wait_until(lambda child=child: not Path(f"/proc/{child}").exists())
        assert before < far() < count
    assert start_command("import_records", *words).wait() == Exit.PARTLY

    expected = [n for n in range(count) if n % 100]
    assert [one["n"] for one in stored()] == expected
    assert ActionEvent.objects.count() == len(expected)
    told = [json.loads(line)["line"] for line in report.read_text().splitlines()]
    assert told == list(range(1, count + 1, 100))
    row = RecordImport.objects.get()
    assert (row.line, row.stored, row.refused) == (count, len(expected), count // 100)
    call_command("reconcile", stdout=io.StringIO())


@real
def test_where_the_database_goes_the_rest_is_for_the_next_run(
    run, make_file, definition, monkeypatch
):
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)
    file = make_file(b"".join(GOOD % n for n in range(7)))
    store, calls = batches.store_batch, []

    def cut_off(row, *arguments):
        calls.append(row.line)
        if len(calls) == 3:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return store(row, *arguments)

    monkeypatch.setattr(batches, "store_batch", cut_off)
    ended = run(file)

    assert ended.code == Exit.UNABLE
    assert "Database out of reach: terminating connection" in ended.err
    assert ended.err.endswith(
        " 4 actions of 4 lines are known to be stored: run it again for the rest."
    )
    connection.close()
    assert run(file).code == Exit.DONE
    assert [one["n"] for one in stored()] == list(range(7))


@real
def test_what_is_cut_off_between_writing_and_storing_is_told_once(
    run, make_file, definition, monkeypatch, tmp_path
):
    """The report has the batch, and half of a line more; the database has not."""
    report = tmp_path / "refused.jsonl"
    file = make_file(b"".join(BAD % n for n in range(6)))
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)
    move = batches._move

    def fail_at_the_end(row, read, *arguments):
        move(row, read, *arguments)
        if read.line == 6:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(batches, "_move", fail_at_the_end)
    assert run(file, f"--rejects={report}").code == Exit.UNABLE
    with report.open("a") as torn:
        torn.write('{"line":5,"errors":[],"text":""}\n{"line":6,"errors":[{"code":"X"}')
    monkeypatch.setattr(batches, "_move", move)
    connection.close()

    assert run(file, f"--rejects={report}").code == Exit.PARTLY
    told = [json.loads(line)["line"] for line in report.read_text().splitlines()]
    assert told == [1, 2, 3, 4, 5, 6]


@real
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_where_the_process_that_judges_is_killed_the_rest_is_for_the_next_run(
    number, run, make_file, definition, monkeypatch
):
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)
    file = make_file(b"".join(GOOD % n for n in range(7)))
    store = batches.store_batch

    def kill_and_store(*arguments):
        for child in multiprocessing.active_children():
            os.kill(child.pid, number)
            child.join()
        store(*arguments)

    monkeypatch.setattr(batches, "store_batch", kill_and_store)
    ended = run(file)

    assert ended.code == Exit.UNABLE
    assert "The process that judges the lines was ended. " in ended.err
    assert "are known to be stored: run it again for the rest." in ended.err
    monkeypatch.setattr(batches, "store_batch", store)
    assert run(file).code == Exit.DONE
    assert [one["n"] for one in stored()] == list(range(7))


@real
def test_what_judging_cannot_go_on_with_is_told(run, make_file, definition, monkeypatch):
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)
    judge_batch = batches.judge_batch

    def cut_off(org_id, batch):
        if batch.read.line == 6:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return judge_batch(org_id, batch)

    monkeypatch.setattr(batches, "judge_batch", cut_off)
    ended = run(make_file(b"".join(GOOD % n for n in range(7))))

    assert ended.code == Exit.UNABLE
    assert "Database out of reach: terminating connection" in ended.err
    assert " 4 actions of 4 lines are known to be stored" in ended.err


@real
def test_ctrl_c_breaks_it_off(run, make_file, definition, monkeypatch):
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(batches, "store_batch", interrupted)
    ended = run(make_file(GOOD % 1))

    assert ended.code == Exit.INTERRUPTED
    assert ended.err == "Broken off. Run it again for the rest."


def find_children(pid):
    """The processes that it has started."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def environment():
    """Of a process that works on the test's database."""
    url = urlsplit(os.environ["DATABASE_URL"])
    database = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    return os.environ | {"DATABASE_URL": database}


@real
def test_where_nobody_reads_standard_output_it_ends_in_order(start_process, make_file, acme):
    factories.make_definition(acme)
    file = make_file(b"".join(BAD % n for n in range(3_000)))
    words = "manage.py", "import_records", file, f"--org={acme.pk}", "--rejects=-"
    process = start_process(
        [sys.executable, *words],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    _, told = process.communicate()

    assert process.returncode == Exit.UNREAD
    assert told.splitlines()[-1].startswith(
        "Nobody reads standard output any more. 0 actions of 0 lines"
    )
    assert "Exception ignored" not in told
    assert RecordImport.objects.get().refused == 0


@real
def test_memory_stays_flat_also_beside_a_line_of_200_mb(start_process, acme, definition, tmp_path):
    file, count = tmp_path / "big.jsonl", 8_000
    with file.open("wb") as written:
        written.writelines(GOOD % n for n in range(count // 2))
        # Zeros that take no room on the disk.
        written.seek(200_000_000, os.SEEK_CUR)
        written.write(b"\n")
        written.writelines(GOOD % n for n in range(count // 2))
    words = "manage.py", "import_records", file, f"--org={acme.pk}"
    process = start_process([sys.executable, *words], env=environment(), stderr=subprocess.DEVNULL)

    def find_most():
        """Of both processes; what they share counts twice."""
        told = [Path(f"/proc/{pid}/status") for pid in (process.pid, *find_children(process.pid))]
        peaks = re.findall(r"VmHWM:\s+(\d+)", "".join(status.read_text() for status in told))
        return sum(map(int, peaks)) / 1024

    wait_until(lambda: far() >= 2_000)
    early = most = find_most()
    while process.poll() is None:
        with suppress(FileNotFoundError, ProcessLookupError):
            most = max(most, find_most())
        time.sleep(0.02)
    assert process.returncode == Exit.PARTLY
    row = RecordImport.objects.get()
    assert (row.line, row.stored, row.refused) == (count + 1, count, 1)
    assert most < 300
    assert most - early < 30


def test_a_batch_is_two_statements_and_the_reading_of_its_names(
    acme, definition, django_assert_num_queries
):
    row = runs.begin(org=acme, digest=b"x", name="x", actor="x", again=False)

    def make_batch(number):
        one = factories.Submission("count", {"n": 1})
        items = [Item(n, b"", one, Place(n, n)) for n in range(number, number + 500)]
        return Batch(items, Place(number + 500, number + 500))

    # Twice, until its lane is known.
    for number in (0, 500):
        batches.store_batch(row, batches.judge_batch(acme.pk, make_batch(number)), list)
    with django_assert_num_queries(1):
        verdict = batches.judge_batch(acme.pk, make_batch(1_000))
    # Between the beginning of a transaction and its end.
    with django_assert_num_queries(4):
        batches.store_batch(row, verdict, list)
    assert (row.line, row.stored) == (1_500, 1_500)


@real
@pytest.mark.parametrize("is_terminal", [True, False])
def test_it_shows_how_far_it_is_and_how_fast(is_terminal, make_file, acme, definition, monkeypatch):
    monkeypatch.setattr(commands, "SECONDS_BETWEEN_LINES", 0)
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)
    monkeypatch.setenv("COLUMNS", "120")
    err = io.StringIO()
    monkeypatch.setattr(err, "isatty", lambda: is_terminal, raising=False)
    file = make_file(b"".join(GOOD % n for n in range(4)))
    words = "import_records", str(file), f"--org={acme.pk}"
    call_command(*words, stdout=io.StringIO(), stderr=err)

    told = err.getvalue()
    assert "4 lines, " in told
    assert " a second; bytes" in told
    size = file.stat().st_size
    assert (f"{size}/{size}" if is_terminal else f"bytes: {size} of {size}") in told


def test_the_help_teaches(capsys):
    with pytest.raises(SystemExit):
        call_command("import_records", "--help")
    told = capsys.readouterr().out

    assert Counter(told.split())["import_records"] >= 5
    for word in ("exit codes:", "  4    done, but some lines are refused", "--all-or-nothing"):
        assert word in told

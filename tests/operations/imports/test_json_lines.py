"""`manage.py import_records` of JSON lines: stored as ingress does, refused line by line."""

from __future__ import annotations

import json
import os
import threading

import pytest
from django.db.models import F

from config.commands import Exit
from dispatch import lanes
from dispatch.models import ActionEvent, ActionRecord, Sender, Status
from operations.imports import batches, lines, runs
from operations.models import RecordImport
from orgs.models import AuditEntry
from tests import factories
from tests.dispatch.counting import count_rows
from tests.operations.imports.conftest import stored

pytestmark = pytest.mark.django_db(transaction=True)


def actions(count, **more):
    return [{"variant": "count", "input": {"n": number}, **more} for number in range(count)]


def test_every_line_becomes_an_action_as_by_ingress(run, make_file, acme, definition, webhook):
    whole = {"variant": "count", "input": {"n": 1}, "tags": {"a": "b"}, "timeout": 60}
    ended = run(make_file([whole, *actions(2)]))

    assert ended.code == Exit.DONE
    assert ended.out.startswith("actions.jsonl: 3 actions stored, 0 lines refused, in ")
    assert stored() == [{"n": 1}, {"n": 0}, {"n": 1}]
    record = ActionRecord.objects.order_by("id").first()
    assert (record.org, record.definition, record.destination) == (acme, definition, webhook)
    assert (record.status, record.tags, record.timeout) == (Status.QUEUED, {"a": "b"}, 60)
    assert record.lane.tags == {"a": "b"}
    assert ActionEvent.objects.filter(kind=ActionEvent.Kind.ACCEPTED).count() == 3
    assert Sender.objects.get().definition == definition


def test_a_refused_line_is_told_with_its_faults_and_the_rest_is_stored(run, make_file, definition):
    good = b'{"variant": "count", "input": {"n": 1}}'
    bad = {
        2: (b'{"variant": "count", "input": {"n": "x"}}', "INVALID_INPUT", "/input/n"),
        3: (b"{not json", "MALFORMED_JSON", None),
        4: (b'{"variant": "none", "input": 1}', "UNKNOWN_VARIANT", "/variant"),
        5: (b'{"variant": "count"}', "INVALID_BODY", "/input"),
        6: (b'{"variant": "count", "input": {"n": 1}, "more": 1}', "INVALID_BODY", "/more"),
        7: (b'\xff{"variant": "count"}', "MALFORMED_JSON", None),
        8: (b'{"variant": "count", "input": "a\\u0000b"}', "MALFORMED_JSON", None),
        9: (b'\0{"variant": "count"}', "MALFORMED_JSON", None),
        10: (b"[" * 65 + b"]" * 65, "MALFORMED_JSON", None),
        11: (b'{"variant": "count", "input": {"n": 99999999999999999999}}', "MALFORMED_JSON", None),
    }
    ended = run(make_file(b"\n".join([good, *(text for text, *_ in bad.values()), b"", good])))

    assert ended.code == Exit.PARTLY
    told = {one["line"]: one for one in ended.refused}
    assert told.keys() == bad.keys()
    for line, (text, code, pointer) in bad.items():
        error = told[line]["errors"][0]
        assert (error["code"], error.get("pointer")) == (code, pointer), line
        assert told[line]["text"] == text.decode(errors="replace")
    assert stored() == [{"n": 1}, {"n": 1}]


def test_line_ends_a_byte_order_mark_and_empty_lines_are_no_matter(run, make_file, definition):
    line = b'{"variant": "count", "input": {"n": 1}}'
    ended = run(make_file(b"\xef\xbb\xbf" + line + b"\r\n\r\n  \n" + line))

    assert ended.code == Exit.DONE
    assert stored() == [{"n": 1}, {"n": 1}]
    assert RecordImport.objects.get().line == 4


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_done_at_once(content, run, make_file, definition):
    ended = run(make_file(content), "--json")

    assert ended.code == Exit.DONE
    assert json.loads(ended.out)["stored"] == 0


def test_with_a_variant_a_line_is_the_body_for_it(run, make_file, definition):
    ended = run(make_file([{"input": {"n": 1}}, {"input": {"n": "x"}}]), "--variant=count")

    assert ended.code == Exit.PARTLY
    assert stored() == [{"n": 1}]


def test_a_bare_line_is_the_input_itself(run, make_file, definition, acme):
    factories.make_definition(acme, "any", schema={})
    deepest = b"[" * 63 + b"]" * 63
    file = make_file(b'{"n": 1}\n[1]\n' + deepest + b"\n[" + deepest + b"]\n")
    ended = run(file, "--variant=any", "--bare")

    assert [one["line"] for one in ended.refused] == [4]
    assert stored()[:2] == [{"n": 1}, [1]]


def test_what_needs_approval_is_held_for_somebody_else(run, make_file, acme, webhook):
    factories.make_definition(acme, "pay", to=webhook, requires_approval=True, schema={})
    assert run(make_file([{"variant": "pay", "input": 1}])).code == Exit.DONE

    assert ActionRecord.objects.get().status == Status.HELD
    held = ActionEvent.objects.get(kind=ActionEvent.Kind.HELD)
    assert held.detail["by"] == RecordImport.objects.get().actor == "import_records"


def test_other_organizations_see_nothing_of_it(run, make_file, definition, globex):
    factories.make_definition(globex, "theirs", schema={})
    ended = run(make_file([{"variant": "theirs", "input": 1}]))

    assert ended.refused[0]["errors"][0]["code"] == "UNKNOWN_VARIANT"
    assert not ActionRecord.objects.exists()


def test_a_line_that_is_too_long_is_refused_by_its_size(run, make_file, definition, monkeypatch):
    most = lines.MAX_LINE
    good = b'{"variant": "count", "input": {"n": 1}}'
    fits = good + b" " * (most - len(good))
    file = make_file(b"\n".join([good, fits, fits + b" ", b"x" * (3 * most), good]))
    ended = run(file)

    assert [(one["line"], one["errors"][0]["code"]) for one in ended.refused] == [
        (3, "TOO_LARGE"),
        (4, "TOO_LARGE"),
    ]
    assert {len(one["text"]) for one in ended.refused} == {2_000}
    assert len(stored()) == 3


def test_lanes_are_bounded_as_for_ingress_and_a_dry_run_foresees_it(
    run, make_file, definition, monkeypatch
):
    monkeypatch.setattr(lanes, "MAX_LANES", 3)
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)
    file = make_file([one | {"tags": {"k": str(one["input"]["n"])}} for one in actions(5)])
    run(make_file([actions(1)[0] | {"tags": {"k": "0"}}], "first.jsonl"))

    before = count_rows()
    foreseen = run(file, "--dry-run")
    assert count_rows() == before
    done = run(file)

    assert foreseen.code == done.code == Exit.PARTLY
    assert foreseen.refused == done.refused
    assert [one["line"] for one in done.refused] == [4, 5]
    assert done.refused[0]["errors"][0]["code"] == "TAG_CARDINALITY_EXCEEDED"


def test_what_is_routed_to_a_destination_that_goes_is_routed_anew(
    run, make_file, acme, definition, webhook, monkeypatch
):
    store, went = batches.store_batch, []
    other = factories.make_destination(acme)

    def store_when_it_is_gone(*arguments):
        if not went:
            went.append(True)
            factories.actions.link_destination(
                definition=definition, destination_id=other.pk, is_default=True
            )
            type(webhook).objects.filter(pk=webhook.pk).update(deleted_at="2026-01-01T00:00Z")
        store(*arguments)

    monkeypatch.setattr(batches, "store_batch", store_when_it_is_gone)

    assert run(make_file(actions(3))).code == Exit.DONE
    assert {record.destination_id for record in ActionRecord.objects.all()} == {other.pk}
    assert len(stored()) == 3


def test_each_line_has_the_time_of_a_call_to_be_judged(run, make_file, definition, monkeypatch):
    judge_all, calls = batches.intake.judge_all, []

    def in_time_for_two(org_id, submissions, deadline):
        calls.append(len(submissions))
        judged = judge_all(org_id, submissions, deadline)
        return judged[:2] + [[batches.judge.TOO_LATE] for _ in judged[2:]]

    monkeypatch.setattr(batches.intake, "judge_all", in_time_for_two)

    told = run(make_file(actions(5)), "--dry-run", "--json").out
    assert json.loads(told) == {"would_store": 5, "would_refuse": 0}
    assert calls == [5, 3, 1]


def test_a_dry_run_stores_nothing_and_says_so_by_its_code(run, make_file, definition):
    file = make_file(actions(3))
    before = count_rows()

    ended = run(file, "--dry-run")
    assert (ended.code, ended.out) == (
        Exit.CHANGES,
        "Nothing is stored. 3 actions would be, and 0 lines refused.\n",
    )
    told = json.loads(run(file, "--dry-run", "--json").out)
    assert told == {"would_store": 3, "would_refuse": 0}
    assert run(make_file(b"", "empty.jsonl"), "--dry-run").code == Exit.DONE
    assert count_rows() == before
    assert not RecordImport.objects.exists()


def test_all_or_nothing_stores_nothing_where_one_line_is_refused(
    run, make_file, definition, monkeypatch
):
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)
    good = actions(5)
    file = make_file([*good, {"variant": "count", "input": {}}])

    ended = run(file, "--all-or-nothing")
    assert ended.code == Exit.REFUSED
    assert [one["line"] for one in ended.refused] == [6]
    assert not ActionRecord.objects.exists()
    assert run(make_file(good, "good.jsonl"), "--all-or-nothing").code == Exit.DONE
    assert len(stored()) == 5


def test_a_finished_file_is_not_imported_again_unless_that_is_asked(run, make_file, definition):
    file = make_file(actions(3))
    run(file)

    again = run(file, "--json")
    assert again.code == Exit.DONE
    assert json.loads(again.out)["imported_before"] is True
    assert run(file).out.startswith("Nothing to do: done on ")
    assert len(stored()) == 3
    # By another name it is the same, read in another way it is not.
    assert run(file.rename(file.with_name("other.jsonl"))).out.startswith("Nothing to do")
    assert len(run(file.with_name("other.jsonl"), "--variant=count").refused) == 3

    assert run(file.with_name("other.jsonl"), "--again").code == Exit.DONE
    assert len(stored()) == 6
    assert list(RecordImport.objects.order_by("id").values_list("runs", "stored")) == [
        (2, 3),
        (1, 0),
    ]
    audited = AuditEntry.objects.filter(kind="record import")
    assert audited.count() == 3


def test_refused_lines_are_in_a_file_each_once(run, make_file, definition, tmp_path):
    report = tmp_path / "refused.jsonl"
    file = make_file([{"variant": "count", "input": {"n": str(n)}} for n in range(50)])

    ended = run(file)
    assert ended.code == Exit.PARTLY
    assert len(ended.refused) == 20
    assert "50 lines are refused: --rejects FILE tells them all." in ended.err
    for _ in range(2):
        assert run(file, "--again", f"--rejects={report}").code == Exit.PARTLY
        told = [json.loads(line) for line in report.read_text().splitlines()]
        assert [one["line"] for one in told] == list(range(1, 51))
    shown = run(file, "--again", "--rejects=-").out.splitlines()
    assert [json.loads(line)["line"] for line in shown[:-1]] == list(range(1, 51))


def test_a_report_overwrites_nothing_else(run, make_file, definition, tmp_path):
    file = make_file(actions(3))
    precious = make_file(b"precious\n", "precious.txt")

    for path in (precious, file):
        content = path.read_bytes()
        ended = run(file, f"--rejects={path}")
        assert ended.code == Exit.UNABLE
        assert "holds something else than refused lines" in ended.err
        assert path.read_bytes() == content
    assert not ActionRecord.objects.exists()


OURS = b'{"line":1,"errors":[],"text":""}\n'


@pytest.mark.parametrize(
    "other",
    [
        # Lines of somebody who counts lines, too.
        b'{"line":1,"sku":"A"}\n{"line":2,"sku":"B"}\n',
        b'{"line":1,"errors":[],"text":"","sku":"A"}\n',
        b'{"line":1,"errors":[],"text":"","sku":"A"}',
        b'{"line":"red","errors":[],"text":""}\n',
        b'{"line":true,"errors":[],"text":""}\n',
        b'{"line":oops\n',
        b"{}",
        b"[1]",
        # One that is told after those that would go.
        OURS + b'{"line":2,"sku":"B"}\n' + OURS,
        # What is cut off is at the end.
        b'{"line":1,"errors":[\n' + OURS,
    ],
)
def test_a_report_overwrites_no_other_lines(run, make_file, definition, other):
    file, path = make_file(actions(3)), make_file(other, "other.jsonl")
    ended = run(file, f"--rejects={path}")
    assert (ended.code, ended.out) == (Exit.UNABLE, "")
    assert f"{path} holds something else than refused lines: it is left alone." in ended.err
    assert path.read_bytes() == other
    assert not ActionRecord.objects.exists()


@pytest.mark.parametrize(
    "end", [b'{"li', b'{"line":', b'{"line":12', b'{"line":2,"err', b'{"line":2,"errors":[{"a":{}']
)
def test_a_report_that_was_cut_off_is_one(run, make_file, definition, end):
    file, path = make_file(actions(3)), make_file(OURS + end, "refused.jsonl")
    assert run(file, f"--rejects={path}").code == Exit.DONE
    assert path.read_bytes() == b""


def test_a_full_disk_under_the_report_keeps_the_batch_out(
    run, make_file, definition, monkeypatch, tmp_path
):
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)
    file = make_file([*actions(2), {"variant": "count", "input": {}}, *actions(2)])

    ended = run(file, "--rejects=/dev/full")
    assert ended.code == Exit.UNABLE
    assert "/dev/full: No space left on device. 2 actions of 2 lines are known to be" in ended.err
    assert len(stored()) == 2

    ended = run(file, f"--rejects={tmp_path}/refused.jsonl")
    assert ended.code == Exit.PARTLY
    assert "It went on after line 2." in ended.out
    assert [one["n"] for one in stored()] == [0, 1, 0, 1]


def test_what_comes_by_a_pipe_is_known_again_as_well(run, make_file, definition, tmp_path):
    content = make_file(actions(3)).read_bytes()
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    for _ in range(2):
        writer = threading.Thread(target=pipe.write_bytes, args=[content])
        writer.start()
        assert run(pipe).code == Exit.DONE
        writer.join()
    assert len(stored()) == 3


@pytest.mark.parametrize(
    ("file", "arguments", "words"),
    [
        ("missing.jsonl", [], "missing.jsonl: No such file or directory."),
        (".", [], "Is a directory."),
        ("actions.jsonl", ["--org=nobody"], "There is no organization 'nobody'."),
        ("actions.jsonl", ["--org=99999999"], "There is no organization '99999999'."),
        ("actions.jsonl", ["--bare"], "--variant says which actions the lines are."),
        ("actions.csv", [], "--variant says which actions the lines are."),
        ("actions.csv", ["--bare"], "--bare is for JSON lines; --format says what the file is."),
        ("actions.jsonl", ["--map=a=/b"], "--map is for CSV; --format says what the file is."),
        ("actions.csv", ["--variant=count", "--map=a"], "--map 'a' is not written as LEFT=RIGHT."),
        ("a.csv", ["--variant=count", "--tag=a=b", "--tag=a=c"], "--tag a=... is there twice."),
        ("a.csv", ["--variant=count", "--delimiter=;;"], "--delimiter is one character"),
        ("actions.jsonl", ["--json", "--rejects=-"], "would both write to standard output"),
        ("actions.jsonl", ["--rejects=/nowhere/x"], "/nowhere/x: No such file or directory."),
    ],
)
def test_what_cannot_begin_ends_with_2(
    file, arguments, words, run, make_file, definition, tmp_path
):
    make_file(actions(1))
    ended = run(tmp_path / file, *arguments)

    assert ended.code == Exit.UNABLE
    assert words in ended.err
    assert not ActionRecord.objects.exists()


def test_what_is_wrong_with_all_of_it_ends_with_1(run, make_file, definition):
    utf_16 = run(make_file("{}".encode("utf-16")))
    unknown = run(make_file(actions(1)), "--variant=none")

    assert (utf_16.code, unknown.code) == (Exit.REFUSED, Exit.REFUSED)
    assert "actions.jsonl is UTF-16: make it UTF-8 first." in utf_16.err
    assert "There is no action 'none'. [UNKNOWN_VARIANT]" in unknown.err
    assert not RecordImport.objects.exists()


def test_a_file_that_changes_meanwhile_is_left(run, make_file, definition, monkeypatch):
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)
    file = make_file(actions(6))
    store = batches.store_batch

    def store_and_change(*arguments):
        with file.open("a") as writer:
            writer.write("\n")
        return store(*arguments)

    monkeypatch.setattr(batches, "store_batch", store_and_change)
    ended = run(file)

    assert ended.code == Exit.UNABLE
    assert "actions.jsonl was changed while it was read." in ended.err
    assert 0 < len(stored()) < 6


def test_an_import_that_is_begun_anew_meanwhile_is_not_called_done(
    run, make_file, definition, monkeypatch
):
    def begin_anew():
        RecordImport.objects.update(runs=F("runs") + 1, line=0, offset=0)

    monkeypatch.setattr(runs.sightings, "write_down", begin_anew)
    ended = run(make_file(actions(2)))

    assert ended.code == Exit.UNABLE
    assert "Another run of the same import is at it." in ended.err
    assert RecordImport.objects.get().finished_at is None


def test_two_runs_of_one_import_store_each_line_once(run, make_file, definition, monkeypatch):
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)
    file = make_file(actions(6))
    store, inner = batches.store_batch, []

    def overtaken(*arguments):
        if not inner:
            inner.append(None)
            inner[0] = run(file).code
        return store(*arguments)

    monkeypatch.setattr(batches, "store_batch", overtaken)
    ended = run(file)

    assert (ended.code, inner) == (Exit.UNABLE, [Exit.DONE])
    assert "Another run of the same import is at it." in ended.err
    assert [one["n"] for one in stored()] == list(range(6))

"""`POST .../definitions/check`: what a PUT would do, and which sent payloads it would refuse."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
from django.db import connection

from actions import compatibility, judge, services
from actions.compatibility import Finding, Kind, Report, Verdict
from dispatch import rehearsals
from dispatch.models import ActionPayload, ActionRecord
from runtime import slots
from tests import factories
from tests.client import ApiClient, codes
from tests.dispatch.plans import Plan
from tests.stored import everything_stored

PATH = "~/actions/definitions/check"
STRICTER = factories.SCHEMA | {"properties": {"n": {"type": "integer", "minimum": 10}}}
BROKEN = Report(
    Verdict.INCOMPATIBLE,
    (Finding("minimum_raised", Kind.BREAKS, "More.", "/a", "/b", "old", "new", {"n": 1}),),
)


@pytest.fixture
def viewer(acme):
    member = factories.make_member(acme, "viewer")
    return ApiClient(acme, factories.make_key(acme, member=member))


@pytest.fixture
def broken(monkeypatch):
    monkeypatch.setattr(compatibility, "compare_apart", lambda *_, **__: BROKEN)


def check(client, schema=STRICTER, **fields):
    return client.post(PATH, {"variant": "count", "schema": schema, **fields})


def test_it_says_what_a_put_would_do_and_stores_nothing(viewer, acme, definition, broken):
    over = factories.make_record(acme, input={"n": 9})
    terms = {"compatibility": "backward", "open_content": "lenient"}
    before = everything_stored()

    told = viewer.data(check(viewer, **terms))

    assert told == {
        "variant": "count",
        "version": 2,
        "outcome": "published",
        "accepted": False,
        **terms,
        "verdict": "incompatible",
        "against": [
            {
                "version": 1,
                "action_definition_id": str(definition.pk),
                "verdict": "incompatible",
                "findings": [
                    {
                        "rule": "minimum_raised",
                        "kind": "breaks",
                        "message": "More.",
                        "old_pointer": "/a",
                        "new_pointer": "/b",
                        "sample": {"n": 1},
                        "accepted_by": "old",
                        "refused_by": "new",
                    }
                ],
            }
        ],
        "payloads": {
            "passed": 0,
            "failed": 1,
            "not_judged": 0,
            "failures": [
                {
                    "action_record_id": str(over.pk),
                    "version": 1,
                    "errors": [
                        {
                            "code": "INVALID_INPUT",
                            "message": "9 is less than the minimum of 10",
                            "pointer": "/input/n",
                        }
                    ],
                }
            ],
        },
    }
    assert everything_stored() == before


def test_without_a_policy_it_is_compared_with_nothing(viewer, definition, broken):
    told = viewer.data(check(viewer))

    assert (told["verdict"], told["accepted"], told["against"]) == (None, True, [])
    assert told["compatibility"] == "none"


def test_it_tells_what_is_kept_and_what_would_be_restored(viewer, acme, definition):
    assert viewer.data(check(viewer, factories.SCHEMA))["outcome"] == "kept"
    assert viewer.data(check(viewer, version=7))["version"] == 7
    factories.make_definition(acme, schema=STRICTER)
    services.delete_definition(definition=definition)

    told = viewer.data(check(viewer, factories.SCHEMA, version=1))
    assert (told["outcome"], told["version"]) == ("restored", 1)


def test_what_cannot_be_told_is_accepted_where_that_is_allowed(viewer, definition, monkeypatch):
    report = Report(Verdict.INDETERMINATE)
    monkeypatch.setattr(compatibility, "compare_apart", lambda *_, **__: report)

    for allowed in (False, True):
        told = viewer.data(check(viewer, compatibility="full", allow_indeterminate=allowed))
        assert (told["verdict"], told["accepted"]) == ("indeterminate", allowed)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"schema": {"type": "strin"}}, 422, "INVALID_SCHEMA"),
        ({"variant": "a/b"}, 422, "INVALID_NAME"),
        ({"variant": "tally"}, 409, "VARIANT_IS_ALIAS"),
        ({"version": 1}, 409, "VERSION_IMMUTABLE"),
        ({"version": 0}, 422, "INVALID_VERSION"),
        ({"version": 2**31}, 422, "INVALID_VERSION"),
        ({"payloads": 1_001}, 400, "INVALID_BODY"),
        ({"compatibility": "sideways"}, 400, "INVALID_BODY"),
        ({"colour": "red"}, 400, "INVALID_BODY"),
    ],
)
def test_what_a_put_refuses_it_refuses(api, viewer, acme, webhook, fields, status, code):
    factories.make_definition(acme, to=webhook, alias=["tally"])

    refused = check(viewer, **fields)

    assert (refused.status_code, codes(refused)[0][0]) == (status, code)
    if code != "INVALID_BODY":
        body = {"variant": "count", "schema": STRICTER, **fields}
        assert codes(api.put("~/actions/definitions", body)) == codes(refused)


def test_the_last_payloads_of_all_versions_are_judged(viewer, acme, globex, definition):
    """Whether they are over or not, deleted versions' too; none of others."""
    for number in (1, 20, 2):
        factories.make_over(acme, input={"n": number})
    services.delete_definition(definition=definition)
    factories.make_definition(acme, schema=True, to=factories.make_destination(acme))
    newest = factories.make_record(acme, input={"n": 30})
    factories.make_definition(acme, "other", schema=True)
    factories.make_record(acme, "other", input="no")
    factories.make_definition(globex, schema=True)
    factories.make_record(globex, input="no")

    payloads = viewer.data(check(viewer))["payloads"]
    assert (payloads["passed"], payloads["failed"]) == (2, 2)
    assert [failure["version"] for failure in payloads["failures"]] == [1, 1]
    # The newest ones.
    payloads = viewer.data(check(viewer, payloads=2))["payloads"]
    assert (payloads["passed"], payloads["failed"]) == (1, 1)
    assert viewer.data(check(viewer, payloads=0))["payloads"]["passed"] == 0

    ActionPayload.objects.filter(pk=newest.pk).delete()
    assert viewer.data(check(viewer))["payloads"]["passed"] == 1


def test_only_so_many_failures_and_faults_are_told(viewer, acme, definition, monkeypatch):
    monkeypatch.setattr(rehearsals, "MOST_FAILURES", 2)
    monkeypatch.setattr(rehearsals, "MOST_FAULTS", 1)
    for _ in range(3):
        factories.make_record(acme)

    schema = {"required": ["a", "b"]}
    payloads = viewer.data(check(viewer, schema))["payloads"]
    assert payloads["failed"] == 3
    assert [len(failure["errors"]) for failure in payloads["failures"]] == [1, 1]


@pytest.mark.parametrize(("name", "value"), [("MOST_BYTES", 10), ("SECONDS", -1.0)])
def test_what_time_or_room_was_over_for_is_not_judged(
    viewer, acme, definition, monkeypatch, name, value
):
    monkeypatch.setattr(rehearsals, name, value)
    monkeypatch.setattr(rehearsals, "READ_AT_ONCE", 1)
    for _ in range(4):
        factories.make_record(acme)

    payloads = viewer.data(check(viewer))["payloads"]

    assert payloads["failed"] == (2 if name == "MOST_BYTES" else 0)
    assert payloads["failed"] + payloads["not_judged"] == 4


def test_what_takes_too_long_to_judge_is_neither_passed_nor_failed(
    viewer, acme, definition, monkeypatch
):
    factories.make_record(acme)
    monkeypatch.setattr("actions.contracts.Contract.find_faults", lambda *_, **__: [judge.TOO_LONG])

    payloads = viewer.data(check(viewer))["payloads"]
    assert (payloads["passed"], payloads["failed"], payloads["not_judged"]) == (0, 0, 1)


def test_only_so_many_are_checked_at_once(viewer, acme, definition):
    with rehearsals.seats.take(acme.pk), rehearsals.seats.take(acme.pk):
        refused = check(viewer)

    assert refused.status_code == 503
    assert codes(refused) == [("BUSY", None)]
    assert refused.headers["Retry-After"] == "1"
    assert check(viewer).status_code == 200


def test_no_slot_is_held_while_payloads_are_judged(viewer, acme, definition, monkeypatch):
    factories.make_record(acme)
    in_slot, seen = [True], []

    @contextmanager
    def moved(to):
        before, in_slot[0] = in_slot[0], to
        yield
        in_slot[0] = before

    def note(what, call):
        def noted(*given):
            seen.append((what, in_slot[0]))
            return call(*given)

        return noted

    monkeypatch.setattr(slots, "left", lambda: moved(to=False))
    monkeypatch.setattr(slots, "entered", lambda: moved(to=True))
    judge_one = note("judge", lambda *_: [])
    monkeypatch.setattr("actions.contracts.Contract.find_faults", judge_one)
    with connection.execute_wrapper(lambda execute, sql, *rest: note(sql, execute)(sql, *rest)):
        assert viewer.data(check(viewer))["payloads"]["passed"] == 1

    assert ("judge", False) in seen
    assert (rehearsals.READ, True) in seen
    assert [what for what, is_inside in seen if not is_inside] == ["judge"]


def test_where_nothing_was_sent_no_contract_is_compiled_for_it(
    viewer, acme, definition, monkeypatch
):
    monkeypatch.setattr(rehearsals, "_judge", None)

    payloads = viewer.data(check(viewer))["payloads"]

    assert (payloads["passed"], payloads["failed"]) == (0, 0)


def test_payloads_are_found_by_indexes_among_many_others(acme, webhook):
    lane = factories.make_lane(webhook)
    busy = factories.make_definition(acme, "busy", to=webhook)
    rare = factories.make_definition(acme, "rare", to=webhook)
    over = {"status": "succeeded", "completed_at": "2026-01-01T00:00:00Z"}
    factories.make_records(lane, rare, 50, **over)
    factories.make_records(lane, busy, 30_000, **over)
    wanted = factories.make_records(lane, rare, 5, **over)
    wanted += factories.make_records(lane, rare, 5)
    factories.make_records(lane, busy, 5_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE dispatch_actionrecord, actions_actiondefinition")
        found = {}
        for variant in ("busy", "rare"):
            parameters = {"org": acme.pk, "variant": variant, "most": 100}
            cursor.execute(
                f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {rehearsals.FIND}", parameters
            )
            (explained,) = cursor.fetchone()
            plan = Plan(explained if isinstance(explained, list) else json.loads(explained))
            assert plan.indexes("dispatch_actionrecord") == {"record_newest"}
            assert plan.rows("dispatch_actionrecord") <= rehearsals.LOOKED_AT
            cursor.execute(rehearsals.FIND, parameters)
            found[variant] = [record_id for record_id, _ in cursor.fetchall()]

    # Whatever has become of them; none from behind too many others.
    assert found["rare"] == sorted(wanted, reverse=True)
    assert found["busy"] == list(
        ActionRecord.objects.filter(definition=busy).values_list("pk", flat=True)[:100]
    )

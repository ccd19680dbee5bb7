"""Policies of compatibility: which versions a new one is judged beside, and what is refused."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from actions import compatibility, policies, services
from actions.compatibility import Finding, Kind, Report, Verdict
from actions.models import ActionDefinition, Compatibility, OpenContent
from config.errors import ConflictError
from gateway.models import GatewayAction
from orgs.models import AuditEntry
from tests import factories
from tests.actions.conftest import publish, requiring
from tests.client import ApiClient, codes
from tests.gateway.client import Gateway


@pytest.fixture
def editor(acme):
    member = factories.make_member(acme, "editor")
    return ApiClient(acme, factories.make_key(acme, member=member))


def put(client, *required, **fields):
    body = {"variant": "count", "schema": requiring(*required), **fields}
    return client.put("~/actions/definitions", body)


def path_of(definition):
    return f"~/actions/definitions/{definition.pk}"


def versions():
    live = ActionDefinition.objects.live().order_by("version")
    return list(live.values_list("version", "schema"))


def follow(policy):
    """Have what is there followed by compatible versions only."""
    ActionDefinition.objects.update(compatibility=policy)


def test_without_a_policy_everything_is_taken_and_nothing_is_judged(editor, acme, compared):
    publish(acme, "a")

    assert editor.data(put(editor, "a", "b"))["version"] == 2
    assert compared == []


def test_what_breaks_it_is_refused_with_a_payload_that_shows_it(editor, acme, compared):
    first = publish(acme, "a", compatibility="backward")
    before = versions()

    refused = put(editor, "a", "b")

    assert refused.status_code == 409
    assert refused.json()["errors"] == [
        {
            "code": "INCOMPATIBLE",
            "message": "v1: More is required.",
            "pointer": "/schema/required",
            "finding": {
                "version": 1,
                "action_definition_id": str(first.pk),
                "rule": "required_added",
                "kind": "breaks",
                "message": "More is required.",
                "old_pointer": "/required",
                "new_pointer": "/required",
                "sample": {"a": 1},
                "accepted_by": "old",
                "refused_by": "new",
            },
        }
    ]
    assert versions() == before
    assert editor.data(put(editor))["version"] == 2


@pytest.mark.parametrize(
    ("policy", "beside"),
    [
        ("none", []),
        ("backward", ["b"]),
        ("forward", ["b"]),
        ("full", ["b"]),
        ("backward_transitive", ["b", "a", ""]),
        ("forward_transitive", ["b", "a", ""]),
        ("full_transitive", ["b", "a", ""]),
    ],
)
def test_it_is_judged_beside_the_one_before_or_all(acme, compared, policy, beside):
    for required in ("", "a", "b"):
        publish(acme, *required)

    judgement = services.judge_version(
        org_id=acme.pk, variant="count", schema=requiring("c"), compatibility=policy
    )

    assert compared == [(one, "c") for one in beside]
    assert [one.version for one in judgement.judged] == [3, 2, 1][: len(beside)]


@pytest.mark.parametrize(
    ("policy", "beside"),
    [
        # The one before it, then the one after it, of which it is the older one.
        ("backward", [("a", "n"), ("n", "b")]),
        ("backward_transitive", [("a", "n"), ("", "n"), ("n", "b"), ("n", "c")]),
    ],
)
def test_one_in_between_is_judged_beside_its_neighbours(acme, compared, policy, beside):
    for version, required in ((1, ""), (2, "a"), (5, "b"), (6, "c")):
        publish(acme, *required, version=version)

    services.judge_version(
        org_id=acme.pk, variant="count", schema=requiring("n"), version=3, compatibility=policy
    )

    assert compared == beside


def test_of_one_in_between_the_fault_lies_where_it_is_in_what_was_sent(acme, compared):
    publish(acme, version=1)
    publish(acme, "b", version=5)
    follow("backward")

    with pytest.raises(ConflictError) as refused:
        publish(acme, version=3)

    (fault,) = refused.value.faults
    assert fault.message.startswith("v5: ")
    assert fault.pointer == "/schema/required"
    assert (fault.finding["version"], fault.finding["refused_by"]) == (5, "new")


def test_what_is_deleted_does_not_count(acme, compared):
    services.delete_definition(definition=publish(acme, compatibility="backward_transitive"))

    assert publish(acme, "a").version == 2
    assert compared == []


def test_what_comes_back_to_life_is_judged_as_if_it_were_new(editor, acme, compared):
    first, second = publish(acme, "a"), publish(acme)
    services.delete_definition(definition=first)
    follow("backward")

    assert put(editor, "a", version=1).status_code == 200
    services.delete_definition(definition=second)
    follow("forward")

    assert codes(put(editor, version=2)) == [("INCOMPATIBLE", "/schema/required")]
    assert versions() == [(1, b'{"type":"object","required":["a"]}')]


def test_what_lives_is_kept_whatever_the_policy_has_become(editor, acme, compared):
    publish(acme)
    newest = publish(acme, "a")
    editor.data(editor.post(path_of(newest), {"compatibility": "full_transitive"}))

    assert editor.data(put(editor, "a"))["version"] == 2
    assert editor.data(put(editor, version=1))["version"] == 1
    assert compared == []


def test_what_cannot_be_told_is_refused_unless_it_is_allowed(editor, acme, compared):
    publish(acme, compatibility="backward")
    schema = {"title": "?", "required": []}

    refused = put(editor, schema=schema)

    assert refused.status_code == 409
    assert codes(refused) == [("COMPATIBILITY_INDETERMINATE", "/schema/title")]
    assert "sample" not in refused.json()["errors"][0]["finding"]
    assert editor.data(put(editor, schema=schema, allow_indeterminate=True))["version"] == 2


def test_what_is_known_to_break_it_is_refused_whatever_else_is_allowed(acme, compared):
    factories.make_definition(acme, schema={"title": "?", "required": []})
    publish(acme)
    follow("backward_transitive")

    with pytest.raises(ConflictError) as refused:
        publish(acme, "a", allow_indeterminate=True)
    assert [fault.code for fault in refused.value.faults] == ["INCOMPATIBLE"]


def test_a_verdict_without_findings_is_told_as_well(acme, monkeypatch):
    publish(acme, compatibility="full")
    monkeypatch.setattr(
        compatibility, "compare_apart", lambda *_, **__: Report(Verdict.INDETERMINATE)
    )

    with pytest.raises(ConflictError, match=policies.UNTOLD):
        publish(acme, "a")


def test_what_is_only_assumed_is_no_fault(acme, monkeypatch):
    publish(acme, compatibility="backward", open_content="lenient")
    kinds = {Kind.ASSUMED: "Assumed.", Kind.BREAKS: "Breaks.", Kind.UNPROVED: "Unproved."}
    findings = tuple(Finding("rule", kind, said, "", "") for kind, said in kinds.items())

    def find(verdict):
        report = Report(verdict, findings)
        monkeypatch.setattr(compatibility, "compare_apart", lambda *_, **__: report)
        judged = services.judge_version(org_id=acme.pk, variant="count", schema=requiring("a"))
        return [fault.message for fault in judged.find_faults()]

    assert find(Verdict.INCOMPATIBLE) == ["v1: Breaks."]
    assert find(Verdict.INDETERMINATE) == ["v1: Unproved."]
    assert find(Verdict.COMPATIBLE) == []


def test_only_so_many_are_judged_at_once(editor, acme, compared):
    publish(acme, compatibility="backward")

    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(policies.seats.take(acme.pk))
        refused = put(editor, "a")

    assert refused.status_code == 503
    assert codes(refused) == [("BUSY", None)]
    assert compared == []


def test_what_is_the_same_is_judged_once_and_told_of_each_in_one_seat(acme, compared, monkeypatch):
    taken = []
    take = policies.seats.take
    monkeypatch.setattr(policies.seats, "take", lambda org_id: taken.append(org_id) or take(org_id))
    for required in ("a", "b", "a", "b"):
        publish(acme, required)
    follow("backward_transitive")

    with pytest.raises(ConflictError) as refused:
        publish(acme, "n")

    assert compared == [("b", "n"), ("a", "n")]
    assert [fault.message[:2] for fault in refused.value.faults] == ["v4", "v3", "v2", "v1"]
    assert taken == [acme.pk]
    # Those above are not as those below: the one is the older contract, the other the newer one.
    compared.clear()
    publish(acme, "a", version=9, compatibility="none")
    follow("backward_transitive")
    with pytest.raises(ConflictError):
        publish(acme, "n", version=7)
    assert compared == [("b", "n"), ("a", "n"), ("n", "a")]


def test_a_put_is_judged_by_the_policy_that_it_names(editor, acme, compared):
    publish(acme)

    assert codes(put(editor, "a", compatibility="backward"))[0][0] == "INCOMPATIBLE"
    assert ActionDefinition.objects.get().compatibility == "none"
    assert editor.data(put(editor, compatibility="backward"))["compatibility"] == "backward"
    assert codes(put(editor, "a"))[0][0] == "INCOMPATIBLE"
    # Whoever publishes may lower it, and the audit says who did.
    assert editor.data(put(editor, "a", compatibility="none"))["version"] == 2


def test_it_is_the_variants_own_on_all_of_its_versions(editor, acme, globex, compared):
    gone = publish(acme)
    services.delete_definition(definition=gone)
    newest = publish(acme, "a")
    publish(globex)
    factories.make_definition(acme, "other")

    asked = {"compatibility": "full", "open_content": "lenient"}
    shown = editor.data(editor.post(path_of(newest), asked))

    assert {name: shown[name] for name in asked} == asked
    assert editor.data(editor.get(path_of(newest)))["compatibility"] == "full"
    ours = ActionDefinition.objects.filter(org=acme, variant="count")
    assert set(ours.values_list("compatibility", "open_content")) == {("full", "lenient")}
    others = ActionDefinition.objects.exclude(pk__in=ours)
    assert set(others.values_list("compatibility", "open_content")) == {("none", "strict")}
    entries = AuditEntry.objects.filter(kind="action definition", event="updated", via="api")
    assert {entry.row_id for entry in entries} == {str(one.pk) for one in ours}
    assert all(entry.after == asked for entry in entries)
    # A further version has it, too.
    assert editor.data(put(editor, "a", version=7))["open_content"] == "lenient"


@pytest.mark.parametrize("name", ["compatibility", "open_content"])
def test_there_is_no_other_policy(editor, acme, name):
    definition = publish(acme)

    assert editor.post(path_of(definition), {name: "oblique"}).status_code == 400
    assert put(editor, **{name: "oblique"}).status_code == 400
    with pytest.raises(IntegrityError), transaction.atomic():
        ActionDefinition.objects.update(**{name: "oblique"})


def test_a_version_of_an_earlier_release_does_not_lower_it(acme, compared):
    """While an upgrade is being rolled out, it adds rows without the columns that it has not."""
    publish(acme, compatibility="backward")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO actions_actiondefinition (org_id, variant, version, schema, schema_digest,"
            " description) SELECT org_id, variant, 2, schema, schema_digest, '' "
            "FROM actions_actiondefinition"
        )

    with pytest.raises(ConflictError):
        publish(acme, "a")


def test_of_such_a_version_its_variants_policy_is_shown(editor, acme, compared, admin_client):
    publish(acme, "a", compatibility="backward", open_content="lenient")
    late = publish(acme)
    ActionDefinition.objects.filter(pk=late.pk).update(compatibility="none", open_content="strict")
    shown = [
        editor.data(editor.get(path_of(late))),
        editor.data(editor.get("~/actions/definitions"))["items"][0],
        editor.data(editor.post(path_of(late), {"description": "Late."})),
    ]
    held = {(one["compatibility"], one["open_content"]) for one in shown}
    assert held == {("backward", "lenient")}

    page = admin_client.get(reverse("console:definition", args=[late.pk]))
    assert page.context["policy"].startswith("backward")
    assert page.context["definition"].variant_open_content == "lenient"


def test_the_names_are_those_of_the_judge():
    assert Compatibility.values == [policy.value for policy in compatibility.Policy]
    assert OpenContent.values == [content.value for content in compatibility.OpenContent]


def test_the_gateway_publishes_nothing_that_breaks_it(acme, webhook, compared):
    publish(acme, to=webhook)
    GatewayAction.objects.create(org=acme, name="count", destination=webhook)
    follow("backward")
    gateway = Gateway(factories.make_key(acme))

    refused = gateway.call("PUT", "/actions/count", {"json_schema": requiring("a")})

    assert refused.status_code == 409
    assert "v1: More is required." in str(refused.json())
    assert gateway.call("PUT", "/actions/count", {"json_schema": requiring()}).status_code == 200

"""Config revisions over the API: planned, applied, drifted."""

from __future__ import annotations

import orjson
import pytest

from actions import services as actions
from actions.models import ActionDefinition
from bundles import services as bundles
from bundles.models import ConfigRevision
from bundles.revisions import services
from bundles.services import MOST_AT_ONCE
from destinations.models import Destination
from orgs.models import AuditEntry
from tests import factories
from tests.bundles.bundle import HOOK, action, bundle
from tests.client import ApiClient, codes

REVISIONS = "~/config/revisions"
DOCUMENT = bundle(action("send", aliases=["send.one"], destinations=["hook"]), destinations=[HOOK])


@pytest.fixture
def revision(api):
    """A planned one of `DOCUMENT`."""
    return api.data(api.post(REVISIONS, {"definition": DOCUMENT}))


@pytest.fixture
def editor(acme):
    """Somebody who may change definitions, and not approve."""
    return ApiClient(acme, factories.make_key(acme, member=factories.make_member(acme, "editor")))


def apply(api, revision):
    return api.post(f"{REVISIONS}/{revision['id']}/apply")


def test_a_revision_is_planned_with_the_published_fields(api, acme, revision):
    assert not ActionDefinition.objects.exists()
    assert revision["status"] == "planned"
    assert (revision["org_id"], revision["error_message"]) == (str(acme.pk), None)
    assert revision["applied_at"] is None
    assert revision["definition"] == DOCUMENT
    target, made = revision["preview_steps"]
    assert (target["kind"], target["op"], target["label"]) == ("destination", "create", "hook")
    assert target["create"]["config"] == HOOK["config"]
    assert made == {
        "kind": "action",
        "op": "create",
        "id": None,
        "variant": "send",
        "final_version": 1,
        "current_version": None,
        "destination": {"by": "label", "value": "hook"},
        "create": {
            "variant": "send",
            "version": 1,
            "schema": factories.SCHEMA,
            "description": "",
            "requires_approval": False,
            "alias": ["send.one"],
            "destinations": ["hook"],
            "default": "hook",
            "compatibility": "none",
            "open_content": "strict",
            "deprecated_at": None,
            "sunset_at": None,
        },
    }
    assert api.data(api.get(f"{REVISIONS}/{revision['id']}")) == revision


def test_an_update_is_shown_with_what_changes(api):
    factories.make_definition(api.org, "send")
    document = bundle(action("send", aliases=["send.two"]))
    (step,) = api.data(api.post(REVISIONS, {"definition": document}))["preview_steps"]
    assert step["update"] == {"version": 1, "alias": ["send.two"]}
    assert step["destination"] == {"by": "default_sink", "value": "default_sink"}
    assert (step["op"], step["current_version"], step["final_version"]) == ("update", 1, 1)


def test_applying_does_what_was_planned_once(api, revision):
    applied = api.data(apply(api, revision))
    assert applied["status"] == "applied"
    assert applied["applied_at"]
    assert Destination.objects.get().label == "hook"
    again = api.data(apply(api, revision))
    assert again == applied
    assert ActionDefinition.objects.count() == 1


def test_a_plan_that_is_stale_is_409_and_stays_planned(api, revision):
    factories.make_definition(api.org, "send")
    refused = apply(api, revision)
    assert refused.status_code == 409
    assert codes(refused) == [("PLAN_STALE", None)]
    assert "planned (variant 'send'): plan" in refused.json()["errors"][0]["message"]
    assert api.data(api.get(f"{REVISIONS}/{revision['id']}"))["status"] == "planned"


def test_a_revision_that_is_stale_by_a_clash_is_stale(api, revision):
    factories.make_definition(api.org, "other", alias=["send.one"])
    assert codes(apply(api, revision)) == [("PLAN_STALE", None)]


def test_what_keeps_it_from_being_applied_is_kept(api, record):
    pruning = {"definition": bundle(), "prune": True}
    assert codes(api.post(REVISIONS, pruning)) == [("DESTINATION_IN_USE", "/definition")]
    factories.move(record, status="succeeded", completed_at=record.created_at)
    revision = api.data(api.post(REVISIONS, pruning))
    factories.make_record(api.org)

    assert codes(apply(api, revision)) == [("DESTINATION_IN_USE", "/definition")]
    failed = api.data(api.get(f"{REVISIONS}/{revision['id']}"))
    assert failed["status"] == "failed"
    assert "actions that are not over" in failed["error_message"]
    # It may be tried again.
    type(record).objects.update(status="succeeded", completed_at=record.created_at)
    applied = api.data(apply(api, revision))
    assert (applied["status"], applied["error_message"]) == ("applied", None)
    assert not ActionDefinition.objects.live().exists()


def test_force_ends_what_is_open(api, record):
    body = {"definition": bundle(), "prune": True, "force": True}
    assert apply(api, api.data(api.post(REVISIONS, body))).status_code == 200
    record.refresh_from_db()
    assert record.status == "failed"


def test_faults_point_into_the_body(api):
    document = bundle(action("a/b"), {"variant": "new"})
    refused = api.post(REVISIONS, {"definition": document})
    assert refused.status_code == 422
    assert codes(refused) == [
        ("INVALID_NAME", "/definition/actions/0/variant"),
        ("SCHEMA_MISSING", "/definition/actions/1/schema"),
    ]
    assert codes(api.post(REVISIONS, {"definition": []})) == [("INVALID_BODY", "/definition")]
    assert not ConfigRevision.objects.exists()


def test_more_than_one_transaction_is_refused(api):
    many = bundle(*({"variant": f"{one:x}", "schema": True} for one in range(MOST_AT_ONCE + 1)))
    assert codes(api.post(REVISIONS, {"definition": many})) == [("TOO_MANY_STEPS", None)]


def test_steps_that_change_nothing_count_too(api, monkeypatch):
    monkeypatch.setattr(bundles, "MOST_AT_ONCE", 1)
    for variant in ("one", "other"):
        factories.make_definition(api.org, variant)
    kept = bundle({"variant": "one"}, {"variant": "other"})
    assert codes(api.post(REVISIONS, {"definition": kept})) == [("TOO_MANY_STEPS", None)]


def test_a_small_document_makes_no_large_revision(api, monkeypatch):
    """Each new version takes over the links of the one before."""
    first = factories.make_definition(api.org, "send")
    labels = sorted(f"{number:0>255}" for number in range(5))
    for label in labels:
        target = factories.make_destination(api.org, label=label)
        actions.link_destination(definition=first, destination_id=target.pk)
    versions = [{"version": number, "schema": {"title": str(number)}} for number in range(2, 102)]
    body = {"definition": bundle({"variant": "send", "versions": versions})}

    steps = api.data(api.post(REVISIONS, body))["preview_steps"]
    assert len(steps) == 100
    assert not any({"destinations", "default"} & step["create"].keys() for step in steps)
    assert len(orjson.dumps(steps)) < 100 * 1_000
    monkeypatch.setattr(services, "MOST_LINKS", 499)
    refused = api.post(REVISIONS, body)
    assert codes(refused) == [("TOO_MANY_STEPS", None)]
    assert "500 links" in refused.json()["errors"][0]["message"]


def test_the_bytes_of_the_steps_are_bounded_as_they_are_made(api, revision, monkeypatch):
    shown = []
    preview = services.preview
    monkeypatch.setattr(services, "preview", lambda step: shown.append(step) or preview(step))
    monkeypatch.setattr(services, "MOST_BYTES", 100)
    assert codes(api.post(REVISIONS, {"definition": DOCUMENT})) == [("TOO_MANY_STEPS", None)]
    assert len(shown) == 1
    told = api.data(api.get(f"{REVISIONS}/{revision['id']}/drift"))
    assert not told["in_sync"]
    assert [fault["code"] for fault in told["faults"]] == ["TOO_MANY_STEPS"]


def test_drift_is_what_a_new_plan_would_do(api, revision):
    drift = f"{REVISIONS}/{revision['id']}/drift"
    assert len(api.data(api.get(drift))["steps"]) == 2
    apply(api, revision)
    in_sync = {"id": revision["id"], "in_sync": True, "steps": [], "faults": []}
    assert api.data(api.get(drift)) == in_sync

    made = ActionDefinition.objects.get()
    api.post(f"~/actions/definitions/{made.pk}", {"alias": []})
    told = api.data(api.get(drift))
    assert [(step["op"], step["update"]) for step in told["steps"]] == [
        ("update", {"version": 1, "alias": ["send.one"]})
    ]
    assert not told["in_sync"]
    factories.make_definition(api.org, "other", alias=["send.one"])
    told = api.data(api.get(drift))
    assert not told["in_sync"]
    assert [fault["code"] for fault in told["faults"]] == ["ALIAS_TAKEN"]


def test_what_is_changed_back_is_applied(api, revision):
    made = factories.make_definition(api.org, "send.one")
    api.delete(f"~/actions/definitions/{made.pk}")
    # The name is free again, and nothing else is as it was not.
    assert apply(api, revision).status_code == 200


def test_lifting_approval_takes_an_admin(api, acme, editor):
    factories.make_definition(acme, "send", requires_approval=True)
    body = {"definition": bundle({"variant": "send", "requires_approval": False})}
    revision = editor.data(editor.post(REVISIONS, body))

    assert codes(apply(editor, revision)) == [
        ("FORBIDDEN", "/definition/actions/0/requires_approval")
    ]
    assert api.data(api.get(f"{REVISIONS}/{revision['id']}"))["status"] == "planned"
    assert apply(api, revision).status_code == 200


def test_the_list_is_the_newest_first_and_narrowed(api):
    first, second = (api.data(api.post(REVISIONS, {"definition": bundle()})) for _ in range(2))
    apply(api, first)

    def ids(query=""):
        return [one["id"] for one in api.data(api.get(f"{REVISIONS}/{query}"))["items"]]

    assert ids() == [second["id"], first["id"]]
    assert ids("?asc=true") == [first["id"], second["id"]]
    assert ids("?status=applied") == [first["id"]]
    assert ids("?take=1&skip=1") == [first["id"]]
    assert ids(f'?search={{"field":"id","op":"eq","value":"{second["id"]}"}}') == [second["id"]]
    counted = api.data(api.get(f"{REVISIONS}?count_only=true"))
    assert counted == {"items": [], "count": 2}
    assert api.get(f"{REVISIONS}?status=new").status_code == 400
    listed = api.data(api.get(REVISIONS))["items"][0]
    assert not {"definition", "preview_steps"} & listed.keys()
    assert listed["step_counts"] == {"create": 0, "update": 0, "keep": 0, "prune": 0}


def test_the_newest_are_kept(api, monkeypatch):
    monkeypatch.setattr(services, "KEPT", 2)
    made = [api.data(api.post(REVISIONS, {"definition": bundle()}))["id"] for _ in range(4)]
    kept = ConfigRevision.objects.order_by("id").values_list("pk", flat=True)
    assert [str(pk) for pk in kept] == made[2:]


def test_the_oldest_make_room_for_what_is_large(api, globex, monkeypatch):
    others = services.plan_revision(org_id=globex.pk, definition=bundle())
    made = [services.plan_revision(org_id=api.org.pk, definition=DOCUMENT) for _ in range(4)]
    monkeypatch.setattr(services, "KEPT_BYTES", 1)
    newest = services.plan_revision(org_id=api.org.pk, definition=DOCUMENT)
    assert set(ConfigRevision.objects.all()) == {others, newest}
    assert newest not in made


def test_the_audit_tells_of_revisions_without_their_documents(api, revision):
    apply(api, revision)
    made, done = AuditEntry.objects.filter(kind="config revision").order_by("id")
    assert (made.event, done.event) == ("created", "updated")
    assert "definition" not in made.after
    assert done.after["status"] == "applied"
    assert done.actor == made.actor


def test_the_key_order_of_a_schema_is_kept(api):
    schema = {"type": "object", "properties": {"z": {}, "a": {}}, "additionalProperties": False}
    revision = api.data(api.post(REVISIONS, {"definition": bundle(action("x", schema=schema))}))
    apply(api, revision)
    stored = ActionDefinition.objects.get().read_schema()
    assert list(stored["properties"]) == ["z", "a"]


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_name_moved_away_from_approval_takes_an_admin(api, acme, editor, is_gone):
    guarded = factories.make_definition(acme, "pay", requires_approval=True, alias=["pay.now"])
    entries = [action("free", aliases=["pay" if is_gone else "pay.now"])]
    if is_gone:
        api.delete(f"~/actions/definitions/{guarded.pk}")
    else:
        entries.insert(0, {"variant": "pay", "aliases": []})
    revision = editor.data(editor.post(REVISIONS, {"definition": bundle(*entries)}))

    pointer = f"/definition/actions/{len(entries) - 1}/aliases/0"
    assert codes(apply(editor, revision)) == [("FORBIDDEN", pointer)]
    assert apply(api, revision).status_code == 200


def test_an_alias_that_becomes_a_variant_without_approval_takes_an_admin(acme, editor):
    factories.make_definition(acme, "pay", requires_approval=True, alias=["pay.now"])
    document = bundle({"variant": "pay", "aliases": []}, action("pay.now"))
    revision = editor.data(editor.post(REVISIONS, {"definition": document}))
    assert codes(apply(editor, revision)) == [("FORBIDDEN", "/definition/actions/1/variant")]


def test_a_name_that_moves_to_what_needs_approval_is_no_matter(acme, editor):
    factories.make_definition(acme, "pay", requires_approval=True, alias=["pay.now"])
    entry = action("guarded", aliases=["pay.now"], requires_approval=True)
    document = bundle({"variant": "pay", "aliases": []}, entry)
    revision = editor.data(editor.post(REVISIONS, {"definition": document}))
    assert apply(editor, revision).status_code == 200

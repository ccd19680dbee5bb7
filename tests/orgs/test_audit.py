"""Every change of what people manage is written down: what, before, after, and who it was."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from django.urls import reverse

from actions import services as actions
from destinations import services as destinations
from destinations import signing_keys
from dispatch import audit
from dispatch.models import Lane
from operations import services as operations
from operations import tasks
from orgs.audit import acting
from orgs.audit.triggers import Audited
from orgs.models import ApiKey, AuditEntry, SigningKey, User
from tests import factories

AUDIT_PAGE = Path(__file__).parents[2] / "docs" / "audit.md"

# Tables with an organization whose changes are no matter of the audit, and why.
NOT_AUDITED = {
    "orgs_auditentry": "It is the audit.",
    "dispatch_laneuse": "Made by intake, changed by nobody.",
    "dispatch_actionrecord": "Services tell what people do to one (tests/dispatch/test_audit.py).",
    "dispatch_idempotencykey": "Made by intake, changed by nobody.",
    "operations_usage": "Counted by a chore.",
    "operations_versionusage": "Counted by a chore.",
    "operations_minute": "Counted by a chore.",
    "dispatch_sender": "Seen, not managed.",
    "gateway_requestwindow": "Counts requests.",
}


def entries(org, **fields):
    return list(AuditEntry.objects.filter(org=org, **fields).order_by("id"))


def last(**fields):
    return AuditEntry.objects.filter(**fields).latest("id")


@pytest.mark.django_db
def test_no_table_of_an_organization_is_forgotten():
    with_org = {
        model._meta.db_table
        for model in apps.get_models()
        if any(field.column == "org_id" for field in model._meta.concrete_fields)
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'audited_%' "
            "GROUP BY 1 HAVING count(*) = 3"
        )
        audited = {table for (table,) in cursor.fetchall()}

    assert with_org - audited == NOT_AUDITED.keys()
    assert {"orgs_organization", "orgs_user", "orgs_user_user_permissions"} <= audited


def test_what_the_api_changes_is_the_callers(api, acme):
    made = api.data(api.put("~/keys", {"description": "billing"}))

    caller = acme.keys.earliest("id")
    entry = last(kind="api key")
    assert (entry.org_id, entry.row_id, entry.event) == (acme.pk, made["id"], "created")
    assert (entry.actor, entry.via, entry.address) == (f"key {caller.pk}", "api", "127.0.0.1")
    assert (entry.key_id, entry.user_id) == (caller.pk, caller.member.user_id)
    assert entry.path == f"PUT /v1/orgs/{acme.pk}/keys"
    assert entry.before is None
    assert entry.after["description"] == "billing"
    assert entry.after["hash"] == "changed"
    assert "last_used_at" not in entry.after


def test_an_update_has_the_columns_that_changed_and_no_others(api, acme, webhook):
    config = {"url": "https://example.com/new"}
    api.data(api.post(f"~/destinations/{webhook.pk}", {"config": config}))

    entry = last(kind="destination")
    assert (entry.event, entry.row_id) == ("updated", str(webhook.pk))
    assert entry.before == {"config": webhook.config}
    assert set(entry.after) == {"config"}
    assert entry.after["config"]["url"] == config["url"]


def test_a_soft_deletion_is_one_and_can_be_taken_back(acme, definition):
    deleted = factories.make_definition(acme, "gone")
    actions.delete_definition(definition=deleted)
    gone = last(kind="action definition")
    actions.put_definition(org_id=acme.pk, variant="gone", schema=factories.SCHEMA, version=1)
    back = last(kind="action definition")

    assert (gone.event, set(gone.after), gone.before) == (
        "deleted", {"deleted_at"}, {"deleted_at": None},
    )  # fmt: skip
    assert (back.event, back.after, set(back.before)) == (
        "restored", {"deleted_at": None}, {"deleted_at"},
    )  # fmt: skip


def test_a_row_that_goes_is_told_as_it_was(acme, definition, webhook):
    link = definition.links.get()
    link.delete()

    entry = last(kind="link")
    assert (entry.event, entry.after, entry.org_id) == ("deleted", None, acme.pk)
    assert entry.before["destination_id"] == webhook.pk


def test_secrets_are_told_to_have_changed_and_no_more(acme):
    credential = factories.make_credential(acme, "http_bearer", secret={"token": "s3cret-one"})
    destinations.update_credential(credential=credential, changes={"secret": {"token": "s3cret2"}})
    key = factories.make_signing_key(acme)
    signing_keys.rotate_signing_key(key=key)
    user = acme.memberships.get().user
    user.set_password("another one")
    user.save()

    changed = last(kind="credential", event="updated")
    assert changed.after["secret"] == "changed"
    assert "secret" not in changed.before
    assert last(kind="signing key", event="updated").after.items() >= {
        "secret": "changed", "previous": "changed"
    }.items()  # fmt: skip
    assert last(kind="user", event="updated").after == {"password": "changed"}
    stored = SigningKey.objects.get(pk=key.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(e::text, '') FROM orgs_auditentry e")
        (text,) = cursor.fetchone()
    for secret in (stored.secret, stored.previous, user.password, "s3cret", "whsec_"):
        assert secret not in text


def test_what_nobody_has_changed_is_not_told(api, acme, webhook):
    before = AuditEntry.objects.count()
    api.get("/v1/self")
    ApiKey.objects.update(last_used_at="2026-01-01T00:00Z")
    User.objects.update(last_login="2026-01-01T00:00Z")
    webhook.save()

    assert AuditEntry.objects.count() == before


def test_what_lanes_learn_is_not_told_and_what_people_say_of_them_is(acme, webhook):
    lane = factories.make_lane(webhook, tags={"tenant": "x"})
    Lane.objects.update(running_limit=7, revision=3, reason="it was slow")
    assert entries(acme, kind="lane") == []

    Lane.objects.update(running_cap=5, revision=4)
    factories.make_lane(webhook, unsettled_cap=0)

    capped, made = entries(acme, kind="lane")
    assert (capped.event, capped.row_id) == ("updated", str(lane.pk))
    assert (capped.before, capped.after) == ({"running_cap": None}, {"running_cap": 5})
    assert (made.event, made.after) == ("created", {"unsettled_cap": 0})


def test_a_bulk_operation_is_told_when_it_is_asked_for_and_when_it_is_stopped(api, acme, record):
    made = api.data(
        api.put("~/actions/bulk", {"kind": "cancel", "filter": {}, "reason": "an accident"})
    )
    api.data(api.post(f"~/actions/bulk/{made['id']}/cancel"))

    asked, stopped = entries(acme, kind="bulk operation")
    assert asked.after["reason"] == "an accident"
    assert stopped.before["status"] == "queued"
    assert stopped.after["status"] == "canceled"


def test_how_far_a_bulk_operation_has_come_is_not_told(acme, record):
    operation = factories.start_bulk(acme, "cancel")
    while operations.advance(operation.pk):
        pass

    assert [entry.event for entry in entries(acme, kind="bulk operation")] == ["created"]


def test_a_job_acts_in_the_name_of_who_asked_for_it(acme):
    factories.make_definition(acme)
    over = factories.make_over(acme)
    acme.destinations.update(deleted_at="2026-01-01T00:00Z")
    operation = factories.start_bulk(acme, actor="ada@acme.example", filter={"status": "failed"})
    assert operation.found == 1, over

    tasks.run_bulk_operation.func(FakeContext(), operation.pk)

    # Replaying needs a sink again.
    sink = last(kind="destination")
    assert (sink.event, sink.actor, sink.via) == ("created", "ada@acme.example", "job")
    assert sink.path == "run_bulk_operation"


class FakeContext:
    def should_abort(self):
        return False


def test_a_sink_is_made_by_whose_action_needs_it_first(api, acme):
    factories.make_definition(acme, "sunk")
    api.data(api.post("/v1/ingress/sunk", {"input": {"n": 1}}))

    entry = last(kind="destination")
    assert (entry.event, entry.via, entry.key_id) == ("created", "api", acme.keys.get().pk)


def test_what_the_admin_changes_is_the_persons(admin_client, admin_user, acme):
    admin_client.post(
        reverse("admin:orgs_organization_change", args=[acme.pk]),
        {"name": "Acme Ltd", "slug": "acme", "payload_days": 30, "history_days": 90},
    )

    entry = last(kind="organization", event="updated")
    assert (entry.before, entry.after) == ({"name": "Acme"}, {"name": "Acme Ltd"})
    assert (entry.org_id, entry.actor, entry.via) == (acme.pk, admin_user.email, "admin")
    assert (entry.user_id, entry.key_id, entry.address) == (admin_user.pk, None, "127.0.0.1")


def test_rights_in_the_admin_are_told_and_belong_to_no_organization(admin_client, acme):
    user = acme.memberships.get().user
    permission = user.user_permissions.model.objects.earliest("pk")
    user.user_permissions.add(permission)

    entry = last(kind="admin permission")
    assert (entry.org_id, entry.event) == (None, "created")
    assert entry.after == {"user_id": user.pk, "permission_id": permission.pk}


def test_whoever_is_not_logged_in_is_called_so(db):
    answer = Client().post("/accounts/login/", {"login": "x@example.com", "password": "y"})

    assert answer.status_code == 200
    assert acting._current.get() is None


def test_a_command_is_its_users(db, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    with acting.at_the_command_line(["manage.py", "bootstrap", "--org", "X"]):
        call_command("bootstrap", org="Globex", email="o@globex.example", verbosity=0)

    made = {entry.kind for entry in AuditEntry.objects.filter(via="command")}
    assert made == {"organization", "user", "membership", "api key", "signing key"}
    entry = last(kind="organization")
    assert (entry.actor, entry.path) == ("ada at the command line", "manage.py bootstrap")


def test_a_command_of_somebody_without_a_name_is_told_all_the_same(monkeypatch):
    def nobody():
        raise KeyError("uid not found: 1234")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert acting.as_command("x").actor.startswith("uid ")


@pytest.mark.parametrize("argv", [["manage.py", "worker"], ["manage.py", "web", "--port", "1"]])
def test_a_server_is_nobody(db, argv):
    with acting.at_the_command_line(argv):
        assert acting._current.get() is None
    with acting.at_the_command_line(["manage.py"]):
        assert acting._current.get() is not None


def test_what_is_changed_past_everything_is_told_with_the_login_at_the_database(acme):
    entry = last(kind="organization")

    assert entry.via == "database"
    assert re.fullmatch(r"\S+ \(waybill\)", entry.actor)
    assert (entry.user_id, entry.key_id, entry.path) == (None, None, "")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orgs_auditentry SET actor = 'nobody'",
        "UPDATE orgs_auditentry SET actor = 'nobody' WHERE false",
        "DELETE FROM orgs_auditentry",
        "TRUNCATE orgs_auditentry",
        "TRUNCATE orgs_organization, orgs_auditentry CASCADE",
    ],
)
def test_nothing_of_it_is_changed_or_deleted(acme, statement):
    before = list(AuditEntry.objects.values())
    with connection.cursor() as cursor:
        # The tests' own setting: all other tables are emptied after some of them.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE orgs_auditentry ENABLE ALWAYS TRIGGER audit_never_emptied")
        for role in ("origin", "replica"):
            cursor.execute(f"SET LOCAL session_replication_role = {role}")
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                cursor.execute(statement)

    assert list(AuditEntry.objects.values()) == before


def test_what_is_rolled_back_was_not_changed(acme):
    before = AuditEntry.objects.count()
    with transaction.atomic():
        factories.make_key(acme)
        transaction.set_rollback(True)

    assert AuditEntry.objects.count() == before


def test_the_docs_name_every_kind():
    migrations = MigrationLoader(None).graph.nodes.values()
    done = (operation for migration in migrations for operation in migration.operations)
    kinds = {one.arguments.split("'")[1] for one in done if isinstance(one, Audited)}
    page = AUDIT_PAGE.read_text()
    (row,) = (line for line in page.splitlines() if line.startswith("| `kind`, `row_id`"))

    assert set(re.findall("`([^`]+)`", row.split("|")[2])) == kinds | {audit.KIND}


def test_values_of_every_kind_are_told(acme):
    """A schema is left to its definition; what else is JSON is told as it is."""
    tricky = {"x": 'quo"te', "y": ["'; DROP TABLE", None, 1e300, -0.5], "é": "ß", "": {}}
    definition = factories.make_definition(acme, "v", schema={"default": tricky})
    entry = last(kind="action definition")
    assert "schema" not in entry.after
    assert entry.after["schema_digest"].startswith("\\x")
    made = factories.make_destination(acme, tags={"a": 'quo"te', "b": "{}"})
    assert last(kind="destination").after["tags"] == made.tags
    assert definition.pk

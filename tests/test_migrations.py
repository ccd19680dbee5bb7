"""The database as the migrations make it: nothing missing, and the rules are in it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

PARTITIONED = ("dispatch_actionpayload", "dispatch_actionevent")

pytestmark = pytest.mark.django_db


def ask(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def rules_of(table):
    """Constraints and unique indexes by name, as PostgreSQL writes them."""
    return dict(
        ask(
            "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i "
            "JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indisunique AND i.indrelid = %s::regclass UNION ALL "
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype IN ('c', 'u') AND conrelid = %s::regclass",
            table,
            table,
        )
    )


def references_of(table):
    """(column, table it refers to) of each foreign key."""
    return set(
        ask(
            "SELECT a.attname, c.confrelid::regclass::text FROM pg_constraint c "
            "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] "
            "WHERE c.contype = 'f' AND c.conrelid = %s::regclass",
            table,
        )
    )


def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize(
    ("table", "rule", "part"),
    [
        ("orgs_membership", "membership_once_per_org", "(org_id, user_id)"),
        ("orgs_membership", "membership_permissions_known", "operator"),
        ("orgs_apikey", "key_description_length", "description"),
        ("orgs_apikey", "key_permissions_known", "operator"),
        # Of several invites for somebody, one is open.
        ("orgs_invite", "invite_once_per_user", "(org_id, user_id) WHERE"),
        ("orgs_invite", "invite_once_per_email", "(org_id, email) WHERE"),
        ("orgs_invite", "invite_for_one_person", "user_id"),
        ("orgs_invite", "invite_permissions_known", "operator"),
        ("orgs_captivedomain", "captive_domain_when_enabled", "enabled"),
        ("orgs_captivedomain", "captive_domain_permissions_known", "operator"),
        ("orgs_organization", "organization_history_outlives_payloads", "history_days"),
        # Deleted destinations give their label back.
        (
            "destinations_destination",
            "destination_label_once_per_org",
            "(org_id, label) WHERE (deleted_at IS NULL)",
        ),
        ("destinations_destination", "destination_type_known", "webhook"),
        (
            "destinations_credential",
            "credential_label_once_per_org",
            "(org_id, label) WHERE (deleted_at IS NULL)",
        ),
        ("destinations_credential", "credential_type_known", "oauth2_client_credentials"),
        (
            "orgs_signingkey",
            "signing_key_label_once_per_org",
            "(org_id, label) WHERE (deleted_at IS NULL)",
        ),
        # Deleted versions do not give their number back.
        ("actions_actiondefinition", "definition_version_once", "(org_id, variant, version)"),
        ("actions_actiondefinition", "definition_version_from_one", "version >= 1"),
        # One namespace of variants and aliases.
        ("actions_definitionname", "definition_name_once", "(org_id, name)"),
        ("actions_definitionname", "definition_name_alias_has_definition", "definition_id"),
        (
            "actions_definitiondestination",
            "link_once_per_definition",
            "(definition_id, destination_id)",
        ),
        (
            "actions_definitiondestination",
            "link_one_default_per_definition",
            "(definition_id) WHERE is_default",
        ),
        (
            "dispatch_lane",
            "lane_once_per_destination_and_tags",
            "(destination_id, tags_digest)",
        ),
        ("dispatch_laneuse", "lane_use_once_per_variant", "(org_id, variant, lane_id)"),
        ("dispatch_idempotencykey", "idempotency_key_once_per_org", "(org_id, key)"),
        ("dispatch_actionrecord", "record_status_known", "ack_wait"),
        ("dispatch_actionrecord", "record_completed_when_over", "completed_at"),
    ],
)
def test_the_database_keeps_the_rule(table, rule, part):
    rules = rules_of(table)

    assert rule in rules, sorted(rules)
    assert part in rules[rule]


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("orgs_organization", "(slug)"),
        ("orgs_organization", "(tenant_id)"),
        ("orgs_user", "(email)"),
        ("orgs_apikey", "(hash)"),
        ("orgs_invite", "(token_hash)"),
        ("orgs_captivedomain", "(domain)"),
        ("orgs_captivedomain", "(org_id)"),
    ],
)
def test_a_column_is_unique(table, columns):
    assert f"UNIQUE {columns}" in rules_of(table).values()


@pytest.mark.parametrize(
    ("table", "references"),
    [
        (
            "orgs_membership",
            {("org_id", "orgs_organization"), ("user_id", "orgs_user")},
        ),
        (
            "orgs_apikey",
            {("org_id", "orgs_organization"), ("member_id", "orgs_membership")},
        ),
        (
            "destinations_destination",
            {
                ("org_id", "orgs_organization"),
                ("credential_id", "destinations_credential"),
                ("signing_key_id", "orgs_signingkey"),
            },
        ),
        ("destinations_credential", {("org_id", "orgs_organization")}),
        ("orgs_signingkey", {("org_id", "orgs_organization")}),
        ("actions_actiondefinition", {("org_id", "orgs_organization")}),
        (
            "actions_definitionname",
            {("org_id", "orgs_organization"), ("definition_id", "actions_actiondefinition")},
        ),
        (
            "actions_definitiondestination",
            {
                ("org_id", "orgs_organization"),
                ("definition_id", "actions_actiondefinition"),
                ("destination_id", "destinations_destination"),
            },
        ),
        (
            "dispatch_lane",
            {("org_id", "orgs_organization"), ("destination_id", "destinations_destination")},
        ),
        (
            "dispatch_laneuse",
            {("org_id", "orgs_organization"), ("lane_id", "dispatch_lane")},
        ),
        (
            "dispatch_actionrecord",
            {
                ("org_id", "orgs_organization"),
                ("definition_id", "actions_actiondefinition"),
                ("destination_id", "destinations_destination"),
                ("lane_id", "dispatch_lane"),
            },
        ),
    ],
)
def test_a_table_refers_to_what_it_belongs_to(table, references):
    assert references <= references_of(table)


def test_payloads_and_events_and_nothing_else_are_partitioned():
    tables = ask("SELECT partrelid::regclass::text FROM pg_partitioned_table ORDER BY 1")

    assert sorted(name for (name,) in tables) == sorted(PARTITIONED)


@pytest.mark.parametrize("table", PARTITIONED)
def test_a_partitioned_table_is_cut_by_ranges_of_record_ids_without_a_default(table):
    ((strategy, default, key),) = ask(
        "SELECT partstrat, partdefid, pg_get_partkeydef(partrelid) FROM pg_partitioned_table "
        "WHERE partrelid = %s::regclass",
        table,
    )

    assert (strategy, default, key) == ("r", 0, "RANGE (record_id)")


def test_no_foreign_key_leads_to_or_from_a_partitioned_table():
    keys = ask(
        "WITH part AS (SELECT relid FROM pg_partitioned_table, pg_partition_tree(partrelid)) "
        "SELECT conname FROM pg_constraint WHERE contype = 'f' "
        "AND (conrelid IN (TABLE part) OR confrelid IN (TABLE part))"
    )

    assert keys == []


@pytest.mark.parametrize("table", PARTITIONED)
def test_nothing_but_the_id_is_unique_in_a_partitioned_table(table):
    unique = ask(
        "SELECT indisprimary FROM pg_index WHERE indisunique AND indrelid = %s::regclass", table
    )

    assert unique == [(True,)]


@pytest.mark.parametrize("table", ["actions_actiondefinition", "dispatch_actionpayload"])
def test_json_whose_bytes_matter_is_stored_as_text(table):
    columns = dict(
        ask(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s",
            table,
        )
    )

    assert {columns[name] for name in columns.keys() & {"schema", "input", "result"}} == {"json"}


def test_the_checks_for_production_find_nothing_on_a_database_without_tables():
    """As an operator runs them before the first `migrate`, with the settings of production."""
    ours = {"WAYBILL_HTTPS", "TEST_DATABASE_NAME", "DJANGO_SETTINGS_MODULE"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment["SECRET_KEY"] = "".join(f"{number:x}k#" for number in range(30))

    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "no issues" in checked.stdout

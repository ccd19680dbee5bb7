"""Who is at work is told to the database, and does not leak to whoever comes next."""

from __future__ import annotations

import os

import orjson
import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from orgs.audit import acting
from orgs.audit.acting import Actor
from orgs.models import AuditEntry


def told():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('waybill.actor', true)")
        return cursor.fetchone()[0] or ""


ADA = Actor("ada", "api", user_id=1, key_id=2, address="::1", path="PUT /x")
BOB = Actor("bob", "job")


def test_after_a_request_nobody_is_at_work(api, acme):
    for answer in (
        api.put("~/keys", {"description": "x1"}),
        api.put("~/keys", {"description": ""}),
        api.put("~/keys", b"{"),
        api.delete("~/keys/9999999"),
        api.get("~/keys"),
    ):
        assert answer.status_code in (200, 400, 404)
        assert told() == ""


def test_an_error_in_a_view_leaves_nobody_at_work(api, monkeypatch):
    def fail(**fields):
        assert '"via":"api"' in told()
        raise ZeroDivisionError

    monkeypatch.setattr("orgs.services.create_key", fail)

    assert api.put("~/keys", {"description": "x1"}).status_code == 500
    assert told() == ""


def test_reading_and_ingress_do_not_tell_the_database(api, acme, record, monkeypatch):
    def never(act):
        raise AssertionError

    monkeypatch.setattr(acting, "_tell", never)

    assert api.get("~/keys").status_code == 200
    assert api.post("/v1/ingress/count", {"input": {"n": 1}}).status_code == 200
    assert api.post("/v1/ack", {"action_record_id": "9999999", "attempt": 0}).status_code == 404


def test_work_within_work_is_its_own(db):
    with acting.acting(ADA):
        with acting.acting(BOB):
            assert orjson.loads(told())["actor"] == "bob"
        assert orjson.loads(told()) == {
            "actor": "ada", "via": "api", "user_id": 1, "key_id": 2, "address": "::1",
            "path": "PUT /x",
        }  # fmt: skip
        with acting.scope():
            acting.tell()
            acting.be(BOB)
            assert orjson.loads(told())["actor"] == "ada"
    assert told() == ""
    acting.be(BOB)
    acting.tell()
    assert told() == ""


def test_a_transaction_that_fails_takes_along_what_it_was_told(db):
    with (
        connection.cursor() as cursor,
        pytest.raises(DatabaseError),
        transaction.atomic(),
        acting.acting(ADA),
    ):
        cursor.execute("SELECT 1/0")

    assert told() == ""


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_leaks_nothing_and_the_next_one_is_told():
    told()
    with acting.acting(ADA):
        kill_connection()
        with pytest.raises(DatabaseError):
            told()
        connection.close()
        assert orjson.loads(told())["actor"] == "ada"
    assert told() == ""
    with acting.acting(ADA):
        kill_connection()
    # What it was could not be taken back: the connection is given up.
    assert connection.connection is None
    assert told() == ""


@pytest.mark.django_db(transaction=True)
def test_work_that_cannot_be_told_is_not_begun():
    told()
    kill_connection()

    with pytest.raises(DatabaseError), acting.acting(ADA):
        raise AssertionError
    assert told() == ""


@pytest.mark.django_db(transaction=True)
def test_who_waits_outside_of_a_slot_has_told_no_other():
    seen = []
    told()
    with acting.acting(ADA):
        with acting._unknown():
            seen.append(told())
        seen.append(orjson.loads(told())["actor"])
    with acting._unknown():
        seen.append(told())

    assert seen == ["", "ada", ""]


def kill_connection():
    mine = connection.connection.info.backend_pid
    name = connection.settings_dict["NAME"]
    with psycopg.connect(os.environ["DATABASE_URL"], dbname=name, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [mine])


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/x", "PUT /v1/x"),
        ("/v1/\0x", "PUT /v1/x"),
        ("/v1/\ud800", "PUT /v1/?"),
        ("/" + "x" * 9_999, "PUT /" + "x" * 495),
    ],
)
def test_a_path_is_shown_as_far_as_it_can_be(path, shown):
    assert acting.shown_path("PUT", path) == shown


def test_nobody_makes_up_who_they_are(api, acme):
    api.client.generic(
        "PUT",
        f"/v1/orgs/{acme.pk}/keys",
        orjson.dumps({"description": 'x","actor":"root'}),
        content_type="application/json",
        headers=api.headers | {"x-forwarded-for": "6.6.6.6", "waybill.actor": "root"},
        query_params={"waybill.actor": "root"},
    )

    entry = AuditEntry.objects.filter(kind="api key").latest("id")
    assert (entry.actor, entry.address) == (f"key {acme.keys.earliest('id').pk}", "127.0.0.1")
    assert entry.after["description"] == 'x","actor":"root'

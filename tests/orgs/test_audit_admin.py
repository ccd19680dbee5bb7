"""The audit's list in the console: whose it is, what narrows it, and by which index."""

from __future__ import annotations

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from dispatch import audit
from orgs import windows
from orgs.audit_admin import KINDS, AuditEntryAdmin
from orgs.models import AuditEntry
from tests import factories

LIST = reverse("admin:orgs_auditentry_changelist")
# So many that no index is the dearer way.
MANY = 20_000
FILL = """
INSERT INTO orgs_auditentry (org_id, at, actor, via, address, path, kind, row_id, event)
SELECT %s, now() - n * interval '1 minute', 'actor ' || n %% 500, 'api', '', '', 'destination',
       n::text, 'updated'
FROM generate_series(1, %s) n
"""
TRIGGERS = """
SELECT tgargs FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid WHERE proname = 'waybill_audit'
"""


def listed(client, **query):
    return list(client.get(LIST, query).context["cl"].result_list)


@pytest.fixture
def entries(acme, globex):
    """What was done at acme: by two people, to two kinds of rows; and the same at globex."""
    for org in (acme, globex):
        for number, (actor, via, kind) in enumerate(
            [("ann@acme.example", "api", "destination"), ("bob@acme.example", "admin", "api key")]
        ):
            AuditEntry.objects.create(
                org=org, actor=actor, via=via, kind=kind, row_id=str(number), event="created"
            )
    return AuditEntry.objects.filter(org=acme)


@pytest.fixture
def inside(client, acme):
    """An admin of acme, who has come in."""
    client.force_login(factories.make_member(acme, "admin").user)
    return client


def test_a_member_sees_what_was_done_at_their_organization(inside, entries, acme):
    assert {entry.org_id for entry in listed(inside)} == {acme.pk}
    assert reverse("admin:orgs_organization_changelist") not in inside.get(LIST).text


@pytest.mark.parametrize("permission", ["viewer", "operator", "editor"])
def test_who_may_not_read_it_by_the_api_does_not_here(client, acme, permission):
    client.force_login(factories.make_member(acme, permission).user)

    assert client.get(LIST).status_code == 403
    assert f'href="{LIST}"' not in client.get(reverse("admin:index")).text


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ({"actor": "ann@acme.example"}, {("ann@acme.example", "0")}),
        ({"actor": "ann"}, set()),
        ({"via": "admin", "kind": "api key"}, {("bob@acme.example", "1")}),
        ({"kind": "api key"}, {("bob@acme.example", "1")}),
        ({"q": "bob@acme.example"}, {("bob@acme.example", "1")}),
        ({"q": "Destination 0"}, {("ann@acme.example", "0")}),
        ({"q": "destination 1"}, set()),
        ({"q": "API key"}, {("bob@acme.example", "1")}),
        ({"q": "ann"}, set()),
    ],
)
def test_it_is_narrowed_exactly(inside, entries, query, rows):
    query = {("via__exact" if name == "via" else name): value for name, value in query.items()}
    found = {
        (one.actor, one.row_id) for one in listed(inside, **query) if one.actor.endswith(".example")
    }

    assert found == rows


def test_it_is_narrowed_to_a_time(inside, entries):
    now = timezone.now()
    today = now.date().isoformat()
    assert listed(inside, at_from_0=today, at_from_1="00:00:00")
    # All of a day where no time is said, and everything where nothing is that can be read.
    assert listed(inside, at_from_0=today, at_to_0=today)
    assert listed(inside, at_from_0="nonsense", at_to_1="x")

    assert listed(inside, at_from_0="2999-01-01", at_from_1="00:00:00") == []
    assert listed(inside, at_to_0="2001-01-01") == []


def test_all_kinds_are_offered(db):
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS)
        kinds = {bytes(arguments).split(b"\0")[0].decode() for (arguments,) in cursor.fetchall()}

    assert {*KINDS} == kinds | {audit.KIND}


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"actor": "actor 7"},
        {"via__exact": "database"},
        {"kind": "lane"},
        {"q": "destination 7"},
        {"at_to_0": "2001-01-01", "at_to_1": "00:00:00"},
    ],
    ids=str,
)
@pytest.mark.parametrize("who", ["member", "staff"])
def test_each_way_to_narrow_it_has_an_index(request, client, acme, query, who):
    with connection.cursor() as cursor:
        cursor.execute(FILL, [acme.pk, MANY])
        cursor.execute("ANALYZE orgs_auditentry")
    if who == "member":
        client.force_login(factories.make_member(acme, "admin").user)
    else:
        client = request.getfixturevalue("admin_client")
    rows = client.get(LIST, query).context["cl"].queryset[:51]

    plan = rows.explain()

    assert "Seq Scan on orgs_auditentry" not in plan
    if who == "member" or "q" not in query:
        # Read from the newest on, or few enough to be put in order.
        assert "Index" in plan


def test_nothing_counts_it(inside, entries, django_assert_max_num_queries):
    with django_assert_max_num_queries(10) as queries:
        inside.get(LIST)

    assert not any("COUNT(" in one["sql"] for one in queries.captured_queries)


def test_pages_end_at_a_bound_and_say_so(inside, entries, monkeypatch):
    """Each is found by passing those before it."""
    monkeypatch.setattr(windows, "MOST_ROWS", 2)
    monkeypatch.setattr(AuditEntryAdmin, "list_per_page", 1)
    told = "No more than 2 are shown"

    first, last = (inside.get(LIST, {"p": number}) for number in (1, 2))
    assert (told in first.text, told in last.text) == (False, True)
    assert "p=2" in first.text
    assert "p=3" not in last.text
    beyond = inside.get(LIST, {"p": 3})
    assert beyond.status_code == 302
    assert "e=1" in beyond.url

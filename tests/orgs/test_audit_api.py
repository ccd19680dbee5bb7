"""Reading the audit: the list, one entry, the export, and the pages of the admin."""

from __future__ import annotations

import re

import orjson
import pytest
from django.urls import reverse

from orgs import audit_views
from orgs.models import AuditEntry, Organization
from tests import factories
from tests.client import codes


def entries(org, **fields):
    return list(AuditEntry.objects.filter(org=org, **fields).order_by("id"))


def last(**fields):
    return AuditEntry.objects.filter(**fields).latest("id")


@pytest.fixture
def story(api, acme, globex):
    """What acme's key has done: a destination made, changed and deleted."""
    url = {"url": "https://example.com/"}
    made = api.data(api.put("~/destinations", {"label": "one", "type": "webhook", "config": url}))
    api.data(api.post(f"~/destinations/{made['id']}", {"label": "two"}))
    api.data(api.delete(f"~/destinations/{made['id']}"))
    factories.make_destination(globex)
    return made["id"]


def test_the_list_is_newest_first_and_only_ones_own(api, acme, story):
    page = api.data(api.get("~/audit?take=3"))

    assert [item["event"] for item in page["items"]] == ["deleted", "updated", "created"]
    assert page["count"] == AuditEntry.objects.filter(org=acme).count()
    assert {item["org_id"] for item in page["items"]} == {str(acme.pk)}
    updated = page["items"][1]
    assert (updated["before"], updated["after"]) == ({"label": "one"}, {"label": "two"})
    assert updated["key_id"] == str(acme.keys.get().pk)
    assert api.data(api.get(f"~/audit/{updated['id']}")) == updated


def test_an_entry_of_another_organization_is_404(api, globex, story):
    theirs = entries(globex)[0]

    assert api.get(f"~/audit/{theirs.pk}").status_code == 404
    nobodys = AuditEntry.objects.filter(org=None).first()
    assert api.get(f"~/audit/{nobodys.pk}").status_code == 404


def test_it_is_narrowed_by_every_filter(api, acme, story):
    key = acme.keys.get()
    edge = entries(acme, kind="destination")[1].at.isoformat().replace("+00:00", "Z")
    for query, events in {
        f"kind=destination&row_id={story}": ["deleted", "updated", "created"],
        "event=updated": ["updated"],
        f"actor=key%20{key.pk}&take=2": ["deleted", "updated"],
        f"key_id={key.pk}&event=deleted": ["deleted"],
        f"user_id={key.member.user_id}&event=created": ["created"],
        "via=api&event=created": ["created"],
        f"via=api&to={edge}": ["created"],
        f"via=api&from={edge}": ["deleted", "updated"],
        "via=job": [],
        "actor=nobody": [],
        "kind=destination&row_id=x": [],
        'search={"field":"event","op":"eq","value":"deleted"}': ["deleted"],
    }.items():
        items = api.data(api.get(f"~/audit?{query}"))["items"]
        assert [item["event"] for item in items] == events, query
        if "take" not in query and "search" not in query:
            lines = api.get(f"~/audit/export?{query}").getvalue().splitlines()
            assert [orjson.loads(line) for line in lines] == items


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("event=gone", "/event"),
        ("via=magic", "/via"),
        ("user_id=x", "/user_id"),
        ("key_id=-1", "/key_id"),
        ("key_id=99999999999999999999", "/key_id"),
        ("from=yesterday", "/from"),
        ("to=", "/to"),
        ("actor=%00", None),
    ],
)
def test_nonsense_is_400(api, query, pointer):
    for path in ("~/audit", "~/audit/export"):
        answer = api.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert codes(answer)[0][1] == pointer


def test_an_export_has_all_of_it_in_small_pieces(api, acme, monkeypatch):
    for _ in range(7):
        factories.make_key(acme)
    monkeypatch.setattr(audit_views, "LINES_AT_ONCE", 3)

    answer = api.get("~/audit/export")

    assert answer["Content-Type"] == "application/x-ndjson"
    assert answer["Content-Disposition"] == f'attachment; filename="audit-{acme.pk}.jsonl"'
    ids = [orjson.loads(line)["id"] for line in answer.getvalue().splitlines()]
    assert ids == [str(entry.pk) for entry in reversed(entries(acme))]
    assert len(ids) >= 10


def test_an_export_of_nothing_is_empty(api):
    answer = api.get("~/audit/export?via=job")

    assert (answer.status_code, answer.getvalue()) == (200, b"")


def test_what_is_added_during_an_export_is_left_out(acme, monkeypatch):
    monkeypatch.setattr(audit_views, "LINES_AT_ONCE", 1)
    before = len(entries(acme))
    lines = audit_views.write_lines(AuditEntry.objects.of_org(acme.pk))
    next(lines)
    factories.make_key(acme)

    assert len(list(lines)) == before - 1


def test_the_admin_shows_it_and_changes_nothing(admin_client, acme):
    Organization.objects.filter(pk=acme.pk).update(name="<b>Acme</b>", payload_days=5)
    entry = last(kind="organization")

    page = admin_client.get(reverse("admin:orgs_auditentry_change", args=[entry.pk]))
    text = page.content.decode()
    assert "&lt;b&gt;Acme&lt;/b&gt;" in text
    assert re.search(r"<th>payload_days</th><td><pre>30</pre></td><td><pre>5</pre></td>", text)
    listed = admin_client.get(reverse("admin:orgs_auditentry_changelist") + "?q=organization")
    assert f"organization {acme.pk}" in listed.content.decode()
    for name, arguments in (("add", ()), ("delete", (entry.pk,))):
        url = reverse(f"admin:orgs_auditentry_{name}", args=arguments)
        assert admin_client.post(url).status_code == 403
    changed = admin_client.post(page.wsgi_request.path, {"actor": "nobody"})
    assert changed.status_code == 403


def test_many_columns_are_named_in_part(admin_client, acme, webhook):
    listed = admin_client.get(reverse("admin:orgs_auditentry_changelist"))

    assert "more" in listed.content.decode()

"""Reading the audit: the list, one entry, the export, and the pages of the admin."""

from __future__ import annotations

import re
from contextlib import closing

import orjson
import pytest
from django.db import OperationalError
from django.urls import reverse

from config.errors import BusyError
from orgs import audit_views
from orgs.models import AuditEntry, Organization
from runtime.seats import Seats
from tests import factories
from tests.client import codes


def entries(org, **fields):
    return list(AuditEntry.objects.filter(org=org, **fields).order_by("id"))


def export(org):
    return audit_views.Export(AuditEntry.objects.of_org(org.pk), org.pk)


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


@pytest.fixture
def masked(api, acme):
    """Acme's key changes a destination whose config has secrets; its before and after each time."""

    def change(*configs):
        made = {"label": "secretive", "type": "webhook", "config": configs[0]}
        path = f"~/destinations/{api.data(api.put('~/destinations', made))['id']}"
        for config in configs[1:]:
            api.data(api.post(path, {"config": config}))
        lines = api.get("~/audit/export?kind=destination").getvalue()
        assert b"s3cret" not in lines
        told = [orjson.loads(line) for line in lines.splitlines()]
        assert api.data(api.get("~/audit?kind=destination"))["items"] == told
        return [
            tuple(columns and columns.get("config") for columns in (one["before"], one["after"]))
            for one in reversed(told)
        ]

    return change


def test_of_the_config_of_a_destination_secrets_are_masked(masked):
    url, headers = "https://example.com/in", {"authorization": "Bearer s3cret", "x-kind": "s3cret"}

    told = masked(
        {"url": f"{url}?token=s3cret#s3cret", "headers": headers},
        {"url": f"{url}?token=s3cret2", "headers": headers},
        {"url": f"{url}?token=s3cret2", "headers": headers | {"x-kind": "s3cret2"}},
        {
            "url": url,
            "headers": {"x-kind": "s3cret2", "x-new": "s3cret"},
            "response_time_sla_ms": 9,
        },
    )

    def shown(url, **headers):
        return {"url": url, "headers": {name.replace("_", "-"): it for name, it in headers.items()}}

    hidden = shown(f"{url}?hidden", authorization="hidden", x_kind="hidden")
    assert told == [
        (None, shown(f"{url}?changed", authorization="changed", x_kind="changed")),
        (hidden, shown(f"{url}?changed", authorization="hidden", x_kind="hidden")),
        (hidden, shown(f"{url}?hidden", authorization="hidden", x_kind="changed")),
        (hidden, shown(url, x_kind="hidden", x_new="changed") | {"response_time_sla_ms": 9}),
    ]


def test_who_is_named_in_an_address_is_masked_and_what_is_no_address_is_told(acme):
    config = {"endpoint": "https://ada:s3cret@h.example/mcp", "tool": "send?", "headers": "s3cret"}
    destination = factories.make_destination(acme)
    type(destination).objects.filter(pk=destination.pk).update(config=config)
    destination.delete()

    told = {"endpoint": "https://{}@h.example/mcp", "tool": "send?"}
    for columns, word in ((last(event="updated").after, "changed"), (last().before, "hidden")):
        filled = {name: value.format(word) for name, value in told.items()}
        assert columns["config"] == filled | {"headers": word}


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
    with closing(export(acme)) as body:
        lines = iter(body)
        next(lines)
        factories.make_key(acme)

        assert len(list(lines)) == before - 1


def test_one_organizations_exports_leave_room_for_others_and_give_back_their_seats(
    api, acme, globex, monkeypatch
):
    monkeypatch.setattr(audit_views, "seats", Seats(3))
    with closing(export(acme)), closing(export(acme)):
        refused = api.get("~/audit/export")
        assert (refused.status_code, refused["Retry-After"]) == (503, "30")
        assert codes(refused) == [("BUSY", None)]
        with closing(export(globex)), pytest.raises(BusyError):
            export(globex)

    for _ in range(4):
        assert api.get("~/audit/export").status_code == 200
    assert audit_views.seats.taken_by(acme.pk) == 0


def break_down(monkeypatch):
    def fail():
        raise OperationalError("the server is gone")

    monkeypatch.setattr(audit_views.slots, "entered", fail)


@pytest.mark.parametrize(
    "trouble",
    [
        # It is read too slowly,
        lambda patch: patch.setattr(audit_views, "LASTS_SECONDS", 0.0),
        # the process is to end, and the database is.
        lambda patch: patch.setattr(audit_views.slots, "is_stopping", lambda: True),
        break_down,
    ],
)
def test_an_export_that_is_cut_off_says_so_in_its_last_line(acme, monkeypatch, trouble):
    monkeypatch.setattr(audit_views, "LINES_AT_ONCE", 1)
    with closing(export(acme)) as body:
        lines = iter(body)
        next(lines)
        trouble(monkeypatch)

        (last_line,) = lines

    told = orjson.loads(last_line)
    assert (told["data"], told["errors"][0]["code"]) == (None, "CUT_OFF")


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

"""`.../settings/retention`: for how long an organization keeps what is over."""

from __future__ import annotations

import pytest
from django.db import IntegrityError
from django.urls import reverse

from orgs.models import Organization
from tests.client import codes

RETENTION = "~/settings/retention"


def kept(org):
    org = Organization.objects.get(pk=org.pk)
    return org.payload_days, org.history_days


def test_it_is_thirty_days_of_payloads_and_ninety_of_history_at_first(api):
    assert api.data(api.get(RETENTION)) == {"payload_days": 30, "history_days": 90}


def test_it_is_changed_for_the_organization_alone(api, acme, globex):
    before = Organization.objects.get(pk=acme.pk).updated_at

    changed = api.data(api.post(RETENTION, {"payload_days": 7, "history_days": 365}))

    assert changed == {"payload_days": 7, "history_days": 365}
    assert api.data(api.get(RETENTION)) == changed
    assert (kept(acme), kept(globex)) == ((7, 365), (30, 90))
    assert Organization.objects.get(pk=acme.pk).updated_at > before


def test_who_changed_it_is_in_the_log(api, acme, caplog):
    caplog.set_level("INFO", "orgs")

    api.data(api.post(RETENTION, {"payload_days": 1}))
    # Nothing changes.
    api.data(api.post(RETENTION, {"payload_days": 1}))

    assert caplog.messages == [
        f"organization {acme.pk} keeps payloads 1 day (was 30) and history 90 days (was 90) by "
        f"key {acme.keys.get().pk}"
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (30, 90)),
        ({"payload_days": 1}, (1, 90)),
        ({"payload_days": 90}, (90, 90)),
        ({"history_days": 30}, (30, 30)),
        ({"history_days": 3_650}, (30, 3_650)),
        # JSON knows no integers: this is one.
        ({"payload_days": 7.0}, (7, 90)),
    ],
)
def test_what_is_left_out_stays(api, acme, changes, expected):
    api.data(api.post(RETENTION, changes))

    assert kept(acme) == expected


@pytest.mark.parametrize(
    "changes",
    [{"payload_days": 91}, {"history_days": 29}, {"payload_days": 200, "history_days": 199}],
)
def test_history_is_kept_at_least_as_long_as_payloads(api, acme, changes):
    answer = api.post(RETENTION, changes)

    assert answer.status_code == 422
    assert codes(answer) == [("INVALID_RETENTION", "/history_days")]
    assert kept(acme) == (30, 90)


@pytest.mark.parametrize("name", ["payload_days", "history_days"])
@pytest.mark.parametrize("value", [0, -1, 3_651, 1.5, "30", None, [30]])
def test_days_are_whole_and_within_their_bounds(api, acme, name, value):
    answer = api.post(RETENTION, {name: value})

    assert answer.status_code == 400
    assert {at for _, at in codes(answer)} == {f"/{name}"}
    assert kept(acme) == (30, 90)


def test_a_field_that_nobody_knows_is_refused(api, acme):
    answer = api.post(RETENTION, {"event_days": 30})

    assert (answer.status_code, codes(answer)) == (400, [("INVALID_BODY", "/event_days")])


def test_the_database_keeps_the_rule(acme):
    with pytest.raises(IntegrityError, match="history_outlives_payloads"):
        Organization.objects.filter(pk=acme.pk).update(payload_days=91)


def save(admin_client, org, **days):
    url = reverse("admin:orgs_organization_change", args=[org.pk])
    return admin_client.post(url, {"name": org.name, "slug": org.slug, "is_meant": "on"} | days)


def test_an_operator_changes_it_in_the_admin(admin_client, admin_user, acme, caplog):
    caplog.set_level("INFO", "orgs")
    assert save(admin_client, acme, payload_days=14, history_days=60).status_code == 302

    assert kept(acme) == (14, 60)
    assert caplog.messages == [
        f"organization {acme.pk} keeps payloads 14 days (was 30) and history 60 days (was 90) by "
        f"{admin_user.email}"
    ]


def test_a_new_organization_begins_with_what_all_have(admin_client, db):
    url = reverse("admin:orgs_organization_add")

    assert admin_client.post(url, {"name": "New", "slug": "new"}).status_code == 302

    assert kept(Organization.objects.get(slug="new")) == (30, 90)


@pytest.mark.parametrize(
    ("days", "field"),
    [
        ({"payload_days": 61, "history_days": 60}, "history_days"),
        ({"payload_days": 0, "history_days": 60}, "payload_days"),
        ({"payload_days": 30, "history_days": 3_651}, "history_days"),
        ({"payload_days": "", "history_days": 60}, "payload_days"),
    ],
)
def test_the_admin_shows_what_is_wrong_at_its_field(admin_client, acme, days, field):
    response = save(admin_client, acme, **days)

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [field]
    assert kept(acme) == (30, 90)

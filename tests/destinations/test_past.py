"""A destination as it was: `past.recall`."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from destinations import past, services
from destinations.models import Destination
from tests import factories

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.com/{}"


def look_at_the_clock() -> datetime:
    """The database's, which the audit goes by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    return now


def change(destination, **changes):
    """A change, and when it had been made."""
    services.update_destination(destination=destination, changes=changes)
    return look_at_the_clock()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.integers(0, 3), max_size=6))
def test_each_moment_has_the_config_of_its_time(acme, numbers):
    label = f"of {look_at_the_clock()}"
    destination = factories.make_destination(acme, label=label, config={"url": URL.format(9)})
    moments = [look_at_the_clock()]
    moments += [change(destination, config={"url": URL.format(n)}) for n in numbers]

    found = [past.recall(destination, at) for at in moments]

    assert [one.config["url"] for one in found] == [URL.format(n) for n in [9, *numbers]]
    # What was asked about is as it was.
    assert destination.config == Destination.objects.get(pk=destination.pk).config


def test_what_it_authenticates_and_signs_with_is_of_its_time(acme):
    credentials = [factories.make_credential(acme, "http_bearer", label=name) for name in "ab"]
    key = factories.make_signing_key(acme)
    destination = factories.make_destination(acme, credential_id=credentials[0].pk)
    before = look_at_the_clock()
    between = change(destination, credential_id=credentials[1].pk, signing_key_id=key.pk)
    change(destination, credential_id=None, signing_key_id=None)

    found = [past.recall(destination, at) for at in (before, between)]

    assert [(one.credential_id, one.signing_key_id) for one in found] == [
        (credentials[0].pk, None),
        (credentials[1].pk, key.pk),
    ]


def test_what_the_audit_masks_stays_masked(acme):
    config = {"url": "https://user:pl4nted@a.example.com/x?key=pl4nted", "headers": {"x-team": "a"}}
    destination = factories.make_destination(acme)
    Destination.objects.filter(pk=destination.pk).update(config=config)
    destination.refresh_from_db()
    before = look_at_the_clock()
    change(destination, config={"url": URL.format(1)})

    found = past.recall(destination, before)

    assert found.config == {
        "url": "https://hidden@a.example.com/x?hidden",
        "headers": {"x-team": "hidden"},
    }


def test_what_has_changed_too_often_since_is_not_told(acme, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(past, "MOST_CHANGES", 3)
    destination = factories.make_destination(acme)
    before = look_at_the_clock()
    moments = [change(destination, config={"url": URL.format(n)}) for n in range(3)]

    assert past.recall(destination, before) is None
    with django_assert_num_queries(1):
        assert past.recall(destination, moments[0]).config["url"] == URL.format(0)


def test_the_story_of_another_organizations_destination_is_another(acme, globex):
    destination = factories.make_destination(acme)
    before = look_at_the_clock()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orgs_auditentry "
            "(org_id, actor, via, address, path, kind, row_id, event, before) "
            "VALUES (%s, '', 'api', '', '', 'destination', %s, 'updated', %s)",
            [globex.pk, str(destination.pk), '{"label": "stolen"}'],
        )

    assert past.recall(destination, before).label == destination.label

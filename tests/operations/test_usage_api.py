"""`/v1/orgs/{org_id}/usage`: sums by day or by variant."""

from __future__ import annotations

from datetime import date

import pytest

from operations import usage
from operations.models import COUNTS, Usage, VersionUsage
from tests.client import codes
from tests.operations.using import TODAY, never


@pytest.fixture
def used(acme, globex):
    """Two variants of acme on three days, and one of globex."""
    for org, variant, day, number in [
        (acme, "a", date(2026, 1, 30), 1),
        (acme, "a", date(2026, 2, 1), 2),
        (acme, "b", date(2026, 2, 1), 4),
        (acme, "b", date(2026, 2, 3), 8),
        (globex, "a", date(2026, 2, 1), 100),
    ]:
        Usage.objects.create(org=org, variant=variant, day=day, **dict.fromkeys(COUNTS, number))


def sums(number):
    return dict.fromkeys(COUNTS, number)


def test_days_are_summed_and_those_of_others_left_out(api, acme, used):
    answer = api.data(api.get("~/usage?from=2026-01-30&to=2026-02-01"))

    assert answer == {
        "org_id": str(acme.pk),
        "from": "2026-01-30",
        "to": "2026-02-01",
        "variant": None,
        "as_of": None,
        "totals": sums(7),
        "items": [
            {"day": "2026-01-30", **sums(1)},
            {"day": "2026-02-01", **sums(6)},
        ],
    }


def test_variants_are_summed_too_and_one_can_be_asked_for(api, used):
    by_variant = api.data(api.get("~/usage?from=2026-01-30&to=2026-02-03&by=variant"))
    only = api.data(api.get("~/usage?to=2026-02-28&variant=b"))

    assert by_variant["items"] == [{"variant": "a", **sums(3)}, {"variant": "b", **sums(12)}]
    # From the first of the month on.
    assert (only["from"], only["variant"], only["totals"]) == ("2026-02-01", "b", sums(12))
    assert [item["day"] for item in only["items"]] == ["2026-02-01", "2026-02-03"]


def test_versions_are_summed_and_what_was_counted_without_them_is_told(api, acme, globex, used):
    """Nothing of 30 January, and less than all of 1 February, was counted by versions."""
    for org, variant, version, day, number in [
        (acme, "a", 1, date(2026, 2, 1), 1),
        (acme, "b", 2, date(2026, 2, 1), 3),
        (acme, "b", 1, date(2026, 2, 1), 1),
        (acme, "b", 2, date(2026, 2, 3), 8),
        (globex, "a", 1, date(2026, 2, 1), 100),
    ]:
        counts = dict.fromkeys(COUNTS, number)
        VersionUsage.objects.create(org=org, variant=variant, version=version, day=day, **counts)
    ones = [
        {"variant": "b", "version": 1, **sums(1)},
        {"variant": "b", "version": 2, **sums(11)},
    ]

    answer = api.data(api.get("~/usage?from=2026-01-30&to=2026-02-03&by=version"))
    assert answer["totals"] == sums(15)
    assert answer["items"] == [
        {"variant": "a", "version": 1, **sums(1)},
        {"variant": "a", "version": None, **sums(2)},
        *ones,
    ]
    only = api.data(api.get("~/usage?from=2026-02-01&to=2026-02-03&by=version&variant=b"))
    assert only["items"] == ones


def test_unasked_it_is_of_this_month_and_says_as_of_when(api, acme, record):
    usage.roll_up(never)

    answer = api.data(api.get("~/usage"))

    assert (answer["from"], answer["to"]) == (str(TODAY.replace(day=1)), str(TODAY))
    assert answer["as_of"] is not None
    assert answer["totals"] == sums(0) | {"accepted": 1, "payload_bytes": 7}
    assert answer["items"] == [{"day": str(TODAY), **answer["totals"]}]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("from=yesterday", "/from"),
        ("to=2026-02-30", "/to"),
        ("to=", "/to"),
        ("from=2026-02-02&to=2026-02-01", "/from"),
        ("from=2024-12-01&to=2026-02-01", "/from"),
        ("by=hour", "/by"),
        ("variant=%00", None),
    ],
)
def test_nonsense_is_400(api, query, pointer):
    answer = api.get(f"~/usage?{query}")

    assert answer.status_code == 400
    assert codes(answer)[0][1] == pointer


def test_the_admin_shows_it(admin_client, used):
    page = admin_client.get("/admin/operations/usage/").content.decode()

    assert "Jan. 30, 2026" in page or "2026-01-30" in page
    assert admin_client.get("/admin/operations/usage/add/").status_code == 403
    assert admin_client.get("/admin/operations/versionusage/").status_code == 200

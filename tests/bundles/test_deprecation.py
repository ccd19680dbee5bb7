"""Since when versions are deprecated, and when they go, in bundles."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from actions.models import ActionDefinition
from bundles import exports, plans
from bundles.planning.steps import preview
from config.errors import DomainError
from tests import factories
from tests.bundles.bundle import action, bundle, carry_out, told

MAY, JUNE, JULY = (f"2026-{month:02}-01T00:00:00+00:00" for month in (5, 6, 7))
COUNT = {"variant": "count"}


def moments(version=1):
    row = ActionDefinition.objects.get(variant="count", version=version)
    return tuple(one and one.isoformat() for one in (row.deprecated_at, row.sunset_at))


# What is there, what is said of it, whether that changes it, and what it then has.
SAID = {
    "nothing": ((MAY, JUNE), {}, "keep", (MAY, JUNE)),
    "the same": ((MAY, JUNE), {"deprecated_at": MAY, "sunset_at": JUNE}, "keep", (MAY, JUNE)),
    "the same, elsewhere": (
        (MAY, None),
        {"deprecated_at": "2026-05-01T02:00:00+02:00"},
        "keep",
        (MAY, None),
    ),
    "a first": ((None, None), {"deprecated_at": MAY}, "update", (MAY, None)),
    "one more": ((MAY, None), {"sunset_at": JUNE}, "update", (MAY, JUNE)),
    "others": ((MAY, JUNE), {"deprecated_at": JUNE, "sunset_at": JULY}, "update", (JUNE, JULY)),
    "one taken back": ((MAY, JUNE), {"deprecated_at": None}, "update", (None, JUNE)),
    "both taken back": (
        (MAY, JUNE),
        {"deprecated_at": None, "sunset_at": None},
        "update",
        (None, None),
    ),
    "none of none": ((None, None), {"deprecated_at": None, "sunset_at": None}, "keep", (None,) * 2),
    # That it is deprecated is no moment where there is one.
    "deprecated already": ((MAY, JUNE), {"deprecated": True}, "keep", (MAY, JUNE)),
    "deprecated since": ((None, None), {"deprecated": True, "deprecated_at": MAY}, "update",
                         (MAY, None)),
    "deprecated, and gone": ((None, MAY), {"deprecated": True}, "update", (MAY, MAY)),
}  # fmt: skip


@pytest.mark.parametrize("in_versions", [False, True], ids=["newest", "exact"])
@pytest.mark.parametrize("said", SAID)
def test_moments_become_what_is_said_of_them(acme, said, in_versions):
    (began, ends), fields, op, then = SAID[said]
    factories.make_definition(
        acme,
        deprecated_at=began and datetime.fromisoformat(began),
        sunset_at=ends and datetime.fromisoformat(ends),
    )
    entry = {"versions": [{"version": 1, **fields}]} if in_versions else fields
    document = bundle(COUNT | entry)

    assert told(carry_out(acme, document)) == [f"{op} count v1"]
    assert moments() == then
    assert not plans.plan(org=acme, document=document).changes


def test_that_it_is_deprecated_is_so_since_it_was_first_imported(acme):
    document = bundle(action(deprecated=True))
    before = timezone.now()
    carry_out(acme, document)
    first = ActionDefinition.objects.get().deprecated_at
    assert before <= first <= timezone.now()
    assert told(carry_out(acme, document)) == ["keep count v1"]

    # Each version since it is there; what no longer says so is still deprecated.
    carry_out(acme, bundle(action(schema=True, deprecated=True)))
    carry_out(acme, bundle(action(schema=True)))
    stored = ActionDefinition.objects.order_by("version").values_list("deprecated_at", flat=True)
    assert stored[0] == first < stored[1]


def test_a_new_version_is_not_deprecated_and_one_that_comes_back_still_is(acme):
    carry_out(acme, bundle(action(deprecated_at=MAY, sunset_at=JUNE)))
    carry_out(acme, bundle(action(schema=True)))
    assert (moments(1), moments(2)) == ((MAY, JUNE), (None, None))

    carry_out(acme, bundle(COUNT | {"versions": [{"version": 2}]}), prune=True)
    carry_out(acme, bundle(COUNT | {"versions": [{"version": 1}]}))
    assert moments(1) == (MAY, JUNE)


# What is there, what is said of it, and where that is at fault.
WRONG = {
    "gone before": (
        (None, None),
        {"deprecated_at": JUNE, "sunset_at": MAY},
        ("INVALID_SUNSET", "/sunset_at"),
    ),
    "gone before what is there": (
        (JUNE, None),
        {"sunset_at": MAY},
        ("INVALID_SUNSET", "/sunset_at"),
    ),
    "deprecated after what is there": (
        (None, MAY),
        {"deprecated_at": JUNE},
        ("INVALID_SUNSET", "/sunset_at"),
    ),
    "no moment": (
        (None, None),
        {"deprecated_at": "soon"},
        ("INVALID_BUNDLE", "/deprecated_at"),
    ),
    # RFC 3339 has it; nothing here does.
    "a leap second": (
        (None, None),
        {"sunset_at": "2016-12-31T23:59:60Z"},
        ("INVALID_BUNDLE", "/sunset_at"),
    ),
    "not deprecated": ((None, None), {"deprecated": False}, ("INVALID_BUNDLE", "/deprecated")),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_moments_that_make_no_sense_are_faults(acme, wrong):
    (began, ends), fields, (code, pointer) = WRONG[wrong]
    factories.make_definition(
        acme,
        deprecated_at=began and datetime.fromisoformat(began),
        sunset_at=ends and datetime.fromisoformat(ends),
    )
    for entry, at in ((fields, ""), ({"versions": [{"version": 1, **fields}]}, "/versions/0")):
        with pytest.raises(DomainError) as caught:
            plans.plan(org=acme, document=bundle(COUNT | entry))
        found = [(fault.code, fault.pointer) for fault in caught.value.faults]
        assert found == [(code, f"/actions/0{at}{pointer}")]


def test_moments_stand_in_each_of_the_versions(acme):
    versions = [{"version": 1, "schema": True}]
    with pytest.raises(DomainError) as caught:
        plans.plan(org=acme, document=bundle(action(versions=versions, sunset_at=MAY)))
    (fault,) = caught.value.faults
    assert (fault.code, fault.pointer) == ("MIXED_VERSIONS", "/actions/0/sunset_at")


def test_what_changes_is_shown(acme, tmp_path):
    carry_out(acme, bundle(action(deprecated_at=MAY)))
    document = bundle(COUNT | {"deprecated_at": JUNE, "sunset_at": JULY})
    (step,) = plans.plan(org=acme, document=document).steps
    june, july = datetime.fromisoformat(JUNE), datetime.fromisoformat(JULY)
    assert preview(step)["update"] == {"version": 1, "deprecated_at": june, "sunset_at": july}

    path, out = tmp_path / "bundle.yaml", io.StringIO()
    path.write_text(f"actions: [{{variant: count, deprecated_at: {JUNE}, sunset_at: {JULY}}}]\n")
    call_command("import", str(path), "--org", "acme", stdout=out)
    assert "      deprecated_at: 2026-05-01 00:00:00+00:00 -> 2026-06-01 00:00:00+00:00\n" in (
        out.getvalue()
    )
    assert "      sunset_at: none -> 2026-07-01 00:00:00+00:00\n" in out.getvalue()
    assert moments() == (JUNE, JULY)


def test_an_export_has_them_and_restores_them(acme, globex):
    carry_out(acme, bundle(action(deprecated_at=MAY, sunset_at=JUNE)))
    (shown,) = exports.export(acme)["actions"][0]["versions"]
    assert (shown["deprecated_at"], shown["sunset_at"]) == (MAY, JUNE)
    carry_out(globex, exports.export(acme))
    assert exports.export(globex) == exports.export(acme)

    exported = exports.export(acme)
    later = datetime.fromisoformat(MAY) + timedelta(days=1)
    ActionDefinition.objects.of_org(acme.pk).update(deprecated_at=later, sunset_at=None)
    carry_out(acme, exported)
    assert exports.export(acme) == exported


def test_a_moment_that_somebody_else_says_is_drift(api):
    document = bundle(action(deprecated_at=MAY))
    revision = api.data(api.post("~/config/revisions", {"definition": document}))
    api.post(f"~/config/revisions/{revision['id']}/apply")
    assert api.data(api.get(f"~/config/revisions/{revision['id']}/drift"))["in_sync"]

    ActionDefinition.objects.update(deprecated_at=JUNE)
    drift = api.data(api.get(f"~/config/revisions/{revision['id']}/drift"))
    assert drift["steps"][0]["update"] == {"version": 1, "deprecated_at": MAY}

"""A judge of contracts that looks at little, and versions for it."""

from __future__ import annotations

import pytest

from actions import compatibility
from actions.compatibility import Finding, Kind, Report, Verdict
from tests import factories

UNKNOWN = Report(
    Verdict.INDETERMINATE,
    (Finding("not_understood", Kind.UNPROVED, "Nobody can tell.", "", "/title"),),
)


def requiring(*names):
    """A contract that wants these."""
    return {"type": "object", "required": [*names]}


def compare(old, new, *, direction, **options):
    """What a judge says who looks at `required` alone, and at titles that nobody understands."""
    if "title" in old or "title" in new:
        return UNKNOWN
    sides = {"backward": ["new"], "forward": ["old"], "full": ["new", "old"]}[direction]
    findings = [_find(old, new, side) for side in sides]
    broken = tuple(finding for finding in findings if finding)
    return Report(Verdict.INCOMPATIBLE if broken else Verdict.COMPATIBLE, broken)


def _find(old, new, refused_by):
    wants, accepts = (new, old) if refused_by == "new" else (old, new)
    if set(wants["required"]) <= set(accepts["required"]):
        return None
    accepted_by = {"new": "old", "old": "new"}[refused_by]
    at, sample = "/required", dict.fromkeys(accepts["required"], 1)
    return Finding(
        "required_added", Kind.BREAKS, "More is required.", at, at, accepted_by, refused_by, sample
    )


@pytest.fixture
def compared(monkeypatch):
    """The judge above; what it was asked to compare, as (required of the old, of the new)."""
    seen = []

    def look(old, new, **options):
        seen.append(("".join(old.get("required", "?")), "".join(new.get("required", "?"))))
        return compare(old, new, **options)

    monkeypatch.setattr(compatibility, "compare_apart", look)
    return seen


def publish(org, *required, **fields):
    return factories.make_definition(org, schema=requiring(*required), **fields)

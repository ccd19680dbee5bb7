"""Versions of which nobody can tell whether they keep the policy of their variant."""

from __future__ import annotations

import io
from functools import partial

import orjson
import pytest
from django.core.management import CommandError, call_command

from actions import compatibility
from actions.compatibility import Report, Verdict
from actions.models import ActionDefinition
from bundles import plans
from bundles.planning.policies import Judge
from config import commands
from config.commands import Exit
from config.errors import DomainError
from tests.bundles.bundle import action, bundle, carry_out, told
from tests.client import codes

REVISIONS = "~/config/revisions"
ALLOWING = partial(Judge, allow_indeterminate=True)
WIDER = bundle(action(schema=True))


@pytest.fixture
def _undecided(acme, monkeypatch):
    """A variant with a policy, and nobody who can tell what keeps it."""
    carry_out(acme, bundle(action(compatibility="full")))
    untold = Report(Verdict.INDETERMINATE)
    monkeypatch.setattr(compatibility, "compare_apart", lambda old, new, **terms: untold)


@pytest.mark.usefixtures("_undecided")
def test_they_are_published_where_that_is_allowed(acme):
    with pytest.raises(DomainError) as caught:
        plans.plan(org=acme, document=WIDER)
    (fault,) = caught.value.faults
    assert (fault.code, fault.pointer) == ("COMPATIBILITY_INDETERMINATE", "/actions/0/schema")
    assert told(carry_out(acme, WIDER, judge=ALLOWING(acme.pk))) == ["create count v2"]


def test_what_breaks_the_policy_is_not_published_all_the_same(acme, monkeypatch):
    carry_out(acme, bundle(action(compatibility="full")))
    breaks = Report(Verdict.INCOMPATIBLE)
    monkeypatch.setattr(compatibility, "compare_apart", lambda old, new, **terms: breaks)

    with pytest.raises(DomainError) as caught:
        plans.plan(org=acme, document=WIDER, judge=ALLOWING(acme.pk))
    assert [fault.code for fault in caught.value.faults] == ["INCOMPATIBLE"]


@pytest.mark.usefixtures("_undecided")
def test_a_command_allows_it_by_an_option(acme, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "SECONDS_BETWEEN_LINES", 0)
    path = tmp_path / "bundle.json"
    path.write_bytes(orjson.dumps(WIDER))
    given = ("import", str(path), "--org", "acme")

    with pytest.raises(CommandError, match="COMPATIBILITY_INDETERMINATE") as caught:
        call_command(*given, stderr=io.StringIO())
    assert caught.value.returncode == Exit.REFUSED
    told_of = io.StringIO()
    call_command(*given, "--allow-indeterminate", stdout=io.StringIO(), stderr=told_of)
    assert ActionDefinition.objects.filter(version=2).exists()
    # Whoever waits sees that it goes on; where nothing is judged, nothing is shown of it.
    assert "Comparing: 1 of 1\n" in told_of.getvalue()
    told_of = io.StringIO()
    call_command(*given, stdout=io.StringIO(), stderr=told_of)
    assert "Comparing" not in told_of.getvalue()


@pytest.mark.usefixtures("_undecided")
def test_a_revision_keeps_that_it_is_allowed(api):
    assert codes(api.post(REVISIONS, {"definition": WIDER})) == [
        ("COMPATIBILITY_INDETERMINATE", "/definition/actions/0/schema")
    ]
    body = {"definition": WIDER, "allow_indeterminate": True}
    revision = api.data(api.post(REVISIONS, body))
    assert revision["allow_indeterminate"] is True

    applied = api.data(api.post(f"{REVISIONS}/{revision['id']}/apply"))
    assert (applied["status"], applied["allow_indeterminate"]) == ("applied", True)
    assert ActionDefinition.objects.filter(version=2).exists()

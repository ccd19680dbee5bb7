"""Rows for the fuzzed organization, made by a process that has its database."""

from __future__ import annotations

from destinations import services as destinations
from destinations.models import Destination
from orgs.models import Organization
from tests import factories
from tests.routes import make_rows

# So many that deletions, which go on all the time, leave some for all other calls.
SETS = 29


def make(org_id: int, url: str) -> None:
    """Rows of each kind for the organization, whose actions go to this URL.

    Another organization has rows, too: ids that are there, and are not to be reached.
    """
    org = Organization.objects.get(pk=org_id)
    make_rows(factories.make_org("Globex"), "send_letter")
    for number in range(SETS):
        rows = make_rows(org, f"send_email_{number}")
        to = Destination.objects.get(pk=rows["destinations"])
        destinations.update_destination(destination=to, changes={"config": {"url": url}})


def make_caller(org_id: int) -> str:
    """The key of one more owner of the organization."""
    org = Organization.objects.get(pk=org_id)
    return factories.make_key(org, member=factories.make_member(org, "owner"))

"""What people do to single actions, in the organization's audit.

Actions change all the time by themselves, so there is no trigger on them that everything else would
pay for: the service that does what somebody asked for writes the entry, in its transaction.
"""

from __future__ import annotations

from dataclasses import asdict

from dispatch.models import ActionRecord
from orgs.audit import acting
from orgs.audit.acting import Actor, Via
from orgs.models import AuditEntry

KIND = "action record"


def lock_status(record: ActionRecord) -> str | None:
    """The action's status, which stays until the transaction is over; None where it is gone."""
    rows = ActionRecord.objects.select_for_update().filter(pk=record.pk)
    return rows.values_list("status", flat=True).first()


def tell(record: ActionRecord, *, actor: str, before: str | None, after: str, **told: str) -> None:
    """Write down who has changed the action's status, and what else there is to be `told`.

    It is whoever is at work; where nobody is known to be, the `actor` of the service.
    """
    at_work = acting.who() or Actor(actor, Via.DATABASE)
    AuditEntry.objects.create(
        **asdict(at_work),
        org_id=record.org_id,
        kind=KIND,
        row_id=str(record.pk),
        event=AuditEntry.Event.UPDATED,
        before={"status": before},
        after={"status": after} | told,
    )

"""What people do to single actions, in the organization's audit.

Actions change all the time by themselves, so there is no trigger on them that everything else would
pay for: the service that does what somebody asked for writes the entry, in its transaction.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from dispatch.models import ActionRecord
from orgs.audit import acting
from orgs.audit.acting import Actor, Via
from orgs.models import AuditEntry

KIND = "action record"


@dataclass(frozen=True, slots=True)
class Cause:
    """Who does something to actions, and why; the events of each tell of it."""

    actor: str
    reason: str = ""
    bulk_id: int | None = None

    def __str__(self) -> str:
        return f"{self.actor}: {self.reason}" if self.reason else f"{self.actor}."

    def as_detail(self) -> dict[str, str]:
        """What is known of it, for an event."""
        detail = {"by": self.actor}
        if self.reason:
            detail["reason"] = self.reason
        if self.bulk_id is not None:
            detail["bulk"] = str(self.bulk_id)
        return detail


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

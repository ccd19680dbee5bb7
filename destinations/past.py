"""A destination as it was at some time, by what the audit has of its changes since."""

from __future__ import annotations

import copy
from datetime import datetime

from destinations.models import Destination
from orgs.models import AuditEntry

KIND = "destination"
# What a change may be of that an attempt depends on.
COLUMNS = ("label", "config", "credential_id", "signing_key_id")
MOST_CHANGES = 500


def recall(destination: Destination, at: datetime) -> Destination | None:
    """The destination as it was then; None where it has changed too often since.

    What the audit masks of a config stays so: the values of headers, and of a URL its query and who
    logs in.
    """
    story = AuditEntry.objects.filter(
        org_id=destination.org_id, kind=KIND, row_id=str(destination.pk)
    )
    # By the index, which has no times: of a row that changes all the time, no more than these.
    newest = list(story.order_by("-id").values_list("at", "before")[:MOST_CHANGES])
    since = [before or {} for moment, before in newest if moment > at]
    if len(since) == MOST_CHANGES:
        return None
    was = copy.copy(destination)
    for before in since:
        for name in before.keys() & set(COLUMNS):
            setattr(was, name, before[name])
    return was

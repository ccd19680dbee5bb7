"""How actions are told: their statuses, and how long something took."""

from __future__ import annotations

from datetime import timedelta

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dispatch.models import ActionEvent, Status
from dispatch.timelines import Moment

register = template.Library()
Happened = ActionEvent.Kind
CLASSES = {
    Status.QUEUED: "wb-info",
    Status.SCHEDULED: "wb-idle",
    Status.HELD: "wb-warn",
    Status.RUNNING: "wb-info",
    Status.ACK_WAIT: "wb-warn",
    Status.SUCCEEDED: "wb-good",
    Status.FAILED: "wb-bad",
    Status.CANCELED: "wb-idle",
}
MARKS = {
    Happened.SUCCEEDED: "wb-good",
    Happened.APPROVED: "wb-good",
    Happened.SUNK: "wb-good",
    Happened.DELIVERED: "wb-info",
    Happened.PULLED: "wb-info",
    Happened.EXTENDED: "wb-info",
    Happened.HELD: "wb-warn",
    Happened.LATE: "wb-warn",
    Happened.RETRIED: "wb-bad",
    Happened.NACKED: "wb-bad",
    Happened.FAILED: "wb-bad",
    Happened.UNSETTLED: "wb-bad",
    Happened.LEASE_EXPIRED: "wb-bad",
    Happened.DEADLINE_EXCEEDED: "wb-bad",
    Happened.DENIED: "wb-bad",
    Happened.APPROVAL_EXPIRED: "wb-bad",
}
WORDS = {
    Happened.RETRIED: "failed, to be retried",
    Happened.NACKED: "was refused (nack)",
    Happened.FAILED: "failed for good",
    Happened.SUCCEEDED: "succeeded",
    Happened.DELIVERED: "was delivered, and waits for its settlement",
    Happened.PULLED: "was pulled, and waits for its settlement",
    Happened.EXTENDED: "got more time to be settled",
    Happened.UNSETTLED: "was not settled in time",
    Happened.LEASE_EXPIRED: "was lost with its dispatcher",
    Happened.LATE: "was settled too late: nothing changed",
}
MINUTE, HOUR, DAY = 60, 3_600, 86_400


@register.simple_tag
def status(value: str) -> SafeString:
    """A status as a badge."""
    known = Status(value)
    label = known.replace("_", " ")
    return format_html('<span class="wb-badge {}">{}</span>', CLASSES[known], label)


@register.filter
def mark(moment: Moment) -> str:
    """The colour of what happened."""
    return MARKS.get(Happened(moment.event.kind), "wb-idle")


@register.filter
def words(moment: Moment) -> str:
    """What happened, in words."""
    kind = Happened(moment.event.kind)
    if kind in WORDS and moment.is_of_attempt:
        return f"Attempt {moment.attempt} {WORDS[kind]}"
    label = kind.label
    return label[:1].upper() + label[1:]


@register.filter
def duration(value: timedelta | float | None) -> str:
    """A span of time, as a person tells it; a number is of milliseconds."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value / 1_000
    if seconds < 1:
        return f"{max(0, seconds) * 1_000:.0f} ms"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min {seconds % MINUTE:.0f} s"
    if seconds < DAY:
        return f"{seconds // HOUR:.0f} h {seconds % HOUR // MINUTE:.0f} min"
    return f"{seconds // DAY:.0f} d {seconds % DAY // HOUR:.0f} h"

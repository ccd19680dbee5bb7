"""What needs a person, for who is looking: each in words, with where to go for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from destinations.models import Credential, Destination
from dispatch import intake, overview
from operations import overview as troubles
from orgs.models import ApiKey
from orgs.viewers import Viewer

EXPIRES_WITHIN = timedelta(days=14)
# So many are named, and no more are counted.
NAMED = 3
COUNTED = 100
_ORG = "/v1/orgs/{org_id}"


@dataclass(frozen=True, slots=True)
class Need:
    """Something that needs a person. `tone` is bad, warn or info."""

    tone: str
    icon: str
    title: str
    text: str
    url: str


def find(viewer: Viewer, *, failed: int, window: str) -> list[Need]:
    """What needs a person, the worst first; `failed` is how many have in the window of the page."""
    found = [
        *(_find_troubles() if viewer.user.has_perm("operations.view_chore") else ()),
        *_find_failed(failed, window),
        *_find_held(viewer),
        *_find_paused(viewer),
        *_find_expiring(viewer),
    ]
    return sorted(found, key=lambda need: ("bad", "warn", "info").index(need.tone))


def _find_failed(failed: int, window: str) -> Iterator[Need]:
    if failed:
        title = f"{failed:,} failed in the {window.lower()}"
        text = "They are kept and can be replayed, one by one or in bulk."
        url = f"{reverse('console:records')}?status=failed"
        yield Need("bad", "error", title, text, url)


def _find_held(viewer: Viewer) -> Iterator[Need]:
    if held := overview.count_held(viewer.org_id):
        wait = "waits" if held == 1 else "wait"
        title = f"{tell_bounded(held, overview.COUNTED)} {wait} for approval"
        url = f"{reverse('console:records')}?status=held"
        text = f"What nobody approves within {intake.APPROVAL_HOURS} hours is canceled."
        yield Need("warn", "front_hand", title, text, url)


def _find_paused(viewer: Viewer) -> Iterator[Need]:
    paused = viewer.narrow(Destination.objects.live().filter(paused_at__isnull=False))
    names = _name(paused)
    if names:
        title = f"{tell_bounded(len(names), COUNTED)} paused {_plural('destination', names)}"
        url = f"{reverse('console:health')}?show=paused"
        yield Need("warn", "pause_circle", title, _list(names), url)


def _find_expiring(viewer: Viewer) -> Iterator[Need]:
    until = timezone.now() + EXPIRES_WITHIN
    credentials, keys = Credential.objects.live(), ApiKey.objects.live().filter(replaced_by=None)
    for kind, live, operation, label, page in (
        ("credential", credentials, f"GET {_ORG}/credentials", "label", "destinations_credential"),
        ("API key", keys, f"GET {_ORG}/keys", "description", "orgs_apikey"),
    ):
        if not viewer.may(operation):
            continue
        rows: QuerySet = viewer.narrow(live).filter(expires_at__lt=until)
        names = _name(rows.order_by("expires_at"), label)
        if names:
            count = tell_bounded(len(names), COUNTED)
            title = f"{count} {_plural(kind, names)} expired, or expiring within 14 days"
            yield Need("warn", "key", title, _list(names), reverse(f"admin:{page}_changelist"))


def _find_troubles() -> Iterator[Need]:
    for trouble in troubles.find_troubles():
        tone = "bad" if trouble["name"] in ("database", "partitions", "lanes") else "warn"
        title = trouble["name"].capitalize()
        yield Need(tone, "engineering", title, trouble["text"], trouble["url"])


def tell_bounded(count: int, most: int) -> str:
    """A count that stops at a bound: "1,000+" where there are more."""
    return f"{most:,}+" if count > most else f"{count:,}"


def _name(rows: QuerySet, label: str = "label") -> list[str]:
    return list(rows.values_list(label, flat=True)[: COUNTED + 1])


def _list(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (
        f" and {tell_bounded(more, COUNTED)} more" if more > 0 else ""
    )


def _plural(noun: str, names: list[str]) -> str:
    return noun if len(names) == 1 else f"{noun}s"

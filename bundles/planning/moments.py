"""Since when a version is deprecated and when it goes, as a document says it."""

from __future__ import annotations

from datetime import datetime

from actions import services as actions
from actions.services import MOMENTS
from bundles.planning.states import Version
from bundles.planning.wishes import Entry
from config.errors import DomainError
from config.parsing import find_moment

Moments = dict[str, datetime | None]


def read_moments(entry: Entry, version: Version, now: datetime) -> Moments:
    """Those that an entry speaks of, as they are to be of the version."""
    said = {name: _read(entry[name], f"/{name}") for name in MOMENTS if name in entry}
    ends = said.get("sunset_at", version.sunset_at)
    if "deprecated" in entry and said.get("deprecated_at", version.deprecated_at) is None:
        # What has gone already was deprecated by then.
        said.setdefault("deprecated_at", min(now, ends) if ends else now)
    actions.check_moments(said.get("deprecated_at", version.deprecated_at), ends)
    return said


def _read(text: str | None, pointer: str) -> datetime | None:
    """The moment; not all that the format allows is one, leap seconds are not."""
    moment = None if text is None else find_moment(text)
    if text is not None and moment is None:
        message = f"{text!r} is no moment that can be stored."
        raise DomainError(message, code="INVALID_BUNDLE", pointer=pointer)
    return moment

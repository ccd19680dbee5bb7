"""Definitions by variant: what is sent, where it leads, and when it was sent last."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from actions import browsing
from actions.browsing import Name, Variant
from console.definitions.found import LIST, PUBLISH
from console.pages import page, read_text
from dispatch import sightings
from orgs.models import Organization
from orgs.permissions import HAND_IN
from orgs.viewers import viewer_of
from orgs.windows import is_row_id

MOST_CHARACTERS = 255
# Of each variant, so many versions are asked when they were sent last.
LOOKED_AT = 3


class Line(NamedTuple):
    """A line of the list."""

    name: Name
    about: Variant
    org: Organization | None
    seen_at: datetime | None


@page("console/definitions/list.html", title="Definitions")
def list_definitions(request: HttpRequest) -> dict[str, Any]:
    """A page of variants, or of the names that begin with what is searched for."""
    return _list(request, "console:definitions")


@page("console/definitions/list.html", title="Try it")
def list_to_try(request: HttpRequest) -> dict[str, Any]:
    """The same, to choose what to try."""
    viewer_of(request).require(HAND_IN)
    return _list(request, "console:try") | {"is_to_try": True}


def _list(request: HttpRequest, name: str) -> dict[str, Any]:
    viewer = viewer_of(request)
    viewer.require(LIST)
    begins = read_text(request.GET, "q")[:MOST_CHARACTERS]
    names = browsing.list_names(
        org_ids=viewer.org_ids,
        begins=begins,
        after=_read_after(request),
        most=browsing.PAGE + 1,
    )
    shown = names[: browsing.PAGE]
    return {
        "lines": _describe(shown, with_orgs=viewer.org is None),
        "begins": begins,
        "next": _find_next(name, shown[-1], begins) if len(names) > browsing.PAGE else "",
        "is_further": "after" in request.GET,
        "with_orgs": viewer.org is None,
        "may_publish": viewer.may(PUBLISH),
        "may_send": viewer.may(HAND_IN),
    }


def _describe(names: list[Name], *, with_orgs: bool) -> list[Line]:
    about = browsing.describe((name.org_id, name.variant) for name in names)
    ids = [version.id for one in about.values() for version in one.versions[:LOOKED_AT]]
    seen = sightings.find_last_seen(ids)
    orgs = Organization.objects.in_bulk({name.org_id for name in names}) if with_orgs else {}
    return [
        Line(name, one, orgs.get(name.org_id), _find_seen(one, seen))
        for name in names
        for one in (about[name.org_id, name.variant],)
        if one.newest
    ]


def _find_seen(variant: Variant, seen: dict[int, datetime]) -> datetime | None:
    moments = [seen[one.id] for one in variant.versions[:LOOKED_AT] if one.id in seen]
    return max(moments, default=None)


def _read_after(request: HttpRequest) -> tuple[int, str]:
    """Behind which name the page begins: an organization's id and a name."""
    org_id, _, name = request.GET.get("after", "").partition(":")
    return (int(org_id), name.replace("\0", "")) if is_row_id(org_id) else (0, "")


def _find_next(name: str, last: Name, begins: str) -> str:
    asked = {"q": begins, "after": f"{last.org_id}:{last.name}"}
    return f"{reverse(name)}?{urlencode(asked)}"

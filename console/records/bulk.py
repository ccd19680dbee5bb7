"""From a search, or from what is ticked in its list, to the form of a bulk operation."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import urlencode

import orjson
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import MAX_URL_REDIRECT_LENGTH

from actions.models import ActionDefinition
from config.parsing import find_local_moment, find_zone
from console.pages import fragment
from console.records import lists, searching
from console.records.searching import Search
from dispatch.filters import RecordFilter
from operations.schemas import MOST_IDS
from orgs.viewers import Viewer, viewer_of
from orgs.windows import is_row_id

NOTHING_TICKED = "Tick the actions first."
NOTHING_FOUND = "No action matches, and so there is nothing to be done."
SEVERAL_ORGS = "These are actions of several organizations: look at one of them first."
TOO_MANY = f"These are more than {MOST_IDS} actions: narrow the search some other way."
TOO_LONG = "This is more than an address holds: search for less at once."
# What the search calls differently than the form that it leads to.
SAME = {"status": "status", "error": "error", "destination": "destination_label"}


class _NotPossibleError(Exception):
    """Why there is no bulk operation to be made of it."""


@fragment("console/records/list.html")
def start_bulk(request: HttpRequest) -> HttpResponseBase:
    """Leads to the form, filled in; back to the list with a word where that cannot be."""
    viewer = viewer_of(request)
    search = searching.read(request.GET, viewer)
    kinds = searching.find_kinds(viewer, search)
    if not kinds:
        raise PermissionDenied
    try:
        kind = _read_kind(request, kinds)
        return redirect(_find_form(request, search, viewer, kind))
    except _NotPossibleError as reason:
        messages.error(request, str(reason))
    back = f"{reverse('console:records')}?{search.write_query()}"
    # Nobody is led to an address that is too long: they see the list here.
    return redirect(back) if len(back) <= MAX_URL_REDIRECT_LENGTH else lists.list_records(request)


def _find_form(request: HttpRequest, search: Search, viewer: Viewer, kind: str) -> str:
    """The address of the form, filled in."""
    ticked = "ticked" in request.GET
    asked = _of_ticked(request, viewer) if ticked else _of_search(search, viewer)
    address = f"{reverse('admin:operations_bulkoperation_add')}?{urlencode({'kind': kind} | asked)}"
    if len(address) > MAX_URL_REDIRECT_LENGTH:
        raise _NotPossibleError(TOO_LONG)
    return address


def _read_kind(request: HttpRequest, kinds: list[str]) -> str:
    kind = request.GET.get("kind", "")
    if kind not in kinds:
        raise _NotPossibleError("Choose what is to be done.")
    return kind


def _of_ticked(request: HttpRequest, viewer: Viewer) -> dict[str, Any]:
    ids = tuple(int(one) for one in request.GET.getlist("ids") if is_row_id(one))
    if not ids:
        raise _NotPossibleError(NOTHING_TICKED)
    return _name_records(ids, viewer)


def _of_search(search: Search, viewer: Viewer) -> dict[str, Any]:
    if search.faults:
        raise _NotPossibleError(" ".join(search.faults.values()))
    asked = {there: search.texts[here] for here, there in SAME.items() if search.texts[here]}
    if viewer.org is not None:
        asked["org"] = str(viewer.org.pk)
    if search.filter.tags:
        # As the form has them.
        pairs = [{"name": key, "value": value} for key, value in search.filter.tags.items()]
        asked["tags"] = orjson.dumps(pairs).decode()
    asked |= _name_moments(search)
    if search.filter.definition_ids is not None:
        asked |= _name_variant(search, viewer)
    if search.filter.record_ids is not None:
        asked |= _name_records(search.filter.record_ids, viewer)
    return asked


def _name_records(ids: tuple[int, ...], viewer: Viewer) -> dict[str, str]:
    """The actions by their ids, and whose they are."""
    rows = RecordFilter(record_ids=ids).index(viewer.org_id).order_by("pk")
    found = list(rows.values_list("pk", "org_id")[: MOST_IDS + 1])
    if not found:
        raise _NotPossibleError(NOTHING_FOUND)
    if len(found) > MOST_IDS:
        raise _NotPossibleError(TOO_MANY)
    return {
        "ids": " ".join(str(pk) for pk, _ in found),
        "org": _find_only({org_id for _, org_id in found}),
    }


def _name_variant(search: Search, viewer: Viewer) -> dict[str, str]:
    """The variant that an organization means by the name, which may be an alias."""
    ids = search.filter.definition_ids or ()
    rows = viewer.narrow(ActionDefinition.objects.filter(pk__in=ids))
    found = set(rows.order_by().values_list("org_id", "variant").distinct())
    if not found:
        raise _NotPossibleError(NOTHING_FOUND)
    variants = {variant for _, variant in found}
    if len(variants) > 1:
        raise _NotPossibleError(SEVERAL_ORGS)
    orgs = {org_id for org_id, _ in found}
    # Where several have it, the form asks for one.
    return {"variant": variants.pop()} | ({"org": _find_only(orgs)} if len(orgs) == 1 else {})


def _find_only(orgs: set[int]) -> str:
    if len(orgs) > 1:
        raise _NotPossibleError(SEVERAL_ORGS)
    return str(orgs.pop())


def _name_moments(search: Search) -> dict[str, str]:
    """The moments as the form has them: in the zone of the search, which it gets to know."""
    asked = {
        "created_after": search.filter.created_after,
        "created_before": search.filter.created_before,
    }
    given = {name: moment for name, moment in asked.items() if moment is not None}
    if not given:
        return {}
    zone = find_zone(search.texts["zone"])
    if not all(_is_kept(moment, zone) for moment in given.values()):
        zone = UTC
    return {name: _spell(moment, zone) for name, moment in given.items()} | {"zone": str(zone)}


def _is_kept(moment: datetime, zone: tzinfo) -> bool:
    """Whether the zone's clocks tell it: not where they tell two moments the same way."""
    told = find_local_moment(_spell(moment, zone), zone)
    return told is not None and told.astimezone(UTC) == moment.astimezone(UTC)


def _spell(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%dT%H:%M:%S}"

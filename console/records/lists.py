"""The list of actions, as far as somebody looks for them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from console.pages import page
from console.records import searching
from console.records.searching import Search
from dispatch import searches
from dispatch.searches import Place
from orgs.permissions import LIST_RECORDS
from orgs.viewers import viewer_of

# Name, label, type and an example.
FIELDS = (
    ("variant", "Variant or alias", "", "send_email"),
    ("destination", "Destination", "", "its label"),
    ("error", "Error says", "", "HTTP 503"),
    ("since", "Accepted from", "datetime-local", ""),
    ("until", "Accepted before", "datetime-local", ""),
)


@page("console/records/list.html", title="Records")
def list_records(request: HttpRequest) -> dict[str, Any]:
    """A page of the actions that match a search, newest first."""
    viewer = viewer_of(request)
    viewer.require(LIST_RECORDS)
    search = searching.read(request.GET, viewer)
    found = searches.find_page(viewer.org_id, search.filter, search.place)
    return {
        "search": search,
        "statuses": searching.STATUSES,
        "records": found.records,
        "looked_to": found.looked_to,
        "newer": found.newer and search.write_query(above=found.newer),
        "older": found.older and search.write_query(below=found.older),
        "newest": search.write_query(),
        "is_upwards": search.place.above is not None,
        "is_paged": search.place != Place(),
        "shows_org": viewer.org is None,
        "fields": [_draw(search, *named) for named in FIELDS],
        "bulks": [
            (kind, search.write_query(kind=kind)) for kind in searching.find_kinds(viewer, search)
        ],
    }


def _draw(search: Search, name: str, label: str, type_: str, example: str) -> dict[str, str]:
    """A field of the form, with what was asked for in it and what is wrong with that."""
    return {
        "name": name,
        "label": label,
        "type": type_,
        "example": example,
        "value": search.texts[name],
        "fault": search.faults.get(name, ""),
    }

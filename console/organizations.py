"""Which organization is looked at: chosen, changed, and left."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse

from config.errors import DomainError
from console import pages
from console.pages import Question, fragment, page, read_text
from orgs import people
from orgs.models import ApiKey, Membership, Organization
from orgs.viewers import LOOKED_AT, Viewer, viewer_of
from orgs.windows import is_row_id

# So many are offered to staff; more letters find the others.
OFFERED = 20
QUESTION = "console/question.html"


@page(QUESTION, methods=("POST",))
def switch_org(request: HttpRequest) -> HttpResponse:
    """Back to the list that one came from, or home, with another organization looked at."""
    viewer = viewer_of(request)
    chosen = request.POST.get("org", "")
    if chosen:
        request.session[LOOKED_AT] = _find_org(viewer, chosen).pk
    elif viewer.is_staff:
        request.session.pop(LOOKED_AT, None)
    else:
        raise Http404
    return redirect(_find_list(request.POST.get("from", "")))


@fragment("console/organization_choices.html")
def offer_orgs(request: HttpRequest) -> dict[str, Any]:
    """The organizations that staff find by how a name starts; of members, their own."""
    viewer = viewer_of(request)
    asked = read_text(request.GET, "name")
    if viewer.is_staff:
        rows = Organization.objects.live().filter(name__istartswith=asked).order_by("name", "id")
        found = [*rows[: OFFERED + 1]]
    else:
        found = [one.org for one in viewer.memberships]
    return {
        "orgs": found[:OFFERED] if viewer.is_staff else found,
        "more": viewer.is_staff and len(found) > OFFERED,
        "came_from": request.GET.get("from", ""),
        "viewer": viewer,
    }


@page(QUESTION, title="Leave an organization", methods=("GET", "HEAD", "POST"))
def leave_org(request: HttpRequest) -> HttpResponse | dict[str, Any]:
    """What leaving means, and, once that is confirmed, home without the organization."""
    viewer = viewer_of(request)
    member = viewer.member
    if member is None:
        raise Http404
    told = {"question": _ask_to_leave(viewer, member), "url": reverse("admin:index")}
    if request.method != "POST":
        return told
    if request.POST.get("org") != str(member.org_id):
        # Another tab has switched meanwhile: not that one was asked about.
        fault = f"You are looking at {viewer.org} now. Nothing was changed."
        return pages.show(request, QUESTION, {**told, "fault": fault}, status=409)
    try:
        people.remove_member(member=member, held=viewer.held, actor=viewer.user.get_username())
    except DomainError as error:
        return pages.show(request, QUESTION, {**told, "fault": str(error)}, status=error.status)
    request.session.pop(LOOKED_AT, None)
    messages.success(request, f"You have left {viewer.org}.")
    return redirect("admin:index")


def _ask_to_leave(viewer: Viewer, member: Membership) -> Question:
    org = viewer.org
    told = [f"You will see nothing of {org} any more.", "You have no API key there."]
    if keys := ApiKey.objects.live().filter(member=member).count():
        number = "Your API key there stops" if keys == 1 else f"Your {keys} API keys there stop"
        told[1] = f"{number} at once, for good."
    told.append("What you have made stays. You come back only by another invite.")
    if len(viewer.memberships) == 1:
        only = "It is your only organization: afterwards there is nothing for you to see here."
        told.append(only)
    return Question(
        f"Leave {org}?",
        told,
        f"Leave {org}",
        is_grave=True,
        instead="Stay",
        posted={"org": member.org_id},
    )


def _find_org(viewer: Viewer, chosen: str) -> Organization:
    """One that they may look at, else 404."""
    if viewer.is_staff:
        rows = Organization.objects.live()
        found = rows.filter(pk=chosen).first() if is_row_id(chosen) else None
    else:
        mine = (one.org for one in viewer.memberships)
        found = next((org for org in mine if str(org.pk) == chosen), None)
    if not isinstance(found, Organization):
        raise Http404
    return found


def _find_list(came_from: str) -> str:
    """The page that one came from, without its query, unless it is about one row."""
    home = reverse("admin:index")
    try:
        path = urlsplit(came_from).path
        match = resolve(path)
    except (Resolver404, ValueError):
        return home
    return path if path.startswith(home) and not match.kwargs and not match.args else home

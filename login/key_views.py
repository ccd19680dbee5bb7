"""The page of one's own API keys: made, shown once, and ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from allauth.decorators import rate_limit
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from config.errors import NotFoundError
from login.forms import KeyForm
from orgs import services
from orgs.models import ApiKey, Membership
from orgs.querysets import LiveQuerySet


@dataclass(frozen=True)
class MadeKey:
    """A new key with its secret, and the one whose place it takes."""

    key: ApiKey
    material: str = field(repr=False)
    former: ApiKey | None = None


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@rate_limit(action="keys")  # type: ignore[untyped-decorator]
def show_keys(request: HttpRequest) -> HttpResponse:
    """One's own keys, and a form for one more, whose secret the answer to it alone shows."""
    members = find_memberships(request.user.pk)
    form = KeyForm(request.POST or None, members=members)
    made = _make_key(form) if request.method == "POST" and form.is_valid() else None
    if made:
        return show_made(request, made)
    return render(request, "account/keys.html", {"members": members, "form": form})


@login_required
@require_POST
def delete_key(request: HttpRequest, key_id: int) -> HttpResponse:
    """Back to the keys, without this one."""
    own = find_own_keys(request.user.pk)
    key = services.delete_key(key=get_object_or_404(own, pk=key_id))
    messages.success(request, f"The key {key} is deleted.")
    return redirect("login_keys")


def show_made(request: HttpRequest, made: MadeKey) -> HttpResponse:
    """One's own keys with a new one, whose secret is shown this once."""
    members = find_memberships(request.user.pk)
    context = {"members": members, "form": KeyForm(members=members), "made": made}
    return render(request, "account/keys.html", context)


def find_own_keys(user_id: Any) -> LiveQuerySet:
    """The keys of somebody that are not deleted, in organizations where they are a member."""
    keys: LiveQuerySet = ApiKey.objects.live().filter(member__in=find_memberships(user_id))
    return keys


def find_memberships(user_id: Any) -> QuerySet[Membership]:
    """Where somebody is a member, the newest first, with their `live_keys`."""
    keys = Prefetch("keys", ApiKey.objects.live(), to_attr="live_keys")
    rows: QuerySet[Membership] = Membership.objects.of_user(user_id)
    return rows.select_related("org").prefetch_related(keys).order_by("-pk")


def _make_key(form: KeyForm) -> MadeKey | None:
    """The key and its secret; None where the member has left meanwhile, as the form then says."""
    try:
        made = services.create_key(
            member=form.cleaned_data["member"], description=form.cleaned_data["description"]
        )
    except NotFoundError as error:
        form.add_error(None, str(error))
        return None
    return MadeKey(*made)

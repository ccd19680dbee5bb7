"""Another API key in the place of one: what is asked before, and the page for one's own keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from allauth.decorators import rate_limit
from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from agents import services
from agents.models import KeyTools
from config.errors import DomainError
from login.key_views import MadeKey, find_own_keys, show_made
from orgs import services as orgs
from orgs.models import ApiKey, Membership

GRACES = {
    timedelta(): "not at all: it ends now",
    timedelta(hours=1): "for 1 hour",
    timedelta(hours=24): "for 24 hours",
    timedelta(days=7): "for 7 days",
}
USUAL = timedelta(hours=24)


class RotationForm(forms.Form):
    """For how long the present key goes on."""

    grace = forms.TypedChoiceField(
        label="The present key goes on working",
        choices=[(int(grace.total_seconds()), text) for grace, text in GRACES.items()],
        coerce=lambda seconds: timedelta(seconds=int(seconds)),
        initial=int(USUAL.total_seconds()),
    )


@dataclass(frozen=True)
class Rotation:
    """What became of a request to rotate a key: nothing yet, a refusal, or a key and its secret."""

    key: ApiKey
    form: RotationForm
    refusal: DomainError | None = None
    made: MadeKey | None = field(default=None, repr=False)

    @property
    def status(self) -> int:
        """That of the page which asks, or says why not."""
        return self.refusal.status if self.refusal else 200

    def show(self) -> dict[str, object]:
        """What the page which asks tells of the key."""
        return {
            "key": self.key,
            "form": self.form,
            "refusal": self.refusal,
            "lasts_until": orgs.find_next_end(self.key),
            "tools": KeyTools.objects.filter(key=self.key).first(),
        }


def rotate(
    request: HttpRequest,
    key: ApiKey,
    *,
    by: Membership | None,
    form_class: type[RotationForm] = RotationForm,
) -> Rotation:
    """Rotate a key where the form says how; `by` is who does, None an operator."""
    form = form_class(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return Rotation(key, form, find_refusal(key, by))
    try:
        made, material = services.rotate_key(key=key, by=by, **form.cleaned_data)
    except DomainError as error:
        return Rotation(key, form, error)
    return Rotation(key, form, made=MadeKey(made, material, former=key))


def find_refusal(key: ApiKey, by: Membership | None) -> DomainError | None:
    """Why this member, or without one an operator, cannot rotate a key; None where they can."""
    try:
        orgs.check_rotation(key=key, by=by)
    except DomainError as error:
        return error
    return None


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@rate_limit(action="keys")  # type: ignore[untyped-decorator]
def rotate_own_key(request: HttpRequest, key_id: int) -> HttpResponse:
    """What will happen to one's own key, with a form; once that is sent, the new key's secret."""
    own = find_own_keys(request.user.pk).select_related("org", "member__org", "member__user")
    key = get_object_or_404(own, pk=key_id)
    rotation = rotate(request, key, by=key.member)
    if rotation.made:
        return show_made(request, rotation.made)
    return render(request, "account/rotate_key.html", rotation.show(), status=rotation.status)

"""Every address below /admin/, as the URLconf has it, and rows of every kind to visit them with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.contrib import admin
from django.db.models import Model
from django.utils import timezone

from agents.models import KeyTools
from gateway.models import GatewayAction
from operations.models import Chore, Usage, VersionUsage
from orgs.models import ApiKey, CaptiveDomain, Organization, User
from tests import factories, urlconf

PREFIX = "/admin/"
# What the console's own pages are about, where their paths have another word for it.
CONSOLE_WORDS = {"try": "definitions", "health": "destinations"}
# What is numbered within a row: its first one.
NUMBERED = {"attempts": 0}
# Addresses that are about no row: Django's and Unfold's own.
OF_NOBODY = {
    "view_on_site": "no model says where else it is shown",
    "app_list": "a list of models, by their apps",
}


@dataclass(frozen=True)
class Address:
    """One pattern: its path with the names of what it takes, and its own name."""

    path: str
    name: str

    def __str__(self) -> str:
        return self.path

    @property
    def model(self) -> type[Model] | None:
        """The model whose admin it belongs to."""
        found = re.match(r"/admin/(\w+)/(\w+)/", self.path)
        return MODELS.get(found.groups()) if found else None

    def fill(self, rows: dict[type[Model], Any], words: dict[str, Any]) -> str:
        """The path to a row: of its admin's model, else by the word before a name in braces."""
        if self.model:
            row = rows.get(self.model)
            return re.sub(r"\{\w+\}", str(row.pk if row else 0), self.path)
        known = words | NUMBERED | {word: words[means] for word, means in CONSOLE_WORDS.items()}
        return re.sub(r"([\w-]+)/\{\w+\}", lambda found: f"{found[1]}/{known[found[1]]}", self.path)


MODELS = {(model._meta.app_label, model._meta.model_name): model for model in admin.site._registry}


def _patterns() -> Iterator[Address]:
    for path, entry in urlconf.walk():
        if path.startswith(PREFIX) and entry.name:
            yield Address(_plain(path), entry.name)


def _plain(path: str) -> str:
    """With names in braces; the two patterns that are regular expressions take one name each."""
    plain = re.sub(r"\^\(\?P<(\w+)>[^)]*\)/\$", r"{\1}/", path)
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", plain)


ADDRESSES = [
    one
    for one in _patterns()
    if one.name not in {*OF_NOBODY, "logout"} and "(?P<url>" not in one.path
]


def make_admin_rows(org: Organization, variant: str) -> dict[type[Model], Any]:
    """A row of each model that the admin shows, of this organization where it is of one.

    There are rows of the organization by `tests.routes.make_rows`; this adds what has no API.
    """
    key = ApiKey.objects.filter(org=org).latest("id")
    KeyTools.objects.create(key=key, org=org, variants=[variant])
    CaptiveDomain.objects.create(
        org=org, domain=f"{org.slug}.example", default_permissions=["viewer"]
    )
    target = factories.make_destination(org, label=f"{org.slug} gateway")
    GatewayAction.objects.create(org=org, name=variant, description=variant, destination=target)
    today = timezone.now().date()
    Usage.objects.create(org=org, variant=variant, day=today)
    VersionUsage.objects.create(org=org, variant=variant, version=1, day=today)
    person = User.objects.get(email=f"owner@{org.slug}.example")
    SocialAccount.objects.create(user=person, provider="corp", uid=org.slug)
    Chore.objects.get_or_create(name="usage", defaults={"result": {}})
    return {model: _find(model, org, person) for model in MODELS.values()}


def _find(model: type[Model], org: Organization, person: User) -> Any:
    rows = model._default_manager.all()
    by_field = {"org": org, "user": person}
    named = {field.name for field in model._meta.get_fields()}
    if model is Organization:
        return org
    if model is User:
        return person
    for name, value in by_field.items():
        if name in named:
            return rows.filter(**{name: value}).latest("pk")
    # The jobs of the worker, of which there may be none.
    return rows.last()

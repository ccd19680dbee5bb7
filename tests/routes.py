"""Every route of the API, as the URLconf has it, with what the OpenAPI document says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from django.urls import URLPattern

from actions.schemas import EXAMPLE
from config.api import ApiView
from config.urls import openapi_document
from orgs import invites
from orgs.models import AuditEntry, Organization
from tests import factories, urlconf

# The words that stand before an id in a path: `/keys/{id}`.
ROWS = (
    "orgs",
    "members",
    "invites",
    "invites/{invite_id}",
    "keys",
    "credentials",
    "signing-keys",
    "destinations",
    "definitions",
    "records",
    "bulk",
    "audit",
    "tools",
    "revisions",
    "ingress",
    "sdk",
)
INPUT = {"recipient": "user@example.com", "subject": "Hi", "body": "Hello"}
DOCUMENT = orjson.loads(openapi_document())


@dataclass(frozen=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    view: type[ApiView]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def operation(self) -> dict[str, Any]:
        """Its entry in the document."""
        return DOCUMENT["paths"][self.path][self.method.lower()]

    @property
    def takes_body(self) -> bool:
        """Whether it reads a body."""
        return "requestBody" in self.operation

    @property
    def example(self) -> Any:
        """The body that the document shows; None where it takes none."""
        if not self.takes_body:
            return None
        (example,) = self.operation["requestBody"]["content"]["application/json"][
            "examples"
        ].values()
        return example["value"]

    @property
    def is_list(self) -> bool:
        """Whether it answers a page of rows."""
        return any(
            parameter["name"] == "skip" for parameter in self.operation.get("parameters", ())
        )

    @property
    def names_rows(self) -> bool:
        """Whether its path names a row below the organization: inviting names anybody."""
        return (
            "{org_id}" in self.path
            and self.path.count("{") > 1
            and str(self) != "PUT /v1/orgs/{org_id}/members/invites/{identifier}"
        )

    def fill(self, rows: dict[str, Any]) -> str:
        """The path for these rows, found by the word before each of its parameters:
        `/keys/{id}` is the id of `rows["keys"]`, unless there is one by that whole name."""
        return re.sub(
            r"([\w-]+)/\{\w+\}",
            lambda found: f"{found[1]}/{rows.get(found[0], rows[found[1]])}",
            self.path,
        )


def _patterns() -> Iterator[tuple[str, URLPattern]]:
    for path, entry in urlconf.walk():
        yield re.sub(r"<\w+:(\w+)>", r"{\1}", path), entry


def _routes(paths: list[tuple[str, URLPattern]]) -> list[Route]:
    return [
        Route(method.upper(), path, entry.callback.view_class)
        for path, entry in paths
        for method in entry.callback.view_class.http_method_names
        if method != "head" and hasattr(entry.callback.view_class, method)
    ]


PATHS = [(path, entry) for path, entry in _patterns() if path.startswith("/v1")]
ROUTES = _routes(PATHS)
# These have tokens, errors and answers of their own: `tests/gateway/test_every_route.py`.
GATEWAY_ROUTES = _routes(
    [(path, entry) for path, entry in _patterns() if path.startswith("/api/v1/gateway")]
)


def make_rows(org: Organization, variant: str = "send_email") -> dict[str, Any]:
    """One row of each kind, by the word before its id."""
    destination = factories.make_destination(org)
    definition = factories.make_definition(org, variant, destination, schema=EXAMPLE["schema"])
    factories.make_sender(definition)
    factories.make_key(org)
    # Somewhere else, its first member is invited, and has accepted another invite.
    owner = org.memberships.first().user
    others = [factories.make_org(f"{variant.title()} {count} of {org}") for count in range(2)]
    waiting, accepted = (factories.make_invite(other, owner.pk).invite for other in others)
    invites.accept_invite(invite=accepted, user=owner)
    guest = f"guest-{variant.replace(' ', '-')}@{org.slug}.example"
    factories.make_invite(org, guest)
    return {
        "orgs": org.pk,
        "members": factories.make_member(org).user_id,
        "invites": guest,
        "invites/{invite_id}": waiting.pk,
        "keys": org.keys.latest("id").pk,
        "credentials": factories.make_credential(org).pk,
        "signing-keys": factories.make_signing_key(org).pk,
        "destinations": destination.pk,
        "definitions": definition.pk,
        "records": factories.make_record(org, variant, input=INPUT).pk,
        "bulk": factories.make_bulk(org).pk,
        "audit": AuditEntry.objects.of_org(org.pk).latest("id").pk,
        "tools": factories.make_tool(org, variant).pk,
        "revisions": factories.make_revision(org).pk,
        "ingress": variant,
        "sdk": "billing-workers",
    }

"""Every page there is to see, by a name; what the console has is found in its URLs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, reverse

from config import urls
from tests.browser.demo import ADMIN, BEA, LAPTOP, Demo

# Pages of logging in and of one's own login, which have an address each: nobody's, and Bea's.
NOBODYS = (
    "account_login",
    "account_inactive",
    "account_signup",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key_done",
)
OWN = (
    "login_keys",
    "account_change_password",
    "account_reauthenticate",
    "mfa_index",
)
ROTATES = "agents_rotate_own_key"
# Whose page it is, where it is not the operator's.
VIEWERS = (
    {"leave_org": "vera@acme.example"}
    | dict.fromkeys(NOBODYS)
    | dict.fromkeys((*OWN, ROTATES), BEA)
)
# Which action a page is about, where it is not one that is being retried.
DECIDED = {"record_approve": "held", "record_deny": "held", "record_replay": "failed"}
# Which destination, where it is not one that fails.
LOOKED_AT = {"resume_destination": "Parcel service"}
# Tables that lead to pages of the console.
OF_THE_CONSOLE = ("actions.actiondefinition", "dispatch.actionrecord")
# What is opened, and answered with something else than a page.
NO_PAGES = ("record_input", "record_result", "record_bulk")


def find_pages() -> Iterator[URLPattern]:
    """The console's routes of whole pages."""
    (console,) = (
        one
        for one in urls.urlpatterns
        if isinstance(one, URLResolver) and one.app_name == "console"
    )
    for pattern in console.url_patterns:
        if getattr(pattern.callback, "is_page", False) and pattern.name not in NO_PAGES:
            yield pattern


def list_tables() -> dict[str, str]:
    """The admin's tables, by the name of their model."""
    models = [model._meta for model in admin.site._registry]
    return {
        one.label_lower: reverse(f"admin:{one.app_label}_{one.model_name}_changelist")
        for one in models
    }


def list_console(demo: Demo) -> dict[str, str]:
    """The console's pages, each about something that is there."""
    return {
        str(pattern.name): reverse(f"console:{pattern.name}", kwargs=fill_in(demo, pattern))
        for pattern in find_pages()
    }


def list_accounts(demo: Demo) -> dict[str, str]:
    """The pages of logging in, and of one's own login."""
    (key,) = (one for one in list_keys(demo) if one["description"] == LAPTOP)
    pages = {name: reverse(name) for name in (*NOBODYS, *OWN)}
    return pages | {ROTATES: reverse(ROTATES, args=[key["id"]])}


def list_keys(demo: Demo) -> list[dict[str, Any]]:
    """Acme's keys, those first that were there first."""
    keys: list[dict[str, Any]] = demo.acme.data("GET", "~/keys")["items"]
    return keys


def find_viewer(name: str) -> str | None:
    """Who looks at the page of that name; None is nobody who is logged in."""
    return VIEWERS.get(name, ADMIN)


def fill_in(demo: Demo, pattern: URLPattern) -> dict[str, Any]:
    """What stands for the parts of a route that are in brackets."""
    known = {
        "record_id": demo.records[DECIDED.get(str(pattern.name), "retried")],
        "pk": demo.destinations["Warehouse"],
        "destination_id": demo.destinations[LOOKED_AT.get(str(pattern.name), "Warehouse")],
        "definition_id": demo.definitions["orders.created"],
    }
    return {name: known[name] for name in pattern.pattern.converters}


def list_pictured(demo: Demo) -> dict[str, str]:
    """Pages of the admin of which there are pictures: the tables, and forms that they lead to."""
    change = reverse(
        "admin:destinations_destination_change", args=[demo.destinations["Orders API"]]
    )
    tables = {
        f"table-{label}": path
        for label, path in list_tables().items()
        if label not in OF_THE_CONSOLE
    }
    (key, *_) = list_keys(demo)
    forms = {
        "destination-form": change,
        "credential-form": reverse("admin:destinations_credential_add"),
        "signing-key-form": reverse("admin:orgs_signingkey_add"),
        "key-form": reverse("admin:orgs_apikey_add"),
        "rotate-key": reverse("admin:orgs_apikey_rotate", args=[key["id"]]),
        "invite-form": reverse("admin:orgs_invite_add"),
        "bulk-form": reverse("admin:operations_bulkoperation_add"),
    }
    return tables | forms

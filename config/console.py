"""How the admin looks: its name, its colours, and what stands in its sidebar (Unfold)."""

from __future__ import annotations

from django.templatetags.static import static
from django.urls import reverse_lazy


def _page(title: str, icon: str, model: str) -> dict[str, object]:
    """An entry of the admin's sidebar: a model's list, for those who may look at it."""
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{name}"),
    }


def _console(title: str, icon: str, name: str, needed: str = "") -> dict[str, object]:
    """An entry for a page of the console, for those who may look at it."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(name),
        "permission": lambda request: not needed or request.user.has_perm(needed),
    }


# Slate and indigo: the colours of the statuses are left to the statuses.
_INDIGO = {
    "50": "oklch(96.2% .018 272.314)",
    "100": "oklch(93% .034 272.788)",
    "200": "oklch(87% .065 274.039)",
    "300": "oklch(78.5% .115 274.713)",
    "400": "oklch(67.3% .182 276.935)",
    "500": "oklch(58.5% .233 277.117)",
    "600": "oklch(51.1% .262 276.966)",
    "700": "oklch(45.7% .24 277.023)",
    "800": "oklch(39.8% .195 277.366)",
    "900": "oklch(35.9% .144 278.697)",
    "950": "oklch(25.7% .09 281.288)",
}
UNFOLD = {
    "SITE_TITLE": "Waybill",
    "SITE_HEADER": "Waybill",
    "SITE_SUBHEADER": "Registry and dispatch of actions",
    "SITE_SYMBOL": "local_shipping",
    "SITE_URL": "/docs",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("orgs/favicon.svg")}
    ],
    "STYLES": [
        lambda _: static("orgs/admin.css"),
        lambda _: static("console/console.css"),
        lambda _: static("console/unfold.css"),
    ],
    "SCRIPTS": [
        lambda _: static("orgs/times.js"),
        lambda _: static("orgs/copying.js"),
        lambda _: static("orgs/once.js"),
        lambda _: static("console/console.js"),
        lambda _: static("console/names.js"),
    ],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "COLORS": {"primary": _INDIGO},
    "ACCOUNT": {
        "navigation": [
            {"title": "Your API keys", "link": reverse_lazy("login_keys")},
            {"title": "Second factor", "link": reverse_lazy("mfa_index")},
            {"title": "Change password", "link": reverse_lazy("account_change_password")},
        ]
    },
    "SIDEBAR": {
        "navigation": [
            {
                "title": "Console",
                "items": [
                    _console("Home", "space_dashboard", "admin:index"),
                    _console(
                        "Records", "conveyor_belt", "console:records", "dispatch.view_actionrecord"
                    ),
                    _console(
                        "Definitions",
                        "contract",
                        "console:definitions",
                        "actions.view_actiondefinition",
                    ),
                    _console("Try it", "science", "console:try", "dispatch.add_actionrecord"),
                    _console(
                        "Health", "monitor_heart", "console:health", "destinations.view_destination"
                    ),
                ],
            },
            {
                "title": "Work",
                "items": [
                    _page("Lanes", "road", "dispatch.lane"),
                    _page("Lane uses", "alt_route", "dispatch.laneuse"),
                    _page("Bulk operations", "dynamic_feed", "operations.bulkoperation"),
                ],
            },
            {
                "title": "Registry",
                "items": [
                    _page("Tools", "smart_toy", "agents.tool"),
                    _page("Destinations", "flag", "destinations.destination"),
                    _page("Gateway actions", "webhook", "gateway.gatewayaction"),
                    _page("Credentials", "lock", "destinations.credential"),
                    _page("Signing keys", "signature", "orgs.signingkey"),
                    _page("Config revisions", "rule_settings", "bundles.configrevision"),
                ],
            },
            {
                "title": "People",
                "items": [
                    _page("Organizations", "domain", "orgs.organization"),
                    _page("Users", "person", "orgs.user"),
                    _page("Memberships", "group", "orgs.membership"),
                    _page("Invites", "outgoing_mail", "orgs.invite"),
                    _page("Captive domains", "alternate_email", "orgs.captivedomain"),
                    _page("API keys", "key", "orgs.apikey"),
                    _page("Tools of keys", "checklist", "agents.keytools"),
                    _page("Linked logins", "link", "socialaccount.socialaccount"),
                ],
            },
            {
                "title": "House",
                "items": [
                    _page("Audit", "history", "orgs.auditentry"),
                    _page("Usage", "bar_chart", "operations.usage"),
                    _page("Chores", "cleaning_services", "operations.chore"),
                ],
            },
        ],
    },
}

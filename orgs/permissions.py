"""What each operation needs, and what each permission includes: one table for all of the API.

An operation that is not in the table is refused to everybody, and a test names it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable

from orgs.models import Permission

OWNER, ADMIN, EDITOR, OPERATOR, VIEWER = Permission
INCLUDED: dict[str, frozenset[str]] = {
    VIEWER: frozenset({VIEWER}),
    OPERATOR: frozenset({OPERATOR, VIEWER}),
    EDITOR: frozenset({EDITOR, VIEWER}),
    ADMIN: frozenset({ADMIN, EDITOR, OPERATOR, VIEWER}),
    OWNER: frozenset(Permission),
}
# In sentences, for the documentation.
MEANING = {
    VIEWER: "reads everything but keys, invites and the audit",
    OPERATOR: "hands in, pulls and settles actions; replays, cancels, pauses, resumes and caps",
    EDITOR: "changes definitions, destinations, credentials and signing keys",
    ADMIN: "manages people, keys and settings, approves, denies and lifts the need for it, and "
    "does what editors and operators do",
    OWNER: "manages owners, renames the organization, makes further ones, and does everything else",
}
# What any key may call: it is about the person behind the key, not about an organization.
ANY_KEY = None
_ORG = "/v1/orgs/{org_id}"
_DEFINITIONS = f"{_ORG}/actions/definitions"
_RECORDS = f"{_ORG}/actions/records"
_BULK = f"{_ORG}/actions/bulk"
_DESTINATIONS = f"{_ORG}/destinations"
_REVISIONS = f"{_ORG}/config/revisions"
_GATEWAY = "/api/v1/gateway/actions"
# What others ask for by name.
HAND_IN = "POST /v1/ingress"
LIST_RECORDS = f"GET {_RECORDS}"
APPROVE = f"POST {_RECORDS}/{{id}}/approve"
READ_DESTINATION = f"GET {_DESTINATIONS}/{{id}}"
NEEDED: dict[str, Permission | None] = {
    # The person behind the key, and organizations.
    "GET /v1/self": ANY_KEY,
    "GET /v1/self/invites": ANY_KEY,
    "POST /v1/self/invites/{invite_id}/accept": ANY_KEY,
    "GET /v1/orgs": ANY_KEY,
    "PUT /v1/orgs": OWNER,
    f"GET {_ORG}": VIEWER,
    f"POST {_ORG}": OWNER,
    # People, keys and settings.
    f"GET {_ORG}/members": VIEWER,
    f"GET {_ORG}/members/invites": ADMIN,
    f"PUT {_ORG}/members/invites/{{identifier}}": ADMIN,
    f"GET {_ORG}/members/invites/{{identifier}}": ADMIN,
    f"DELETE {_ORG}/members/invites/{{identifier}}": ADMIN,
    f"GET {_ORG}/members/{{user_id}}": VIEWER,
    f"POST {_ORG}/members/{{user_id}}": ADMIN,
    f"DELETE {_ORG}/members/{{user_id}}": ADMIN,
    f"DELETE {_ORG}/members/self": ANY_KEY,
    f"GET {_ORG}/keys": ADMIN,
    f"PUT {_ORG}/keys": ADMIN,
    f"GET {_ORG}/keys/{{id}}": ADMIN,
    f"DELETE {_ORG}/keys/{{id}}": ADMIN,
    f"GET {_ORG}/settings/retention": VIEWER,
    f"POST {_ORG}/settings/retention": ADMIN,
    f"GET {_ORG}/settings/domain": VIEWER,
    f"POST {_ORG}/settings/domain": ADMIN,
    f"GET {_ORG}/audit": ADMIN,
    f"GET {_ORG}/audit/{{id}}": ADMIN,
    f"GET {_ORG}/audit/export": ADMIN,
    f"GET {_ORG}/billing": ADMIN,
    f"GET {_ORG}/usage": VIEWER,
    f"GET {_ORG}/keys/{{id}}/tools": ADMIN,
    f"PUT {_ORG}/keys/{{id}}/tools": ADMIN,
    f"DELETE {_ORG}/keys/{{id}}/tools": ADMIN,
    # What work is.
    f"GET {_ORG}/tools": VIEWER,
    f"PUT {_ORG}/tools": EDITOR,
    f"GET {_ORG}/tools/{{id}}": VIEWER,
    f"DELETE {_ORG}/tools/{{id}}": EDITOR,
    f"GET {_DEFINITIONS}": VIEWER,
    f"PUT {_DEFINITIONS}": EDITOR,
    f"GET {_DEFINITIONS}/{{id}}": VIEWER,
    f"POST {_DEFINITIONS}/{{id}}": EDITOR,
    f"DELETE {_DEFINITIONS}/{{id}}": EDITOR,
    f"GET {_DEFINITIONS}/{{id}}/examples": VIEWER,
    f"GET {_DEFINITIONS}/{{id}}/typescript": VIEWER,
    f"GET {_DEFINITIONS}/{{id}}/python": VIEWER,
    f"GET {_DEFINITIONS}/{{id}}/markdown": VIEWER,
    f"PUT {_DEFINITIONS}/{{id}}/destinations/{{destination_id}}": EDITOR,
    f"DELETE {_DEFINITIONS}/{{id}}/destinations/{{destination_id}}": EDITOR,
    f"GET {_REVISIONS}": VIEWER,
    f"POST {_REVISIONS}": EDITOR,
    f"GET {_REVISIONS}/{{id}}": VIEWER,
    f"POST {_REVISIONS}/{{id}}/apply": EDITOR,
    f"GET {_REVISIONS}/{{id}}/drift": VIEWER,
    # Where it goes.
    f"GET {_DESTINATIONS}": VIEWER,
    f"PUT {_DESTINATIONS}": EDITOR,
    READ_DESTINATION: VIEWER,
    f"POST {_DESTINATIONS}/{{id}}": EDITOR,
    f"DELETE {_DESTINATIONS}/{{id}}": EDITOR,
    f"POST {_DESTINATIONS}/{{id}}/test": EDITOR,
    f"GET {_ORG}/credentials": VIEWER,
    f"PUT {_ORG}/credentials": EDITOR,
    f"GET {_ORG}/credentials/{{id}}": VIEWER,
    f"POST {_ORG}/credentials/{{id}}": EDITOR,
    f"DELETE {_ORG}/credentials/{{id}}": EDITOR,
    f"GET {_ORG}/signing-keys": VIEWER,
    f"PUT {_ORG}/signing-keys": EDITOR,
    f"GET {_ORG}/signing-keys/{{id}}": VIEWER,
    f"POST {_ORG}/signing-keys/{{id}}": EDITOR,
    f"POST {_ORG}/signing-keys/{{id}}/rotate": EDITOR,
    f"DELETE {_ORG}/signing-keys/{{id}}": EDITOR,
    # The work itself.
    LIST_RECORDS: VIEWER,
    f"GET {_RECORDS}/{{id}}": VIEWER,
    f"POST {_RECORDS}/{{id}}/replay": OPERATOR,
    f"POST {_RECORDS}/{{id}}/cancel": OPERATOR,
    APPROVE: ADMIN,
    f"POST {_RECORDS}/{{id}}/deny": ADMIN,
    f"GET {_BULK}": VIEWER,
    f"PUT {_BULK}": OPERATOR,
    f"POST {_BULK}/preview": VIEWER,
    f"GET {_BULK}/{{id}}": VIEWER,
    f"POST {_BULK}/{{id}}/cancel": OPERATOR,
    f"POST {_DEFINITIONS}/check": VIEWER,
    f"GET {_DEFINITIONS}/{{id}}/senders": VIEWER,
    f"GET {_DEFINITIONS}/{{id}}/lanes": VIEWER,
    f"POST {_DEFINITIONS}/{{id}}/lanes/advice": OPERATOR,
    f"GET {_DESTINATIONS}/{{id}}/lanes": VIEWER,
    f"POST {_DESTINATIONS}/{{id}}/pause": OPERATOR,
    f"POST {_DESTINATIONS}/{{id}}/resume": OPERATOR,
    # The gateway.
    f"GET {_GATEWAY}": VIEWER,
    f"POST {_GATEWAY}": EDITOR,
    f"GET {_GATEWAY}/{{name}}": VIEWER,
    f"PUT {_GATEWAY}/{{name}}": EDITOR,
    f"DELETE {_GATEWAY}/{{name}}": EDITOR,
    f"POST {_GATEWAY}/{{name}}/execute": OPERATOR,
    HAND_IN: OPERATOR,
    "POST /v1/ingress/{variant}": OPERATOR,
    "POST /v1/batch": OPERATOR,
    "POST /v1/ack": OPERATOR,
    "POST /v1/nack": OPERATOR,
    "POST /v1/modack": OPERATOR,
    "POST /v1/sdk/{namespace}/pull": OPERATOR,
    "POST /v1/sdk/ack": OPERATOR,
}
# What acts for the person behind the key, who is in other organizations, too: no key may do it
# that has limits.
OF_THE_PERSON = {
    "GET /v1/self/invites",
    "POST /v1/self/invites/{invite_id}/accept",
    "PUT /v1/orgs",
    f"DELETE {_ORG}/members/self",
}
# All that a key may do that is bound to variants.
HANDING_IN = {HAND_IN, "POST /v1/ingress/{variant}", "POST /v1/batch"}
IS_BOUND = "This key hands in actions of its variants, and nothing else."


def all_of(held: Iterable[str]) -> frozenset[str]:
    """What somebody holds, with everything that it includes."""
    return frozenset().union(*(INCLUDED.get(one, frozenset()) for one in held))


def allows(held: Iterable[str], needed: str) -> bool:
    """Whether what somebody holds is or includes what is needed."""
    return any(needed in INCLUDED.get(one, ()) for one in held)


def narrow(held: Collection[str], limit: Collection[str] | None) -> tuple[str, ...]:
    """What is both held and within the limit; all that is held where there is no limit."""
    if limit is None:
        return tuple(held)
    return tuple(sorted(all_of(held) & all_of(limit)))


def exceeding(held: Iterable[str], given: Iterable[str]) -> list[str]:
    """What of the given goes beyond what somebody holds, who therefore cannot give it."""
    return sorted(all_of(given) - all_of(held))


def operation_of(method: str, route: str) -> str:
    """An operation's name in the table: `GET /v1/orgs/{org_id}/keys`; HEAD is GET."""
    return f"{'GET' if method == 'HEAD' else method} {_template_of(route)}"


@functools.cache
def _template_of(route: str) -> str:
    """The path of a route: it stands in the table as OpenAPI has it, and in Django as `<id:id>`."""
    return "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route).lstrip("/")

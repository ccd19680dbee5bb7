"""What Django's permissions are in the API: members of an organization have them by its table.

A permission that is not here is refused to all members; staff have those that they were given.
"""

from __future__ import annotations

_ORG = "/v1/orgs/{org_id}"
_DEFINITIONS = f"{_ORG}/actions/definitions"
_DESTINATIONS = f"{_ORG}/destinations"
_RECORDS = f"{_ORG}/actions/records"
_GATEWAY = "/api/v1/gateway/actions"
_BULK = f"{_ORG}/actions/bulk"
_KEYS = f"{_ORG}/keys"
_MEMBERS = f"{_ORG}/members"
_LINK = f"{_DEFINITIONS}/{{id}}/destinations/{{destination_id}}"
OPERATIONS: dict[str, str] = {
    # The work itself.
    "dispatch.view_actionrecord": f"GET {_RECORDS}",
    "dispatch.view_actionevent": f"GET {_RECORDS}/{{id}}",
    "dispatch.add_actionrecord": "POST /v1/ingress",
    "dispatch.change_actionrecord": f"POST {_RECORDS}/{{id}}/replay",
    "dispatch.approve_actionrecord": f"POST {_RECORDS}/{{id}}/approve",
    "dispatch.view_lane": f"GET {_DESTINATIONS}/{{id}}/lanes",
    "dispatch.change_lane": f"POST {_DEFINITIONS}/{{id}}/lanes/advice",
    "dispatch.view_laneuse": f"GET {_DEFINITIONS}/{{id}}/lanes",
    "operations.view_bulkoperation": f"GET {_BULK}",
    "operations.add_bulkoperation": f"PUT {_BULK}",
    "operations.view_usage": f"GET {_ORG}/usage",
    "operations.view_versionusage": f"GET {_ORG}/usage",
    # What work is.
    "actions.view_actiondefinition": f"GET {_DEFINITIONS}",
    "actions.add_actiondefinition": f"PUT {_DEFINITIONS}",
    "actions.change_actiondefinition": f"POST {_DEFINITIONS}/{{id}}",
    "actions.delete_actiondefinition": f"DELETE {_DEFINITIONS}/{{id}}",
    "actions.view_definitiondestination": f"GET {_DEFINITIONS}/{{id}}",
    "actions.add_definitiondestination": f"PUT {_LINK}",
    "actions.change_definitiondestination": f"PUT {_LINK}",
    "actions.delete_definitiondestination": f"DELETE {_LINK}",
    "agents.view_tool": f"GET {_ORG}/tools",
    "agents.add_tool": f"PUT {_ORG}/tools",
    "agents.change_tool": f"PUT {_ORG}/tools",
    "agents.delete_tool": f"DELETE {_ORG}/tools/{{id}}",
    "bundles.view_configrevision": f"GET {_ORG}/config/revisions",
    "gateway.view_gatewayaction": f"GET {_GATEWAY}",
    # Where it goes.
    "destinations.view_destination": f"GET {_DESTINATIONS}",
    "destinations.add_destination": f"PUT {_DESTINATIONS}",
    "destinations.change_destination": f"POST {_DESTINATIONS}/{{id}}",
    "destinations.delete_destination": f"DELETE {_DESTINATIONS}/{{id}}",
    "destinations.view_credential": f"GET {_ORG}/credentials",
    "destinations.add_credential": f"PUT {_ORG}/credentials",
    "destinations.change_credential": f"POST {_ORG}/credentials/{{id}}",
    "destinations.delete_credential": f"DELETE {_ORG}/credentials/{{id}}",
    "orgs.view_signingkey": f"GET {_ORG}/signing-keys",
    "orgs.add_signingkey": f"PUT {_ORG}/signing-keys",
    "orgs.change_signingkey": f"POST {_ORG}/signing-keys/{{id}}",
    "orgs.delete_signingkey": f"DELETE {_ORG}/signing-keys/{{id}}",
    # People, keys and settings. Nobody becomes a member but by an invite.
    "orgs.view_membership": f"GET {_MEMBERS}",
    "orgs.change_membership": f"POST {_MEMBERS}/{{user_id}}",
    "orgs.delete_membership": f"DELETE {_MEMBERS}/{{user_id}}",
    "orgs.view_invite": f"GET {_MEMBERS}/invites",
    "orgs.add_invite": f"PUT {_MEMBERS}/invites/{{identifier}}",
    "orgs.delete_invite": f"DELETE {_MEMBERS}/invites/{{identifier}}",
    "orgs.view_captivedomain": f"GET {_ORG}/settings/domain",
    "orgs.add_captivedomain": f"POST {_ORG}/settings/domain",
    "orgs.change_captivedomain": f"POST {_ORG}/settings/domain",
    "orgs.view_apikey": f"GET {_KEYS}",
    "orgs.add_apikey": f"PUT {_KEYS}",
    "orgs.delete_apikey": f"DELETE {_KEYS}/{{id}}",
    "orgs.view_auditentry": f"GET {_ORG}/audit",
    "agents.view_keytools": f"GET {_KEYS}/{{id}}/tools",
    "agents.add_keytools": f"PUT {_KEYS}/{{id}}/tools",
    "agents.change_keytools": f"PUT {_KEYS}/{{id}}/tools",
    "agents.delete_keytools": f"DELETE {_KEYS}/{{id}}/tools",
}
# What staff need for an operation that is no Django permission's own.
_MORE: dict[str, tuple[str, ...]] = {
    "dispatch.add_actionrecord": ("POST /v1/ingress/{variant}", "POST /v1/batch"),
    "dispatch.change_actionrecord": (f"POST {_RECORDS}/{{id}}/cancel",),
    "dispatch.approve_actionrecord": (f"POST {_RECORDS}/{{id}}/deny",),
    "operations.view_bulkoperation": (f"GET {_BULK}/{{id}}", f"POST {_BULK}/preview"),
    "operations.add_bulkoperation": (f"POST {_BULK}/{{id}}/cancel",),
    "actions.view_actiondefinition": (
        # Who may look at a definition sees where it leads.
        f"GET {_DEFINITIONS}/{{id}}",
        f"POST {_DEFINITIONS}/check",
        *(
            f"GET {_DEFINITIONS}/{{id}}/{part}"
            for part in ("examples", "typescript", "python", "markdown", "senders")
        ),
    ),
    "agents.view_tool": (f"GET {_ORG}/tools/{{id}}",),
    "bundles.view_configrevision": (
        f"GET {_ORG}/config/revisions/{{id}}",
        f"GET {_ORG}/config/revisions/{{id}}/drift",
    ),
    "gateway.view_gatewayaction": (f"GET {_GATEWAY}/{{name}}",),
    "destinations.view_destination": (f"GET {_DESTINATIONS}/{{id}}",),
    "destinations.change_destination": tuple(
        f"POST {_DESTINATIONS}/{{id}}/{verb}" for verb in ("pause", "resume", "test")
    ),
    "destinations.view_credential": (f"GET {_ORG}/credentials/{{id}}",),
    "orgs.view_signingkey": (f"GET {_ORG}/signing-keys/{{id}}",),
    "orgs.change_signingkey": (f"POST {_ORG}/signing-keys/{{id}}/rotate",),
    "orgs.view_membership": (f"GET {_MEMBERS}/{{user_id}}",),
    "orgs.view_invite": (f"GET {_MEMBERS}/invites/{{identifier}}",),
    "orgs.view_apikey": (f"GET {_KEYS}/{{id}}",),
    "orgs.view_auditentry": (f"GET {_ORG}/audit/{{id}}", f"GET {_ORG}/audit/export"),
}
STAFF_NEEDS: dict[str, str] = {
    # Backwards, so that the first of several permissions stands.
    **{operation: permission for permission, operation in reversed(OPERATIONS.items())},
    **{operation: permission for permission, more in _MORE.items() for operation in more},
}

"""Changes to gateway actions: to the registry, and to what the gateway knows beside it.

A new webhook is probed before anything is stored, with no transaction open; what has happened
meanwhile is looked at again under the lock that orders all changes to an organization's
definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from actions import contracts
from actions import services as actions
from actions.models import ActionDefinition, DefinitionName
from actions.policies import Judgement
from config import strictjson
from config.errors import ConflictError, DomainError
from destinations import keys
from destinations import services as destinations
from destinations.keys import Keys
from destinations.models import Kind, Protocol
from destinations.outward import outbound
from destinations.outward.outbound import AddressRefusedError
from dispatch import services as dispatch
from gateway import limits, probes
from gateway.errors import INVALID_REQUEST, MAY_NOT_BE_CALLED, GatewayError
from gateway.models import MAX_SCHEMA_BYTES, GatewayAction
from orgs.auth import Caller
from orgs.permissions import IS_BOUND

NO_SIGNING_KEY = "this tenant has no signing key: create one first, and give it to the webhook"


@dataclass(frozen=True, slots=True)
class Registered:
    """A gateway action, and its variant's newest live version."""

    action: GatewayAction
    definition: ActionDefinition


def check_exchange(caller: Caller) -> None:
    """Refuse a key that hands in actions of its variants: nothing of the gateway is among that."""
    if caller.variants is not None:
        limits.note_denied(str(caller))
        raise GatewayError("Permission denied", status=403, details=IS_BOUND)


def list_actions(*, org_id: int) -> list[Registered]:
    """The organization's gateway actions, oldest first.

    The registry's own API takes larger schemas than the gateway: where all of them are more than
    a full gateway's could be, it is 400.
    """
    shown = GatewayAction.objects.registered().of_org(org_id)
    most = MAX_SCHEMA_BYTES * settings.GATEWAY_ACTIONS
    if shown.count_schema_bytes() > most:
        details = f"Their schemas have more than {most:,} bytes: fetch the actions one by one"
        raise GatewayError("Too much to be listed", details=details)
    found = list(shown)
    newest = ActionDefinition.objects.in_bulk([action.newest_id for action in found])
    return [Registered(action, newest[action.newest_id]) for action in found]


def find_action(*, org_id: int, name: str) -> Registered:
    """The organization's gateway action of that name, else 404."""
    action = GatewayAction.objects.registered().of_org(org_id).filter(name=name).first()
    if action is None:
        raise GatewayError("Action not found", status=404)
    return Registered(action, ActionDefinition.objects.get(pk=action.newest_id))


def create_action(
    *, org_id: int, name: str, description: str, webhook_url: str, json_schema: dict[str, Any]
) -> Registered:
    """A new gateway action, whose webhook has answered a test."""
    _check_schema(json_schema)
    config = {"url": webhook_url}
    _check_config(config)
    _check_room(org_id, name)
    judgement = _judge(org_id, name, json_schema)
    _probe(org_id, name, config, keys.of_gateway(org_id))
    with transaction.atomic():
        actions.lock_definitions(org_id)
        _check_room(org_id, name)
        # What the registry's own API has left of an earlier one.
        GatewayAction.objects.of_org(org_id).filter(name=name).update(deleted_at=Now())
        definition = actions.store_version(judgement, description=description)
        destination = destinations.create_destination(
            org_id=org_id,
            label=destinations.find_free_label(org_id=org_id, wanted=f"gateway {name}"),
            type=Kind.WEBHOOK,
            config=config,
            protocol=Protocol.GATEWAY,
        )
        actions.link_destination(
            definition=definition, destination_id=destination.pk, is_default=True
        )
        GatewayAction.objects.create(
            org_id=org_id, name=name, description=description, destination=destination
        )
        return find_action(org_id=org_id, name=name)


def update_action(*, org_id: int, name: str, changes: Mapping[str, Any]) -> Registered:
    """The gateway action with what is named replaced; a new webhook has answered a test."""
    destination = find_action(org_id=org_id, name=name).action.destination
    judgement = None
    if "json_schema" in changes:
        _check_schema(changes["json_schema"])
        judgement = _judge(org_id, name, changes["json_schema"])
    moved = destination.config | {"url": changes.get("webhook_url", destination.config["url"])}
    if moved != destination.config:
        _check_config(moved)
        _probe(org_id, name, moved, keys.of_destination(destination.pk))
    with transaction.atomic():
        actions.lock_definitions(org_id)
        found = find_action(org_id=org_id, name=name)
        _apply(found, changes, judgement)
        return find_action(org_id=org_id, name=name)


def _apply(found: Registered, changes: Mapping[str, Any], judgement: Judgement | None) -> None:
    """Change what differs, and say when."""
    action, definition = found.action, found.definition
    description = changes.get("description", action.description)
    url = changes.get("webhook_url", action.destination.config["url"])
    if judgement and judgement.asked.digest != bytes(definition.schema_digest):
        actions.store_version(judgement, description=description)
    elif description != action.description:
        actions.update_definition(definition=definition, description=description)
    if url != action.destination.config["url"]:
        config = action.destination.config | {"url": url}
        destinations.update_destination(destination=action.destination, changes={"config": config})
    if description != action.description:
        GatewayAction.objects.filter(pk=action.pk).update(description=description, updated_at=Now())


@transaction.atomic
def delete_action(*, org_id: int, name: str, actor: str) -> None:
    """End the action: all versions of its variant take no new work, and its name is free again.

    Open work finishes; for as long as there is some, the destination stays.
    """
    actions.lock_definitions(org_id)
    action = find_action(org_id=org_id, name=name).action
    for definition in ActionDefinition.objects.of_org(org_id).filter(variant=name):
        actions.delete_definition(definition=definition)
    GatewayAction.objects.filter(pk=action.pk).update(deleted_at=Now(), updated_at=Now())
    try:
        with transaction.atomic():
            dispatch.delete_destination(destination=action.destination, force=False, actor=actor)
    except ConflictError:
        # Something still goes there: whoever looks after destinations sees it, and what.
        return


def _check_schema(schema: dict[str, Any]) -> None:
    if len(strictjson.dumps(schema)) > MAX_SCHEMA_BYTES:
        details = f"Field 'json_schema' is larger than {MAX_SCHEMA_BYTES:,} bytes"
        raise GatewayError(INVALID_REQUEST, details=details)
    try:
        contracts.admit(schema)
    except contracts.InvalidSchemaError as error:
        (fault,) = error.faults
        at = (fault.pointer or "").removeprefix("/schema")
        where = f" at {at}" if at else ""
        details = f"Field 'json_schema' is not a valid JSON Schema{where}: {fault.message}"
        raise GatewayError(INVALID_REQUEST, details=details) from error


def _judge(org_id: int, name: str, schema: dict[str, Any]) -> Judgement:
    """What publishing it would do; refused where it breaks the variant's policy."""
    judgement = actions.judge_version(org_id=org_id, variant=name, schema=schema)
    judgement.check(allow_indeterminate=False)
    return judgement


def _check_config(config: dict[str, Any]) -> None:
    """Refuse a URL that may not be called; where it leads is not told."""
    if settings.HTTPS and not config["url"].lower().startswith("https://"):
        raise _invalid_url("must be an HTTPS URL")
    try:
        # What is wrong with it wherever it leads.
        outbound.check_url(config["url"], allow_private=True)
    except AddressRefusedError as error:
        raise _invalid_url(f"is invalid: {error}") from error
    try:
        destinations.check_config(Kind.WEBHOOK, config)
        destinations.check_target(Kind.WEBHOOK, config)
    except DomainError as error:
        (fault, *_) = error.faults
        is_address = fault.code == AddressRefusedError.code
        why = MAY_NOT_BE_CALLED if is_address else f"is invalid: {fault.message}"
        raise _invalid_url(why) from error


def _invalid_url(why: str) -> GatewayError:
    return GatewayError(INVALID_REQUEST, details=f"Field 'webhook_url' {why}")


def _check_room(org_id: int, name: str) -> None:
    """Refuse a name that is taken, and one action too many."""
    if _is_taken(org_id, name):
        raise GatewayError(f"action with name '{name}' already exists", status=409)
    most = settings.GATEWAY_ACTIONS
    if GatewayAction.objects.registered().of_org(org_id).count() >= most:
        raise GatewayError(f"action limit reached: a tenant has at most {most} actions")


def _is_taken(org_id: int, name: str) -> bool:
    """Whether the registry has the name, but for what nothing leads from any more."""
    if not DefinitionName.objects.filter(org_id=org_id, name=name).exists():
        return False
    was_ours = GatewayAction.objects.of_org(org_id).filter(name=name).exists()
    versions = ActionDefinition.objects.of_org(org_id).filter(variant=name)
    newest = versions.order_by("-version").first()
    return not was_ours or newest is None or newest.links.exists()


def _probe(org_id: int, name: str, config: dict[str, Any], signers: Keys) -> None:
    if signers.fault or not signers.signing:
        raise GatewayError(f"action validation failed: {signers.fault or NO_SIGNING_KEY}")
    probes.probe(org_id=org_id, name=name, config=config, keys=signers)

"""Rows of this app as the API shows them."""

from __future__ import annotations

from typing import Any

import orjson

from actions.models import ActionDefinition, DefinitionDestination
from destinations.serializers import show_destination


def show_definition(definition: ActionDefinition) -> dict[str, Any]:
    """A definition with its aliases and links; the schema's own bytes go out."""
    return {
        "id": str(definition.pk),
        "org_id": str(definition.org_id),
        "variant": definition.variant,
        "version": definition.version,
        "alias": [name.name for name in definition.names.all()],
        "schema": orjson.Fragment(definition.schema),
        "description": definition.description,
        "requires_approval": definition.requires_approval,
        "deleted_at": definition.deleted_at,
        "destinations": [show_link(link) for link in definition.links.all()],
    }


def show_link(link: DefinitionDestination) -> dict[str, Any]:
    """A link with its destination."""
    return {
        "id": str(link.pk),
        "action_definition_id": str(link.definition_id),
        "destination_id": str(link.destination_id),
        "org_id": str(link.org_id),
        "is_default": link.is_default,
        "destination": show_destination(link.destination),
    }

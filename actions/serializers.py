"""Rows of this app as the API shows them."""

from __future__ import annotations

from typing import Any

import orjson

from actions.models import DefinitionDestination
from actions.services import MOMENTS
from config.parsing import read_timestamp
from destinations.serializers import show_destination


def read_said(body: dict[str, Any]) -> dict[str, Any]:
    """What a body says of a definition, its moments read."""
    moments = {name: body[name] for name in MOMENTS if body.get(name) is not None}
    return body | {name: read_timestamp(text, name=name) for name, text in moments.items()}


def show_definition(definition: Any) -> dict[str, Any]:
    """A definition `with_links`; the schema's own bytes go out."""
    return {
        "id": str(definition.pk),
        "org_id": str(definition.org_id),
        "variant": definition.variant,
        "version": definition.version,
        "alias": [name.name for name in definition.names.all()],
        "schema": orjson.Fragment(definition.schema),
        "description": definition.description,
        "requires_approval": definition.requires_approval,
        "compatibility": definition.variant_compatibility,
        "open_content": definition.variant_open_content,
        "deprecated_at": definition.deprecated_at,
        "sunset_at": definition.sunset_at,
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

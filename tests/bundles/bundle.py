"""Bundles for tests, and what becomes of them."""

from __future__ import annotations

from typing import Any

from bundles import plans, services
from bundles.plans import Plan
from orgs.models import Organization
from tests.factories import SCHEMA

HOOK = {"label": "hook", "type": "webhook", "config": {"url": "https://hooks.example.com/a"}}
SINK = {"label": "sink", "type": "default_sink", "config": {}}


def bundle(*actions: Any, destinations: Any = (), **resources: Any) -> dict[str, Any]:
    """A document of these actions and destinations."""
    return {
        "actions": list(actions),
        "resources": {"destinations": list(destinations), **resources},
    }


def action(variant: str = "count", **fields: Any) -> dict[str, Any]:
    """An action with a schema, unless the fields have versions of it."""
    return {"variant": variant, **({} if "versions" in fields else {"schema": SCHEMA}), **fields}


def carry_out(org: Organization, document: dict[str, Any], **options: Any) -> Plan:
    """The plan, after it was applied."""
    made = plans.plan(org=org, document=document, **options)
    services.apply(plan=made)
    return made


def told(plan: Plan) -> list[str]:
    """Its steps, a text each."""
    return [f"{step.op} {step}" for step in plan.steps]

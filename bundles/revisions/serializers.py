"""Revisions as the API shows them."""

from __future__ import annotations

from typing import Any

import orjson

from bundles.models import ConfigRevision
from bundles.revisions.services import Drift


def show_revision(revision: ConfigRevision) -> dict[str, Any]:
    """A revision with its document and its steps; the stored bytes go out."""
    return show_listed(revision) | {
        "definition": orjson.Fragment(revision.definition),
        "preview_steps": orjson.Fragment(revision.preview_steps),
    }


def show_listed(revision: ConfigRevision) -> dict[str, Any]:
    """A revision as lists have it: they would be long with all that."""
    return {
        "id": str(revision.pk),
        "org_id": str(revision.org_id),
        "step_counts": revision.step_counts,
        "prune": revision.prune,
        "force": revision.force,
        "allow_indeterminate": revision.allow_indeterminate,
        "status": revision.status,
        "error_message": revision.error_message or None,
        "created_at": revision.created_at,
        "updated_at": revision.updated_at,
        "applied_at": revision.applied_at,
    }


def show_drift(revision: ConfigRevision, drift: Drift) -> dict[str, Any]:
    """What of a revision is not so."""
    return {
        "id": str(revision.pk),
        "in_sync": drift.is_in_sync,
        "steps": orjson.Fragment(drift.steps),
        "faults": [fault.as_dict() for fault in drift.faults],
    }

"""Rows of this app as the API shows them."""

from __future__ import annotations

from typing import Any

from destinations.credentials import SHAPES
from destinations.models import Credential, Destination
from destinations.trials import Trial
from orgs.models import SigningKey


def show_destination(destination: Destination) -> dict[str, Any]:
    """A destination."""
    return {
        "id": str(destination.pk),
        "org_id": str(destination.org_id),
        "label": destination.label,
        "type": destination.type,
        "config": destination.config,
        "protocol": destination.protocol,
        "tags": destination.tags,
        "credential_id": _id(destination.credential_id),
        "signing_key_id": _id(destination.signing_key_id),
        "updated_at": destination.updated_at,
        "deleted_at": destination.deleted_at,
        "paused_at": destination.paused_at,
    }


def show_credential(credential: Credential) -> dict[str, Any]:
    """A credential without its secret."""
    return {
        "id": str(credential.pk),
        "org_id": str(credential.org_id),
        "type": credential.type,
        "provider": SHAPES[credential.type].provider,
        "label": credential.label,
        "metadata": credential.metadata,
        "version": credential.version,
        "expires_at": credential.expires_at,
        "created_at": credential.created_at,
        "updated_at": credential.updated_at,
        "deleted_at": credential.deleted_at,
    }


def show_trial(trial: Trial) -> dict[str, Any]:
    """What came of a test."""
    return {
        "status": trial.outcome.status,
        "milliseconds": trial.milliseconds,
        "answer": trial.answer,
        "verdict": str(trial.outcome.verdict),
        "message": trial.outcome.message or None,
    }


def show_signing_key(key: SigningKey) -> dict[str, Any]:
    """A signing key without its secrets."""
    return {
        "id": str(key.pk),
        "org_id": str(key.org_id),
        "label": key.label,
        "previous_until": key.previous_until,
        "signs_gateway_from": key.signs_gateway_from,
        "created_at": key.created_at,
        "updated_at": key.updated_at,
        "deleted_at": key.deleted_at,
    }


def _id(row_id: int | None) -> str | None:
    return None if row_id is None else str(row_id)

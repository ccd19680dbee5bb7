"""Rows of this app as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from operations.matching import Count
from operations.models import COUNTS, BulkOperation
from operations.services import DEFAULT_CAP, PREVIEWED, Terms


def show_preview(count: Count, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What an operation with this filter would be about."""
    return {
        "count": count.number,
        "count_exact": count.exact,
        "ids": [str(record_id) for record_id in count.ids[:PREVIEWED]],
        "filter": asked,
    }


def read_terms(body: Mapping[str, Any], *, may_approve: bool) -> Terms:
    """How an operation is to be carried out."""
    cap = int(body.get("cap", DEFAULT_CAP))
    return Terms(body["reason"], cap, body.get("again", False), may_approve)


def show_operation(operation: BulkOperation) -> dict[str, Any]:
    """An operation, and how far it has come."""
    return {
        "id": str(operation.pk),
        "org_id": str(operation.org_id),
        "kind": operation.kind,
        "filter": operation.filter,
        "reason": operation.reason,
        "actor": operation.actor,
        "cap": operation.cap,
        "again": operation.again,
        "status": operation.status,
        "found": operation.found,
        "found_exact": operation.found_exact,
        "done": operation.done,
        "skipped": operation.skipped,
        "progress": operation.progress,
        "rate": operation.rate,
        "last_id": str(operation.last_id),
        "cap_reached": operation.is_cap_reached,
        "error_message": operation.error_message or None,
        "created_at": operation.created_at,
        "started_at": operation.started_at,
        "updated_at": operation.updated_at,
        "finished_at": operation.finished_at,
    }


def show_used(rows: Iterable[Mapping[str, Any]], column: str) -> list[dict[str, Any]]:
    """Sums, each with the day or the variant that it is of."""
    return [{column: row[column]} | {name: row[f"all_{name}"] for name in COUNTS} for row in rows]

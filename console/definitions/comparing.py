"""Two versions side by side: where their contracts differ, and what that means for payloads."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from django.http import Http404, HttpRequest
from django.urls import reverse

from actions import compatibility, policies
from actions.compatibility import Direction, OpenContent, Report
from actions.models import ActionDefinition
from config.errors import DomainError
from console import differences
from console.definitions.found import CHECK, Found, find
from console.pages import fragment, page
from console.ways.drafts import write
from orgs.windows import is_row_id
from runtime import slots

SECONDS = 6.0
SHOWN_CHARACTERS = 20_000


@page("console/definitions/compare.html")
def compare_versions(request: HttpRequest, definition_id: int) -> dict[str, Any]:
    """The differences of a version and another one of its variant, the older one first."""
    found = find(request, definition_id)
    old, new = _find_pair(request, found)
    return {
        "title": f"{new.variant}: v{old.version} and v{new.version}",
        "crumbs": [
            ("Definitions", reverse("console:definitions")),
            (str(new), reverse("console:definition", args=[new.pk])),
        ],
        "old": old,
        "new": new,
        "before": f"v{old.version}",
        "after": f"v{new.version}",
        "differences": differences.compare(old.read_schema(), new.read_schema()),
        "old_schema": write(old.read_schema())[:SHOWN_CHARACTERS],
        "new_schema": write(new.read_schema())[:SHOWN_CHARACTERS],
        "may_check": found.viewer.may(CHECK),
    }


@fragment("console/definitions/findings.html")
def show_findings(request: HttpRequest, definition_id: int) -> dict[str, Any]:
    """Which payloads one of the two versions takes and the other does not; it takes a while."""
    found = find(request, definition_id, operation=CHECK)
    old, new = _find_pair(request, found)
    content = OpenContent(found.open_content)
    return judge_pair(old.org_id, old.read_schema(), new.read_schema(), content)


def judge_pair(org_id: int, old: Any, new: Any, open_content: OpenContent) -> dict[str, Any]:
    """How a contract stands to an older one, in both directions, as a template shows it."""
    compare = partial(
        compatibility.compare_apart,
        old,
        new,
        open_content=open_content,
        deadline=time.monotonic() + SECONDS,
    )
    try:
        with policies.seated(org_id), slots.left():
            backward = compare(direction=Direction.BACKWARD)
            forward = compare(direction=Direction.FORWARD)
    except DomainError as error:
        return {"refusal": str(error)}
    return {
        "reports": [
            ("Whether the newer version takes what the older one takes", show_report(backward)),
            ("Whether the older version takes what the newer one takes", show_report(forward)),
        ]
    }


def show_report(report: Report) -> dict[str, Any]:
    """A report with its payloads as text."""
    return {
        "verdict": report.verdict.value,
        "findings": [
            {
                "finding": finding,
                "sample": write(finding.sample)[:2_000] if finding.accepted_by else "",
            }
            for finding in report.findings
        ],
    }


def _find_pair(request: HttpRequest, found: Found) -> tuple[ActionDefinition, ActionDefinition]:
    """The version and the other one that is asked for, or the one before, in their order."""
    one = found.definition
    rows = ActionDefinition.objects.filter(org_id=one.org_id, variant=one.variant)
    text = request.GET.get("with")
    if text is None:
        lower = rows.filter(version__lt=one.version).order_by("-version").first()
        return lower or one, one
    other = rows.filter(pk=int(text)).first() if is_row_id(text) else None
    if other is None:
        raise Http404
    return (one, other) if one.version < other.version else (other, one)

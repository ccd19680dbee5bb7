"""What an organization uses."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from config import paging
from config.api import operation, reply
from config.errors import BadRequestError
from operations import schemas, serializers, usage
from operations.models import Usage, UsageProgress
from orgs.scope import OrgView

MOST_DAYS = 366
MOST_ITEMS = 1_000
_DAY = {"type": "string", "format": "date"}
VERSION = "version"
GROUPS = {"day": "day", "variant": "variant", VERSION: VERSION}
PARAMETERS = [
    OpenApiParameter("from", _DAY, description="The first day (UTC); else that of its month."),
    OpenApiParameter("to", _DAY, description="The last day, which is included; else today."),
    OpenApiParameter("variant", {"type": "string"}, description="Of this variant only."),
    OpenApiParameter(
        "by",
        {"type": "string", "enum": list(GROUPS), "default": "day"},
        description=f"What the items are for; of variants and of versions, the first "
        f"{MOST_ITEMS:,} by name.",
    ),
]


class UsageView(OrgView):
    """`/v1/orgs/{org_id}/usage`."""

    tag = "billing"

    @operation(
        summary="Fetch what was used",
        description="Actions accepted and payload bytes by the day on which they came; delivered, "
        "failed and canceled by the day on which they ended. It is counted every minute.",
        data=schemas.USAGE,
        query=PARAMETERS,
    )
    def get(self, request: Request, org_id: int) -> Response:
        """The sums of the days asked for, and of each."""
        first, last = read_days(request)
        column = paging.read_choice(request, "by", GROUPS) or "day"
        variant = request.query_params.get("variant")
        rows = Usage.objects.of_org(org_id).between(first, last)
        if variant is not None:
            rows = rows.filter(variant=variant)
        asked = {"org_id": str(org_id), "from": first, "to": last, "variant": variant}
        if column == VERSION:
            items = usage.read_by_version(
                org_id=org_id, first=first, last=last, variant=variant, most=MOST_ITEMS
            )
        else:
            items = serializers.show_used(rows.by(column)[:MOST_ITEMS], column)
        progress = UsageProgress.objects.first()
        return reply(
            asked
            | {
                "as_of": progress and progress.as_of,
                "totals": rows.totals(),
                "items": items,
            }
        )


def read_days(request: Request) -> tuple[date, date]:
    """The first and the last day asked for: at most a year, and not the wrong way round."""
    last = _read_day(request, "to") or timezone.now().date()
    first = _read_day(request, "from") or last.replace(day=1)
    if not timedelta() <= last - first < timedelta(days=MOST_DAYS):
        message = f"From `from` to `to` it is at least one day and at most {MOST_DAYS}."
        raise BadRequestError(message, code="INVALID_PARAMETER", pointer="/from")
    return first, last


def _read_day(request: Request, name: str) -> date | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        message = f"`{name}` is a day as 2026-01-31."
        raise BadRequestError(message, code="INVALID_PARAMETER", pointer=f"/{name}") from error

"""Lanes: what is in them, their caps, and the pauses of their destinations."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from actions.models import ActionDefinition
from config import paging
from config.api import operation, reply
from config.openapi import page_of
from destinations.models import Destination
from destinations.schemas import DESTINATION
from destinations.serializers import show_destination
from dispatch import advice, gauges, records, schemas, serializers
from dispatch.models import Lane
from orgs.scope import OrgView

PARAMETERS = [
    OpenApiParameter("state", schemas.LANE["properties"]["state"]),
    records.TAG_PARAMETER,
    *paging.PARAMETERS,
]
SEARCHED = {"id": "id", "destination_id": "destination_id", "last_reason": "reason"}


def answer_lanes(request: Request, lanes: QuerySet[Lane]) -> Response:
    """One page of these lanes, narrowed by state and tags, oldest first."""
    if state := paging.read_choice(request, "state", dict.fromkeys(gauges.State)):
        lanes = lanes.filter(gauges.IN_STATE[gauges.State(state)])
    if tags := records.read_tags(request):
        lanes = lanes.filter(tags__contains=tags)
    page = paging.answer_page(
        request, lanes, serializers.show_lane, fields=SEARCHED, read=gauges.read
    )
    return reply(page)


class DefinitionLanesView(OrgView):
    """`/v1/orgs/{org_id}/actions/definitions/{id}/lanes`."""

    tag = "actions"

    @operation(
        summary="List the lanes of an action definition",
        description="Those that its variant uses, oldest first. Counts of what waits go up to "
        "10,000 a lane.",
        data=page_of(schemas.LANE),
        query=PARAMETERS,
    )
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """The lanes of all versions of the variant."""
        definition = self.find_row(ActionDefinition.objects.all(), id)
        return answer_lanes(request, gauges.of_definition(definition))


class DestinationLanesView(OrgView):
    """`/v1/orgs/{org_id}/destinations/{id}/lanes`."""

    tag = "destinations"

    @operation(
        summary="List the lanes of a destination",
        description="Oldest first. Counts of what waits go up to 10,000 a lane.",
        data=page_of(schemas.LANE),
        query=PARAMETERS,
    )
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """The lanes of all variants that go there."""
        destination = self.find_row(Destination.objects.all(), id)
        return answer_lanes(request, gauges.of_destination(destination))


class LaneAdviceView(OrgView):
    """`/v1/orgs/{org_id}/actions/definitions/{id}/lanes/advice`."""

    tag = "actions"

    @operation(
        summary="Set action definition lane advice",
        description="Caps the lanes of a tag combination at every destination that the variant "
        "uses, or at one of them; its default destination's lane is made where it is new. A cap "
        "that is left out stays. It holds for every variant that uses the lane.",
        body=schemas.ADVICE,
        shown_body=schemas.SHOWN_ADVICE,
        data=schemas.ADVISED,
        refuses=(422,),
        example={"tags": {"tenant": "acme"}, "running_cap": 10, "unsettled_cap": None},
    )
    def post(self, request: Request, org_id: int, id: int, body: dict[str, Any]) -> Response:
        """The lanes as they are now."""
        definition = self.find_row(ActionDefinition.objects.all(), id)
        lane_ids = advice.advise_lanes(
            definition=definition, **serializers.read_advice(body), actor=str(self.caller)
        )
        advised = Lane.objects.select_related("destination").filter(pk__in=lane_ids)
        items = [serializers.show_lane(gauge) for gauge in gauges.read(advised)]
        return reply({"items": items, "count": len(items)})


class PauseView(OrgView):
    """`/v1/orgs/{org_id}/destinations/{id}/pause`."""

    tag = "destinations"

    @operation(
        summary="Pause a destination",
        description="Nothing more is delivered to it. Its actions are still accepted and queue "
        "up; what is under way ends as it will. A pause of a paused one changes nothing.",
        data=DESTINATION,
    )
    def post(self, request: Request, org_id: int, id: int) -> Response:
        """The paused destination."""
        destination = self.find_row(Destination.objects.all(), id)
        paused = advice.pause_destination(destination=destination, actor=str(self.caller))
        return reply(show_destination(paused))


class ResumeView(OrgView):
    """`/v1/orgs/{org_id}/destinations/{id}/resume`."""

    tag = "destinations"

    @operation(
        summary="Resume a destination",
        description="What has queued up is delivered, as fast as its lanes allow. Pauses that they "
        "have learnt end as well: one that a `Retry-After` asked for by mistake, say.",
        data=DESTINATION,
    )
    def post(self, request: Request, org_id: int, id: int) -> Response:
        """The destination, open again."""
        destination = self.find_row(Destination.objects.all(), id)
        resumed = advice.resume_destination(destination=destination, actor=str(self.caller))
        return reply(show_destination(resumed))

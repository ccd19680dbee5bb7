"""The health of destinations, at a glance: which of them fail, are slow or are paused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from console import charts
from console.charts import Chart, Series, tell_duration, tell_share
from console.pages import page, read_text
from destinations import kinds, soundings
from destinations.models import Destination
from destinations.soundings import LISTED, Step
from orgs.permissions import READ_DESTINATION
from orgs.viewers import Viewer, viewer_of

HOUR = timedelta(hours=1)
# A destination is failing where more than this share of its answers are.
FAILING_SHARE = 0.1
TONES = {
    "paused": "warn", "not delivered to": "idle", "quiet": "idle", "failing": "bad",
    "slow": "warn", "well": "good",
}  # fmt: skip
SHOWN = {"all": "All", "failing": "Failing", "paused": "Paused"}


@dataclass(frozen=True, slots=True)
class Health:
    """A destination, what was seen of it in the last hour, and the judgement of that."""

    destination: Destination
    hour: Step
    latency: float | None
    bars: Chart | None = None

    @property
    def attempts(self) -> int:
        """How many attempts it took."""
        return self.hour.succeeded + self.hour.failed

    @property
    def sla(self) -> int | None:
        """Within how many milliseconds it should answer, where that is said."""
        limit: int | None = self.destination.config.get("response_time_sla_ms")
        return limit

    @property
    def is_slow(self) -> bool:
        """Whether it takes longer than it should."""
        return self.sla is not None and self.latency is not None and self.latency > self.sla

    @property
    def p95(self) -> str:
        """Within which time 95 % of its answers came."""
        return tell_duration(self.latency)

    @property
    def rate(self) -> str:
        """The share of its answers that were good."""
        return tell_share(self.hour.succeeded, self.attempts)

    @property
    def word(self) -> str:
        """The judgement, one of `TONES`."""
        if self.destination.paused_at:
            return "paused"
        if not kinds.is_pushed(self.destination.type):
            return "not delivered to"
        if not self.attempts:
            return "quiet"
        if self.hour.failed > FAILING_SHARE * self.attempts:
            return "failing"
        return "slow" if self.is_slow else "well"

    @property
    def tone(self) -> str:
        """How the judgement is coloured."""
        return TONES[self.word]


@page("console/health.html", title="Health of destinations")
def list_health(request: HttpRequest) -> Mapping[str, Any]:
    """A page of destinations, those that fail most, or those that are paused."""
    viewer = viewer_of(request)
    viewer.require(READ_DESTINATION)
    show = request.GET.get("show", "all")
    show = show if show in SHOWN else "all"
    query = read_text(request.GET, "q")
    rows, more = find_page(viewer, show, query, request.GET.get("after", ""))
    return {
        "show": show,
        "shown": SHOWN.items(),
        "query": query,
        "rows": judge_all(rows),
        "after": rows[-1].pk if more else None,
        "is_first": "after" not in request.GET,
        "shows_orgs": viewer.org is None,
        "may_add": viewer.may("PUT /v1/orgs/{org_id}/destinations"),
    }


def find_page(viewer: Viewer, show: str, query: str, after: str) -> tuple[list[Destination], bool]:
    """The destinations in the order of their labels, and whether there are more."""
    live = viewer.narrow(Destination.objects.live()).select_related("org")
    if query:
        live = live.filter(label__icontains=query)
    if show == "failing":
        ids = soundings.find_failing(viewer.org_id)
        found = {one.pk: one for one in live.filter(pk__in=ids)}
        return [found[pk] for pk in ids if pk in found], False
    if show == "paused":
        live = live.filter(paused_at__isnull=False)
    if after.isascii() and after.isdigit() and len(after) < 19:
        last = viewer.narrow(Destination.objects.all()).filter(pk=int(after)).first()
        if last:
            same = Q(label=last.label, pk__gt=last.pk)
            live = live.filter(Q(label__gte=last.label), Q(label__gt=last.label) | same)
    rows = list(live.order_by("label", "id")[: LISTED + 1])
    return rows[:LISTED], len(rows) > LISTED


def judge_all(rows: list[Destination]) -> list[Health]:
    """The health of several destinations, read at once."""
    heard = soundings.read([row.pk for row in rows], HOUR)
    return [judge(row, heard[row.pk]) for row in rows]


def judge(destination: Destination, steps: list[Step]) -> Health:
    """What is to be said of a destination by how it answered in the last hour."""
    hour = soundings.add_up(steps)
    health = Health(destination, hour, hour.percentile(0.95))
    return replace(health, bars=_draw_bars(health, steps)) if health.attempts else health


def _draw_bars(health: Health, steps: list[Step]) -> Chart:
    times = [one.at for one in steps]
    name = f"d{health.destination.pk}"
    return charts.draw(name, "Answers", text="", times=times, series=make_series(steps))


def make_series(steps: list[Step]) -> list[Series]:
    """How answers ended, as a chart has them."""
    return [
        Series("succeeded", 2, [step.succeeded for step in steps], is_bar=True),
        Series("failed", 3, [step.failed for step in steps], is_bar=True),
    ]

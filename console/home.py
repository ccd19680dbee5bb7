"""Home: how work goes, which lanes keep it waiting, and what needs a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from console import attention, charts
from console.charts import Chart, Series, tell_duration, tell_share
from console.pages import fragment, page
from dispatch import overview
from dispatch.gauges import LATE_SECONDS
from dispatch.models import ActionRecord
from operations import measures, worst
from operations.measures import WINDOWS, Course
from orgs.permissions import LIST_RECORDS
from orgs.viewers import viewer_of


@page("console/home.html", title="Home")
def home(request: HttpRequest) -> Mapping[str, Any]:
    """The whole page."""
    return _look(request)


@fragment("console/home_now.html")
def home_now(request: HttpRequest) -> Mapping[str, Any]:
    """What of it moves."""
    return _look(request)


def _look(request: HttpRequest) -> dict[str, Any]:
    viewer = viewer_of(request)
    window = WINDOWS.get(request.GET.get("window", ""), WINDOWS["hour"])
    address = f"{reverse('console:home_now')}?window={window.name}"
    context = {"windows": WINDOWS.values(), "window": window, "address": address}
    if not viewer.may(LIST_RECORDS):
        return {**context, "refused": True}
    org_id = viewer.org_id
    course = measures.read(org_id, window)
    waiting = worst.find(org_id)
    total = course.total
    is_new = not total.accepted and not viewer.narrow(ActionRecord.objects.all()).exists()
    return {
        **context,
        "course": course,
        "is_new": is_new,
        "tiles": make_tiles(course, waiting),
        "charts": [chart_throughput(course), chart_times(course)],
        "late_seconds": LATE_SECONDS,
        "lanes": [(gauge, tell_duration(1_000 * seconds)) for gauge, seconds in waiting.lanes],
        "needs": attention.find(viewer, failed=total.failed, window=window.title),
        "failed": overview.find_failed(org_id),
        "shows_orgs": viewer.org is None,
    }


def make_tiles(course: Course, waiting: worst.Waiting) -> list[dict[str, str]]:
    """The figures of a window, each with what it means and, where it is bad, its tone."""
    total, minutes = course.total, len(course.steps) * course.window.step.total_seconds() / 60
    ended = total.succeeded + total.failed
    rate = f"{total.accepted / minutes:,.1f} a minute"
    is_late = waiting.seconds > LATE_SECONDS
    return [
        {"name": "Accepted", "value": f"{total.accepted:,}", "text": rate},
        {"name": "Succeeded", "value": f"{total.succeeded:,}", "text": "settled for good"},
        {
            "name": "Failed",
            "value": f"{total.failed:,}",
            "text": "for good, after all tries",
            "tone": "bad" if total.failed else "",
        },
        {
            "name": "Success rate",
            "value": tell_share(total.succeeded, ended),
            "text": f"of {ended:,} that ended",
        },
        {
            "name": "Time to settle",
            "value": tell_duration(total.percentile(0.5)),
            "text": f"p50; p95 is {tell_duration(total.percentile(0.95))}",
        },
        {
            "name": "Oldest due work",
            "value": tell_duration(1_000 * waiting.seconds) if waiting.since else "none",
            "text": "overdue, and may start" if is_late else "nothing is late",
            "tone": "bad" if is_late else "",
        },
    ]


def chart_throughput(course: Course) -> Chart:
    """What came, and what ended how, by step."""
    steps = course.steps
    every = "minute" if course.window.name == "hour" else "15 minutes"
    return charts.draw(
        "throughput",
        f"Actions per {every}",
        text="How many actions were accepted, and how many ended as succeeded, failed or canceled.",
        times=[step.at for step in steps],
        series=[
            Series("succeeded", 2, [step.succeeded for step in steps], is_bar=True),
            Series("failed", 3, [step.failed for step in steps], is_bar=True),
            Series("canceled", 4, [step.canceled for step in steps], is_bar=True),
            Series("accepted", 1, [step.accepted for step in steps]),
        ],
    )


def chart_times(course: Course) -> Chart:
    """How long what succeeded took, by step."""
    return charts.draw_durations(
        "times",
        "Time to settle",
        text="Within which time half of what succeeded did, and within which 95 % did.",
        steps=course.steps,
    )

"""One destination: how it answers, how its lanes stand, its last errors; pause, resume, test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from console import attention, charts
from console.charts import Chart, Spark, tell_share
from console.health import Health, judge, make_series
from console.pages import Question, fragment, page, read_text
from console.trials import TrialForm
from destinations import kinds, soundings
from destinations.models import Destination
from destinations.soundings import Step
from dispatch import advice, gauges
from dispatch.gauges import Gauge
from dispatch.models import Lane
from operations import lane_samples
from operations.models import LaneSample
from orgs.permissions import READ_DESTINATION
from orgs.viewers import Viewer, viewer_of

_DESTINATION = "/v1/orgs/{org_id}/destinations/{id}"
PAUSES, CHANGES = f"POST {_DESTINATION}/pause", f"POST {_DESTINATION}"
TESTS = f"POST {_DESTINATION}/test"
SAMPLED = timedelta(hours=24)
# Lanes on a page, and counted at most.
LANES, LANES_COUNTED = 25, 1_000
ERRORS = 8
# What of a config says where its destination is.
PLACES = ("url", "endpoint", "queue_url", "topic_id", "namespace")
MOST_REASON = 500
# How far back, and how many steps of five minutes make one of a chart.
WINDOWS = {"hours": ("6 hours", timedelta(hours=6), 1), "days": ("2 days", timedelta(days=2), 6)}


@page("console/destination.html")
def show(request: HttpRequest, destination_id: int) -> Mapping[str, Any]:
    """One destination."""
    return look_at(request, destination_id)


@fragment("console/destination_now.html")
def show_now(request: HttpRequest, destination_id: int) -> Mapping[str, Any]:
    """What of it moves."""
    return look_at(request, destination_id)


def look_at(request: HttpRequest, destination_id: int) -> dict[str, Any]:
    """What the page of a destination tells."""
    viewer = viewer_of(request)
    destination = find(viewer, destination_id, READ_DESTINATION)
    window = request.GET.get("window", "")
    window = window if window in WINDOWS else "hours"
    all_steps = soundings.read([destination.pk], WINDOWS["days"][1])[destination.pk]
    health = judge(destination, all_steps[-12:])
    steps = arrange(all_steps, window)
    lanes, count = read_lanes(destination)
    return {
        "title": destination.label,
        "crumbs": [("Health of destinations", reverse("console:health"))],
        "health": health,
        "destination": destination,
        "place": next((destination.config[key] for key in PLACES if key in destination.config), ""),
        "is_pushed": kinds.is_pushed(destination.type),
        "window": window,
        "windows": [(name, title) for name, (title, _, _) in WINDOWS.items()],
        "address": f"{reverse('console:health_now', args=[destination.pk])}?window={window}",
        "tiles": make_tiles(health),
        "charts": [chart_answers(steps), chart_latency(steps, health.sla)],
        "lanes": lanes,
        "lane_count": attention.tell_bounded(count, LANES_COUNTED),
        "has_more_lanes": count > LANES,
        "errors": find_errors(all_steps),
        "may_pause": viewer.may(PAUSES),
        "may_change": viewer.may(CHANGES),
        "may_test": viewer.may(TESTS) and kinds.is_pushed(destination.type),
        "may_resume": viewer.may(PAUSES)
        and (destination.paused_at or advice.find_waiting_lanes(destination).exists()),
        "form": TrialForm(),
    }


def find(viewer: Viewer, destination_id: int, operation: str) -> Destination:
    """The destination that somebody may do this with; 404 where it is none of theirs."""
    viewer.require(operation)
    live = viewer.narrow(Destination.objects.live()).select_related("org")
    return get_object_or_404(live, pk=destination_id)


def arrange(steps: list[Step], window: str) -> list[Step]:
    """The steps of a window, as many to one of the chart's as it says; the last one is whole."""
    _, span, together = WINDOWS[window]
    last = steps[-int(span / timedelta(minutes=soundings.STEP_MINUTES)) :]
    starts = range(0, len(last), together)
    return [soundings.add_up(last[start : start + together]) for start in starts]


def make_tiles(health: Health) -> list[dict[str, str]]:
    """The figures of the last hour."""
    hour = health.hour
    sla = "no limit is set for it" if health.sla is None else f"may be {health.sla:,} ms"
    return [
        {"name": "Attempts", "value": f"{health.attempts:,}", "text": "in the last hour"},
        {
            "name": "Success rate",
            "value": health.rate,
            "text": f"{hour.failed:,} failed",
            "tone": "bad" if health.word == "failing" else "",
        },
        {
            "name": "Answers within",
            "value": health.p95,
            "text": f"p95; {sla}",
            "tone": "bad" if health.is_slow else "",
        },
        {
            "name": "Too late",
            "value": tell_share(hour.late, health.attempts),
            "text": f"{hour.late:,} took longer than they may",
        },
    ]


def chart_answers(steps: list[Step]) -> Chart:
    """How attempts ended, by step."""
    return charts.draw(
        "answers",
        "Attempts",
        text="How many attempts the destination took, and how many failed.",
        times=[step.at for step in steps],
        series=make_series(steps),
    )


def chart_latency(steps: list[Step], sla: int | None) -> Chart:
    """How long answers took, by step, and how long they may."""
    return charts.draw_durations(
        "latency",
        "Time to answer",
        text="Within which time half of the answers came, and within which 95 % did.",
        steps=steps,
        axis=charts.Axis(True, None if sla is None else (f"may be {sla:,} ms", float(sla))),
    )


def read_lanes(destination: Destination) -> tuple[list[tuple[Gauge, Spark]], int]:
    """The lanes with trouble, then those that moved last, and how many there are, up to a bound."""
    count = destination.lanes.order_by()[: LANES_COUNTED + 1].count()
    newest = F("moved_at").desc(nulls_last=True)
    rows = destination.lanes.select_related("destination").order_by("-opened", newest, "id")[:LANES]
    read = gauges.read(rows)
    samples = lane_samples.find_last([one.lane.pk for one in read])
    until = timezone.now()
    return [(one, draw_lane(one.lane, samples[one.lane.pk], until)) for one in read], count


def draw_lane(lane: Lane, samples: list[LaneSample], until: datetime) -> Spark:
    """How the lane's limit has moved within a day, by its samples and as it stands."""
    moves = [(one.at, one.running_limit) for one in samples]
    if lane.moved_at:
        moves.append((lane.moved_at, lane.running_limit))
    return charts.draw_moves(moves, until - SAMPLED, until)


def find_errors(steps: list[Step]) -> list[Step]:
    """The last errors, newest first, each once."""
    seen: dict[str, Step] = {}
    for step in reversed(steps):
        if step.error:
            seen.setdefault(step.error, step)
    return list(seen.values())[:ERRORS]


@page("console/destination.html", methods=("POST",))
def pause(request: HttpRequest, destination_id: int) -> HttpResponse:
    """Let nothing more start, for a reason; leads back."""
    destination = find(viewer_of(request), destination_id, PAUSES)
    reason = read_text(request.POST, "reason")[:MOST_REASON]
    if reason:
        advice.pause_destination(
            destination=destination, actor=request.user.get_username(), reason=reason
        )
        messages.success(request, f"{destination} is paused: its actions queue up.")
    else:
        messages.error(request, "Say why it is to be paused: others will want to know.")
    return redirect("console:show_health", destination_id)


@page("console/question.html", methods=("GET", "HEAD", "POST"))
def resume(request: HttpRequest, destination_id: int) -> HttpResponse | Mapping[str, Any]:
    """Says what waits; a POST lets it start again, and leads back."""
    destination = find(viewer_of(request), destination_id, PAUSES)
    url = reverse("console:show_health", args=[destination_id])
    if request.method == "POST":
        advice.resume_destination(destination=destination, actor=request.user.get_username())
        messages.success(request, f"{destination} is delivered to again.")
        return redirect(url)
    question = _ask_to_resume(destination)
    crumbs = [("Health of destinations", reverse("console:health")), (destination.label, url)]
    return {"title": question.title, "question": question, "crumbs": crumbs, "url": url}


def _ask_to_resume(destination: Destination) -> Question:
    """What a resume does, with how much waits for it."""
    learnt = advice.find_waiting_lanes(destination)[: LANES_COUNTED + 1].count()
    if destination.paused_at is None and not learnt:
        told = ["It is not paused, and none of its lanes has learnt to wait."]
        return Question(f"{destination} is open", told, instead="Back")
    actions, lanes = gauges.count_due(destination)
    told = [_tell_due(actions, lanes)]
    if destination.paused_at is None:
        told.insert(0, "It is not paused itself.")
    if learnt:
        number = attention.tell_bounded(learnt, LANES_COUNTED)
        told.append(f"What {_several(number, 'lane')} learnt to wait for ends as well.")
    return Question(f"Resume {destination}?", told, "Resume")


def _tell_due(actions: int, lanes: int) -> str:
    if not actions:
        return "Nothing waits at present. What comes from now on starts at once."
    number = f"{actions:,}" if actions <= gauges.COUNTED else f"More than {gauges.COUNTED:,}"
    wait, start = ("waits", "It starts") if number == "1" else ("wait", "They start")
    waiting = f"{_several(number, 'action')} {wait} in {_several(f'{lanes:,}', 'lane')}"
    return f"{waiting}. {start} again at once, as fast as limits and caps allow."


def _several(number: str, noun: str) -> str:
    return f"{number} {noun}" if number == "1" else f"{number} {noun}s"


@fragment("console/trial.html", methods=("POST",))
def test(request: HttpRequest, destination_id: int) -> Mapping[str, Any]:
    """Deliver a test now, and tell what was answered."""
    destination = find(viewer_of(request), destination_id, TESTS)
    form = TrialForm(request.POST)
    if form.is_valid():
        form.attempt(destination)
    return {"form": form}

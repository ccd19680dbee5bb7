"""What somebody waits for who works in the console, with a million actions over 10,000 lanes.

An operator logs in over HTTP and opens each page again and again, one after the other. PostgreSQL
says how many statements a page takes, and how long the slowest of them was.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import requests

from benchmarks import busy
from benchmarks.stack import Stack
from benchmarks.statements import Observer, observing

ROUNDS = 40
WARMING = 5
# A search that finds little takes two statements for each of ten windows.
SEARCHING = 30
# Of the statements of one page: those that everything else is made of are not counted.
SLOWEST = """
SELECT coalesce(max(max_exec_time), 0), (array_agg(query ORDER BY max_exec_time DESC))[1]
FROM pg_stat_statements WHERE userid <> 'observer'::regrole
"""


@dataclass(frozen=True)
class Page:
    """A page, and how many statements it may take at most."""

    name: str
    path: str
    statements: int


@dataclass(frozen=True)
class Figures:
    """What one page took: milliseconds, statements, and what the slowest of those was."""

    p50: float
    p95: float
    statements: float
    slowest: float
    query: str


def run(stack: Stack) -> dict[str, float]:
    """The slowest page, the slowest statement of any, and how many take more than they may."""
    busy.fill(stack, busy.Sizes())
    operator = log_in(stack)
    with observing(stack) as observer:
        found = {page: measure(stack, operator, observer, page) for page in list_pages(stack)}
    for page, figures in sorted(found.items(), key=lambda item: -item[1].p95):
        print(
            f"{page.name:44}{figures.p50:8.0f} {figures.p95:6.0f} ms p95"
            f"{figures.statements:7.1f} of {page.statements} statements"
            f"{figures.slowest:8.1f} ms the slowest"
        )
        if figures.slowest > 50:
            print(f"    {' '.join(figures.query.split())[:240]}")
    return {
        "slowest page": max(one.p95 for one in found.values()),
        "slowest statement of a page": max(one.slowest for one in found.values()),
        "pages with too many statements": sum(
            one.statements > page.statements for page, one in found.items()
        ),
    }


def log_in(stack: Stack) -> requests.Session:
    """The operator's session, by the form."""
    session = requests.Session()
    url = f"http://127.0.0.1:{stack.port}/accounts/login/"
    page = session.get(url, timeout=30)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    if token is None:
        raise RuntimeError("The login has no form.")
    admin = stack.facts["admin"]
    form = {"login": admin["email"], "password": admin["password"]}
    answer = session.post(url, form | {"csrfmiddlewaretoken": token[1]}, timeout=30)
    if not answer.url.endswith("/admin/"):
        raise RuntimeError(f"Nobody could log in: {answer.url}")
    return session


def measure(stack: Stack, operator: requests.Session, observer: Observer, page: Page) -> Figures:
    """What the page takes, once it has been opened a few times."""
    url = f"http://127.0.0.1:{stack.port}{page.path}"
    for _ in range(WARMING):
        fetch(operator, url)
    observer.reset()
    times = sorted(fetch(operator, url) for _ in range(ROUNDS))
    statements = observer.count().working / ROUNDS
    slowest, query = observer.connection.execute(SLOWEST).fetchone() or (0, "")
    rank = round(ROUNDS * 0.95) - 1
    return Figures(times[ROUNDS // 2], times[rank], statements, float(slowest), str(query))


def fetch(operator: requests.Session, url: str) -> float:
    """The milliseconds until all of the page is here."""
    began = time.perf_counter()
    answer = operator.get(url, timeout=60, allow_redirects=False)
    taken = (time.perf_counter() - began) * 1000
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.status_code} at {url}")
    return taken


def list_pages(stack: Stack) -> list[Page]:
    """Each list and page of the console, and the admin's lists of what is many."""
    with stack.connect() as connection:
        row = connection.execute(
            "SELECT id, destination_id, definition_id FROM dispatch_actionrecord"
            " WHERE status = 'failed' ORDER BY id DESC LIMIT 1"
        ).fetchone()
    if row is None:
        raise RuntimeError("Nothing has failed.")
    record, destination, definition = row
    return [
        Page("home", "/admin/", 22),
        Page("home, a day", "/admin/?window=day", 22),
        Page("home, what moves", "/admin/now/?window=hour", 22),
        Page("health", "/admin/health/", 8),
        Page("health, what fails", "/admin/health/?show=failing", 8),
        Page("health, searched", "/admin/health/?q=destination%2000", 8),
        Page("a destination's health", f"/admin/health/{destination}/", 12),
        Page("definitions", "/admin/definitions/", 11),
        Page("definitions, searched", "/admin/definitions/?q=orders", 9),
        Page("a definition", f"/admin/definitions/{definition}/", 14),
        Page("two versions", f"/admin/definitions/{definition}/compare/", 9),
        Page("try it", "/admin/try/", 11),
        Page("try a definition", f"/admin/try/{definition}/", 9),
        *list_searches(),
        Page("a record", f"/admin/records/{record}/", 10),
        Page("a record's timeline", f"/admin/records/{record}/timeline", 8),
        Page("destinations of the admin", "/admin/destinations/destination/", 8),
        Page("lanes of the admin", "/admin/dispatch/lane/", 7),
        Page("lane uses of the admin", "/admin/dispatch/laneuse/", 6),
        Page("audit of the admin", "/admin/orgs/auditentry/", 6),
        Page("usage of the admin", "/admin/operations/usage/", 6),
        Page("bulk operations", "/admin/operations/bulkoperation/", 6),
        Page("members", "/admin/orgs/membership/", 8),
        Page("keys", "/admin/orgs/apikey/", 8),
    ]


def list_searches() -> list[Page]:
    """Searches for actions, by each thing that can be asked for."""
    day = datetime.now(UTC).replace(tzinfo=None)
    since, until = ((day - timedelta(days=days)).isoformat("T", "minutes") for days in (4, 3))
    searches = {
        "all": {},
        "an id": {"q": "500000"},
        "no such key": {"q": "order-2026-118"},
        **{one: {"status": one} for one in ("queued", "held", "failed", "succeeded", "canceled")},
        "a variant": {"variant": "mail.event_1"},
        "a destination": {"destination": "destination 00500"},
        "a tag": {"tag": "tenant=t3"},
        "no such tag": {"tag": "tenant=nobody"},
        "what an error says": {"error": "upstream 17"},
        "an error nobody had": {"error": "out of paper"},
        "a day": {"since": since, "until": until},
        "a day's failures": {"since": since, "until": until, "status": "failed"},
    }
    return [
        Page(f"records: {name}", f"/admin/records/?{urlencode(query)}", SEARCHING)
        for name, query in searches.items()
    ]

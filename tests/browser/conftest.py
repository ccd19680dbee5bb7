"""One installation for all tests in a browser, and a browser for each module of them.

Playwright's loop runs in the thread of the tests, where Django would then refuse to work: it ends
with the module, and tests in a browser look at Waybill from outside only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium, demo
from tests.browser.chromium import Visit
from tests.browser.demo import Demo

Visiting = Callable[..., Visit]


@pytest.fixture(scope="session")
def console() -> Iterator[Demo]:
    """An installation in which much is going on."""
    with demo.running() as there:
        yield there


@pytest.fixture(scope="session")
def signed_in(console: Demo) -> dict[str, Any]:
    """What the browser keeps of those who have signed in, by their address."""
    return {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.running() as running:
        yield running


@pytest.fixture(scope="module")
def open_as(console: Demo, browser: Browser, signed_in: dict[str, Any]) -> Visiting:
    """Opens a tab of somebody who has signed in before, or does so; None is nobody."""

    def open_tab(email: str | None, **options: Any) -> Visit:
        if email and email not in signed_in:
            first = chromium.open_visit(browser, console.origin)
            first.sign_in(email, demo.PASSWORD)
            signed_in[email] = first.page.context.storage_state()
            first.page.context.close()
            check([first])
        state = {"storage_state": signed_in[email]} if email else {}
        return chromium.open_visit(browser, console.origin, **state, **options)

    return open_tab


@pytest.fixture
def visit(console: Demo, browser: Browser, open_as: Visiting) -> Iterator[Visiting]:
    """Opens a tab of somebody's: the operator's, or who is named; None is nobody's.

    With `is_own` it has a login of its own: for who changes what is kept with one, as which
    organization is looked at. Whatever goes wrong on its pages fails the test.
    """
    visits: list[Visit] = []

    def open_for(email: str | None = demo.ADMIN, *, is_own: bool = False, **options: Any) -> Visit:
        if email and is_own:
            visits.append(chromium.open_visit(browser, console.origin, **options))
            visits[-1].sign_in(email, demo.PASSWORD)
        else:
            visits.append(open_as(email, **options))
        return visits[-1]

    yield open_for
    for one in visits:
        one.page.context.close()
    check(visits)


@pytest.fixture(scope="module")
def tabs() -> dict[str | None, Visit]:
    """Those of people who only look, who have one each for a module."""
    return {}


@pytest.fixture
def look(open_as: Visiting, tabs: dict[str | None, Visit]) -> Iterator[Visiting]:
    """Opens somebody's tab, as `visit` does, but the same one for all tests of a module.

    It is much faster: what pages have in common is there already.
    """
    looked_at: list[Visit] = []

    def look_as(email: str | None = demo.ADMIN) -> Visit:
        if email not in tabs:
            tabs[email] = open_as(email)
        looked_at.append(tabs[email])
        return tabs[email]

    yield look_as
    check(looked_at)


def check(visits: list[Visit]) -> None:
    """Fail for what has gone wrong on these pages, and forget it."""
    faults = [fault for one in visits for fault in one.watch.faults]
    for one in visits:
        one.watch.faults.clear()
    assert not faults, "\n".join(faults)

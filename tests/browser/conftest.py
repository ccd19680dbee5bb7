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


@pytest.fixture
def visit(console: Demo, browser: Browser, signed_in: dict[str, Any]) -> Iterator[Visiting]:
    """Opens a tab of somebody's: the operator's, or who is named; None is nobody's.

    With `is_own` it has a login of its own: for who changes what is kept with one, as which
    organization is looked at. Whatever goes wrong on its pages fails the test.
    """
    visits: list[Visit] = []

    def open_for(email: str | None = demo.ADMIN, *, is_own: bool = False, **options: Any) -> Visit:
        if email and is_own:
            visits.append(chromium.open_visit(browser, console.origin, **options))
            visits[-1].sign_in(email, demo.PASSWORD)
            return visits[-1]
        if email and email not in signed_in:
            first = chromium.open_visit(browser, console.origin)
            visits.append(first)
            first.sign_in(email, demo.PASSWORD)
            signed_in[email] = first.page.context.storage_state()
        state = {"storage_state": signed_in[email]} if email else {}
        visits.append(chromium.open_visit(browser, console.origin, **state, **options))
        return visits[-1]

    yield open_for
    for one in visits:
        one.page.context.close()
    faults = [fault for one in visits for fault in one.watch.faults]
    assert not faults, "\n".join(faults)

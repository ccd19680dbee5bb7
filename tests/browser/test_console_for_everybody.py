"""Every page of the console: with a screen reader, in any light, and on a phone."""

from __future__ import annotations

import pytest

from tests.browser import acts, everybody, tour
from tests.browser.conftest import Visiting
from tests.browser.demo import Demo

PAGES = [str(pattern.name) for pattern in tour.find_pages()]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_used_by_everybody(console: Demo, look: Visiting, name: str):
    one = look(tour.find_viewer(name))
    one.go(tour.list_console(console)[name])

    told = everybody.find_faults(one)
    assert not told, "\n".join(told)


@pytest.mark.parametrize("name", acts.ACTS)
def test_what_is_asked_and_answered_can_be_used_by_everybody(
    console: Demo, visit: Visiting, name: str
):
    one = visit(acts.ACTOR, is_own=True)
    acts.ACTS[name](console, one)

    told = everybody.find_faults(one, stays=True)
    assert not told, "\n".join(told)

"""Every page of the console: with a screen reader, in any light, and on a phone."""

from __future__ import annotations

import pytest

from tests.browser import acts, axe, chromium, tour
from tests.browser.conftest import Visiting
from tests.browser.demo import Demo

PAGES = [str(pattern.name) for pattern in tour.find_pages()]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_used_by_everybody(console: Demo, visit: Visiting, name: str):
    page = visit(tour.find_viewer(name)).go(tour.list_console(console)[name])

    told = axe.find_faults(page)
    assert not told, "\n".join(told)


@pytest.mark.parametrize("name", PAGES)
def test_on_a_phone_a_page_is_not_wider_than_it(console: Demo, visit: Visiting, name: str):
    one = visit(tour.find_viewer(name), viewport=chromium.PHONE)
    one.go(tour.list_console(console)[name])

    assert one.find_what_sticks_out() == []


@pytest.mark.parametrize("path", tour.list_tables().values())
def test_on_a_phone_a_table_is_not_wider_than_it(visit: Visiting, path: str):
    one = visit(viewport=chromium.PHONE)
    one.go(path)

    assert one.find_what_sticks_out() == []


@pytest.mark.parametrize("name", acts.ACTS)
def test_what_is_asked_and_answered_can_be_used_by_everybody(
    console: Demo, visit: Visiting, name: str
):
    one = visit(acts.ACTOR)
    page = acts.ACTS[name](console, one)

    told = axe.find_faults(page)
    assert not told, "\n".join(told)
    page.set_viewport_size(chromium.PHONE)
    assert one.find_what_sticks_out() == []

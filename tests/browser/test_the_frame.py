"""What is the same on every page: keys, times, themes, and what a session's end does."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visiting

DARK = re.compile(r"\bdark\b")


def test_an_operator_signs_in_and_sees_the_first_page(visit: Visiting):
    page = visit().go("/admin/")

    expect(page.get_by_role("link", name="Home")).to_be_visible()


def test_the_list_of_keys_opens_and_closes(visit: Visiting):
    page = visit().go("/admin/")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")

    expect(keys).to_contain_text("Definitions")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_a_slash_goes_to_the_search_of_the_page(visit: Visiting):
    page = visit().go("/admin/orgs/user/")
    page.keyboard.press("/")
    expect(page.locator("#searchbar")).to_be_focused()

    page.keyboard.type("g/?h")
    expect(page.locator("#searchbar")).to_have_value("g/?h")
    assert page.url.endswith("/admin/orgs/user/"), "what is typed is not a command"


def test_g_and_h_lead_home(visit: Visiting):
    page = visit().go("/admin/orgs/user/")
    page.keyboard.press("g")
    page.keyboard.press("h")

    page.wait_for_url("**/admin/")


def test_a_key_that_leads_nowhere_ends_what_g_began(visit: Visiting):
    page = visit().go("/admin/orgs/user/")
    for key in "gxh":
        page.keyboard.press(key)
    page.wait_for_timeout(200)

    assert page.url.endswith("/admin/orgs/user/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_as_dark_as_the_viewer_has_it(visit: Visiting, scheme: str):
    page = visit(color_scheme=scheme).go("/admin/")

    assert is_dark(page) == (scheme == "dark")


def test_the_theme_can_be_switched_and_stays(visit: Visiting):
    one = visit(color_scheme="light")
    page = one.go("/admin/")
    page.get_by_role("button", name="Your menu").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_class(DARK)
    one.go("/admin/orgs/user/")

    expect(page.locator("html")).to_have_class(DARK)
    assert is_dark(page)


def is_dark(page: Page) -> bool:
    """Whether the tokens are those of the dark."""
    expect(page.locator("html")).not_to_have_attribute("x-cloak", "")
    read = "getComputedStyle(document.documentElement).getPropertyValue('--wb-good').trim()"
    return bool(page.evaluate(read) == "#4ade80")

"""What is the same on every page: keys, times, themes, and what a session's end does."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visiting
from tests.browser.demo import Demo, send

DARK = re.compile(r"\bdark\b")


def begin_action(console: Demo) -> str:
    """The path of an action that waits for its settlement, and is asked for every two seconds: one
    that has not moved for a minute is not.
    """
    record = send(console.acme, "ledger.book", {"customer": "C-1", "amount": 1})
    return f"/admin/records/{record}/"


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


def test_what_cannot_be_copied_is_marked(visit: Visiting):
    page = visit().go("/admin/")
    page.evaluate("""() => {
      Object.defineProperty(navigator, "clipboard", { value: undefined });
      const secret = Object.assign(document.createElement("code"), { textContent: "s3cret" });
      secret.id = "secret";
      const button = Object.assign(document.createElement("button"), { textContent: "Copy" });
      button.dataset.copy = "#secret";
      document.querySelector("#wb-now").before(secret, button);
    }""")
    page.get_by_role("button", name="Copy", exact=True).click()

    expect(page.get_by_role("button", name="Marked: press Ctrl+C")).to_be_visible()
    assert page.evaluate("String(window.getSelection())") == "s3cret"


def test_a_slash_goes_to_the_search_of_the_page(visit: Visiting):
    page = visit().go("/admin/orgs/user/")
    page.keyboard.press("/")
    expect(page.locator("#searchbar")).to_be_focused()

    page.keyboard.type("g/?h")
    expect(page.locator("#searchbar")).to_have_value("g/?h")
    assert page.url.endswith("/admin/orgs/user/"), "what is typed is not a command"


def test_a_page_without_a_search_leads_to_that_of_the_records(visit: Visiting):
    page = visit().go("/admin/")
    page.keyboard.press("/")

    page.wait_for_url("**/admin/records/#search")
    expect(page.locator("[data-search]")).to_be_focused()


@pytest.mark.parametrize(
    ("key", "path"),
    [("h", ""), ("d", "definitions/"), ("r", "records/"), ("l", "health/"), ("t", "try/")],
)
def test_two_keys_lead_to_each_page(visit: Visiting, key: str, path: str):
    page = visit().go("/admin/orgs/user/")
    page.keyboard.press("g")
    page.keyboard.press(key)

    page.wait_for_url(f"**/admin/{path}")
    expect(page.locator("#nav-sidebar-apps a.active")).to_have_attribute("href", f"/admin/{path}")


@pytest.mark.parametrize("path", ["/admin/records/", "/admin/destinations/destination/"])
def test_times_are_of_the_viewers_zone_and_exact_on_hover(visit: Visiting, path: str):
    time = visit(timezone_id="Asia/Kolkata").go(path).locator("main time, #main time").first

    exact = datetime.fromisoformat(str(time.get_attribute("datetime")))
    told = datetime.fromisoformat(time.inner_text())
    assert told - exact.replace(tzinfo=None, microsecond=0) == timedelta(hours=5, minutes=30)
    assert re.fullmatch(r"[-\d]{10} [:.\d]{8,12} UTC", str(time.get_attribute("title")))


def test_a_page_that_looks_for_news_leads_to_the_login_when_the_session_is_over(
    console: Demo, visit: Visiting
):
    page = visit().go(begin_action(console))
    page.context.clear_cookies()

    page.wait_for_url("**/accounts/login/**")
    expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.parametrize("status", [403, 404])
def test_a_page_that_looks_for_news_which_are_out_of_reach_by_now_is_loaded_anew(
    console: Demo, visit: Visiting, status: int
):
    one = visit()
    one.watch.expected = {status}
    page = one.go(begin_action(console))
    page.route("**/timeline*", lambda route: route.fulfill(status=status), times=1)

    with page.expect_navigation():
        pass
    # htmx tells the console of every answer that is an error.
    one.watch.faults.clear()


@pytest.mark.parametrize("is_hidden", [True, False])
def test_a_page_that_nobody_sees_asks_for_no_news(
    console: Demo, visit: Visiting, *, is_hidden: bool
):
    page = visit().go(begin_action(console))
    page.evaluate(
        "is => Object.defineProperty(document, 'hidden', {get: () => is, configurable: true})",
        is_hidden,
    )
    # What was asked for before is on its way by then.
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.wait_for_timeout(2_500)

    # Chromium fetches a page's icon when it likes.
    news = [path for path in asked if path.endswith("/timeline")]
    assert bool(news) is not is_hidden, asked


def test_what_a_page_asks_for_by_itself_is_told_apart_from_what_a_person_does(
    console: Demo, visit: Visiting
):
    one = visit()
    with one.page.expect_request("**/timeline*") as asked:
        one.go(begin_action(console))

    assert asked.value.headers["x-waybill-poll"] == "1"


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

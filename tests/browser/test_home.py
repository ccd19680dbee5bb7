"""Home in a browser: it looks again by itself, in place."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import demo as demos
from tests.browser.conftest import Visiting
from tests.browser.demo import Demo

# It looks every ten seconds.
PATIENCE_MS = 25_000
ORDER = {"order_id": "A-1", "total": 5, "currency": "EUR"}


def test_home_tells_what_has_come_meanwhile_without_being_loaded_again(
    console: Demo, visit: Visiting
):
    page = visit("vera@acme.example").go("/admin/")
    page.evaluate("window.isTheSame = true")
    tile = page.locator(".wb-tile").filter(has_text="Accepted").locator(".wb-figure")
    before = int(tile.inner_text().replace(",", ""))
    bars = page.get_by_role("img", name="Actions per minute")
    expect(bars).to_be_visible()

    for _ in range(3):
        demos.send(console.acme, "orders.created", ORDER)

    expect(tile).to_have_text(f"{before + 3:,}", timeout=PATIENCE_MS)
    expect(bars).to_be_visible()
    assert page.evaluate("window.isTheSame")


def test_a_chart_is_read_as_a_table_which_stays_open(console: Demo, visit: Visiting):
    page = visit().go("/admin/?window=day")
    chart = page.get_by_role("region", name="Actions per 15 minutes")
    chart.get_by_text("As a table").click()

    table = chart.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(97)
    expect(table.get_by_role("columnheader")).to_have_text(
        ["From", "succeeded", "failed", "canceled", "accepted"]
    )
    # What is being read is not taken away.
    page.wait_for_timeout(11_000)
    expect(table).to_be_visible()


def test_what_needs_a_person_leads_to_it(console: Demo, visit: Visiting):
    page = visit("bea@acme.example").go("/admin/")

    page.get_by_role("link", name="paused destination").click()

    expect(page.get_by_role("link", name="Parcel service")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(2)

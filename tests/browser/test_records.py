"""Actions in a browser: found, paged, watched, decided on, and replayed in bulk."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe
from tests.browser.conftest import Visiting
from tests.browser.demo import INVOICE, Demo, define, send

OPERATOR = "otto@acme.example"
APPROVER = "bea@acme.example"


def rows_of(page: Page):
    return page.locator("table.wb-table tbody tr")


def open_record(page: Page, record_id: str) -> Page:
    page.goto(re.sub(r"/admin/.*", f"/admin/records/{record_id}/", page.url))
    return page


def test_a_search_is_typed_sent_and_passed_on(visit: Visiting, console: Demo):
    page = visit().go("/admin/records/")
    page.keyboard.press("/")
    expect(page.get_by_label("Id or idempotency key")).to_be_focused()
    page.keyboard.type(console.records["failed"])
    page.keyboard.press("Enter")

    expect(rows_of(page)).to_have_count(1)
    expect(rows_of(page)).to_contain_text("billing.charge")
    page.get_by_role("link", name="Clear").click()
    page.get_by_label("Variant or alias").fill("order.placed")
    page.get_by_label("Tag", exact=True).fill("region=eu-north")
    page.get_by_label("Status").select_option("succeeded")
    page.get_by_role("button", name="Search").click()
    expect(rows_of(page)).to_have_count(4)
    # Whoever gets the address sees the same, in the same zone.
    assert "zone=Europe%2FAmsterdam" in page.url
    other = visit(OPERATOR, timezone_id="America/New_York").go(page.url.partition("0.0.1")[2][6:])
    expect(rows_of(other)).to_have_count(4)
    expect(other.get_by_text("Times are of Europe/Amsterdam")).to_be_visible()


def test_pages_lead_to_each_other(visit: Visiting, console: Demo):
    page = visit().go("/admin/records/")
    first = rows_of(page).first.inner_text()

    expect(rows_of(page)).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**below=*")
    assert rows_of(page).first.inner_text() != first
    page.get_by_role("link", name="Newer").click()
    page.wait_for_url("**above=*")
    assert rows_of(page).first.inner_text() == first


def test_what_matches_nothing_says_what_to_do(visit: Visiting):
    page = visit().go("/admin/records/?q=nobody-had-it")

    page.get_by_role("link", name="Show all actions").click()
    expect(rows_of(page).first).to_be_visible()


def test_an_action_is_watched_while_it_fails_and_is_retried(visit: Visiting, console: Demo):
    mail = {"recipient": "watched@example.com", "subject": "Watch me"}
    record = send(console.acme, "send_email", mail)
    page = visit(OPERATOR).go(f"/admin/records/{record}/")
    timeline = page.locator("#record-timeline")
    payload = page.get_by_role("heading", name="Input").element_handle()

    expect(timeline).to_contain_text("Attempt 1 failed, to be retried")
    answer = timeline.get_by_text("Answer: HTTP 5")
    answer.click()
    timeline.get_by_text("Request", exact=True).first.click()
    sent = timeline.get_by_label("Request of attempt 1")
    expect(sent).to_contain_text(f"x-arklow-actionid: {record}")
    expect(sent).to_contain_text("watched@example.com")
    # Nobody presses anything: the timeline comes by itself, and what was opened stays open.
    expect(timeline).to_contain_text("Attempt 2 succeeded", timeout=20_000)
    expect(timeline.locator("details[open]")).to_have_count(2)
    expect(sent).to_contain_text(f"x-arklow-actionid: {record}")
    expect(timeline.get_by_role("link", name="Replay")).to_be_visible()
    assert page.evaluate("(one) => one.isConnected", payload), "the page was not loaded anew"


def test_a_poll_stops_when_the_action_is_over(visit: Visiting, console: Demo):
    there = visit()
    page = there.go(f"/admin/records/{console.records['succeeded']}/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2_500)

    assert not [url for url in asked if "timeline" in url]


def test_a_held_action_is_approved_by_who_may(visit: Visiting, console: Demo):
    record = send(console.acme, "invoices.issue", {"customer": "C-9", "amount": 1})
    looking = visit(OPERATOR).go(f"/admin/records/{record}/")
    expect(looking.get_by_role("link", name="Cancel it")).to_be_visible()
    expect(looking.get_by_role("link", name="Approve")).to_have_count(0)

    page = visit(APPROVER).go(f"/admin/records/{record}/")
    page.get_by_role("link", name="Approve").click()
    expect(page.get_by_role("heading", name=f"Approve action {record}?").last).to_be_visible()
    page.get_by_label("Reason").fill("Ordered by phone.")
    page.get_by_role("button", name="Approve").click()

    page.wait_for_url(f"**/records/{record}/")
    expect(page.locator("#record-timeline")).to_contain_text("Ordered by phone.")
    # What is held is looked at every ten seconds.
    expect(looking.locator("#record-timeline")).to_contain_text("Approved", timeout=30_000)


def test_an_action_is_canceled_and_replayed(visit: Visiting, console: Demo):
    record = send(console.acme, "ledger.book", {"customer": "C-8", "amount": 1})
    page = visit(OPERATOR).go(f"/admin/records/{record}/")
    page.get_by_role("link", name="Cancel it").click()
    page.get_by_role("button", name="Cancel it").click()
    expect(page.get_by_text(f"Action {record} is canceled.")).to_be_visible()

    page.get_by_role("link", name="Replay").click()
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text(f"Action {record} is replayed: this is the new one.")).to_be_visible()
    page.get_by_role("link", name=f"action {record}", exact=True).click()
    expect(page.locator("#record-timeline")).to_contain_text("Replayed")


def test_what_is_pressed_twice_is_sent_once(visit: Visiting, console: Demo):
    page = visit(OPERATOR).go(f"/admin/records/{console.records['failed']}/replay/")
    page.get_by_role("button", name="Replay").wait_for()

    sent = page.evaluate("""() => {
      let sent = 0;
      window.addEventListener("submit", (event) => {
        sent += event.defaultPrevented ? 0 : 1;
        event.preventDefault();
      });
      const button = [...document.querySelectorAll("button")].find(
        (one) => one.textContent.trim() === "Replay");
      button.click();
      button.click();
      return sent;
    }""")

    assert sent == 1


def test_what_is_ticked_is_replayed_in_bulk(visit: Visiting, console: Demo):
    define(console, "bulk.ticked", INVOICE, "Old billing")
    made = [send(console.acme, "bulk.ticked", {"customer": "C", "amount": n}) for n in range(3)]
    for one in made:
        console.acme.wait_for(one, "failed", seconds=20)
    page = visit(OPERATOR).go("/admin/records/?variant=bulk.ticked")
    replay = page.get_by_role("button", name="Replay ticked")
    expect(replay).to_be_disabled()
    for one in made[:2]:
        page.get_by_label(f"Tick action {one}").check()
    expect(page.get_by_text("2 ticked:")).to_be_visible()
    replay.click()

    page.wait_for_url("**/bulkoperation/add/**")
    assert page.get_by_label("Ids").input_value().split() == sorted(made[:2], key=int)
    page.get_by_label("Reason").fill("Billing is back.")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Replay 2 actions of Acme?")).to_be_visible()
    page.get_by_role("button", name="Replay them").click()

    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100.0")
    expect(page.locator("#bulk-progress")).to_contain_text("2 done of 2 found")


def test_all_that_matches_is_canceled_in_bulk(visit: Visiting, console: Demo):
    define(console, "bulk.all", INVOICE, "Ledger")
    for number in range(3):
        send(console.acme, "bulk.all", {"customer": "C", "amount": number}, tags={"run": "b"})
    page = visit(OPERATOR).go("/admin/records/?variant=bulk.all&tag=run%3Db")
    page.get_by_role("link", name="Cancel all").click()

    page.wait_for_url("**/bulkoperation/add/**")
    assert page.get_by_label("Variant").input_value() == "bulk.all"
    page.get_by_label("Reason").fill("A mistake.")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Cancel 3 actions of Acme?")).to_be_visible()
    page.get_by_role("button", name="Cancel them").click()
    expect(page.locator("#bulk-progress")).to_contain_text("3 done of 3 found")
    assert axe.find_faults(page) == []


def test_what_is_held_is_approved_in_bulk_by_who_may(visit: Visiting, console: Demo):
    define(console, "bulk.held", INVOICE, "Orders API", requires_approval=True)
    for number in range(2):
        send(console.acme, "bulk.held", {"customer": "C", "amount": number})
    held = "/admin/records/?status=held&variant=bulk.held"
    looking = visit(OPERATOR).go(held)
    expect(looking.get_by_role("link", name="Cancel all")).to_be_visible()
    expect(looking.get_by_role("link", name="Approve all")).to_have_count(0)

    page = visit(APPROVER).go(held)
    page.get_by_role("link", name="Approve all").click()
    page.wait_for_url("**/bulkoperation/add/**")
    page.get_by_label("Reason").fill("The quarter's invoices.")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("What you have handed in yourself is skipped.")).to_be_visible()
    page.get_by_role("button", name="Approve them").click()

    expect(page.locator("#bulk-progress")).to_contain_text("2 done of 2 found")
    assert axe.find_faults(page) == []


@pytest.mark.parametrize("path", ["/admin/records/", "/admin/records/{retried}/"])
def test_on_a_phone_nothing_sticks_out(visit: Visiting, console: Demo, path: str):
    there = visit(viewport={"width": 390, "height": 844})
    there.go(path.format(**console.records))

    assert there.find_what_sticks_out() == []


def test_a_bulk_operation_is_of_the_time_of_who_searched_or_types(visit: Visiting, console: Demo):
    define(console, "bulk.timed", INVOICE, "Ledger")
    send(console.acme, "bulk.timed", {"customer": "C", "amount": 1})
    there = visit(OPERATOR, timezone_id="Asia/Tokyo")
    found = "/admin/records/?variant=bulk.timed&since=2026-01-01T08:30&zone=Europe/Amsterdam"
    page = there.go(found)
    page.get_by_role("link", name="Cancel all").click()
    page.wait_for_url("**/bulkoperation/add/**")

    expect(page.get_by_label("Accepted from")).to_have_value("2026-01-01T08:30")
    expect(page.get_by_text("In the time of Europe/Amsterdam.").first).to_be_visible()
    page.get_by_label("Reason").fill("It was late.")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("2026-01-01 08:30:00 Europe/Amsterdam")).to_be_visible()
    expect(page.get_by_text("Cancel 1 action of Acme?")).to_be_visible()

    there.go("/admin/operations/bulkoperation/add/")
    expect(page.get_by_text("In the time of Asia/Tokyo.").first).to_be_visible()
    assert axe.find_faults(page) == []
    page.get_by_label("Kind").select_option("cancel")
    page.get_by_label("Variant").fill("bulk.timed")
    page.get_by_label("Accepted before").fill("2199-01-01T08:30")
    page.get_by_label("Reason").fill("It was late.")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("2199-01-01 08:30:00 Asia/Tokyo")).to_be_visible()

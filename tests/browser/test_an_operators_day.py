"""The whole of it, as an operator does it: from a definition to a failure that is put right."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visiting
from tests.browser.demo import Demo

# A webhook's first attempts: at once, and about five seconds later.
RETRIED_MS = 25_000
VALID = "Valid."


def test_an_operators_day(console: Demo, visit: Visiting):
    page = visit(is_own=True).go("/admin/")
    look_at_acme(page)
    define(page)
    publish_the_next(page)
    add_webhook(page, console.receiver.url("/broken"))
    link(page)
    action = try_it(page)
    see_it_retried(page, action)
    mend(page, console.receiver.url("/ok"))
    give_up(page, action)
    replay_in_bulk(page)
    see_it_delivered(console, page)
    rotate_a_key(page)


def look_at_acme(page: Page) -> None:
    """One organization of all."""
    page.locator(".wb-orgs summary").click()
    page.get_by_label("Find an organization").fill("Ac")
    page.get_by_role("button", name="Acme").click()
    expect(page.locator(".wb-orgs summary")).to_contain_text("Acme")


def define(page: Page) -> None:
    """A variant with one property, in the form builder."""
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/admin/definitions/")
    page.get_by_role("link", name="New definition").first.click()
    expect(page.get_by_text(VALID)).to_be_visible()
    page.get_by_label("Name", exact=True).first.fill("parcels.sorted")
    add_property(page, "parcel")
    publish(page, 1)


def add_property(page: Page, name: str) -> None:
    """A required text."""
    form = page.get_by_role("tabpanel", name="Form")
    form.get_by_role("button", name="Add item").last.click()
    form.get_by_label("Name").last.fill(name)
    form.get_by_label("Required").last.check()
    expect(page.get_by_text(VALID)).to_be_visible()


def publish(page: Page, version: int) -> None:
    """What the form says, after the page that says what it changes."""
    page.get_by_role("button", name="Review and publish").click()
    page.get_by_role("button", name=f"Publish parcels.sorted v{version}").click()
    expect(page.get_by_text(f"parcels.sorted v{version} is published")).to_be_visible()


def publish_the_next(page: Page) -> None:
    """One more property makes a second version."""
    page.get_by_role("link", name="Edit as next version").click()
    expect(page.get_by_text(VALID)).to_be_visible()
    add_property(page, "shelf")
    page.get_by_role("button", name="Review and publish").click()
    expect(page.get_by_role("row").filter(has_text="/properties/shelf")).to_contain_text("added")
    page.go_back()
    publish(page, 2)


def add_webhook(page: Page, url: str) -> None:
    """A destination, in the form that follows its type."""
    page.goto(page.url.split("/admin/")[0] + "/admin/destinations/destination/add/")
    page.get_by_label("Label").fill("Sorting hall")
    page.get_by_label("URL").fill(url)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was added successfully")).to_be_visible()


def link(page: Page) -> None:
    """The variant's newest version leads to it."""
    open_definition(page)
    page.get_by_label("Destination", exact=True).select_option("Sorting hall (Webhook)")
    page.get_by_role("button", name="Link", exact=True).click()
    expect(page.locator(".wb-form")).to_contain_text("and to Sorting hall from the next one on")
    page.get_by_role("button", name="Make it the default").click()
    expect(page.get_by_role("button", name="Unlink Sorting hall")).to_be_visible()


def open_definition(page: Page) -> None:
    """Its newest version, by its name."""
    page.goto(page.url.split("/admin/")[0] + "/admin/definitions/?q=parcels")
    page.get_by_role("link", name="parcels.sorted", exact=True).click()


def try_it(page: Page) -> str:
    """The id of the action that was sent, with what a dry run said first."""
    page.locator(".wb-page").get_by_role("link", name="Try it").click()
    expect(page.get_by_text(VALID)).to_be_visible()
    form = page.get_by_role("group", name="Form")
    form.get_by_label("shelf").fill("B 12")
    expect(page.get_by_text(VALID)).to_be_visible()
    came = page.get_by_role("region", name="What came of it")
    page.get_by_role("button", name="Dry run").click()
    expect(came).to_contain_text("Sorting hall")
    expect(came).to_contain_text("/broken")
    page.get_by_role("button", name="Send it").click()
    expect(came).to_contain_text("Attempt 1 failed", timeout=RETRIED_MS)
    found = re.search(r"Action (\d+)", came.inner_text())
    assert found
    return found[1]


def see_it_retried(page: Page, action: str) -> None:
    """On its page, which asks for its news by itself."""
    page.goto(page.url.split("/admin/")[0] + f"/admin/records/{action}/")
    expect(page.get_by_text("Attempt 1 failed")).to_be_visible()
    expect(page.get_by_text("Attempt 2 failed")).to_be_visible(timeout=RETRIED_MS)
    expect(page.get_by_text("The warehouse is closed").first).to_be_visible()


def mend(page: Page, url: str) -> None:
    """The destination leads elsewhere, and a test of it is answered."""
    page.get_by_role("link", name="Sorting hall").click()
    page.get_by_label("URL").fill(url)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    page.goto(page.url.split("/admin/")[0] + "/admin/health/?q=Sorting")
    page.get_by_role("link", name="Sorting hall").click()
    page.get_by_role("button", name="Send a test").click()
    dialog = page.get_by_role("dialog", name="Send a test to Sorting hall")
    dialog.get_by_role("button", name="Send it").click()
    expect(dialog).to_contain_text("200")
    dialog.get_by_role("button", name="Close").click()


def give_up(page: Page, action: str) -> None:
    """What waits for its next attempt is canceled, so that all of it can be sent at once."""
    page.goto(page.url.split("/admin/")[0] + f"/admin/records/{action}/")
    page.get_by_role("link", name="Cancel it").click()
    reason = page.get_by_label("Reason")
    if reason.count():
        reason.fill("It is replayed with the others.")
    page.locator(".wb-page").get_by_role("button", name="Cancel").first.click()
    expect(page.get_by_text("canceled").first).to_be_visible()


def replay_in_bulk(page: Page) -> None:
    """All of the variant, after a look at how many those are; its bar goes on by itself."""
    page.goto(page.url.split("/admin/")[0] + "/admin/records/?variant=parcels.sorted")
    page.get_by_role("link", name="Replay all").click()
    page.get_by_label("Reason").fill("The sorting hall has moved.")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Replay 1 action of Acme?")).to_be_visible()
    page.get_by_role("button", name="Replay them").click()
    expect(page.get_by_role("progressbar")).to_have_attribute(
        "aria-valuenow", re.compile("^100"), timeout=RETRIED_MS
    )
    expect(page.get_by_text("1 done of 1 found")).to_be_visible()


def see_it_delivered(console: Demo, page: Page) -> None:
    """The replay has arrived where the destination leads now."""
    page.goto(page.url.split("/admin/")[0] + "/admin/records/?variant=parcels.sorted")
    page.locator(".wb-table tbody a").first.click()
    expect(page.get_by_text("succeeded").first).to_be_visible(timeout=RETRIED_MS)
    replay = re.search(r"/records/(\d+)/", page.url)
    assert replay
    (delivery,) = console.receiver.of(replay[1])
    assert (delivery.path, delivery.attempt) == ("/ok", 0)
    assert b"B 12" in delivery.body


def rotate_a_key(page: Page) -> None:
    """The signing key gets another secret, in two clicks, and shows it once."""
    page.get_by_role("link", name="Signing keys").click()
    page.locator("#result_list a[href*='/change/']").first.click()
    page.get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Rotate").click()
    expect(page.locator("#secret")).to_have_text(re.compile("^whsec_"))

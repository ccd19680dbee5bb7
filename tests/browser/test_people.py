"""Members in a browser: whose rows they see, where else they look, and the secrets they make."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser import axe, chromium, demo, everybody
from tests.browser.conftest import Visiting
from tests.browser.demo import BEA, Demo

VERA = "vera@acme.example"
DESTINATIONS = "/admin/destinations/destination/"
SECRET = "#secret"


def switcher(page: Page):
    return page.locator("details.wb-orgs")


def test_a_member_switches_between_their_organizations(visit: Visiting):
    page = visit(BEA, is_own=True).go(DESTINATIONS)
    expect(page.get_by_role("link", name="Orders API")).to_be_visible()
    expect(page.get_by_text("Globex press")).to_have_count(0)

    switcher(page).locator("summary").click()
    assert axe.find_faults(page) == []
    switcher(page).get_by_role("button", name="Globex").click()

    expect(page.get_by_role("link", name="Globex press")).to_be_visible()
    expect(page.get_by_text("Orders API")).to_have_count(0)
    assert page.url.endswith(DESTINATIONS), "one stays on the list"
    # At Globex, Bea is a viewer.
    expect(page.get_by_role("link", name="Add destination")).to_have_count(0)
    switcher(page).locator("summary").click()
    switcher(page).get_by_role("button", name="Acme").click()
    expect(page.get_by_role("link", name="Orders API")).to_be_visible()


def test_an_address_is_edited_and_nothing_of_another_organization_is_there(
    console: Demo, visit: Visiting
):
    one = visit(VERA)
    one.watch.expected = {403, 404}
    theirs = {
        f"{DESTINATIONS}{console.destinations['Globex press']}/change/",
        f"{DESTINATIONS}{console.destinations['Globex press']}/delete/",
        f"/admin/actions/actiondefinition/{console.definitions['send_letter']}/change/",
        f"/admin/records/{console.records['globex']}/",
    }
    for path in theirs:
        page = one.go(path)
        expect(page.locator("body")).not_to_contain_text(re.compile("Globex press|send_letter"))
    ours = one.go(f"{DESTINATIONS}{console.destinations['Orders API']}/change/")
    expect(ours.locator("body")).to_contain_text("Orders API")


def test_staff_find_an_organization_and_look_at_it_alone(visit: Visiting):
    page = visit(is_own=True).go(DESTINATIONS)
    expect(page.get_by_role("link", name="Orders API")).to_be_visible()
    switcher(page).locator("summary").click()
    expect(switcher(page).get_by_role("button", name="Acme")).to_be_visible()
    switcher(page).get_by_label("Find an organization").press_sequentially("glob")
    expect(switcher(page).get_by_role("button", name="Acme")).to_have_count(0)
    assert axe.find_faults(page) == []

    switcher(page).get_by_role("button", name="Globex").click()

    expect(page.get_by_role("link", name="Globex press")).to_be_visible()
    expect(page.get_by_text("Orders API")).to_have_count(0)
    switcher(page).locator("summary").click()
    switcher(page).get_by_role("button", name="All organizations").click()
    expect(page.get_by_role("link", name="Orders API")).to_be_visible()


def test_a_key_is_made_and_its_secret_copied(visit: Visiting, console: Demo):
    one = visit(BEA, permissions=["clipboard-read", "clipboard-write"])
    page = one.go("/admin/orgs/apikey/add/")
    page.get_by_label("Description").fill("laptop")
    page.get_by_role("button", name="Save", exact=True).click()

    secret = page.locator(SECRET).inner_text()
    assert re.fullmatch("api_[0-9a-f]{40}", secret)
    assert axe.find_faults(page) == []
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.get_by_role("link", name="I have it: go on").click()
    expect(page.locator("body")).to_contain_text("laptop")
    expect(page.locator("body")).not_to_contain_text(secret)


def test_an_api_key_is_rotated_in_two_clicks(visit: Visiting):
    one = visit(BEA)
    page = one.go("/admin/orgs/apikey/add/")
    page.get_by_label("Description").fill("till")
    page.get_by_role("button", name="Save", exact=True).click()
    first = page.locator(SECRET).inner_text()
    page.get_by_role("link", name="I have it: go on").click()

    page.get_by_role("link", name="Rotate").click()
    expect(page.get_by_role("heading", name="Rotate “till”?")).to_be_visible()
    expect(page.locator("body")).to_contain_text(f"{BEA} at Acme")
    assert axe.find_faults(page) == []
    assert first not in page.content()
    page.set_viewport_size(chromium.PHONE)
    assert one.find_what_sticks_out() == []
    page.get_by_label("The present key goes on working").select_option("for 1 hour")
    page.get_by_role("button", name="Rotate").click()

    expect(page.locator(SECRET)).to_have_text(re.compile("^api_"))
    assert page.locator(SECRET).inner_text() != first
    expect(page.locator(".wb-secret")).to_contain_text(f"{first[:12]}********, works until")
    assert axe.find_faults(page) == []
    page.get_by_role("link", name="I have it: go on").click()
    expect(page.locator("body")).to_contain_text("till")


def test_a_key_is_rotated_from_the_list_too(visit: Visiting):
    page = visit(BEA).go("/admin/orgs/apikey/add/")
    page.get_by_label("Description").fill("kiosk")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(page.url.split("/admin/")[0] + "/admin/orgs/apikey/?q=kiosk")

    page.get_by_role("link", name="Rotate kiosk").click()

    expect(page.locator("form h2")).to_have_text("Rotate “kiosk”?")


def test_a_signing_key_is_rotated_in_two_clicks(visit: Visiting):
    page = visit(BEA).go("/admin/orgs/signingkey/add/")
    page.get_by_label("Label").fill("orders")
    page.get_by_role("button", name="Save", exact=True).click()
    first = page.locator(SECRET).inner_text()
    page.get_by_role("link", name="I have it: go on").click()

    page.get_by_role("link", name=re.compile("Rotate")).click()
    expect(page.get_by_text("Give this key another secret?")).to_be_visible()
    page.get_by_role("button", name="Rotate").click()

    expect(page.locator(SECRET)).to_have_text(re.compile("^whsec_"))
    assert page.locator(SECRET).inner_text() != first
    assert axe.find_faults(page) == []
    # There is nothing left there to rotate once more by.
    expect(page.locator("#dialog").get_by_role("button", name="Rotate")).to_have_count(0)
    page.get_by_role("link", name="I have it: go on").click()
    expect(page.locator("body")).to_contain_text("both sign")


def test_a_credentials_secret_is_rotated_in_two_clicks(visit: Visiting):
    one = visit(BEA)
    page = one.go("/admin/destinations/credential/add/")
    page.get_by_label("Label").fill("door")
    page.locator("#id_type").select_option("http_bearer")
    page.get_by_label("Token").fill("the-first-token")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#result_list").get_by_role("link", name="door").click()

    page.get_by_role("link", name=re.compile("Rotate the secret")).click()
    expect(page.locator("body")).to_contain_text("What you type becomes version 2")
    assert axe.find_faults(page) == []
    assert "the-first-token" not in page.content()
    page.get_by_label("Token").fill("another-token")
    page.get_by_role("button", name="Rotate the secret").click()

    expect(page.locator("body")).to_contain_text("that start from now on use version 2")
    assert "another-token" not in page.content()


def test_a_member_is_invited_and_comes_in_by_the_link(visit: Visiting):
    page = visit(BEA).go("/admin/orgs/invite/add/")
    page.get_by_label("User id or email address").fill("ivan@people.example")
    page.get_by_label("Viewer").check()
    page.get_by_role("button", name="Save", exact=True).click()
    link = page.locator(SECRET).inner_text()

    guest = visit(None, viewport=chromium.PHONE)
    guest.page.goto(link)
    assert everybody.find_faults(guest, stays=True) == []
    guest.page.get_by_label("Name").fill("Ivan")
    for field in guest.page.locator("input[type=password]").all():
        field.fill(demo.PASSWORD)
    guest.page.get_by_role("button", name=re.compile("Join|Acme")).first.click()
    expect(guest.page.get_by_role("link", name="API keys")).to_be_visible()
    assert axe.find_faults(guest.page) == []
    guest.page.set_viewport_size(chromium.DESKTOP)
    guest.go(DESTINATIONS)

    expect(guest.page.get_by_role("link", name="Orders API")).to_be_visible()
    expect(guest.page.get_by_role("link", name="Add destination")).to_have_count(0)


def test_leaving_says_what_it_means(visit: Visiting):
    page = visit(VERA).go("/admin/")
    switcher(page).locator("summary").click()
    page.get_by_role("link", name="Leave Acme").click()

    expect(page.get_by_role("heading", name="Leave Acme?")).to_be_visible()
    expect(page.locator("body")).to_contain_text("You come back only by another invite")
    page.get_by_role("link", name="Stay").click()
    expect(page.locator("body")).not_to_contain_text("You have left")

"""Destinations in a browser: their form, their health, a test, pause and resume."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser import axe
from tests.browser.conftest import Visiting
from tests.browser.demo import Demo

EDITOR = "bea@acme.example"
SECRETS = {
    "http_bearer": {"token": "a-token-of-a-test"},
    "aws_access_key": {
        "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    },
}


def open_health(visit: Visiting, label: str) -> Page:
    page = visit(EDITOR).go("/admin/health/")
    page.get_by_role("link", name=label).click()
    return page


def test_the_form_follows_the_type_at_once_and_so_do_the_credentials(
    console: Demo, visit: Visiting
):
    for kind, secret in SECRETS.items():
        credential = {"type": kind, "label": f"browser's {kind}", "secret": secret}
        console.acme.data("PUT", "~/credentials", credential)
        theirs = credential | {"label": f"browser's {kind} of globex"}
        console.globex.data("PUT", "~/credentials", theirs)
    page = visit(EDITOR).go("/admin/destinations/destination/add/")
    queue = page.get_by_text("Queue URL")
    expect(page.get_by_text("Response time SLA (ms)")).to_be_visible()
    expect(queue).to_have_count(0)

    page.get_by_label("Type").select_option("aws_sqs")

    expect(queue).to_be_visible()
    expect(offer(page)).to_have_text(["browser's aws_access_key"])
    page.get_by_role("option", name="browser's aws_access_key").click()
    expect(page.locator("#id_credential")).not_to_have_value("")

    page.get_by_label("Type").select_option("webhook")

    expect(queue).to_have_count(0)
    # What was chosen fits no more.
    expect(page.locator("#id_credential")).to_have_value("")
    expect(offer(page)).to_have_text(["browser's http_bearer"])


def offer(page: Page) -> Locator:
    """The credentials of this file among which one can choose; others make some, too."""
    page.locator("#id_credential + .select2").click()
    page.locator(".select2-search__field").fill("browser's")
    return page.locator(".select2-results__option")


def test_a_test_shows_what_was_answered(console: Demo, visit: Visiting):
    page = open_health(visit, "Warehouse")
    page.get_by_role("button", name="Send a test").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Payload (JSON)").fill('{"parcel": "P-1"}')

    dialog.get_by_role("button", name="Send it").click()

    answer = dialog.get_by_role("status")
    expect(answer).to_contain_text(re.compile(r"unavailable, HTTP 5\d\d, in [\d,]+ ms"))
    expect(answer).to_contain_text("content-length")


def test_a_test_that_is_no_json_is_told_of_where_it_was_typed(console: Demo, visit: Visiting):
    page = open_health(visit, "Warehouse")
    page.get_by_role("button", name="Send a test").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Payload (JSON)").fill('{"parcel": ')

    dialog.get_by_role("button", name="Send it").click()

    expect(dialog.get_by_role("status")).to_contain_text("Input:")


def test_a_destination_is_paused_for_a_reason_and_resumed(console: Demo, visit: Visiting):
    page = open_health(visit, "CRM")
    page.get_by_role("button", name="Pause").click()
    dialog = page.get_by_role("dialog", name="Pause CRM?")
    # Without a reason nothing happens.
    dialog.get_by_role("button", name="Pause it").click()
    expect(dialog).to_be_visible()
    dialog.get_by_label("Why").fill("They migrate until 14:00")

    dialog.get_by_role("button", name="Pause it").click()

    expect(page.get_by_text("CRM is paused: its actions queue up.")).to_be_visible()
    expect(page.locator(".wb-notice")).to_contain_text("They migrate until 14:00")
    path = f"~/destinations/{console.destinations['CRM']}"
    assert console.acme.data("GET", path)["paused_at"] is not None

    page.get_by_role("link", name="Resume").click()
    expect(page.locator("form h2")).to_have_text("Resume CRM?")
    expect(page.get_by_text("at once")).to_be_visible()
    assert axe.find_faults(page) == []
    assert console.acme.data("GET", path)["paused_at"] is not None
    page.get_by_role("button", name="Resume").click()

    expect(page.get_by_text("CRM is delivered to again.")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert console.acme.data("GET", path)["paused_at"] is None


def test_the_form_of_a_destination_leads_to_where_it_is_paused(console: Demo, visit: Visiting):
    number = console.destinations["CRM"]
    page = visit(EDITOR).go(f"/admin/destinations/destination/{number}/change/")

    page.get_by_role("link", name="Health, pause, test").click()

    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert page.url.endswith(f"/admin/health/{number}/")


def test_who_only_looks_has_no_buttons(console: Demo, visit: Visiting):
    page = visit("vera@acme.example").go(f"/admin/health/{console.destinations['Warehouse']}/")

    expect(page.get_by_role("region", name="Time to answer")).to_be_visible()
    expect(page.get_by_role("region", name="Last errors")).to_contain_text("HTTP 5")
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    expect(page.get_by_role("button", name="Send a test")).to_have_count(0)

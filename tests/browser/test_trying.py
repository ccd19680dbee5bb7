"""Trying a definition in a browser: judged as one types, seen before it is sent, and followed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from console.ways import drawing
from tests.browser import acts, axe
from tests.browser.conftest import Visiting
from tests.browser.demo import Demo

TOKEN = "never-to-be-seen-9f3a"


@pytest.fixture
def trying(console: Demo, visit: Visiting) -> Page:
    """The page to try an order on, for who may hand actions in."""
    page = visit("otto@acme.example").go(f"/admin/try/{console.definitions['orders.created']}/")
    expect(page.get_by_text("Valid.")).to_be_visible()
    return page


def text_of(page: Page):
    return page.locator("[data-text]")


def test_a_payload_is_judged_in_both_ways_while_one_types(trying: Page):
    form = trying.get_by_role("group", name="Form")
    form.get_by_label("total").fill("-1")

    expect(text_of(trying)).to_have_value(re.compile('"total": -1'))
    expect(form.locator(".rjf-error-text")).to_be_visible()
    expect(trying.locator(".cm-lintRange-error")).to_have_text("-1")
    expect(trying.get_by_role("button", name="Send it")).to_be_disabled()

    form.get_by_label("total").fill("12.5")
    expect(trying.get_by_text("Valid.")).to_be_visible()
    expect(form.locator(".rjf-error-text")).to_have_count(0)


def test_what_is_typed_as_json_is_in_the_form(trying: Page):
    acts.type_json(trying, "Payload as JSON", '{"order_id": "A-7", "total": 3, "currency": "EUR"}')

    expect(trying.get_by_role("group", name="Form").get_by_label("order_id")).to_have_value("A-7")


def test_a_dry_run_shows_the_request_without_its_secrets(console: Demo, visit: Visiting):
    api = console.acme
    secret = {"label": "For trying", "type": "http_bearer", "secret": {"token": TOKEN}}
    credential = api.data("PUT", "~/credentials", secret)
    to = {"label": "For trying", "type": "webhook", "credential_id": credential["id"]}
    config = {"url": console.receiver.url("/ok")}
    destination = api.data("PUT", "~/destinations", to | {"config": config})
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    made = api.link("tried", schema, destination)
    page = visit("otto@acme.example").go(f"/admin/try/{made['id']}/")
    expect(page.get_by_text("Valid.")).to_be_visible()
    page.get_by_label("Tags").fill("customer=42")

    page.get_by_role("button", name="Dry run").click()

    request = page.get_by_label("Request")
    for text in ("POST http", "x-arklow-actionid: 0", "authorization: "):
        expect(request).to_contain_text(text)
    expect(page.get_by_text("nothing was stored or sent")).to_be_visible()
    expect(page.get_by_text("The default link of tried v1 leads to For trying")).to_be_visible()
    assert TOKEN not in page.content()


def test_an_action_is_sent_and_followed_until_it_is_over(trying: Page):
    trying.get_by_role("group", name="Form").get_by_label("order_id").fill("A-1234")

    # What was typed last is read before it is sent.
    trying.get_by_role("button", name="Send it").click()

    expect(trying.get_by_text("Accepted as orders.created")).to_be_visible()
    expect(trying.get_by_text("succeeded", exact=True)).to_be_visible()
    trying.get_by_role("link", name=re.compile(r"^Action \d+$")).click()
    expect(trying.get_by_text("A-1234").first).to_be_visible()


def test_the_page_can_be_used_by_everybody_also_with_faults(trying: Page):
    trying.get_by_role("group", name="Form").get_by_label("total").fill("-1")
    expect(trying.locator(".cm-lintRange-error")).to_be_visible()

    assert axe.find_faults(trying) == []
    trying.get_by_role("button", name="Dry run").click()
    expect(trying.get_by_text("It would be refused")).to_be_visible()
    assert axe.find_faults(trying) == []


def test_no_name_that_every_object_of_a_script_has_becomes_an_input(trying: Page):
    inherited = trying.evaluate("Object.getOwnPropertyNames(Object.prototype)")

    assert "valueOf" in inherited
    assert [name for name in inherited if not drawing.is_misread(name)] == []


def test_a_number_that_the_browser_rounds_is_not_sent_as_another(trying: Page):
    form = trying.get_by_role("group", name="Form")
    form.get_by_label("total").fill("9007199254740993")

    expect(form.get_by_text("is written as JSON")).to_be_visible()
    expect(trying.get_by_role("button", name="Send it")).to_be_disabled()
    assert "900719925474099" not in text_of(trying).input_value()

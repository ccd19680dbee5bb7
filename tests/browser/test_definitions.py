"""Definitions in a browser: written in the form builder and as JSON, reviewed, published."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import acts, axe
from tests.browser.conftest import Visiting
from tests.browser.demo import INVOICE, Demo, define

BROKEN = '{\n  "type": "object",\n  "properties": {\n    "a": {"type": "strin"}\n  }\n}'
UNKNOWN = '{"type": "object", "properties": {"a": {"type": "string", "x-unit": "kg"}}}'


@pytest.fixture
def new(visit: Visiting) -> Page:
    """The page of a new definition, for one organization."""
    page = visit("bea@acme.example").go("/admin/definitions/new/")
    expect(page.get_by_text("Valid.")).to_be_visible()
    return page


def form_of(page: Page) -> Locator:
    return page.get_by_role("tabpanel", name="Form")


def type_json(page: Page, text: str) -> None:
    """Into the editor, instead of all that is there."""
    page.get_by_role("tab", name="JSON").click()
    acts.type_json(page, "Contract as JSON", text)


def text_of(page: Page) -> str:
    return str(page.locator("[data-text]").input_value())


def add_property(page: Page, name: str, *values: str) -> None:
    """A required text of these values, in the form builder."""
    form = form_of(page)
    form.get_by_role("button", name="Add item").last.click()
    form.get_by_label("Name").last.fill(name)
    form.get_by_label("Description").last.fill(f"What {name} it is.")
    form.get_by_label("Required").last.check()
    values_of_it = form.locator(".rjf-oneof-group").last
    for value in values:
        values_of_it.get_by_role("button", name="Add item").click()
        values_of_it.locator(".rjf-form-row:has(.rjf-remove-button) input").last.fill(value)


def test_a_property_is_added_in_the_form_and_published_after_a_review(new: Page):
    new.get_by_label("Name", exact=True).first.fill("paints.mixed")
    add_property(new, "colour", "red", "blue")
    expect(new.get_by_text("Valid.")).to_be_visible()

    new.get_by_role("button", name="Review and publish").click()

    expect(new.get_by_text("becomes a variant of Acme")).to_be_visible()
    expect(new.get_by_label("Schema")).to_contain_text('"enum"')
    new.get_by_role("button", name="Publish paints.mixed v1").click()
    expect(new.get_by_text("paints.mixed v1 is published")).to_be_visible()
    schema = new.get_by_label("JSON Schema")
    expect(schema).to_contain_text('"colour"')
    expect(schema).to_contain_text('"What colour it is."')
    for text in ('"red"', '"blue"', '"required": ['):
        expect(schema).to_contain_text(text)


def test_the_next_version_shows_what_it_changes_before_it_is_published(
    visit: Visiting, console: Demo
):
    # Of its own: others hand in actions of the installation's variants.
    define(console, "ledger.closed", INVOICE, "Ledger")
    page = visit("bea@acme.example").go("/admin/definitions/")
    page.get_by_label("Variant or alias").fill("ledger")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="ledger.closed", exact=True).click()
    page.get_by_role("link", name="Edit as next version").click()
    expect(page.get_by_text("Valid.")).to_be_visible()
    add_property(page, "currency", "EUR")
    page.get_by_role("button", name="Review and publish").click()

    row = page.get_by_role("row").filter(has_text="/properties/currency")
    expect(row).to_contain_text("added")
    page.get_by_role("button", name=re.compile("Publish ledger.closed v")).click()
    expect(page.get_by_text("is published")).to_be_visible()
    page.get_by_role("link", name="Compare with v1").click()
    expect(page.get_by_role("row").filter(has_text="/properties/currency")).to_be_visible()
    expect(page.get_by_text("incompatible").first).to_be_visible()


def test_what_leads_somewhere_else_is_asked_back_first(visit: Visiting, console: Demo):
    define(console, "rooms.booked", INVOICE, "CRM", alias=["bookings"])
    define(console, "rooms.booked", {**INVOICE, "title": "More"}, "CRM")
    page = visit("bea@acme.example").go(
        f"/admin/definitions/{console.definitions['rooms.booked']}/"
    )
    page.get_by_label("Add or move here").fill("bookings")
    page.get_by_role("button", name="Add", exact=True).click()
    title = "Move bookings from rooms.booked v1 to rooms.booked v2?"
    expect(page.locator("form h2")).to_have_text(title)
    assert axe.find_faults(page) == []
    page.get_by_role("button", name="Move it").click()
    expect(page.get_by_text("bookings leads to rooms.booked v2 now.")).to_be_visible()

    page.get_by_label("Destination", exact=True).select_option("Warehouse (Webhook)")
    page.get_by_role("button", name="Link", exact=True).click()
    expect(page.get_by_text("The link is stored.")).to_be_visible()
    page.get_by_role("button", name="Make Warehouse the default").click()
    expect(page.get_by_text("go to CRM now, and to Warehouse from the next one")).to_be_visible()
    assert axe.find_faults(page) == []
    page.get_by_role("link", name="Leave it as it is").click()
    expect(page.get_by_role("button", name="Make Warehouse the default")).to_be_visible()

    page.get_by_role("button", name="Remove bookings").click()
    expect(page.get_by_text("is refused as an unknown action")).to_be_visible()
    assert axe.find_faults(page) == []
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("bookings leads nowhere any more.")).to_be_visible()


def test_a_fault_is_marked_at_its_line_and_keeps_one_from_going_on(new: Page):
    type_json(new, BROKEN)

    expect(new.get_by_role("button", name="/properties/a/type · line 4")).to_be_visible()
    expect(new.locator(".cm-lintRange-error")).to_have_text('"strin"')
    expect(new.get_by_role("button", name="Review and publish")).to_be_disabled()
    # It stands at its input as well.
    new.get_by_role("tab", name="Form").click()
    expect(form_of(new).locator(".rjf-error-text")).to_be_visible()


def test_what_is_half_typed_stays_while_one_looks_at_the_form(new: Page):
    type_json(new, '{"type": "object", "prop')
    expect(new.locator(".cm-lint-marker-error")).to_be_visible()

    new.get_by_role("tab", name="Form").click()

    expect(new.get_by_text("The JSON is not whole yet")).to_be_visible()
    expect(new.locator("[data-form]")).to_have_attribute("inert", "")
    assert text_of(new) == '{"type": "object", "prop'


def test_no_keyword_is_lost_in_the_form(new: Page):
    type_json(new, UNKNOWN)
    expect(new.get_by_text("Valid.")).to_be_visible()
    new.get_by_role("tab", name="Form").click()
    expect(form_of(new).get_by_label("More keywords").first).to_have_value(re.compile("x-unit"))

    form_of(new).get_by_label("Description").last.fill("A weight.")

    expect(new.locator("[data-text]")).to_have_value(re.compile("A weight"))
    assert '"x-unit": "kg"' in text_of(new)


def test_what_the_builder_does_not_know_is_edited_as_json(new: Page):
    type_json(new, '{"type": ["object", "null"]}')
    expect(new.get_by_text("Valid.")).to_be_visible()

    new.get_by_role("tab", name="Form").click()

    expect(new.get_by_text("The builder makes contracts of objects")).to_be_visible()


def test_the_builder_can_be_used_by_everybody(new: Page):
    new.get_by_label("Name", exact=True).first.fill("walls.painted")
    add_property(new, "colour", "red")

    assert axe.find_faults(new) == []
    type_json(new, BROKEN)
    expect(new.locator(".cm-lintRange-error")).to_be_visible()
    assert axe.find_faults(new) == []


def test_who_only_looks_is_offered_no_change(console: Demo, visit: Visiting):
    page = visit("vera@acme.example").go(
        f"/admin/definitions/{console.definitions['orders.created']}/"
    )

    expect(page.get_by_role("heading", name="Contract")).to_be_visible()
    expect(page.get_by_text("The plainest payload")).to_be_visible()
    for name in ("Edit as next version", "Try it"):
        expect(page.get_by_role("main").get_by_role("link", name=name)).to_have_count(0)
    expect(page.get_by_role("button", name="Link")).to_have_count(0)

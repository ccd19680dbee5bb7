"""What clients write is text on the pages that show it, however it looks and however long."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import chromium
from tests.browser.conftest import Visiting
from tests.browser.demo import Demo, send

MARKUP = (
    "</script></textarea><script>alert(1)</script><img src=x onerror=alert(2)>"
    '"\' x-init="alert(3)" hx-get="/evil" {{constructor.constructor(\'alert(4)\')()}} \u202egnirts'
)
LONG = "W" * 100
SCHEMA = {
    "type": "object",
    "title": MARKUP,
    "description": MARKUP,
    "properties": {
        "plain": {"type": "string", "title": MARKUP, "enum": [MARKUP, "x"]},
        MARKUP: {"type": "string", "description": MARKUP},
    },
}
# What would be there, were any of it taken for more than text.
TAKEN = "img[src='x'], [hx-get='/evil'], [x-init^='alert']"


@pytest.fixture(scope="module")
def planted(console: Demo) -> dict[str, str]:
    """Pages that show the markup, by what they are about."""
    api = console.globex
    to = {"label": MARKUP + LONG[: 250 - len(MARKUP)], "type": "webhook"}
    config = {"url": console.receiver.url("/ok")}
    destination = api.data("PUT", "~/destinations", to | {"config": config})
    said = {"variant": "hostile", "schema": SCHEMA, "description": MARKUP}
    api.data("PUT", "~/actions/definitions", said)
    made = api.link("hostile", SCHEMA, destination)
    entry = next(
        one for one in api.data("GET", "~/audit")["items"] if "onerror=alert(2)" in str(one)
    )
    tags = {MARKUP[:60]: MARKUP, "long": LONG}
    record = send(api, "hostile", {"plain": MARKUP, MARKUP: LONG}, tags=tags)
    return {
        "record": f"/admin/records/{record}/",
        "definition": f"/admin/definitions/{made['id']}/",
        "writing": f"/admin/definitions/{made['id']}/next/",
        "trying": f"/admin/try/{made['id']}/",
        "health": f"/admin/health/{destination['id']}/",
        "form": f"/admin/destinations/destination/{destination['id']}/change/",
        "deleting": f"/admin/destinations/destination/{destination['id']}/delete/",
        "audit": f"/admin/orgs/auditentry/{entry['id']}/change/",
    }


@pytest.mark.parametrize(
    "page", ["record", "definition", "writing", "trying", "health", "form", "deleting", "audit"]
)
def test_markup_of_clients_is_text_and_stays_within_the_page(
    planted: dict[str, str], visit: Visiting, page: str
):
    one = visit()
    one.page.on("dialog", lambda dialog: dialog.dismiss())
    shown = one.go(planted[page])
    # What fetches a part of it, and draws forms, has done so by then.
    shown.wait_for_load_state("networkidle")

    assert "onerror=alert(2)" in shown.locator("body").inner_text() + str(
        shown.evaluate("[...document.querySelectorAll('input, textarea')].map((one) => one.value)")
    )
    assert shown.locator(TAKEN).count() == 0
    assert one.find_what_sticks_out() == []
    shown.set_viewport_size(chromium.PHONE)
    assert one.find_what_sticks_out() == []


def test_users_of_many_permissions_stay_within_the_page(visit: Visiting):
    one = visit()
    one.go("/admin/orgs/user/1/change/")

    assert one.find_what_sticks_out() == []


def test_a_button_with_an_endless_name_stays_within_the_page(visit: Visiting):
    one = visit("bea@acme.example")
    page = one.go("/admin/definitions/new/")
    expect(page.get_by_text("Valid.")).to_be_visible()
    page.get_by_label("Name", exact=True).first.fill(LONG * 2)
    page.get_by_role("button", name="Review and publish").click()
    expect(page.get_by_role("button", name=f"Publish {LONG * 2} v1")).to_be_visible()

    assert one.find_what_sticks_out() == []

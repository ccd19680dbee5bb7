"""Pages that are an answer to something: what is asked before, told after, and seen meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.chromium import Visit
from tests.browser.demo import BEA, ORDER_2, PASSWORD, Demo

Act = Callable[[Demo, Visit], Page]
# Whose doing they are: she may do everything at Acme.
ACTOR = BEA
NEXT = ORDER_2 | {
    "required": ["order_id", "currency"],
    "title": "An order that was placed by somebody",
}
ORDERS = "/admin/records/?variant=orders.created&status=succeeded&tag=region%3Dus-east"


def type_json(page: Page, editor: str, text: str) -> None:
    """Into the editor of that name, instead of all that is there."""
    page.get_by_role("textbox", name=editor).click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def review_version(demo: Demo, visit: Visit) -> Page:
    """What the next version of a contract would change, before it is published."""
    page = visit.go(f"/admin/definitions/{demo.definitions['orders.created']}/next/")
    expect(page.get_by_text("Valid.")).to_be_visible()
    page.get_by_role("tab", name="JSON").click()
    type_json(page, "Contract as JSON", json.dumps(NEXT, indent=2))
    page.get_by_role("button", name="Review and publish").click()
    expect(page.get_by_role("button", name=re.compile("^Publish orders.created v"))).to_be_visible()
    return page


def ask_default(demo: Demo, visit: Visit) -> Page:
    """What another default destination would mean, before it is one."""
    page = visit.go(f"/admin/definitions/{demo.definitions['orders.created']}/")
    page.get_by_label("Destination", exact=True).select_option("Parcel service (Webhook)")
    page.get_by_label("Default").check()
    page.get_by_role("button", name="Link", exact=True).click()
    expect(page.get_by_role("link", name="Leave it as it is")).to_be_visible()
    return page


def dry_run(demo: Demo, visit: Visit) -> Page:
    """Where an action would go, and what would be sent."""
    page = visit.go(f"/admin/try/{demo.definitions['orders.created']}/")
    expect(page.get_by_text("Valid.")).to_be_visible()
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_label("Request")).to_contain_text("POST http")
    return page


def send_action(demo: Demo, visit: Visit) -> Page:
    """An action that was tried, until it is over."""
    page = visit.go(f"/admin/try/{demo.definitions['orders.created']}/")
    expect(page.get_by_text("Valid.")).to_be_visible()
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_text("succeeded", exact=True)).to_be_visible()
    return page


def sound_destination(demo: Demo, visit: Visit) -> Page:
    """What a destination has answered to a test."""
    page = visit.go(f"/admin/health/{demo.destinations['Warehouse']}/")
    page.get_by_role("button", name="Send a test").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Payload (JSON)").fill('{"parcel": "P-7003"}')
    dialog.get_by_role("button", name="Send it").click()
    expect(dialog.get_by_role("status")).to_contain_text("unavailable, HTTP 5")
    return page


def pause_destination(demo: Demo, visit: Visit) -> Page:
    """What pausing means, before it is done."""
    page = visit.go(f"/admin/health/{demo.destinations['Warehouse']}/")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("dialog", name="Pause Warehouse?")).to_be_visible()
    return page


def preview_bulk(_demo: Demo, visit: Visit) -> Page:
    """How many actions would be replayed, and which."""
    page = visit.go(ORDERS)
    page.get_by_role("link", name="Replay all").click()
    page.wait_for_url("**/bulkoperation/add/**")
    page.get_by_label("Reason").fill("The orders API had lost what it was sent last night.")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("button", name="Replay them")).to_be_visible()
    return page


def follow_bulk(demo: Demo, visit: Visit) -> Page:
    """How far a bulk operation is."""
    page = preview_bulk(demo, visit)
    page.get_by_role("button", name="Replay them").click()
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100.0")
    return page


def make_key(_demo: Demo, visit: Visit) -> Page:
    """A new key's secret, shown once."""
    page = visit.go("/admin/orgs/apikey/add/")
    page.get_by_label("Description").fill("Label printer")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Copy")).to_be_visible()
    return page


def enrol(_demo: Demo, visit: Visit) -> Page:
    """The secret of a second factor, for who says once more who they are."""
    page = visit.go("/accounts/2fa/totp/activate/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("button", name="Activate")).to_be_visible()
    return page


def list_keys(_demo: Demo, visit: Visit) -> Page:
    """What the keyboard does."""
    page = visit.go("/admin/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    return page


ACTS: dict[str, Act] = {
    "review-version": review_version,
    "ask-default": ask_default,
    "dry-run": dry_run,
    "send-action": send_action,
    "destination-test": sound_destination,
    "pause-destination": pause_destination,
    "bulk-preview": preview_bulk,
    "bulk-progress": follow_bulk,
    "new-key": make_key,
    "second-factor": enrol,
    "keys-of-the-keyboard": list_keys,
}

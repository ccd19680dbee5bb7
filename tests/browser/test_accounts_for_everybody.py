"""Pages of logging in and of one's own login: with a screen reader, in any light, on a phone."""

from __future__ import annotations

import re
import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Page, Route, expect

from tests import urlconf
from tests.browser import acts, chromium, everybody, tour
from tests.browser.chromium import Visit
from tests.browser.conftest import Visiting
from tests.browser.demo import PASSWORD, Demo

PAGES = [*tour.NOBODYS, *tour.OWN, tour.ROTATES]
MIA, VERA = "mia@acme.example", "vera@acme.example"
CLIPBOARD = ["clipboard-read", "clipboard-write"]
SECRET = "#secret"
# These answer with another page, need a link that somebody has been sent, or are no pages.
OTHERS = {
    "login_invite",
    "account_logout",
    "login_delete_key",
    "account_set_password",
    "account_reset_password_from_key",
    "openid_connect_login",
    "openid_connect_callback",
    "socialaccount_login_cancelled",
    "mfa_download_recovery_codes",
}
# Who has a second factor sees these.
ENROLLED = {
    "mfa_activate_totp",
    "mfa_authenticate",
    "mfa_deactivate_totp",
    "mfa_generate_recovery_codes",
    "mfa_reauthenticate",
    "mfa_view_recovery_codes",
}


def test_every_page_of_the_login_is_looked_at():
    named = {one.name for path, one in urlconf.walk() if path.startswith("/accounts/")}

    assert named == {*PAGES} | OTHERS | ENROLLED


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_used_by_everybody(console: Demo, look: Visiting, name: str):
    one = look(tour.find_viewer(name))
    one.watch.expected = {403} if name == "account_signup" else set()
    page = one.go(tour.list_accounts(console)[name])

    assert page.url.endswith(tour.list_accounts(console)[name])
    assert everybody.find_faults(one) == []


def judge(visit: Visit) -> None:
    """Find nothing wrong with what is shown."""
    assert everybody.find_faults(visit, stays=True) == []


def code_of(key: str) -> str:
    """The authenticator's code of now."""
    code: str = format_hotp_value(hotp_value(key, int(time.time()) // 30))
    return code


def copied(page: Page) -> str:
    """What the button has put where one pastes from."""
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_an_own_key_is_made_copied_and_rotated_in_two_clicks(visit: Visiting):
    one = visit(VERA, permissions=CLIPBOARD)
    page = one.go("/accounts/keys/")
    page.get_by_label("Description").fill("drill")
    page.get_by_role("button", name="Make a key").click()
    first = page.locator(SECRET).inner_text()
    assert copied(page) == first
    judge(one)

    page.get_by_text("drill", exact=True).last.click()
    page.get_by_role("link", name="Rotate drill").click()
    expect(page.get_by_role("heading", name="Rotate “drill”?")).to_be_visible()
    expect(page.get_by_text("what its member may: viewer")).to_be_visible()
    page.get_by_label("The present key goes on working").select_option("for 1 hour")
    page.get_by_role("button", name="Rotate").click()

    assert re.fullmatch("api_[0-9a-f]{40}", page.locator(SECRET).inner_text())
    assert page.locator(SECRET).inner_text() != first
    expect(page.locator(".made")).to_contain_text(f"{first[:12]}********, works until")
    # In the zone of who looks, and exactly on hover.
    ends = page.locator(".made time")
    expect(ends).to_have_attribute("title", re.compile(r"UTC$"))
    expect(ends).not_to_contain_text("UTC")
    judge(one)


def test_what_was_copied_is_said_for_a_while_however_often_one_presses(visit: Visiting):
    page = visit(VERA, permissions=CLIPBOARD).go("/accounts/keys/")
    page.get_by_label("Description").fill("lathe")
    page.get_by_role("button", name="Make a key").click()
    copied(page)
    page.get_by_role("button", name="Copied").click()

    expect(page.get_by_role("status")).to_have_text("Copied")
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_visible()


def test_a_field_that_cannot_be_copied_is_marked(console: Demo, visit: Visiting):
    page = acts.enrol(console, visit("otto@acme.example", is_own=True))
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("button", name="Marked: press Ctrl+C")).to_be_visible()
    field = page.locator("#authenticator_secret")
    expect(field).to_be_focused()
    assert page.evaluate("getSelection().toString()") == field.input_value()


def test_a_key_that_is_asked_for_twice_is_made_once(visit: Visiting):
    page = visit(VERA).go("/accounts/keys/")
    page.get_by_label("Description").fill("pressed")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/accounts/keys/", hold)

    # The second press comes while the first one is on its way.
    page.evaluate("""async () => {
      const button = document.querySelector("form .button[type=submit]:not(.danger)");
      for (let press = 0; press < 2; press += 1) {
        button.click();
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    }""")

    assert len(held) == 1
    held[0].continue_()
    expect(page.locator("summary").filter(has_text="pressed")).to_have_count(1)


def test_the_secret_of_a_second_factor_and_its_codes_are_copied(console: Demo, visit: Visiting):
    one = visit(MIA, is_own=True, permissions=CLIPBOARD, viewport=chromium.PHONE)
    page = acts.enrol(console, one)
    key = copied(page)
    assert re.fullmatch("[A-Z2-7]{32}", key)
    page.get_by_label("Authenticator code").fill(code_of(key))
    page.get_by_role("button", name="Activate").click()

    page.wait_for_url("**/2fa/recovery-codes/**")
    judge(one)
    codes = copied(page).split()
    assert len(codes) == 10
    for path in ("", "totp/deactivate/", "recovery-codes/generate/", "reauthenticate/"):
        one.go(f"/accounts/2fa/{path}")
        assert page.url.endswith(f"/accounts/2fa/{path}")
        judge(one)
    page.get_by_role("button", name="Log out").click()
    one.go("/admin/")
    page.get_by_label("Email").fill(MIA)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/2fa/authenticate/**")
    judge(one)
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")

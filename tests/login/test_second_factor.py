"""One-time codes, recovery codes, and the installations that require them."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.urls import reverse

from orgs import encryption
from tests.login.browsing import PASSWORD, Browser, code_of, factor_of

ADMIN = reverse("admin:index")


@pytest.fixture
def secret(inside):
    """The key of the boss's second factor, whose first code was that of the step before."""
    return inside.enrol(step=-1)


@pytest.fixture
def half(secret):
    """A browser that has shown the password, and is asked for a code."""
    browser = Browser()
    assert browser.log_in().url == reverse("mfa_authenticate")
    return browser


def recovery_codes(browser):
    browser.confirm()
    page = browser.get(reverse("mfa_view_recovery_codes")).content.decode()
    return re.findall(r"\b\d{8}\b", page)


def test_enrolling_shows_a_picture_and_the_key_and_ends_with_recovery_codes(inside):
    inside.confirm()
    page = inside.get(reverse("mfa_activate_totp")).content.decode()
    assert 'src="data:image/svg+xml;base64,' in page

    inside.enrol()

    assert len(set(recovery_codes(inside))) == 10


def test_a_password_alone_is_not_enough_then(half):
    assert not half.is_inside
    assert half.get(reverse("mfa_index")).status_code == 302


def test_a_code_lets_in(half, secret):
    assert half.send("mfa_authenticate", {"code": code_of(secret)}).url == ADMIN
    assert half.is_inside


def test_a_code_leads_to_where_one_was_going(secret):
    browser, wanted = Browser(), reverse("admin:orgs_user_changelist")
    browser.send(
        "account_login", {"login": "boss@example.com", "password": PASSWORD, "next": wanted}
    )

    assert browser.send("mfa_authenticate", {"code": code_of(secret)}).url == wanted


@pytest.mark.parametrize(
    "code", ["000000", "", "x", "\0", "1" * 5_000, "\uff11\uff12\uff13\uff14\uff15\uff16"]
)
def test_a_wrong_code_does_not(half, code):
    answer = half.send("mfa_authenticate", {"code": code})

    assert answer.status_code == 200
    assert not half.is_inside


@pytest.mark.parametrize("step", [-2, 2, 100])
def test_a_code_of_another_time_does_not(half, secret, step):
    half.send("mfa_authenticate", {"code": code_of(secret, step)})

    assert not half.is_inside


@pytest.mark.parametrize("later", [0, 29, 45])
def test_a_code_that_was_used_is_refused_for_as_long_as_it_would_be_good(
    half, secret, clock, later
):
    code = code_of(secret, 1)
    half.send("mfa_authenticate", {"code": code})
    assert half.is_inside

    clock.forward(later)
    thief = Browser()
    thief.log_in()
    for shape in (code, f" {code} ", f"{code[:3]} {code[3:]}", f"{code[:3]}-{code[3:]}"):
        thief.send("mfa_authenticate", {"code": shape})
        assert not thief.is_inside


def test_the_code_that_enrolled_is_used_too(inside):
    secret = inside.enrol()

    thief = Browser()
    thief.log_in()
    thief.send("mfa_authenticate", {"code": code_of(secret)})
    assert not thief.is_inside


def test_a_recovery_code_lets_in_once(inside, secret):
    code = recovery_codes(inside)[0]
    for works in (True, False):
        browser = Browser()
        browser.log_in()
        browser.send("mfa_authenticate", {"code": code})
        assert browser.is_inside == works

    assert code not in recovery_codes(inside)


def test_codes_cannot_be_tried_out(half, secret):
    for guess in range(5):
        half.send("mfa_authenticate", {"code": f"{guess:06}"})
    answer = half.send("mfa_authenticate", {"code": code_of(secret)})
    assert "Too many failed login attempts" in answer.content.decode()

    # The count is the account's, wherever the next guess comes from.
    other = Browser(REMOTE_ADDR="203.0.113.9")
    other.log_in()
    other.send("mfa_authenticate", {"code": code_of(secret)})
    assert not other.is_inside


@pytest.mark.parametrize(
    "page",
    [
        "mfa_activate_totp",
        "mfa_view_recovery_codes",
        "mfa_download_recovery_codes",
        "mfa_generate_recovery_codes",
    ],
)
def test_factors_are_shown_to_who_has_just_said_who_they_are(inside, page):
    """A session left open is not enough to put a factor on, or to read the codes."""
    asked = inside.get(reverse(page))
    if "activate" not in page:
        inside.enrol()
        asked = Browser()
        asked.log_in()
        asked.send("mfa_authenticate", {"code": recovery_codes(inside)[0]})
        asked = asked.get(reverse(page))

    assert asked.url.startswith(reverse("account_reauthenticate"))


def test_a_factor_is_taken_off_by_who_has_just_said_who_they_are(secret, inside, boss):
    other = Browser()
    other.log_in()
    other.send("mfa_authenticate", {"code": code_of(secret)})

    asked = other.send("mfa_deactivate_totp")
    assert asked.url.startswith(reverse("account_reauthenticate"))
    assert factor_of(boss)

    inside.confirm()
    inside.send("mfa_deactivate_totp")
    assert not Authenticator.objects.exists()


# --- required ------------------------------------------------------------------------------------


@pytest.fixture
def required(settings):
    settings.REQUIRE_MFA = True


@pytest.mark.parametrize("page", ["admin:index", "admin:orgs_apikey_add", "admin:jsi18n"])
def test_staff_are_led_to_enrol_before_any_page(required, inside, page):
    url = reverse(page)

    assert inside.get(url).url == f"{reverse('mfa_activate_totp')}?next={url}"
    assert inside.post(url).url == f"{reverse('mfa_activate_totp')}?next={url}"


def test_who_has_enrolled_goes_on(required, inside):
    inside.enrol()

    assert inside.is_inside


def test_the_way_out_stays_open(required, inside):
    inside.send("admin:logout")

    assert inside.get(ADMIN).url == f"{reverse('admin:login')}?next={ADMIN}"


def test_a_required_factor_stays_on(required, inside, boss):
    inside.enrol()

    answer = inside.send("mfa_deactivate_totp")

    assert "You cannot deactivate" in answer.content.decode()
    assert factor_of(boss)


def test_without_the_setting_nobody_is_asked(inside):
    assert inside.is_inside


# --- at rest -------------------------------------------------------------------------------------


def test_secrets_are_stored_encrypted(secret, inside, boss):
    stored = factor_of(boss).data["secret"]
    seed = factor_of(boss, "recovery_codes").data["seed"]

    assert secret not in stored
    assert encryption.decrypt(stored) == secret
    assert len(encryption.decrypt(seed)) == 80


def test_rotating_keys_covers_second_factors(secret, inside, boss, settings):
    old, new = settings.ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    codes = recovery_codes(inside)
    settings.ENCRYPTION_KEYS = [new, old]
    printed = StringIO()

    call_command("rotate_secrets", stdout=printed, stderr=StringIO())
    settings.ENCRYPTION_KEYS = [new]

    assert "2 secrets encrypted again" in printed.getvalue()
    assert recovery_codes(inside) == codes
    browser = Browser()
    browser.log_in()
    browser.send("mfa_authenticate", {"code": code_of(secret)})
    assert browser.is_inside


def test_a_factor_that_no_key_opens_is_named(secret, boss, settings):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    printed = StringIO()

    with pytest.raises(CommandError):
        call_command("rotate_secrets", stdout=printed, stderr=StringIO())

    assert "opened by no key: second factor" in printed.getvalue()
    assert f"of user {boss.email}" in printed.getvalue()


def test_a_factor_that_no_key_opens_lets_nobody_in(half, secret, settings, caplog):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    for code in (code_of(secret), "000000"):
        answer = half.send("mfa_authenticate", {"code": code})
        assert "Incorrect code" in answer.content.decode()
        assert not half.is_inside
    assert "None of WAYBILL_ENCRYPTION_KEYS opens it" in caplog.text


# --- lost ----------------------------------------------------------------------------------------


def reset(email):
    printed = StringIO()
    call_command("reset_mfa", email, stdout=printed)
    return printed.getvalue()


def test_a_lost_factor_is_removed_by_command(secret, boss):
    assert reset("BOSS@example.com") == "boss@example.com logs in with the password alone now.\n"
    assert not Authenticator.objects.exists()

    browser = Browser()
    browser.log_in()
    assert browser.is_inside


def test_a_lost_factor_that_never_was_is_no_trouble(boss):
    assert reset(boss.email) == "boss@example.com had no second factor.\n"


def test_a_factor_of_nobody_is(db):
    with pytest.raises(CommandError, match=r"Nobody logs in with nobody@example\.com"):
        reset("nobody@example.com")

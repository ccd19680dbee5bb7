"""Logging in with a password, and out again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from login import services
from orgs.models import User
from tests import factories
from tests.login.browsing import PASSWORD, WRONG, Browser


def test_the_admin_leads_to_the_login_and_the_login_leads_back(boss, browser):
    wanted = reverse("admin:orgs_user_changelist")

    door = browser.get(wanted, follow=True)
    url, _ = door.redirect_chain[-1]

    assert url == f"{reverse('account_login')}?next={wanted}"
    answer = browser.post(url, {"login": boss.email, "password": PASSWORD, "next": wanted})
    assert answer.url == wanted
    assert browser.is_inside


def test_a_login_without_a_wish_leads_to_the_admin(boss, browser):
    assert browser.log_in().url == reverse("admin:index")


@pytest.mark.parametrize("email", ["BOSS@example.com", " boss@example.com "])
def test_an_address_is_the_same_in_any_case(boss, browser, email):
    browser.log_in(email)

    assert browser.is_inside


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("boss@example.com", WRONG),
        ("nobody@example.com", PASSWORD),
        ("boss@example.com", ""),
        ("boss@example.com", "\0"),
        ("boss\0@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("b" * 300 + "@example.com", PASSWORD),
        # What looks like the address, and is another.
        ("bo\N{LATIN SMALL LETTER LONG S}s@example.com", PASSWORD),
        ("boss@example.com", "x" * 10_000),
    ],
)
def test_whoever_is_not_who_they_say_stays_outside(boss, browser, email, password):
    answer = browser.log_in(email, password)

    assert answer.status_code == 200
    assert not browser.is_inside


TARGETS = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "javascript:alert(1)",
    "https:evil.example",
    "http://testserver@evil.example/",
    # Another host that this installation answers to is another place all the same.
    "http://localhost/admin/",
    "\0/admin/",
]


@pytest.mark.parametrize("target", TARGETS)
def test_a_login_leads_nowhere_else(boss, browser, target):
    page = browser.get(reverse("admin:login"), {"next": target})
    assert page.url == f"{reverse('account_login')}?next={reverse('admin:index')}"

    answer = browser.post(
        reverse("account_login"), {"login": boss.email, "password": PASSWORD, "next": target}
    )
    assert answer.url == reverse("admin:index")


@pytest.mark.parametrize("target", TARGETS)
def test_who_is_inside_is_led_nowhere_else(inside, target):
    for name in ("admin:login", "account_login"):
        assert inside.get(reverse(name), {"next": target}).url == reverse("admin:index")
    assert inside.send("account_logout", {"next": target}).url == reverse("account_login")


def test_who_is_no_member_reads_so_instead_of_going_round_in_circles(browser):
    user = factories.make_user("nobody@people.example")
    user.set_password(PASSWORD)
    user.save()

    data = {"login": user.email, "password": PASSWORD, "next": reverse("admin:index")}
    answer = browser.send("account_login", data, follow=True)

    assert answer.status_code == 403
    assert len(answer.redirect_chain) == 2
    assert f"You are logged in as {user.email}" in answer.content.decode()
    assert reverse("account_logout") in answer.content.decode()


def test_logging_out_takes_a_post(inside):
    for name in ("account_logout", "admin:logout"):
        inside.get(reverse(name))
        assert inside.is_inside

    inside.send("account_logout")
    assert not inside.is_inside


def test_the_admins_own_button_logs_out(inside):
    inside.send("admin:logout")

    assert not inside.is_inside


def test_nobody_signs_up(browser):
    data = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}

    for method in (browser.get, browser.post):
        assert method(reverse("account_signup"), data).status_code == 403
    assert not User.objects.exists()


def test_allauths_own_tables_have_no_page():
    apps = {model._meta.app_label for model in admin.site._registry}

    assert not apps & {"account", "mfa"}
    assert "socialapp" not in {model._meta.model_name for model in admin.site._registry}


@pytest.mark.parametrize(
    "path", ["email/", "confirm-email/", "3rdparty/", "3rdparty/signup/", "login/code/confirm/"]
)
def test_pages_of_allauth_that_nobody_needs_are_not_there(inside, path):
    assert inside.get(f"/accounts/{path}").status_code == 404


# --- sessions ------------------------------------------------------------------------------------


def test_a_login_gets_a_session_of_its_own(boss, browser):
    """Somebody who knows, or has planted, the session from before has nothing."""
    browser.get(reverse("account_login"))
    session = browser.session
    session["planted"] = True
    session.save()
    before = session.session_key

    browser.log_in()

    assert browser.session_cookie.value != before
    stranger = Browser()
    stranger.cookies["sessionid"] = before
    assert not stranger.is_inside


def test_a_password_that_changes_ends_all_other_sessions(inside):
    other = Browser()
    other.log_in()
    new = "a whole new battery"

    inside.confirm()
    inside.send(
        "account_change_password",
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )

    assert inside.is_inside
    assert not other.is_inside
    other.log_in(password=new)
    assert other.is_inside


def test_a_password_is_changed_by_who_knows_it_only(inside):
    inside.confirm()
    data = {"oldpassword": WRONG, "password1": "a whole new one", "password2": "a whole new one"}

    assert inside.send("account_change_password", data).status_code == 200
    assert User.objects.get().check_password(PASSWORD)


def test_the_admins_own_form_leads_to_the_one_form(inside):
    answer = inside.get(reverse("admin:password_change"))

    assert answer.url == reverse("account_change_password")


def test_who_is_deactivated_is_outside_at_once(inside, boss):
    User.objects.update(is_active=False)

    assert not inside.is_inside
    assert inside.log_in().url == reverse("account_inactive")
    assert not inside.is_inside


@pytest.mark.parametrize(
    ("minutes", "open_"), [(0, True), (29, True), (31, False)], ids=["now", "used", "idle"]
)
def test_a_session_ends_when_nobody_uses_it(inside, settings, clock, minutes, open_):
    settings.SESSION_IDLE_MINUTES = 30
    assert inside.is_inside

    clock.forward(minutes * 60)
    assert inside.is_inside == open_
    assert inside.is_inside == open_


def test_a_page_that_looks_for_news_by_itself_does_not_use_the_session(inside, settings, clock):
    settings.SESSION_IDLE_MINUTES = 30
    news = {"HX-Request": "true", "X-Waybill-Poll": "1"}
    for _ in range(3):
        assert inside.get(reverse("admin:index"), headers=news).status_code == 200
        clock.forward(9 * 60)
    assert inside.get(reverse("admin:index"), headers=news).status_code == 200

    clock.forward(4 * 60)
    assert not inside.is_inside


def test_what_a_person_does_on_a_page_uses_the_session(inside, settings, clock):
    settings.SESSION_IDLE_MINUTES = 30
    for _ in range(3):
        clock.forward(20 * 60)
        answer = inside.get(reverse("admin:index"), headers={"HX-Request": "true"})
        assert answer.status_code == 200


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_part_of_a_page_has_the_page_fetched_anew_when_the_session_is_over(
    inside, settings, clock, method
):
    settings.SESSION_IDLE_MINUTES = 30
    assert inside.is_inside
    clock.forward(31 * 60)
    answer = getattr(inside, method)(reverse("admin:index"), headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["HX-Refresh"]) == (204, "true")
    assert answer.content == b""
    assert inside.get(reverse("admin:index")).url.startswith(reverse("admin:login"))


def test_a_session_that_is_used_ends_after_its_hours(inside, settings, clock):
    settings.SESSION_IDLE_MINUTES = 60
    settings.SESSION_HOURS = 2
    for _ in range(3):
        assert inside.is_inside
        clock.forward(39 * 60)

    assert inside.is_inside
    clock.forward(5 * 60)
    assert not inside.is_inside


def test_a_session_that_is_ended_at_the_same_moment_stays_ended(inside, clock, monkeypatch):
    clock.forward(61)
    save = SessionStore.save

    def end_before(store, *args, **options):
        Session.objects.all().delete()
        save(store, *args, **options)

    monkeypatch.setattr(SessionStore, "save", end_before)

    assert inside.get(reverse("admin:index")).status_code == 302
    assert not Session.objects.exists()


def test_sessions_that_are_over_are_deleted(inside):
    Browser().log_in()
    over, _ = Session.objects.all()
    Session.objects.filter(pk=over.pk).update(expire_date=timezone.now() - timedelta(seconds=1))

    assert services.delete_old_sessions() == 1
    assert Session.objects.exclude(pk=over.pk).count() == 1


def test_the_session_cookie_is_for_the_browser_alone(boss, settings):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    browser = Browser()
    browser.get(reverse("account_login"))
    browser.log_in()

    assert browser.session_cookie["httponly"]
    assert browser.session_cookie["secure"]
    assert browser.session_cookie["samesite"] == "Lax"
    assert browser.cookies["csrftoken"]["secure"]
    assert browser.cookies["csrftoken"]["samesite"] == "Lax"


# --- other sites ---------------------------------------------------------------------------------

PAGES = [
    "account_login",
    "account_logout",
    "account_reauthenticate",
    "account_change_password",
    "account_reset_password",
    "mfa_authenticate",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_generate_recovery_codes",
    "admin:orgs_user_add",
    "admin:logout",
]


@pytest.mark.parametrize("page", PAGES)
def test_a_post_from_another_site_is_refused_with_a_page(boss, strict, page):
    strict.force_login(boss)

    answer = strict.post(reverse(page), {"code": "1"})

    assert answer.status_code == 403
    assert "The page was too old" in answer.content.decode()
    assert boss.is_authenticated


@pytest.mark.parametrize("page", ["admin:index", "admin:orgs_user_add", *PAGES])
def test_no_page_is_put_into_a_frame(inside, page):
    headers = inside.get(reverse(page)).headers

    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("page", [name for name in PAGES if not name.startswith("admin:")])
def test_the_pages_of_logging_in_are_under_the_strict_policy_and_in_no_cache(inside, known, page):
    headers = (inside if known else Browser()).get(reverse(page)).headers

    assert "script-src 'self';" in headers["Content-Security-Policy"]
    assert "form-action 'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"

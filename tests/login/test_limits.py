"""Attempts are counted by account and by address, and all processes count together."""

from __future__ import annotations

import re
from time import thread_time

import pytest
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.test import RequestFactory
from django.urls import reverse

from config.addresses import client_address
from login.models import Note
from orgs.models import User
from tests.dispatch.concurrency import at_once
from tests.login.browsing import PASSWORD, WRONG, Browser

TOO_MANY = "Too many failed login attempts"


def from_(number, **headers):
    """A browser at an address of its own."""
    return Browser(REMOTE_ADDR=f"203.0.113.{number}", **headers)


def test_passwords_of_an_account_cannot_be_tried_out_from_many_addresses(boss):
    for number in range(5):
        from_(number).log_in(password=WRONG)

    answer = from_(99).log_in()

    assert TOO_MANY in answer.content.decode()


def test_names_of_the_host_are_not_counted_apart(boss):
    for number, host in enumerate(["localhost", "127.0.0.1", "[::1]", "localhost", "127.0.0.1"]):
        from_(number, HTTP_HOST=host).log_in(password=WRONG)

    assert TOO_MANY in from_(99).log_in().content.decode()


def test_accounts_cannot_be_tried_out_from_one_address(boss):
    browser = from_(1)
    for number in range(10):
        browser.log_in(f"user{number}@example.com")

    assert TOO_MANY in browser.log_in().content.decode()
    assert from_(2).log_in().status_code == 302


def test_an_unknown_account_is_counted_like_a_known_one(db):
    for number in range(5):
        from_(number).log_in("nobody@example.com")

    assert TOO_MANY in from_(99).log_in("nobody@example.com").content.decode()


def test_logging_in_does_not_wipe_the_count(boss):
    other = User.objects.create_user("other@example.com", PASSWORD)
    for number in range(4):
        from_(number).log_in(password=WRONG)
        from_(number).log_in(other.email)
    from_(5).log_in()
    from_(6).log_in(password=WRONG)

    assert TOO_MANY in from_(7).log_in().content.decode()


def test_the_count_is_over_after_a_while(boss, clock):
    for number in range(5):
        from_(number).log_in(password=WRONG)
    clock.forward(301)

    assert from_(99).log_in().status_code == 302


def test_saying_once_more_who_one_is_is_counted_too(inside):
    for _ in range(5):
        inside.confirm(WRONG)

    assert TOO_MANY in inside.confirm().content.decode()


def test_forms_that_are_sent_without_end_are_refused(boss):
    browser = from_(1)
    codes = [browser.send("account_login", {}).status_code for _ in range(31)]

    assert codes == [200] * 30 + [429]
    answer = browser.send("account_login", {})
    assert "Wait for a few minutes" in answer.content.decode()


def test_links_for_a_new_password_are_counted(boss, mail, mailoutbox):
    for number in range(5):
        from_(number).send("account_reset_password", {"email": boss.email})

    assert len(mailoutbox) == 3


@pytest.mark.django_db(transaction=True)
def test_processes_that_count_at_once_count_right():
    User.objects.create_superuser("boss@example.com", PASSWORD)

    def guess(number):
        return TOO_MANY in from_(number).log_in(password=WRONG).content.decode()

    refused = at_once(guess, range(8))

    assert refused.count(False) <= 5


# --- what gives away who has an account ----------------------------------------------------------


def without_token(answer):
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    return re.sub(r"[\w.]+@example\.com", "", text)


def test_a_wrong_password_and_an_unknown_address_read_the_same(boss, browser):
    User.objects.create_user("gone@example.com", PASSWORD, is_active=False)
    User.objects.create_user("oidc@example.com", None)

    pages = {
        without_token(browser.log_in(email, WRONG))
        for email in (boss.email, "nobody@example.com", "gone@example.com", "oidc@example.com")
    }

    assert len(pages) == 1


def test_an_unknown_address_takes_as_long_as_a_wrong_password(boss, browser, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    settings.ACCOUNT_RATE_LIMITS = False
    User.objects.update(password=make_password(PASSWORD))

    # Of the processor: hashing is what tells them apart, and others who work here do not count.
    def seconds(email):
        began = thread_time()
        browser.log_in(email, WRONG)
        return thread_time() - began

    known = min(seconds(boss.email) for _ in range(3))
    unknown = min(seconds("nobody@example.com") for _ in range(3))

    assert 0.5 < known / unknown < 2


# --- a new password ------------------------------------------------------------------------------


def test_asking_for_a_link_reads_the_same_for_everybody(boss, mail, mailoutbox):
    pages = [
        from_(number).send("account_reset_password", {"email": email}, follow=True)
        for number, email in enumerate([boss.email, "nobody@example.com"])
    ]

    assert without_token(pages[0]) == without_token(pages[1])
    known, unknown = mailoutbox
    assert reverse("account_login") not in unknown.body
    assert "/password/reset/key/" in known.body
    assert "/accounts/" not in unknown.body


def test_without_a_mail_server_the_page_says_so(boss, browser, mailoutbox):
    for method in (browser.get, browser.post):
        answer = method(reverse("account_reset_password"), {"email": boss.email})
        assert "sends no mail" in answer.content.decode()

    assert not mailoutbox


def find_link(message):
    return re.search(r"http://testserver(/\S+)", message.body).group(1)


@pytest.fixture
def link(boss, browser, mail, mailoutbox):
    """The link in the mail."""
    browser.send("account_reset_password", {"email": boss.email})
    return find_link(mailoutbox[0])


NEW = {"password1": "a whole new battery", "password2": "a whole new battery"}


def test_a_link_sets_a_password_once_and_ends_every_session(inside, boss, mail, mailoutbox):
    browser = Browser()
    browser.send("account_reset_password", {"email": boss.email})
    link = find_link(mailoutbox[0])

    form = browser.get(link)
    # The page with the form, and what it refers to others by, does not have the key in it.
    assert form.url.endswith("-set-password/")
    assert browser.post(form.url, NEW).status_code == 302

    assert not inside.is_inside
    assert not browser.is_inside
    browser.log_in(password=NEW["password1"])
    assert browser.is_inside
    again = Browser().get(link)
    assert again.status_code == 200
    assert "Bad Token" in again.content.decode()


def test_a_link_ends_after_an_hour(link, settings):
    assert settings.PASSWORD_RESET_TIMEOUT == 3_600

    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "Bad Token" in Browser().get(link).content.decode()


def test_a_link_is_void_once_the_person_has_logged_in(link, boss):
    Browser().log_in()

    assert "Bad Token" in Browser().get(link).content.decode()


def test_a_new_password_does_not_get_around_the_second_factor(inside, boss, mail, mailoutbox):
    inside.enrol()
    browser = Browser()
    browser.send("account_reset_password", {"email": boss.email})
    form = browser.get(find_link(mailoutbox[-1]))
    browser.post(form.url, NEW)

    assert browser.log_in(password=NEW["password1"]).url == reverse("mfa_authenticate")
    assert not browser.is_inside


@pytest.mark.parametrize("uid", ["1", "0", "zzzzzzzzzzzz", "1y2p0ij32e8e7", "a" * 100])
@pytest.mark.parametrize("key", ["abc-def", "set-password", "x" * 500, "%00-1", "-"])
def test_a_link_that_was_made_up_is_refused(boss, browser, uid, key):
    answer = browser.get(f"/accounts/password/reset/key/{uid}-{key}/")

    assert answer.status_code in (200, 404)
    assert "password1" not in answer.content.decode()


# --- the cache that counts -----------------------------------------------------------------------


@pytest.mark.django_db
def test_a_note_lasts_until_its_end(clock):
    cache.set("a", [1.5, "x"], 10)
    cache.set("never", {"k": None}, None)
    assert cache.get("a") == [1.5, "x"]

    clock.forward(11)
    assert cache.get("a") is None
    assert cache.get("a", "gone") == "gone"
    assert cache.get("never") == {"k": None}


@pytest.mark.django_db
def test_a_note_is_added_where_there_is_none(clock):
    assert cache.add("a", 1, 10)
    assert not cache.add("a", 2, 10)
    assert cache.get("a") == 1

    clock.forward(11)
    assert cache.add("a", 3, 10)
    assert cache.get("a") == 3


@pytest.mark.django_db
def test_a_note_is_touched_deleted_and_cleared(clock):
    cache.set("a", 1, 10)
    assert cache.touch("a", 100)
    assert not cache.touch("b")
    clock.forward(50)
    assert cache.get("a") == 1

    assert cache.delete("a")
    assert not cache.delete("a")
    cache.set("b", 1)
    cache.clear()
    assert cache.get("b") is None


@pytest.mark.django_db
def test_a_note_that_is_over_is_swept(clock, monkeypatch):
    monkeypatch.setattr("login.notes.ONE_IN", 1)
    cache.set("a", 1, 10)
    cache.set("never", 1, None)
    clock.forward(11)
    cache.set("b", 1, 10)

    assert sorted(Note.objects.values_list("pk", flat=True)) == [":1:b", ":1:never"]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_add_at_once_one_succeeds(clock):
    for _ in range(3):
        assert at_once(lambda value: cache.add("a", value, 10), range(6)).count(True) == 1
        clock.forward(11)


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        # Nobody is in front of us: what the header says is what the client says.
        (0, "198.51.100.1", "203.0.113.7"),
        (0, "", "203.0.113.7"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        (2, "1.1.1.1, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        # Fewer have been passed than there are.
        (1, "", "203.0.113.7"),
        (2, "1.1.1.1", "203.0.113.7"),
        # As some proxies write it.
        (1, "198.51.100.1:4711", "198.51.100.1"),
        (1, "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "2001:DB8:0::1", "2001:db8::1"),
        (1, "::ffff:198.51.100.1", "198.51.100.1"),
        # Nonsense.
        (1, "unknown", "203.0.113.7"),
        (1, "198.51.100.1, ", "203.0.113.7"),
        (1, "x" * 10_000, "203.0.113.7"),
    ],
)
def test_an_address_is_believed_of_proxies_that_are_ours(settings, proxies, header, address):
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.7", HTTP_X_FORWARDED_FOR=header)

    assert client_address(request) == address


def test_an_address_that_is_none_is_given_as_it_is():
    assert client_address(RequestFactory().get("/", REMOTE_ADDR="unix:")) == "unix:"


def test_a_made_up_header_does_not_get_around_the_count(boss):
    for number in range(10):
        headers = {"HTTP_X_FORWARDED_FOR": f"198.51.100.{number}"}
        from_(1, **headers).log_in(f"user{number}@example.com")

    answer = from_(1, HTTP_X_FORWARDED_FOR="198.51.100.99").log_in()
    assert TOO_MANY in answer.content.decode()

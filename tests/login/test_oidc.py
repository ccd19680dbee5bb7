"""Logging in by a provider of OpenID Connect, and by those who only pretend to be one."""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ImproperlyConfigured
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from config import providers
from config.settings import env
from orgs.models import ApiKey, User
from tests import factories
from tests.client import ApiClient
from tests.login.browsing import PASSWORD, START, Browser, code_of, come_back, leave, log_in
from tests.login.oidc_server import CLIENT_ID

CALLBACK = reverse("openid_connect_callback", args=["corp"])
ADMIN = reverse("admin:index")


def assert_refused(answer, browser, status=401):
    assert answer.status_code == status
    assert not browser.is_inside
    assert not SocialAccount.objects.exists()


def test_the_login_has_a_button_for_each_provider(provider, browser):
    page = browser.get(reverse("account_login")).content.decode()

    assert "Log in with Corp" in page
    assert f'action="{START}' in page


def test_without_providers_there_is_none(browser):
    assert "Log in with" not in browser.get(reverse("account_login")).content.decode()
    assert browser.post(START).status_code == 404


def test_a_user_whose_address_is_verified_is_let_in_and_stays_linked(provider, boss, browser):
    assert log_in(browser).url == ADMIN
    assert browser.is_inside

    # Then it is the account that counts, whatever address it has.
    provider.person |= {"email": "renamed@example.com", "email_verified": False}
    other = Browser()
    log_in(other)
    assert other.is_inside
    assert SocialAccount.objects.get().user == boss
    boss.refresh_from_db()
    assert boss.check_password("correct horse battery staple")


def test_what_an_invites_link_has_let_somebody_set_before_opens_nothing_any_more(
    provider, boss, browser
):
    User.objects.update(email_verified_at=None)
    Authenticator.objects.create(user=boss, type=Authenticator.Type.TOTP, data={"secret": "x"})
    elsewhere = Client()
    elsewhere.force_login(boss)

    log_in(browser)

    boss.refresh_from_db()
    assert SocialAccount.objects.get().user == boss
    assert not boss.has_usable_password()
    assert not Authenticator.objects.exists()
    assert "login" in elsewhere.get("/accounts/password/change/").url
    # From now on it is theirs for certain, and nothing is taken from them any more.
    assert boss.verified_email == boss.email
    boss.set_password(PASSWORD)
    boss.save()
    log_in(Browser())
    boss.refresh_from_db()
    assert boss.has_usable_password()


def test_whose_address_an_operator_has_given_keeps_their_password(provider, boss, browser):
    User.objects.update(is_staff=False, is_superuser=False)

    log_in(browser)

    boss.refresh_from_db()
    assert boss.check_password(PASSWORD)


def test_a_key_from_before_does_nothing_for_whoever_has_the_address(provider, boss, acme, globex):
    User.objects.filter(pk=boss.pk).update(email_verified_at=None)
    member = globex.memberships.create(user=boss, permissions=["owner"])
    former = ApiClient(globex, factories.make_key(globex, member=member))
    ApiKey.objects.update(created_at=Now() - timedelta(minutes=1))
    invited = factories.make_invite(acme, boss.email).invite

    log_in(Browser())

    current = ApiClient(globex, factories.make_key(globex, member=member))
    assert former.get("~/destinations").status_code == 200
    assert former.post(f"/v1/self/invites/{invited.pk}/accept").status_code == 403
    assert current.data(current.get("/v1/self/invites"))["count"] == 1


def test_one_is_led_to_where_one_was_going_and_nowhere_else(provider, boss, browser):
    wanted = reverse("admin:orgs_user_changelist")
    assert log_in(browser, next=wanted).url == wanted
    assert log_in(Browser(), next="https://evil.example/").url == ADMIN


def test_a_provider_is_asked_with_a_state_a_nonce_and_a_challenge(provider, boss, browser):
    log_in(browser)
    log_in(browser)

    first, second = provider.asked
    assert first["code_challenge_method"] == "S256"
    assert set(first["scope"].split()) == {"openid", "profile", "email"}
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 16
        assert first[name] != second[name]


def test_a_link_cannot_ask_for_more(provider, boss, browser):
    address = leave(
        browser, scope="everything", auth_params="nonce=mine&prompt=none", process="connect"
    )

    query = dict(parse_qsl(urlsplit(address).query))
    assert set(query["scope"].split()) == {"openid", "profile", "email"}
    assert query["nonce"] != "mine"
    assert "prompt" not in query


def test_going_there_takes_a_post(provider, browser, strict):
    page = browser.get(START)
    assert page.status_code == 200
    assert "You are about to log in with Corp" in page.content.decode()
    assert strict.post(START).status_code == 403


# --- who is believed -----------------------------------------------------------------------------


@pytest.mark.parametrize("verified", [False, None, "false", 0, "yes", [True]])
def test_an_address_that_is_not_verified_links_nobody(provider, boss, browser, verified):
    provider.person["email_verified"] = verified

    answer = log_in(browser)

    assert_refused(answer, browser, 200)
    assert "No such login here" in answer.content.decode()


@pytest.mark.parametrize(
    "email",
    [
        "nobody@example.com",
        "",
        None,
        ["boss@example.com"],
        "boss\0@example.com",
        "bo\N{LATIN SMALL LETTER LONG S}s@example.com",
    ],
)
def test_nobody_is_made(provider, boss, browser, email):
    provider.person["email"] = email
    provider.userinfo = {"sub": "1"}

    assert_refused(log_in(browser), browser, 200)
    assert User.objects.count() == 1


def test_a_text_that_says_true_is_true(provider, boss, browser):
    provider.person |= {"email": "Boss@Example.com", "email_verified": "true"}
    log_in(browser)

    assert browser.is_inside


def test_who_is_deactivated_is_not_linked(provider, boss, browser):
    User.objects.update(is_active=False)

    assert_refused(log_in(browser), browser, 200)


def test_who_was_linked_and_is_deactivated_is_not_let_in(provider, boss, browser):
    log_in(browser)
    User.objects.update(is_active=False)

    other = Browser()
    assert log_in(other).url == reverse("account_inactive")
    assert not other.is_inside


def test_an_address_that_somebody_else_has_got_there_links_nobody(provider, boss, browser):
    log_in(browser)
    provider.person["sub"] = "2"

    other = Browser()
    answer = log_in(other)
    assert answer.status_code == 403
    assert "another account of this provider" in answer.content.decode()
    assert not other.is_inside


def test_who_is_neither_staff_nor_a_member_reads_so(provider, browser):
    provider.person["email"] = factories.make_user("nobody@people.example").email

    answer = browser.get(come_back(leave(browser, next=ADMIN)), follow=True)

    assert answer.status_code == 403
    assert "This is for members" in answer.content.decode()


def test_a_second_factor_is_asked_for_too(provider, inside):
    secret = inside.enrol(step=-1)
    browser = Browser()

    assert log_in(browser).url == reverse("mfa_authenticate")
    assert not browser.is_inside
    browser.send("mfa_authenticate", {"code": code_of(secret)})
    assert browser.is_inside


def test_the_address_may_come_from_the_userinfo(provider, boss, browser):
    provider.userinfo = provider.person
    provider.person = {"sub": "1"}
    log_in(browser)

    assert browser.is_inside


def test_somebody_elses_userinfo_is_refused(provider, boss, browser):
    provider.userinfo = provider.person | {"sub": "2"}
    provider.person = {"sub": "1"}

    assert_refused(log_in(browser), browser)


# --- what is believed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ""},
        {"nonce": ["x"]},
        {"aud": "another client"},
        {"aud": ["another client"]},
        {"aud": None},
        {"aud": [CLIENT_ID, "another client"], "azp": "another client"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"exp": "soon"},
        # A day ahead: when they are collected, they may be long from being run.
        {"iat": int(time.time()) + 86_400},
        {"iat": None},
        {"sub": None},
    ],
    # Not with the time in them: all processes of a run collect the same names.
    ids=lambda claims: next(iter(claims)),
)
def test_a_token_that_was_not_made_for_this_login_is_refused(provider, boss, browser, claims):
    provider.claims = claims

    assert_refused(log_in(browser), browser)


@pytest.mark.parametrize(
    "way",
    [
        "not_at_all",
        "with_another_key",
        "with_an_unknown_key",
        "with_the_clients_secret",
        "with_the_public_key_as_a_secret",
        "nonsense",
        "nothing",
    ],
)
def test_a_token_that_the_provider_has_not_signed_is_refused(provider, boss, browser, way):
    provider.sign = getattr(provider, f"sign_{way}")

    assert_refused(log_in(browser), browser)


def test_a_token_of_an_earlier_login_is_refused(provider, boss, browser):
    kept = []
    provider.sign = lambda claims: kept.append(provider.sign_well(claims)) or kept[0]
    log_in(Browser())
    SocialAccount.objects.all().delete()

    assert_refused(log_in(browser), browser)


def test_a_code_is_good_in_the_browser_that_asked(provider, boss, browser):
    path = come_back(leave(browser))

    assert_refused(Browser().get(path), Browser())
    assert browser.get(path).url == ADMIN
    # And once.
    assert Browser().get(path).status_code == 401
    assert browser.get(path).status_code == 401


def test_a_code_of_another_browser_is_refused(provider, boss, browser):
    """Who plants his own code into the state of another gets nothing: the challenge is wrong."""
    thief = come_back(leave(Browser()))
    mine = come_back(leave(browser))
    code = dict(parse_qsl(urlsplit(thief).query))["code"]
    state = dict(parse_qsl(urlsplit(mine).query))["state"]

    assert_refused(browser.get(CALLBACK, {"code": code, "state": state}), browser)


@pytest.mark.parametrize(
    "query",
    [{}, {"state": "x"}, {"code": "x"}, {"state": "\0", "code": "\0"}, {"error": "server_error"}],
)
def test_coming_back_without_having_gone_is_refused(provider, boss, browser, query):
    assert_refused(browser.get(CALLBACK, query), browser)


def test_breaking_off_there_is_no_failure(provider, boss, browser):
    state = dict(parse_qsl(urlsplit(leave(browser)).query))["state"]

    answer = browser.get(CALLBACK, {"error": "access_denied", "state": state}, follow=True)

    assert answer.status_code == 200
    assert "You broke off" in answer.content.decode()


@pytest.mark.parametrize(
    "config",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"token_endpoint": None},
        {"jwks_uri": "http://127.0.0.1:1/keys"},
        {"token_endpoint": "http://127.0.0.1:1/token"},
    ],
    ids=str,
)
def test_a_provider_that_describes_itself_wrongly_is_refused(provider, boss, browser, config):
    path = come_back(leave(browser))
    provider.config = config

    assert_refused(browser.get(path), browser)


@pytest.mark.parametrize("name", ["issuer", "authorization_endpoint", "token_endpoint"])
def test_nobody_is_led_to_a_provider_that_describes_itself_wrongly(provider, browser, name):
    provider.config = {name: None}

    assert_refused(browser.post(START), browser)


def test_a_provider_that_is_down_is_told_of(provider, boss, browser):
    path = come_back(leave(browser))
    provider.close()

    for answer in (browser.get(path), browser.post(START)):
        assert_refused(answer, browser)
        assert "could not be reached" in answer.content.decode()


# --- the environment -----------------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch):
    def put(**values):
        monkeypatch.setenv("WAYBILL_OIDC_PROVIDERS", values.pop("providers", "corp"))
        names = {
            "ISSUER": "https://id.example.com/realms/corp",
            "CLIENT_ID": "waybill",
            "CLIENT_SECRET": "secret",
        } | values
        for name, value in names.items():
            monkeypatch.setenv(f"WAYBILL_OIDC_CORP_{name}", value)

    return put


def test_providers_are_read_from_the_environment(environment):
    environment(NAME="Example Corp")

    assert providers.read(env) == [
        {
            "provider_id": "corp",
            "name": "Example Corp",
            "client_id": "waybill",
            "secret": "secret",
            "settings": {"server_url": "https://id.example.com/realms/corp"},
        }
    ]


def test_a_providers_name_is_its_id_unless_given(environment):
    environment()

    assert providers.read(env)[0]["name"] == "Corp"


def test_no_providers_are_none(environment):
    environment(providers=" , ")

    assert providers.read(env) == []


@pytest.mark.parametrize("name", ["Corp", "co-rp", "1corp", "a/b", "login" * 10, "ü"])
def test_a_provider_has_a_plain_id(environment, name):
    environment(providers=name)

    with pytest.raises(ImproperlyConfigured, match="WAYBILL_OIDC_PROVIDERS holds"):
        providers.read(env)


@pytest.mark.parametrize(
    "issuer",
    [
        "http://id.example.com",
        "id.example.com",
        "https://",
        "ftp://id.example.com",
        "https://id.example.com?x=1",
        "https://id.example.com#x",
    ],
)
def test_an_issuer_is_reached_by_https(environment, issuer):
    environment(ISSUER=issuer)

    with pytest.raises(ImproperlyConfigured, match="WAYBILL_OIDC_CORP_ISSUER looks like"):
        providers.read(env)


def test_a_secret_that_is_missing_is_named(environment, monkeypatch):
    environment()
    monkeypatch.delenv("WAYBILL_OIDC_CORP_CLIENT_SECRET")

    with pytest.raises(ImproperlyConfigured, match="WAYBILL_OIDC_CORP_CLIENT_SECRET"):
        providers.read(env)

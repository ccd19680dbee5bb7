"""People rotate keys of their own at `/accounts/keys/`, whatever else they may."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from agents.models import KeyTools
from orgs import services
from orgs.models import ApiKey, AuditEntry
from orgs.services import Limits
from tests import factories
from tests.client import ApiClient
from tests.login.browsing import secret_in
from tests.stored import everything_stored

HERE = reverse("login_keys")
HOUR = 3600


@pytest.fixture
def grace(acme):
    """A viewer of acme."""
    return factories.make_member(acme, "viewer")


@pytest.fixture
def key(grace):
    key, _ = services.create_key(member=grace, description="laptop")
    return key


@pytest.fixture
def page(client, grace):
    client.force_login(grace.user)
    return client


def url(key_id):
    return reverse("agents_rotate_own_key", args=[key_id])


def rotate(page, key, grace=HOUR):
    return page.post(url(key.pk), {"grace": grace})


def told(answer):
    return " ".join(re.sub("<[^>]*>", " ", answer.text).split())


def test_the_list_leads_to_it_and_it_says_what_will_happen(grace, key, page):
    assert url(key.pk) in page.get(HERE).text

    text = told(page.get(url(key.pk)))

    assert "Rotate “laptop”?" in text
    assert f"{grace.user} at Acme" in text
    assert "what its member may: viewer" in text
    assert ApiKey.objects.count() == 1, "nothing is done yet"


def test_the_new_secret_is_shown_once_and_both_work_for_a_while(acme, key, page):
    answer = rotate(page, key)

    material, text = secret_in(answer), told(answer)
    assert answer["Cache-Control"] == "no-store"
    assert f"The former one, {key.masked} , works until" in text
    assert material not in page.get(HERE).text
    assert material not in str(everything_stored()) + str(dict(page.session))
    api = ApiClient(acme, material)
    assert api.data(api.get("/v1/self"))["email"] == key.member.user.email
    assert api.get("~/keys").status_code == 403
    key.refresh_from_db()
    assert timedelta() < key.expires_at - timezone.now() <= timedelta(seconds=HOUR)
    assert f'title="{key.expires_at:%Y-%m-%d %H:%M:%S}' in page.get(HERE).text


def test_the_two_are_told_apart_and_the_former_is_rotated_no_more(key, page):
    rotate(page, key)
    made = ApiKey.objects.latest("pk")

    listed = page.get(HERE).text

    for one in (key, made):
        assert f"Delete {one}</button>" in listed
    assert url(key.pk) not in listed
    assert url(made.pk) in listed
    assert listed.count('class="state">ends') == 1


def test_it_may_end_at_once(key, page):
    assert f"The former one, {key.masked} , has ended." in told(rotate(page, key, grace=0))

    key.refresh_from_db()
    assert key.deleted_at is not None
    assert key.masked not in page.get(HERE).text


def test_what_a_key_is_limited_to_is_said_and_kept(grace, page):
    limits = Limits(variants=["count", "weigh"])
    key, _ = services.create_key(member=grace, description="scale", limits=limits)
    KeyTools.objects.create(key=key, org=key.org, variants=["count"])

    asked, answer = told(page.get(url(key.pk))), told(rotate(page, key))

    assert "hand in actions of count, weigh, and nothing else" in asked
    assert "Tools count" in asked
    assert "may hand in actions of count, weigh, and nothing else." in answer
    made = ApiKey.objects.latest("pk")
    assert made.variants == ["count", "weigh"]
    assert KeyTools.objects.get(key=made).variants == ["count"]


def test_a_key_of_few_permissions_says_so(acme, client):
    member = factories.make_member(acme, "editor")
    client.force_login(member.user)
    key, _ = services.create_key(member=member, description="few", limits=Limits(["viewer"]))

    assert "may do viewer, as far as you may." in told(rotate(client, key))


def test_a_second_press_makes_no_second_key(key, page):
    rotate(page, key)
    count = ApiKey.objects.count()

    answer = rotate(page, key)

    assert answer.status_code == 409
    assert "in the place of this one already" in answer.text
    assert "A new key takes the place" not in answer.text
    assert "<button" not in answer.text[answer.text.index("<main") : answer.text.index("</main")]
    assert ApiKey.objects.count() == count


def test_one_that_has_ended_is_refused_and_has_no_button(key, page):
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())

    assert url(key.pk) not in page.get(HERE).text
    assert "It ended at" in told(page.get(HERE))
    for answer in (page.get(url(key.pk)), rotate(page, key)):
        assert answer.status_code == 409
        assert "This key has ended: make another one." in answer.text
        assert "as you choose" not in answer.text
    assert ApiKey.objects.count() == 1


def test_keys_of_others_are_not_there(acme, globex, grace, key, page):
    colleague = factories.make_member(acme, "viewer")
    theirs = [
        services.create_key(member=member, description="theirs")[0]
        for member in (colleague, globex.memberships.first())
    ]
    count = ApiKey.objects.count()

    for one in theirs:
        assert page.get(url(one.pk)).status_code == rotate(page, one).status_code == 404
    grace.deleted_at = timezone.now()
    grace.save()
    assert page.get(url(key.pk)).status_code == rotate(page, key).status_code == 404
    assert page.get(url(10**15)).status_code == 404
    assert ApiKey.objects.count() == count


@pytest.mark.parametrize("seconds", [5, "", "x", -3600])
def test_nonsense_is_said_at_its_field(key, page, seconds):
    answer = rotate(page, key, seconds)

    assert answer.status_code == 200
    assert "wrong-text" in answer.text
    assert ApiKey.objects.count() == 1


def test_without_a_login_or_from_another_site_there_is_nothing(key, client, strict):
    assert client.get(url(key.pk)).url.startswith(reverse("account_login"))
    strict.force_login(key.member.user)
    assert rotate(strict, key).status_code == 403
    assert ApiKey.objects.count() == 1


def test_the_audit_tells_who_did(key, page):
    rotate(page, key)

    entry = AuditEntry.objects.filter(kind="api key", event="created").latest("id")
    assert (entry.actor, entry.via) == (key.member.user.email, "admin")


def test_keys_are_rotated_so_many_a_minute(key, page, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"keys": "2/m/user"}

    answers = [rotate(page, key, 5).status_code for _ in range(3)]

    assert answers == [200, 200, 429]

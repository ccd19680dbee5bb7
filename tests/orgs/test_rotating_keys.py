"""API keys are rotated: another one takes the place of one, which goes on for a while."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from agents import services
from agents.models import KeyTools
from config.errors import ConflictError, ForbiddenError
from console import attention
from orgs.auth import find_caller
from orgs.models import ApiKey, AuditEntry
from orgs.services import Limits, create_key, delete_key
from orgs.viewers import Viewer
from tests import factories
from tests.dispatch.concurrency import at_once

LIST = reverse("admin:orgs_apikey_changelist")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SOON = timedelta(minutes=1)


def make_key(org, **fields):
    factories.make_key(org, **fields)
    return ApiKey.objects.latest("pk")


def rotate(key, grace=DAY, **more):
    return services.rotate_key(key=key, grace=grace, **more)


def url(key, page="rotate"):
    return reverse(f"admin:orgs_apikey_{page}", args=[key.pk])


def is_about(moment, expected):
    return abs(moment - expected) < SOON


@pytest.fixture
def key(acme):
    return make_key(acme, description="billing")


@pytest.fixture
def come(client, acme):
    """A member of acme with this permission comes in."""

    def log_in(permission):
        member = factories.make_member(acme, permission)
        client.force_login(member.user)
        return member

    return log_in


def test_the_new_key_is_like_the_old_one_and_both_work_for_a_while(acme):
    member = factories.make_member(acme, "editor", "operator")
    limits = Limits(["operator"], ["count", "weigh"])
    key, material = create_key(member=member, description="scale 7", limits=limits)

    made, another = rotate(key, HOUR)

    assert (made.org, made.member, made.description) == (acme, member, "scale 7")
    assert (made.permissions, made.variants) == (["operator"], ["count", "weigh"])
    assert (made.expires_at, made.last_used_at) == (None, None)
    assert re.fullmatch("api_[0-9a-f]{40}", another)
    assert (find_caller(material).key_id, find_caller(another).key_id) == (key.pk, made.pk)
    assert is_about(key.expires_at, timezone.now() + HOUR)


def test_a_key_of_somebody_who_may_less_now_gets_no_more_by_it(acme):
    member = factories.make_member(acme, "admin")
    key, _ = create_key(member=member, description="old", limits=Limits(["admin"]))
    member.permissions = ["viewer"]
    member.save()

    made, material = rotate(key, by=member)

    assert made.permissions == ["admin"]
    assert find_caller(material).permissions == ("viewer",)


def test_without_a_grace_the_old_key_ends_at_once(acme, key):
    made, _ = rotate(key, timedelta())

    assert key.deleted_at is not None
    assert list(ApiKey.objects.of_org(acme.pk)) == [made]


def test_no_key_goes_on_for_longer_than_it_would_have(acme):
    ends = timezone.now() + HOUR
    key = make_key(acme, expires_at=ends)
    ApiKey.objects.update(created_at=timezone.now() - 29 * DAY)
    key.refresh_from_db()

    made, _ = rotate(key, 7 * DAY)

    assert key.expires_at == ends
    # It was made for so long.
    assert is_about(made.expires_at, timezone.now() + 29 * DAY + HOUR)


def test_the_new_key_may_call_the_same_tools(key):
    KeyTools.objects.create(key=key, org=key.org, variants=["count"])

    made, _ = rotate(key)

    assert KeyTools.objects.get(key=made).variants == ["count"]
    assert KeyTools.objects.get(key=made).org == key.org
    assert KeyTools.objects.filter(key=key).exists()


def test_a_key_that_may_call_all_tools_still_may(key):
    made, _ = rotate(key)

    assert not KeyTools.objects.filter(key=made).exists()


@pytest.mark.parametrize("grace", [timedelta(), HOUR, 7 * DAY])
@pytest.mark.parametrize("expires", [None, timedelta(minutes=30)])
def test_a_second_press_makes_no_second_key(acme, grace, expires):
    key = make_key(acme, expires_at=expires and timezone.now() + expires)
    rotate(key, grace)

    with pytest.raises(ConflictError, match="in the place of this one already"):
        rotate(ApiKey.objects.get(pk=key.pk), grace)

    assert ApiKey.objects.count() == 2


def test_the_one_in_its_place_is_rotated_and_lasts_as_long_as_the_first(acme):
    key = make_key(acme, expires_at=timezone.now() + 30 * DAY)
    first, _ = rotate(key, HOUR)

    second, _ = rotate(first, HOUR)

    assert is_about(second.expires_at, timezone.now() + 30 * DAY)
    assert (key.replaced_by, first.replaced_by, second.replaced_by) == (first, second, None)


def test_a_key_is_rotated_once_also_when_the_other_one_is_gone(key):
    made, _ = rotate(key)
    delete_key(key=made)

    with pytest.raises(ConflictError, match="in the place of this one already"):
        rotate(key)


def test_a_key_of_the_same_name_is_not_in_its_place(acme, key):
    another = make_key(acme, member=key.member, description=key.description)

    rotate(key)

    assert ApiKey.objects.count() == 3
    another.refresh_from_db()
    assert (another.expires_at, another.replaced_by) == (None, None)


@pytest.mark.django_db(transaction=True)
def test_of_two_presses_at_once_one_makes_a_key(acme):
    key = make_key(acme)

    def press(key_id):
        try:
            return rotate(ApiKey.objects.get(pk=key_id))
        except ConflictError as error:
            return error.faults[0].code

    answers = at_once(press, [key.pk] * 4)

    assert answers.count("KEY_ROTATED") == 3
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize(
    "changes", [{"deleted_at": timezone.now()}, {"expires_at": timezone.now() - SOON}]
)
def test_a_key_that_has_ended_is_not_rotated(key, changes):
    ApiKey.objects.update(**changes)

    with pytest.raises(ConflictError, match="has ended"):
        rotate(key)

    assert ApiKey.objects.count() == 1


def test_people_rotate_keys_of_their_own_only(acme, key):
    somebody = factories.make_member(acme, "owner")

    with pytest.raises(ForbiddenError, match=f"a key of {key.member.user}"):
        rotate(key, by=somebody)

    assert ApiKey.objects.count() == 1


def test_a_rotation_is_audited_with_what_was_before(admin_client, admin_user, key):
    admin_client.post(url(key), {"grace": 3600})

    made = ApiKey.objects.latest("pk")
    told = AuditEntry.objects.filter(kind="api key", actor=str(admin_user)).order_by("id")
    created, shortened = told
    assert (created.event, created.row_id) == ("created", str(made.pk))
    assert created.after["description"] == "billing"
    assert (shortened.event, shortened.row_id) == ("updated", str(key.pk))
    assert shortened.before == {"expires_at": None, "replaced_by_id": None}
    assert shortened.after["replaced_by_id"] == made.pk
    assert shortened.after["expires_at"] is not None
    assert str(key) in LogEntry.objects.get(object_id=str(made.pk)).change_message


def test_the_page_names_what_will_happen(admin_client, acme):
    KeyTools.objects.create(
        key=make_key(acme, description="agent", limits=Limits(["viewer"])),
        org=acme,
        variants=["look_up"],
    )
    key = ApiKey.objects.get()

    page = admin_client.get(url(key))

    owner = acme.memberships.get().user
    for said in (
        "Rotate “agent”?", key.masked, f"{owner} at Acme", "viewer, as far as its member may",
        "look_up", "never by itself", "for 24 hours", "it ends now",
    ):  # fmt: skip
        assert said in page.text
    assert page.context["form"]["grace"].value() == 86_400
    assert ApiKey.objects.count() == 1


def test_the_page_says_when_both_end_and_what_a_device_may(admin_client, acme):
    ends = timezone.now() + DAY
    limits = Limits(variants=["weigh"])
    key = make_key(acme, expires_at=ends, limits=limits)
    ApiKey.objects.update(last_used_at=timezone.now())

    page = admin_client.get(url(key)).text

    assert "hand in actions of weigh, and nothing else" in page
    assert "or earlier, as you choose" in page
    assert "it lasts as long as this one was made for" in page


def test_the_secret_stands_there_once(admin_client, key):
    answer = admin_client.post(url(key), {"grace": 86_400})

    (secret,) = re.findall(r'<code id="secret"[^>]*>(api_[^<]+)</code>', answer.text)
    key.refresh_from_db()
    assert "no-store" in answer["Cache-Control"]
    assert secret not in str(answer.cookies)
    assert f"{key.masked}, works until {key.expires_at:%Y-%m-%d %H:%M} UTC" in answer.text
    made = find_caller(secret).key_id
    assert secret not in admin_client.get(url(ApiKey.objects.get(pk=made), "change")).text

    again = admin_client.post(url(key), {"grace": 86_400})
    assert again.status_code == 409
    assert "in the place of this one already" in again.text
    assert ApiKey.objects.count() == 2


def test_one_that_ends_now_is_said_to_have_ended(admin_client, key):
    answer = admin_client.post(url(key), {"grace": 0})

    assert f"{key.masked}, has ended." in answer.text


@pytest.mark.parametrize("posted", [{}, {"grace": 5}, {"grace": "x"}, {"grace": "3601"}])
def test_what_nobody_was_offered_rotates_nothing(admin_client, key, posted):
    assert admin_client.post(url(key), posted).status_code == 200

    assert ApiKey.objects.count() == 1


def test_an_ended_key_has_no_button_and_a_page_that_says_why(admin_client, key):
    assert url(key) in admin_client.get(url(key, "change")).text
    ApiKey.objects.update(deleted_at=timezone.now())

    assert url(key) not in admin_client.get(url(key, "change")).text
    page = admin_client.get(url(key))
    assert page.status_code == 409
    assert "This key has ended" in page.text
    assert 'name="grace"' not in page.text


def test_a_member_rotates_their_own_key_and_nobody_elses(client, come, key):
    member = come("admin")
    mine = make_key(member.org, member=member, description="laptop")

    answer = client.post(url(mine), {"grace": 3600})
    assert re.search("api_[0-9a-f]{40}", answer.text)
    refused = client.post(url(key), {"grace": 3600})

    assert refused.status_code == 403
    assert "people rotate keys of their own only" in refused.text
    assert ApiKey.objects.filter(member=key.member).count() == 1
    assert url(key) not in client.get(url(key, "change")).text
    listed = client.get(LIST).text
    assert url(ApiKey.objects.latest("pk")) in listed
    assert url(key) not in listed


def test_the_list_takes_the_same_queries_for_any_number_of_keys(
    admin_client, acme, django_assert_num_queries
):
    make_key(acme)
    admin_client.get(LIST)
    with django_assert_num_queries(5):
        admin_client.get(LIST)
    for _ in range(5):
        make_key(acme, member=factories.make_member(acme))
    with django_assert_num_queries(5):
        assert admin_client.get(LIST).text.count("/rotate/") == 6


@pytest.mark.parametrize("permission", ["viewer", "operator", "editor"])
def test_who_makes_no_keys_rotates_none(client, come, permission):
    member = come(permission)
    mine = make_key(member.org, member=member)

    for answer in (client.get(url(mine)), client.post(url(mine), {"grace": 0})):
        assert answer.status_code == 403
    assert ApiKey.objects.count() == 1


def test_staff_who_are_no_superusers_rotate_none(client, key):
    staff = factories.make_user("staff@waybill.example", is_staff=True)
    staff.user_permissions.set(
        staff.user_permissions.model.objects.filter(content_type__model="apikey")
    )
    client.force_login(staff)

    assert client.get(url(key, "change")).status_code == 200
    assert url(key) not in client.get(url(key, "change")).text
    assert url(key) not in client.get(LIST).text
    assert client.post(url(key), {"grace": 0}).status_code == 403


def test_another_organizations_key_is_not_there(client, come, globex):
    come("owner")
    theirs = make_key(globex)

    assert client.get(url(theirs)).status_code == 404
    assert client.post(url(theirs), {"grace": 0}).status_code == 404
    assert ApiKey.objects.count() == 1


def test_a_key_that_another_one_has_replaced_needs_nobody(acme, key, admin_user):
    make_key(acme, description="lone", expires_at=timezone.now() + DAY)

    rotate(key)

    assert key.expires_at is not None
    needs = attention.find(Viewer(admin_user), failed=0, window="")
    assert "lone" in [need.text for need in needs]

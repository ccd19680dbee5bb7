"""Every address of the admin, asked by members for what is another organization's, and by staff.

The addresses are those of the URLconf: a page that is added is walked here as well.
"""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import resolve, reverse

from orgs import permissions
from orgs.models import Membership, Organization, Permission, User
from orgs.reach import Narrowed
from orgs.rights import OPERATIONS
from tests import factories
from tests.admin_routes import ADDRESSES, MODELS, make_admin_rows
from tests.conftest import WALKED
from tests.stored import everything_stored

pytestmark = pytest.mark.usefixtures("walked", "db")

# Members do these with one organization, or with themselves.
OWN = {"switch_org", "offer_orgs", "leave_org", "password_change", "password_change_done"}
WITH_ROW = [one for one in ADDRESSES if "{" in one.path and one.name not in OWN]
WITHOUT = [one for one in ADDRESSES if "{" not in one.path and one.name not in OWN]
POSTED = {"_form_submitted": "True", "post": "yes", "force": "yes", "_save": "Save"}
TRIED = ("viewer", "operator", "editor", "admin", "owner")


@pytest.fixture(scope="module")
def everything(walked, django_db_blocker):
    """A row of each model for acme and for globex, and what paths call them."""
    with django_db_blocker.unblock():
        orgs = [Organization.objects.get(name=name) for name in WALKED]
        made = [
            make_admin_rows(org, variant)
            for org, variant in zip(orgs, WALKED.values(), strict=True)
        ]
    return list(zip(made, walked, strict=True))


@pytest.fixture
def log_in(client, everything, acme):
    """A member of acme with this permission comes in."""

    def come(permission):
        member = factories.make_member(acme, permission, email=f"{permission}@people.example")
        client.force_login(member.user)
        # Its first page writes down when the session was used.
        client.get(reverse("admin:password_change"))
        return client

    return come


def shows_globex(response):
    """Whether anything of what is globex's stands in the answer."""
    text = response.content.decode(errors="replace").lower()
    return any(word in text for word in ("globex", "send_letter"))


def is_question(answer):
    """Whether it is a dialog, of which there is nothing but its question."""
    return answer.status_code == 200 and answer.text.lstrip().startswith('<div id="dialog">')


def org_path(model):
    """How a model's admin leads to the organization; none of Waybill's is without an answer."""
    shown = admin.site._registry[model]
    assert isinstance(shown, Narrowed) or not hasattr(model, "org")
    return getattr(shown, "org_path", None)


def test_there_is_a_row_of_every_model_to_be_asked_for(everything, acme, globex):
    (ours, _), (theirs, _) = everything
    for model in MODELS.values():
        path = org_path(model)
        if path is not None:
            found = model._default_manager.filter(**{path: globex.pk})
            assert found.filter(pk=theirs[model].pk).exists(), model
            assert ours[model].pk != theirs[model].pk


def test_what_is_of_no_organization_is_for_staff_alone():
    for (app, name), model in MODELS.items():
        if org_path(model) is None:
            ours = [one for one in OPERATIONS if one.endswith(f"_{name}") and one.startswith(app)]
            assert ours == []


@pytest.mark.parametrize("permission", ["viewer", "owner"])
@pytest.mark.parametrize("address", WITH_ROW, ids=str)
def test_nobody_reaches_another_organization_by_editing_the_address(
    log_in, everything, address, permission
):
    client = log_in(permission)
    url = address.fill(*everything[1])
    before = everything_stored()

    for answer in (client.get(url), client.post(url, POSTED), client.get(f"{url}?_popup=1")):
        # A dialog asks its question before it looks for the row.
        assert answer.status_code in (302, 403, 404, 405) or is_question(answer), url
        assert not shows_globex(answer), url

    assert everything_stored() == before


@pytest.mark.parametrize("permission", ["viewer", "owner"])
@pytest.mark.parametrize("address", WITHOUT, ids=str)
def test_pages_show_what_is_of_the_organization_alone(log_in, everything, address, permission):
    client = log_in(permission)

    for query in ("", "?state=all"):
        answer = client.get(f"{address.path}{query}")
        assert answer.status_code in (200, 302, 400, 403, 404, 405), address.path
        assert not shows_globex(answer), address.path


@pytest.mark.parametrize("address", WITHOUT, ids=str)
def test_no_filter_leads_to_another_organization(log_in, everything, address):
    client = log_in("owner")
    globex = everything[1][0][Organization]
    destination = everything[1][1]["destinations"]

    query = {"org__id__exact": globex.pk, "destination__id__exact": destination, "org": globex.pk}
    for name, value in query.items():
        answer = client.get(address.path, {name: value}, follow=True)
        assert "Globex" not in answer.text


@pytest.mark.parametrize("model", MODELS.values(), ids=str)
@pytest.mark.parametrize("permission", TRIED)
def test_pages_open_by_the_table_of_the_api(log_in, admin_client, everything, model, permission):
    client = log_in(permission)
    row = everything[0][0][model] or model(pk=0)
    app, name = model._meta.app_label, model._meta.model_name
    pages = {
        "view": [reverse(f"admin:{app}_{name}_changelist")],
        "add": [reverse(f"admin:{app}_{name}_add")],
        "delete": [reverse(f"admin:{app}_{name}_delete", args=[row.pk])],
    }
    pages["view"] += [
        reverse(f"admin:{app}_{name}_{page}", args=[row.pk]) for page in ("change", "history")
    ]
    for verb, urls in pages.items():
        for url in urls:
            # What staff cannot do here either, nobody can.
            offered = admin_client.get(url).status_code == 200
            allowed = may(permission, f"{app}.{verb}_{name}")
            # A row that is nobody's to see is not there.
            expected = (200,) if allowed and offered else (403, 302)
            assert client.get(url).status_code in expected, (verb, url)


def may(permission, asked):
    """Whether the API lets a member with the permission do what one of Django's stands for."""
    needed = permissions.NEEDED[OPERATIONS[asked]] if asked in OPERATIONS else None
    return needed is not None and permissions.allows([permission], needed)


@pytest.mark.parametrize("address", [one for one in WITH_ROW if one.model], ids=str)
def test_a_viewer_changes_nothing_of_their_own_organization(log_in, everything, address):
    client = log_in("viewer")
    url = address.fill(*everything[0])
    before = everything_stored()

    answer = client.post(url, POSTED)

    assert answer.status_code in (200, 302, 403, 405)
    assert everything_stored() == before


def offered_fields():
    """Every field that is searched for in a form or a filter, as its widget asks for it."""
    for model in MODELS.values():
        for field in model._meta.fields:
            there = field.remote_field and admin.site._registry.get(field.remote_field.model)
            if there and there.search_fields:
                yield {
                    "app_label": model._meta.app_label,
                    "model_name": model._meta.model_name,
                    "field_name": field.name,
                }


@pytest.mark.parametrize("field", [*offered_fields()], ids=lambda field: ".".join(field.values()))
@pytest.mark.parametrize("permission", ["viewer", "owner"])
def test_fields_offer_what_is_of_the_organization_alone(log_in, everything, field, permission):
    client = log_in(permission)
    globex = everything[1][0][Organization]
    url = reverse("admin:autocomplete")

    for more in ({}, {"org": globex.pk, "kind": "webhook"}, {"term": "globex"}):
        answer = client.get(url, field | more)
        assert answer.status_code in (200, 403)
        assert not shows_globex(answer)
        if answer.status_code == 200 and "term" in more:
            assert answer.json()["results"] == []


@pytest.mark.parametrize("address", [*WITH_ROW, *WITHOUT], ids=str)
def test_staff_see_the_rows_of_all(admin_client, everything, address):
    for rows, words in everything:
        answer = admin_client.get(address.fill(rows, words))
        assert answer.status_code in (200, 302, 400, 403, 404, 405)
    if address.name.endswith("_changelist"):
        answer = admin_client.get(address.path)
        if answer.status_code == 302:
            # The console has a list of its own.
            assert resolve(answer.url).namespaces == ["console"]
            return
        ids = {one.pk for one in answer.context["cl"].queryset}
        made = [rows[address.model] for rows, _ in everything]
        assert {one.pk for one in made if one} <= ids


def test_a_former_member_of_the_staff_has_only_what_the_membership_gives(
    log_in, everything, client
):
    log_in("viewer")
    user = User.objects.get(email="viewer@people.example")
    # Rights that were given to them when they were staff.
    user.user_permissions.set(
        user.user_permissions.model.objects.filter(content_type__app_label__in=["orgs", "login"])
    )

    assert client.get(reverse("admin:orgs_user_changelist")).status_code == 403
    assert client.get(reverse("admin:orgs_apikey_changelist")).status_code == 403


def test_what_a_member_may_changes_with_the_membership(log_in, everything, client):
    log_in("viewer")
    url = reverse("admin:destinations_destination_add")
    assert client.get(url).status_code == 403

    Membership.objects.filter(user__email="viewer@people.example").update(
        permissions=[Permission.EDITOR]
    )

    assert client.get(url).status_code == 200

"""`manage.py bootstrap`: an organization that can be used at once."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from destinations import keys
from orgs import encryption
from orgs.models import Membership, Organization, SigningKey, User
from tests.client import ApiClient

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Hashing is slow by intent; here it only has to work."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def bootstrap(*arguments):
    output = io.StringIO()
    call_command("bootstrap", *arguments, stdout=output)
    return output.getvalue()


def bootstrap_json(org="Acme", *arguments):
    return json.loads(bootstrap("--org", org, "--json", *arguments))


def test_it_prints_what_a_script_needs_and_nothing_else():
    made = bootstrap_json()

    org = Organization.objects.get()
    assert made == {
        "org_id": str(org.pk),
        "tenant_id": str(org.tenant_id),
        "api_key": made["api_key"],
        "signing_key": made["signing_key"],
        "admin": {"email": "admin@waybill.localhost", "password": made["admin"]["password"]},
    }
    assert (org.name, org.slug) == ("Acme", "acme")


def test_its_key_and_its_login_work():
    made = bootstrap_json()

    org, user = Organization.objects.get(), User.objects.get()
    assert ApiClient(org, made["api_key"]).get("~/keys").status_code == 200
    assert user.check_password(made["admin"]["password"])
    assert user.is_staff
    assert user.is_superuser


def test_its_signing_key_is_the_one_that_signs_for_the_gateway():
    made = bootstrap_json()

    key = SigningKey.objects.get()
    assert encryption.decrypt(key.secret) == made["signing_key"]
    assert keys.of_gateway(int(made["org_id"])).signing == (made["signing_key"],)
    # It is the same the next time, and one that nobody can open is none.
    assert bootstrap_json()["signing_key"] == made["signing_key"]
    SigningKey.objects.update(secret="lost")
    assert bootstrap_json()["signing_key"] is None
    assert "signing key   unchanged: no encryption key opens it" in bootstrap("--org", "Acme")
    assert SigningKey.objects.count() == 1


def test_the_second_time_it_finds_the_organization_and_its_owner_and_makes_a_fresh_key():
    first, second = bootstrap_json(), bootstrap_json()

    assert Organization.objects.count() == User.objects.count() == 1
    assert {**first, "api_key": "", "admin": ""} == {**second, "api_key": "", "admin": ""}
    assert second["admin"] == {"email": first["admin"]["email"], "password": None}
    assert first["api_key"] != second["api_key"]
    # The password of the first time still holds, and so does its key.
    assert User.objects.get().check_password(first["admin"]["password"])
    org = Organization.objects.get()
    assert ApiClient(org, first["api_key"]).get("~/keys").status_code == 200


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # The same slug.
        ("Acme Inc.", "acme inc"),
        # No slug at all.
        ("日本", "中国"),
        # Slugs that are alike as far as they are kept.
        ("x" * 70 + "a", "x" * 70 + "b"),
    ],
)
def test_another_name_is_another_organization(one, other):
    first, second = bootstrap_json(one), bootstrap_json(other)

    assert first["org_id"] != second["org_id"]
    assert bootstrap_json(one)["org_id"] == first["org_id"]
    assert bootstrap_json(other)["org_id"] == second["org_id"]


def test_two_organizations_have_one_owner_with_a_key_for_each():
    first, second = bootstrap_json("Acme"), bootstrap_json("Globex")

    assert first["org_id"] != second["org_id"]
    assert User.objects.get().memberships.count() == 2
    org = Organization.objects.get(pk=second["org_id"])
    assert ApiClient(org, first["api_key"]).get("~/keys").status_code == 404
    assert ApiClient(org, second["api_key"]).get("~/keys").status_code == 200


def test_the_owner_may_be_another_person():
    made = bootstrap_json("Acme", "--email", "Ops@Acme.example")
    again = bootstrap_json("Acme", "--email", "ops@acme.example")

    assert made["admin"]["email"] == again["admin"]["email"] == "ops@acme.example"
    assert again["admin"]["password"] is None
    assert User.objects.count() == 1


def test_a_deleted_organization_is_not_found_again():
    first = bootstrap_json()
    Organization.objects.update(deleted_at="2026-01-01T00:00:00Z")

    second = bootstrap_json()

    org = Organization.objects.get(pk=second["org_id"])
    assert ApiClient(org, second["api_key"]).get("~/keys").status_code == 200
    assert first["org_id"] != second["org_id"]


def test_an_owner_who_was_removed_is_one_again():
    bootstrap_json()
    Membership.objects.update(deleted_at=Now(), permissions=["viewer"])

    made = bootstrap_json()

    api = ApiClient(Organization.objects.get(), made["api_key"])
    assert api.get("~/keys").status_code == 200


def test_for_people_it_prints_lines():
    lines = bootstrap("--org", "Acme").splitlines()

    assert lines[0].startswith("organization  Acme (id ")
    assert lines[1].startswith("API key       api_")
    assert lines[2].startswith("admin login   admin@waybill.localhost, password ")
    assert "unchanged" in bootstrap("--org", "Acme").splitlines()[2]


@pytest.mark.parametrize(
    "arguments",
    [
        # No name, and nothing for one.
        (),
        ("--org", ""),
        ("--org", " "),
        # Longer than a name can be.
        ("--org", "x" * 256),
        # No address.
        ("--org", "Acme", "--email", "nobody"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_line(arguments):
    with pytest.raises(CommandError):
        bootstrap(*arguments)

    assert not Organization.objects.exists()
    assert not User.objects.exists()


def test_a_login_whose_address_nobody_has_shown_to_be_its_does_not_become_the_owner():
    User.objects.create_user("ops@big.example", "chosen by whoever had the link")

    with pytest.raises(CommandError, match="nobody has shown that the address is its"):
        bootstrap("--org", "Acme", "--email", "ops@big.example")

    assert not Membership.objects.exists()
    assert not Organization.objects.exists()

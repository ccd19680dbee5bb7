"""Credentials in the admin: given, used and ended, and never shown."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from destinations import services
from destinations.admin import secret_forms
from destinations.credentials import SHAPES
from destinations.models import Credential, CredentialType, Destination
from orgs import encryption
from tests import factories
from tests.destinations.pem import make_pair
from tests.destinations.test_admin import form_data as destination_data

ADD = reverse("admin:destinations_credential_add")
LIST = reverse("admin:destinations_credential_changelist")
PLANTED = "pl4nted-s3cret"
BEARER = {"token": PLANTED}


def url_of(row, page="change"):
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}"
    return reverse(name, args=[row.pk])


def form_data(org, kind, secret, **fields):
    """What the page posts."""
    return {
        "org": org.pk,
        "label": f"my {kind}",
        "type": kind,
        "new_secret": json.dumps(secret),
        "metadata": "{}",
        "expires_at_0": "",
        "expires_at_1": "",
    } | fields


def typed(kind, secret):
    """The secret as it is typed into the drawn form."""
    if kind == "gcp_service_account":
        return {"key": json.dumps(secret)}
    if kind == "http_auth_headers":
        return {"headers": [{"name": name, "value": text} for name, text in secret.items()]}
    return secret


def errors_of(response):
    return response.context["adminform"].form.errors


# --- credentials: create --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CredentialType.values)
def test_each_type_is_created_from_its_own_form(admin_client, acme, kind):
    secret = SHAPES[kind].example
    response = admin_client.post(ADD, form_data(acme, kind, typed(kind, secret)))

    assert response.status_code == 302
    made = Credential.objects.get()
    assert (made.org, made.type, made.version, made.metadata) == (acme, kind, 1, {})
    assert encryption.decrypt(made.secret) == secret


def test_what_is_left_empty_of_a_secret_is_absent(admin_client, acme):
    empty = {"certificate": "", "private_key": ""}
    parts = {"access_key_id": "a", "secret_access_key": PLANTED, "session_token": ""}
    admin_client.post(ADD, form_data(acme, "aws_access_key", parts))
    admin_client.post(ADD, form_data(acme, "http_bearer", BEARER | {"tls": empty}))

    aws, bearer = (encryption.decrypt(one.secret) for one in Credential.objects.order_by("id"))
    assert aws == {"access_key_id": "a", "secret_access_key": PLANTED}
    assert bearer == BEARER


@pytest.mark.parametrize("headers", [[], [{"name": "X-A", "value": PLANTED}]])
def test_headers_go_together_with_a_certificate(admin_client, acme, headers):
    pair = make_pair()
    secret = {"headers": headers, "tls": pair}
    admin_client.post(ADD, form_data(acme, "http_auth_headers", secret))

    stored = encryption.decrypt(Credential.objects.get().secret)
    assert stored == {"headers": {one["name"]: one["value"] for one in headers}, "tls": pair}


def test_a_new_credential_needs_a_secret(admin_client, acme):
    for secret in ({"token": ""}, {}, ""):
        response = admin_client.post(ADD, form_data(acme, "http_bearer", secret))

        assert errors_of(response)["new_secret"] == ["This field is required."]
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    ("kind", "secret", "told"),
    [
        ("http_basic", {"username": PLANTED, "password": ""}, "at /secret/password"),
        ("http_bearer", {"token": PLANTED * 1_000}, "at /secret/token"),
        ("http_auth_headers", {"headers": [{"name": "Host", "value": PLANTED}]}, "/secret/Host"),
        (
            "http_auth_headers",
            {"headers": [{"name": "A", "value": PLANTED}, {"name": "A", "value": PLANTED}]},
            "stands twice",
        ),
        ("gcp_service_account", {"key": f"{{{PLANTED}"}, "no JSON key file"),
        ("gcp_service_account", {"key": json.dumps([PLANTED])}, "at /secret"),
        ("gcp_service_account", {"key": json.dumps({"private_key": PLANTED})}, "/client_email"),
        (
            "oauth2_client_credentials",
            {"token_url": "http://localhost/", "client_id": "a", "client_secret": PLANTED},
            "at /secret/token_url",
        ),
    ],
)
def test_what_is_wrong_with_a_secret_is_said_and_the_secret_is_not_shown_again(
    admin_client, acme, kind, secret, told
):
    response = admin_client.post(ADD, form_data(acme, kind, secret))

    assert response.status_code == 200
    assert told in str(errors_of(response)["new_secret"])
    assert PLANTED not in response.content.decode()
    assert not Credential.objects.exists()


def test_a_secret_is_not_shown_again_when_something_else_is_wrong(admin_client, acme):
    factories.make_credential(acme, label="taken")
    for fields in ({"label": "taken"}, {"label": ""}, {"metadata": "[]"}):
        response = admin_client.post(ADD, form_data(acme, "http_bearer", BEARER, **fields))

        assert list(errors_of(response)) == list(fields)
        assert PLANTED not in response.content.decode()


@pytest.mark.parametrize("metadata", ["[]", "{", '{"a": 1e999}', '{"a": 1000000000000000000000}'])
def test_metadata_is_read_as_the_api_reads_it(admin_client, acme, metadata):
    response = admin_client.post(ADD, form_data(acme, "http_bearer", BEARER, metadata=metadata))

    assert "metadata" in errors_of(response)
    admin_client.post(ADD, form_data(acme, "http_bearer", BEARER, metadata='{"a": [1]}'))
    assert Credential.objects.get().metadata == {"a": [1]}


@pytest.mark.parametrize("kind", CredentialType.values)
@pytest.mark.parametrize("posted", [["a"], "a", 7, {"a": "b"}, {"key": 7, "headers": 7, "tls": 7}])
def test_what_no_form_of_ours_posts_is_refused(admin_client, acme, kind, posted):
    response = admin_client.post(ADD, form_data(acme, kind, posted))

    assert "new_secret" in errors_of(response)
    assert not Credential.objects.exists()


def test_an_unknown_type_is_refused(admin_client, acme):
    assert "type" in errors_of(admin_client.post(ADD, form_data(acme, "password", BEARER)))


def test_the_page_holds_the_form_of_every_type_with_its_secrets_hidden(admin_client, acme):
    form = admin_client.get(ADD).context["adminform"].form
    drawn = json.loads(form.fields["new_secret"].widget.attrs["data-schemas"])

    assert drawn.keys() == set(SHAPES)
    for kind, part in (
        ("http_basic", "password"),
        ("http_bearer", "token"),
        ("oauth2_client_credentials", "client_secret"),
        ("aws_access_key", "secret_access_key"),
        ("aws_access_key", "session_token"),
    ):
        assert drawn[kind]["properties"][part]["format"] == "password"
    pair = drawn["http_auth_headers"]["properties"]["headers"]["items"]["properties"]
    assert pair["value"]["format"] == "password"
    assert drawn["gcp_service_account"]["properties"]["key"]["widget"] == "textarea"
    assert drawn["http_basic"]["properties"]["tls"]["properties"]["private_key"]["widget"] == (
        "textarea"
    )


def test_there_is_a_form_for_every_type():
    assert secret_forms.SCHEMAS.keys() == SHAPES.keys()


# --- credentials: change and delete ---------------------------------------------------------------


@pytest.fixture
def bearer(acme):
    return factories.make_credential(acme, "http_bearer", label="bearer", secret=BEARER)


def test_a_change_asks_for_no_secret_and_leaves_the_one_there_is(admin_client, acme, bearer):
    assert "new_secret" not in admin_client.get(url_of(bearer)).context["adminform"].form.fields

    data = form_data(acme, "http_basic", {"token": "x"}, label="after", metadata='{"a": 1}')
    del data["org"]
    assert admin_client.post(url_of(bearer), data).status_code == 302

    bearer.refresh_from_db()
    assert (bearer.label, bearer.type, bearer.version) == ("after", "http_bearer", 1)
    assert bearer.metadata == {"a": 1}
    assert encryption.decrypt(bearer.secret) == BEARER


def test_no_page_shows_a_secret(admin_client, acme, bearer):
    another = json.dumps({"token": f"{PLANTED}2"})
    admin_client.post(url_of(bearer, "rotate_secret"), {"new_secret": another})
    bearer.refresh_from_db()
    assert bearer.version == 2
    services.update_destination(
        destination=factories.make_destination(acme), changes={"credential_id": bearer.pk}
    )

    for url in (LIST, ADD, *(url_of(bearer, page) for page in ("change", "history", "delete"))):
        page = admin_client.get(url).content.decode()
        assert PLANTED not in page
        assert bearer.secret not in page


def test_credentials_are_listed_searched_and_filtered(admin_client, acme, globex, bearer):
    gone = factories.make_credential(acme, label="gone")
    services.delete_credential(credential=gone)
    theirs = factories.make_credential(globex, "http_basic", label="theirs")

    def listed(**query):
        return set(admin_client.get(LIST, query).context["cl"].result_list)

    assert listed() == {bearer, theirs}
    assert listed(q="bear") == {bearer}
    assert listed(type__exact="http_basic") == {theirs}
    assert listed(org__id__exact=acme.pk) == {bearer}
    assert listed(state="deleted") == {gone}


def test_a_page_names_who_uses_it(admin_client, acme, bearer):
    user = factories.make_destination(acme, label="hook", credential_id=bearer.pk)

    page = admin_client.get(url_of(bearer)).content.decode()
    assert f'<a href="{url_of(user)}" class="text-link">hook</a>' in page


def test_a_credential_is_deleted_by_its_service(admin_client, acme, bearer):
    user = factories.make_destination(acme, label="hook", credential_id=bearer.pk)
    for data in ({}, {"force": "yes"}):
        refused = admin_client.post(url_of(bearer, "delete"), data)

        assert f"bearer is used by hook ({user.pk})" in refused.content.decode()
        assert "Force" not in refused.content.decode()
    services.update_destination(destination=user, changes={"credential_id": None})
    assert admin_client.post(url_of(bearer, "delete")).status_code == 302

    bearer.refresh_from_db()
    assert (bearer.deleted_at is None, bearer.secret) == (False, "")
    page = admin_client.get(url_of(bearer)).content.decode()
    assert "_save" not in page
    assert admin_client.post(
        url_of(bearer), form_data(acme, "http_bearer", BEARER)
    ).status_code == (403)


# --- the destination's form -----------------------------------------------------------------------


def test_a_destination_is_given_its_keys(admin_client, acme, bearer):
    key = factories.make_signing_key(acme)
    data = destination_data(acme, credential=bearer.pk, signing_key=key.pk)
    add = reverse("admin:destinations_destination_add")
    assert admin_client.post(add, data).status_code == 302

    made = Destination.objects.get()
    assert (made.credential, made.signing_key) == (bearer, key)
    admin_client.post(url_of(made), destination_data(acme, credential="", signing_key=""))
    made.refresh_from_db()
    assert (made.credential, made.signing_key) == (None, None)


@pytest.mark.parametrize("spoil", ["another organization's", "another type", "deleted"])
def test_keys_that_do_not_fit_are_refused_at_their_fields(admin_client, acme, globex, spoil):
    destination = factories.make_destination(acme)
    owner = globex if spoil == "another organization's" else acme
    kind = "aws_access_key" if spoil == "another type" else "http_bearer"
    credential = factories.make_credential(owner, kind)
    if spoil == "deleted":
        services.delete_credential(credential=credential)

    response = admin_client.post(
        url_of(destination), destination_data(acme, credential=credential.pk)
    )

    assert list(errors_of(response)) == ["credential"]
    destination.refresh_from_db()
    assert destination.credential is None


def offered(client, name, **query):
    """What the field of a destination's form finds."""
    asked = {"app_label": "destinations", "model_name": "destination", "field_name": name}
    found = client.get(reverse("admin:autocomplete"), asked | query).json()["results"]
    return {one["text"] for one in found}


def test_only_credentials_of_the_organization_and_of_a_fitting_type_are_offered(
    admin_client, acme, globex, bearer
):
    factories.make_credential(acme, "aws_access_key", label="aws")
    factories.make_credential(globex, "http_bearer", label="theirs")
    services.delete_credential(credential=factories.make_credential(acme, label="gone"))
    find = {"org": acme.pk, "kind": "webhook"}

    assert offered(admin_client, "credential", **find) == {"bearer"}
    assert offered(admin_client, "credential", **find, term="x") == set()
    assert offered(admin_client, "credential", org=acme.pk, kind="aws_sqs") == {"aws"}
    assert offered(admin_client, "credential", org=acme.pk, kind="sdk") == set()
    for nothing in ({}, {"org": "", "kind": "webhook"}, {"org": "x", "kind": "webhook"}):
        assert offered(admin_client, "credential", **nothing) == set()
    assert offered(admin_client, "credential", org=acme.pk, kind="pigeon") == set()


def test_only_signing_keys_of_the_organization_are_offered_and_to_webhooks(
    admin_client, acme, globex
):
    factories.make_signing_key(acme, label="ours")
    factories.make_signing_key(globex, label="theirs")

    assert offered(admin_client, "signing_key", org=acme.pk, kind="webhook") == {"ours"}
    assert offered(admin_client, "signing_key", org=acme.pk, kind="mcp") == set()


def test_the_destinations_page_tells_its_script_what_to_look_for(admin_client, acme):
    destination = factories.make_destination(acme)

    attributes = admin_client.get(url_of(destination)).context["adminform"].form
    found = attributes.fields["config"].widget.attrs
    assert (found["data-org"], found["data-kind"]) == (str(acme.pk), "webhook")


# --- credentials: rotate --------------------------------------------------------------------------


def test_a_secret_is_rotated_on_a_page_that_says_what_it_means(admin_client, acme):
    credential = factories.make_credential(acme, "http_bearer", label="door")
    factories.make_destination(acme, label="hook", credential_id=credential.pk)
    page = url_of(credential, "rotate_secret")
    assert page in admin_client.get(url_of(credential)).text
    asked = " ".join(admin_client.get(page).text.split())
    assert "Deliveries to <strong>hook</strong> that start from now on use it" in asked
    assert "What you type becomes version 2" in asked

    answer = admin_client.post(page, {"new_secret": json.dumps(BEARER)}, follow=True)

    credential.refresh_from_db()
    assert credential.version == 2
    assert encryption.decrypt(credential.secret) == BEARER
    assert "version 2" in answer.text
    assert PLANTED not in answer.text + admin_client.get(url_of(credential, "history")).text


@pytest.mark.parametrize("typed_in", ["{}", "", '{"token": ""}', "nonsense"])
def test_nothing_is_rotated_by_what_is_no_secret(admin_client, acme, typed_in):
    credential = factories.make_credential(acme, "http_bearer")
    before = credential.secret

    answer = admin_client.post(url_of(credential, "rotate_secret"), {"new_secret": typed_in})

    assert answer.status_code == 200
    assert answer.context["form"].errors["new_secret"]
    credential.refresh_from_db()
    assert (credential.secret, credential.version) == (before, 1)


def test_a_deleted_credential_is_not_rotated(admin_client, acme):
    credential = factories.make_credential(acme, "http_bearer")
    services.delete_credential(credential=credential)

    assert url_of(credential, "rotate_secret") not in admin_client.get(url_of(credential)).text
    answer = admin_client.post(
        url_of(credential, "rotate_secret"), {"new_secret": json.dumps(BEARER)}
    )
    assert answer.status_code == 404


def test_a_new_credential_is_saved_with_what_its_form_starts_with(admin_client, acme):
    form = admin_client.get(ADD).context["adminform"].form
    started = str(form["metadata"].value())

    data = form_data(acme, "http_bearer", BEARER, metadata=started)

    assert started == "{}"
    assert admin_client.post(ADD, data).status_code == 302

"""Signing keys in the admin: made, rotated and ended, their secrets shown once."""

from __future__ import annotations

import re

from django.urls import reverse

from destinations import keys, signing_keys
from orgs import encryption
from orgs.models import SigningKey
from orgs.services import make_signing_secret
from tests import factories
from tests.destinations.test_key_admin import LIST, PLANTED, errors_of, url_of

ADD_KEY = reverse("admin:orgs_signingkey_add")
KEY_LIST = reverse("admin:orgs_signingkey_changelist")
# As the page's script asks for what a dialog does.
HTMX = {"_form_submitted": "True"}


def told_secret(response):
    """The secret that an answer shows, which nothing keeps."""
    assert "no-store" in response["Cache-Control"]
    return re.search(r'<code id="secret"[^>]*>(whsec_[^<]+)</code>', response.text).group(1)


def test_a_key_that_is_made_here_shows_its_secret_once(admin_client, acme):
    data = {"org": acme.pk, "label": "signs", "new_secret": ""}
    secret = told_secret(admin_client.post(ADD_KEY, data))

    key = SigningKey.objects.get()
    assert encryption.decrypt(key.secret) == secret
    for url in (KEY_LIST, *(url_of(key, page) for page in ("change", "history", "delete"))):
        page = admin_client.get(url).content.decode()
        assert secret not in page
        assert key.secret not in page


def test_a_key_that_is_given_is_kept_and_not_shown(admin_client, acme):
    given = make_signing_secret()
    data = {"org": acme.pk, "label": "signs", "new_secret": given}
    page = admin_client.post(ADD_KEY, data, follow=True)

    assert encryption.decrypt(SigningKey.objects.get().secret) == given
    assert given not in page.content.decode()


def test_a_key_that_is_none_is_refused_and_not_shown(admin_client, acme):
    page = admin_client.post(ADD_KEY, {"org": acme.pk, "label": "signs", "new_secret": PLANTED})

    assert "whsec_ and base64" in str(errors_of(page)["new_secret"])
    assert PLANTED not in page.content.decode()
    assert not SigningKey.objects.exists()


def test_a_key_is_renamed_and_its_secret_has_no_input(admin_client, acme):
    key = factories.make_signing_key(acme, label="before")
    before = key.secret
    assert "new_secret" not in admin_client.get(url_of(key)).context["adminform"].form.fields

    data = {"label": "after", "new_secret": make_signing_secret()}
    assert admin_client.post(url_of(key), data).status_code == 302

    key.refresh_from_db()
    assert (key.label, key.secret) == ("after", before)


def test_a_key_is_rotated_by_its_button_which_shows_the_new_secret_once(admin_client, acme):
    key = factories.make_signing_key(acme)
    destination = factories.make_destination(acme, signing_key_id=key.pk)
    (former,) = keys.of_destination(destination.pk).signing
    assert "Rotate" in admin_client.get(url_of(key)).content.decode()

    answer = admin_client.post(url_of(key, "rotate"), HTMX)

    secret = told_secret(answer)
    assert answer["HX-Retarget"] == "#dialog"
    assert secret not in str(answer.cookies)
    page = admin_client.get(url_of(key))
    assert keys.of_destination(destination.pk).signing == (secret, former)
    assert "both sign" in page.content.decode()
    assert secret not in admin_client.get(url_of(key)).content.decode()
    assert secret not in admin_client.get(url_of(key, "history")).content.decode()


def test_a_deleted_key_is_a_window_without_a_button(admin_client, acme):
    key = factories.make_signing_key(acme)
    assert admin_client.post(url_of(key, "delete")).status_code == 302

    page = admin_client.get(url_of(key)).content.decode()
    assert "Rotate" not in page
    assert "_save" not in page
    admin_client.post(url_of(key, "rotate"), HTMX)
    assert f"There is no signing key {key.pk}." in admin_client.get(KEY_LIST).content.decode()
    key.refresh_from_db()
    assert key.secret == ""


def test_a_key_in_use_is_not_deleted(admin_client, acme):
    key = factories.make_signing_key(acme, label="signs")
    factories.make_destination(acme, label="hook", signing_key_id=key.pk)

    refused = admin_client.post(url_of(key, "delete"))

    assert "signs is used by hook" in refused.content.decode()
    key.refresh_from_db()
    assert key.deleted_at is None


def test_one_key_too_many_is_refused_with_its_reason(admin_client, acme, monkeypatch):
    monkeypatch.setattr(signing_keys, "MOST_KEYS", 1)
    factories.make_signing_key(acme)
    page = admin_client.post(ADD_KEY, {"org": acme.pk, "label": "one more", "new_secret": ""})

    assert "at most 1 signing keys" in page.content.decode()
    assert SigningKey.objects.count() == 1


def test_both_stand_in_the_sidebar(admin_client):
    page = admin_client.get(reverse("admin:index")).content.decode()

    assert LIST in page
    assert KEY_LIST in page

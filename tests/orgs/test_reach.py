"""What forms take from a member, and what services let them do: nothing of another organization."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from agents.models import KeyTools
from destinations.models import Credential, Destination
from operations.models import BulkOperation
from orgs.models import ApiKey, CaptiveDomain, Invite, SigningKey
from tests import factories
from tests.stored import everything_stored

CONFIG = '{"url": "https://hook.example/"}'
MEMBERS = "orgs_membership"


def url(name, *args):
    return reverse(f"admin:{name}", args=args)


def errors_of(response):
    return str(response.context["adminform"].form.errors)


@pytest.fixture
def come(client, acme):
    """A member of acme with this permission comes in."""

    def log_in(permission, **fields):
        member = factories.make_member(acme, permission, **fields)
        client.force_login(member.user)
        return member

    return log_in


@pytest.fixture
def editor(come):
    return come("editor")


@pytest.fixture
def admin_member(come):
    return come("admin")


def destination(**more):
    return {"label": "new", "type": "webhook", "config": CONFIG, "tags": "{}"} | more


def test_nobody_is_asked_for_the_organization_which_is_theirs(client, editor, acme):
    page = client.get(url("destinations_destination_add")).text
    assert f'<input type="hidden" name="org" value="{acme.pk}"' in page

    assert client.post(url("destinations_destination_add"), destination()).status_code == 302

    assert Destination.objects.get(label="new").org == acme
    client.post(url("orgs_signingkey_add"), {"label": "signs", "new_secret": ""})
    assert SigningKey.objects.get().org == acme


def test_no_row_says_whose_it_is_where_all_are_of_one(client, editor, webhook):
    page = client.get(url("destinations_destination_change", webhook.pk)).text
    table = client.get(url("destinations_destination_changelist")).text

    assert url("orgs_organization_change", webhook.org_id) not in page + table
    assert "column-org" not in table


@pytest.mark.parametrize(
    ("page", "data"),
    [
        ("destinations_destination_add", destination()),
        ("destinations_credential_add", {"label": "new", "type": "http_auth_headers"}),
        ("orgs_signingkey_add", {"label": "new"}),
        ("agents_tool_add", {"variant": "new"}),
    ],
)
def test_a_post_that_names_another_organization_is_refused(client, editor, globex, page, data):
    before = everything_stored()

    answer = client.post(url(page), data | {"org": globex.pk})

    assert "org" in answer.context["adminform"].form.errors
    assert everything_stored() == before


def test_a_destination_takes_no_key_of_another_organization(client, editor, acme, globex, webhook):
    rows = {
        "credential": factories.make_credential(globex).pk,
        "signing_key": factories.make_signing_key(globex).pk,
    }
    for name, pk in rows.items():
        for page in (
            url("destinations_destination_add"),
            url("destinations_destination_change", webhook.pk),
        ):
            answer = client.post(page, destination(**{name: pk}))
            assert "valid choice" in str(answer.context["adminform"].form.errors[name])
    webhook.refresh_from_db()
    assert (webhook.credential_id, webhook.signing_key_id) == (None, None)


def test_a_bulk_operation_is_about_actions_of_the_organization(
    client, come, acme, globex, definition
):
    come("operator")
    factories.make_over(acme)
    factories.make_definition(globex, to=factories.make_destination(globex))
    factories.make_over(globex)
    theirs = factories.make_destination(globex, label="globex press")
    page = url("operations_bulkoperation_add")
    shown = client.get(page, {"org": globex.pk, "destination": theirs.pk}).text
    assert "globex press" not in shown
    data = {"kind": "replay", "cap": 10, "reason": "why", "tags": "{}", "_start": "1"}

    refused = client.post(page, data | {"destination": theirs.pk})
    assert "valid choice" in errors_of(refused)
    assert "org" in client.post(page, data | {"org": globex.pk}).context["adminform"].form.errors
    assert not BulkOperation.objects.exists()
    made = client.post(page, data)
    assert made.status_code == 302, errors_of(made)
    started = BulkOperation.objects.get()
    assert (started.org, started.found) == (acme, 1)


def test_tools_are_chosen_for_keys_of_the_organization(client, admin_member, acme, globex):
    factories.make_key(globex)
    theirs = ApiKey.objects.get()

    answer = client.post(url("agents_keytools_add"), {"key": theirs.pk, "variants": "[]"})

    assert "valid choice" in errors_of(answer)
    assert not KeyTools.objects.exists()


def test_a_member_makes_keys_of_their_own_only(client, admin_member, acme):
    owner = acme.memberships.first()
    answer = client.post(url("orgs_apikey_add"), {"description": "laptop", "member": owner.pk})

    key = ApiKey.objects.get()
    assert key.member == admin_member
    assert re.search("api_[0-9a-f]{40}", answer.text)
    assert "no-store" in answer["Cache-Control"]


def test_nobody_ends_a_key_that_may_more_than_they_may(client, admin_member, acme):
    factories.make_key(acme)
    key = ApiKey.objects.get()

    answer = client.post(url("orgs_apikey_delete", key.pk))

    assert "without having it" in answer.text
    key.refresh_from_db()
    assert key.deleted_at is None


def test_nobody_gives_more_than_they_have(client, admin_member, acme):
    bob = factories.make_member(acme, "viewer")
    owner = acme.memberships.first()

    raised = client.post(url(f"{MEMBERS}_change", bob.pk), {"permissions": ["owner"]})
    lowered = client.post(url(f"{MEMBERS}_change", owner.pk), {"permissions": ["viewer"]})
    removed = client.post(url(f"{MEMBERS}_delete", owner.pk))
    invited = client.post(
        url("orgs_invite_add"), {"identifier": "eve@people.example", "init_permissions": ["owner"]}
    )

    for answer in (raised, lowered, invited):
        assert "without having it" in errors_of(answer)
    assert "without having it" in removed.text
    assert [*acme.memberships.live().values_list("permissions", flat=True)] == [
        ["owner"], ["admin"], ["viewer"],
    ]  # fmt: skip
    assert not Invite.objects.exists()
    # What they do have, they may give.
    client.post(url(f"{MEMBERS}_change", bob.pk), {"permissions": ["admin"]})
    bob.refresh_from_db()
    assert bob.permissions == ["admin"]
    assert client.post(url(f"{MEMBERS}_delete", bob.pk)).status_code == 302


def test_the_last_owner_stays(client, acme):
    owner = acme.memberships.get()
    client.force_login(owner.user)

    answer = client.post(url(f"{MEMBERS}_change", owner.pk), {"permissions": ["viewer"]})

    assert "without an owner" in errors_of(answer)


def test_members_come_by_invites_and_not_by_being_added(client, admin_member, acme):
    user = factories.make_user("new@people.example")
    data = {"user": user.pk, "permissions": ["viewer"]}
    assert client.post(url(f"{MEMBERS}_add"), data).status_code == 403

    answer = client.post(
        url("orgs_invite_add"), {"identifier": "New@people.example", "init_permissions": ["viewer"]}
    )

    invite = Invite.objects.get()
    assert (invite.org, invite.invited_by) == (acme, admin_member)
    assert re.search(r"http://testserver/invites/inv_[\w-]+</code>", answer.text)


def test_who_invites_an_id_learns_nothing_of_the_user(client, admin_member, acme, globex):
    secret = factories.make_user("hidden@secret.example")
    data = {"identifier": str(secret.pk), "init_permissions": ["viewer"]}
    assert client.post(url("orgs_invite_add"), data).status_code == 302
    made = Invite.objects.get()

    pages = [
        client.get(url("orgs_invite_changelist")),
        client.get(url("orgs_invite_change", made.pk)),
        client.get(url("orgs_invite_delete", made.pk)),
        client.get(url("orgs_invite_history", made.pk)),
    ]
    assert not any("secret.example" in page.text for page in pages)
    found = client.get(url("orgs_invite_changelist"), {"q": "secret"})
    assert list(found.context["cl"].result_list) == []
    # Nor whether there is one.
    nobody = {"identifier": "999999", "init_permissions": ["viewer"]}
    assert client.post(url("orgs_invite_add"), nobody).status_code == 302


def test_a_member_captures_the_domain_of_their_own_address_alone(client, come, acme):
    come("admin", email="ann@acme.example.com")
    data = {"github_org": "", "default_permissions": ["viewer"], "enabled": "on"}

    refused = client.post(url("orgs_captivedomain_add"), data | {"domain": "other.example.com"})
    assert "domain" in refused.context["adminform"].form.errors
    client.post(url("orgs_captivedomain_add"), data | {"domain": "acme.example.com"})

    assert CaptiveDomain.objects.get().domain == "acme.example.com"


def test_operators_pause_and_resume_what_they_may_not_change(client, come, webhook):
    come("operator")
    assert 'name="_save"' not in client.get(url("destinations_destination_change", webhook.pk)).text
    health = reverse("console:show_health", args=[webhook.pk])
    page = client.get(url("destinations_destination_health", webhook.pk), follow=True)
    assert page.redirect_chain == [(health, 302)]
    assert "/pause/" in page.text
    assert "/test/" not in page.text

    client.post(reverse("console:pause_destination", args=[webhook.pk]), {"reason": "It burns"})

    webhook.refresh_from_db()
    assert webhook.paused_at


def test_viewers_have_no_buttons(client, come, webhook, record):
    come("viewer")
    pages = (
        url("destinations_destination_change", webhook.pk),
        reverse("console:show_health", args=[webhook.pk]),
        reverse("console:record", args=[record.pk]),
        reverse("console:records"),
    )
    for page in pages:
        text = client.get(page).text
        for word in ("/pause/", "/cancel/", "/replay/", "/test/", "Cancel ticked", "Save"):
            assert word not in text, (page, word)
    for verb in ("pause", "resume", "test"):
        page = reverse(f"console:{verb}_destination", args=[webhook.pk])
        assert client.post(page, {"reason": "why"}).status_code == 403


def test_secrets_of_credentials_are_not_read_back(client, editor, acme):
    credential = factories.make_credential(acme)
    secret = Credential.objects.get().secret

    for page in ("change", "history", "delete"):
        text = client.get(url(f"destinations_credential_{page}", credential.pk)).text
        assert secret not in text


def test_what_staff_leave_unsaid_is_asked_of_them(admin_client, acme, globex):
    page = admin_client.get(url("destinations_destination_add"))
    field = page.context["adminform"].form.fields["org"]
    assert set(field.queryset) >= {acme, globex}

    answer = admin_client.post(url("destinations_destination_add"), destination())

    assert "org" in answer.context["adminform"].form.errors


def test_staff_who_look_at_one_make_rows_of_that_one(admin_client, acme, globex):
    admin_client.post(reverse("console:switch_org"), {"org": globex.pk})

    admin_client.post(url("destinations_destination_add"), destination())

    assert Destination.objects.get().org == globex

"""Who may use a credential, and what becomes of its deletion meanwhile."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from config.errors import ConflictError, DomainError, NotFoundError
from destinations import services
from destinations.kinds import KINDS
from destinations.models import Credential, CredentialType
from tests import factories
from tests.client import codes
from tests.dispatch.concurrency import at_once

TAKEN = {(kind, one) for kind, module in KINDS.items() for one in module.CREDENTIALS}


@pytest.mark.parametrize("type", CredentialType.values)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["put", "post"])
def test_only_a_credential_of_a_fitting_type_is_taken(api, acme, kind, type, method):
    credential = factories.make_credential(acme, type)
    body = {"label": "it", "type": kind, "config": KINDS[kind].EXAMPLE}
    path = "~/destinations"
    if method == "post":
        path += f"/{factories.make_destination(acme, kind).pk}"

    answer = api.call(method.upper(), path, body | {"credential_id": str(credential.pk)})

    if (kind, type) in TAKEN:
        assert api.data(answer)["credential_id"] == str(credential.pk)
        return
    assert answer.status_code == 422
    assert codes(answer) == [("CREDENTIAL_MISMATCH", "/credential_id")]
    assert type in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("method", ["put", "post"])
def test_a_credential_that_is_not_there_is_a_422(api, acme, globex, method):
    deleted, theirs = factories.make_credential(acme), factories.make_credential(globex)
    services.delete_credential(credential=deleted)
    path = "~/destinations"
    if method == "post":
        path += f"/{factories.make_destination(acme).pk}"

    for row_id in (deleted.pk, theirs.pk, 0, 2**63 - 1, 2**63, 10**30):
        body = {
            "label": "it",
            "type": "webhook",
            "config": KINDS["webhook"].EXAMPLE,
            "credential_id": str(row_id),
        }
        refused = api.call(method.upper(), path, body)
        assert refused.status_code == 422
        assert codes(refused) == [("UNKNOWN_CREDENTIAL", "/credential_id")]


def test_a_credential_is_taken_away_with_null_and_stays_when_it_is_not_named(api, acme):
    made = factories.make_credential(acme)
    destination = factories.make_destination(acme, credential_id=made.pk)
    path = f"~/destinations/{destination.pk}"

    assert api.data(api.post(path, {"label": "a"}))["credential_id"] == str(made.pk)
    assert api.data(api.post(path, {"credential_id": None}))["credential_id"] is None


@pytest.mark.django_db(transaction=True)
def test_of_a_deletion_and_a_use_at_once_exactly_one_happens(acme):
    for _ in range(12):
        credential = factories.make_credential(acme)
        destination = factories.make_destination(acme)

        def act(verb, credential=credential, destination=destination):
            mine = Credential.objects.get(pk=credential.pk)
            try:
                if verb == "delete":
                    services.delete_credential(credential=mine)
                else:
                    changes = {"credential_id": credential.pk}
                    services.update_destination(destination=destination, changes=changes)
            except DomainError as error:
                return error.faults[0].code
            return "done"

        assert sorted(at_once(act, ["delete", "use"])) in (
            ["CREDENTIAL_IN_USE", "done"],
            ["UNKNOWN_CREDENTIAL", "done"],
        )
        credential.refresh_from_db()
        destination.refresh_from_db()
        assert (credential.deleted_at is None) == (destination.credential_id is not None)


@pytest.mark.django_db(transaction=True)
def test_a_deletion_waits_for_a_use_that_is_under_way(acme):
    credential = factories.make_credential(acme)
    destination = factories.make_destination(acme)
    used, refusals = threading.Event(), []

    def delete(_):
        assert used.wait(10)
        try:
            services.delete_credential(credential=Credential.objects.get(pk=credential.pk))
        except ConflictError as error:
            refusals.append(error.faults[0].code)

    def use(_):
        with transaction.atomic():
            changes = {"credential_id": credential.pk}
            services.update_destination(destination=destination, changes=changes)
            used.set()

    at_once(lambda work: work(None), [delete, use])

    assert refusals == ["CREDENTIAL_IN_USE"]


def test_an_update_never_brings_a_deleted_credential_back(acme):
    made = factories.make_credential(acme)
    stale = Credential.objects.get(pk=made.pk)
    services.delete_credential(credential=made)

    with pytest.raises(NotFoundError):
        services.update_credential(credential=stale, changes={"label": "after"})


def test_an_expired_credential_can_be_given_to_a_destination(api, acme):
    # What it says of the future is the operator's business; its attempts say what is wrong.
    past = timezone.now() - timedelta(days=1)
    made = factories.make_credential(acme, expires_at=past)

    assert factories.make_destination(acme, credential_id=made.pk).credential_id == made.pk

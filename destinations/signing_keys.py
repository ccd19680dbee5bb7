"""Changes to signing keys: what deliveries to webhooks are signed with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, Value
from django.db.models.functions import Greatest, Now

from config.errors import ConflictError, RuleError
from destinations import services
from destinations.authorizing import signing
from destinations.models import Destination, Protocol
from orgs import encryption
from orgs import services as orgs
from orgs.models import Organization, SigningKey

# So long the former key signs as well, for receivers to learn the new one.
OVERLAP = timedelta(hours=24)
MOST_KEYS = 100


@transaction.atomic
def create_signing_key(
    *, org_id: int, label: str, secret: str | None = None
) -> tuple[SigningKey, str]:
    """A new key and its secret, made here where none is given; it is shown this once."""
    secret = _read(secret)
    # One at a time for an organization, so that the count holds.
    Organization.objects.select_for_update(no_key=True).get(pk=org_id)
    if SigningKey.objects.of_org(org_id).count() >= MOST_KEYS:
        raise ConflictError(
            f"An organization has at most {MOST_KEYS} signing keys: delete one that is not used.",
            code="TOO_MANY_SIGNING_KEYS",
        )
    made = SigningKey(org_id=org_id, label=label, secret=encryption.encrypt(secret))
    return services.saved(made), secret


@transaction.atomic
def update_signing_key(*, key: SigningKey, changes: Mapping[str, Any]) -> SigningKey:
    """The key with another label, or with another time from which it signs for the gateway."""
    services.lock_live(key)
    key.label = changes.get("label", key.label)
    if "signs_gateway_from" in changes:
        moment = changes["signs_gateway_from"]
        # Whoever was told to before it came is told off, however long ago this one says it was.
        from_then = Greatest(Value(moment, DateTimeField()), Now())
        key.signs_gateway_from = from_then if moment else None
    key.updated_at = Now()
    return services.saved(key)


@transaction.atomic
def rotate_signing_key(*, key: SigningKey, secret: str | None = None) -> tuple[SigningKey, str]:
    """The key with another secret, which is shown this once. Both sign for a day."""
    secret = _read(secret)
    services.lock_live(key)
    former = _decrypt(key)
    if former and signing.read_key(secret) == signing.read_key(former):
        raise RuleError(
            "This is the secret that the key has.", code="SAME_SECRET", pointer="/secret"
        )
    # What nobody can open cannot sign either.
    key.previous = key.secret if former else ""
    key.previous_until = Now() + OVERLAP if former else None
    key.secret = encryption.encrypt(secret)
    key.updated_at = Now()
    return services.saved(key), secret


@transaction.atomic
def delete_signing_key(*, key: SigningKey) -> SigningKey:
    """The key, deleted, and its secrets gone; 409 with the live destinations that use it."""
    services.lock_live(key)
    services.refuse_used(key, code="SIGNING_KEY_IN_USE")
    _refuse_signer(key)
    key.secret = key.previous = ""
    key.previous_until = None
    key.deleted_at = key.updated_at = Now()
    return services.saved(key)


def _refuse_signer(key: SigningKey) -> None:
    """Refuse to delete the key that gateway destinations without one of their own depend on."""
    bound = Destination.objects.of_org(key.org_id).filter(
        protocol=Protocol.GATEWAY, signing_key=None
    )
    if SigningKey.objects.signing_gateway(key.org_id) == key and bound.exists():
        raise ConflictError(
            f"{key} signs what goes to gateway actions. Let another key sign first "
            "(`signs_gateway_from`).",
            code="SIGNING_KEY_IN_USE",
        )


def _read(secret: str | None) -> str:
    if secret is None:
        return orgs.make_signing_secret()
    try:
        signing.read_key(secret)
    except signing.NotAKeyError as error:
        raise RuleError(str(error), code="INVALID_SECRET", pointer="/secret") from error
    return secret


def _decrypt(key: SigningKey) -> str | None:
    """Its secret; None where no key of this installation opens it, which a rotation mends."""
    try:
        secret: str = encryption.decrypt(key.secret)
    except encryption.UndecryptableError:
        return None
    return secret

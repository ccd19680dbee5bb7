"""Changes to signing keys: what deliveries to webhooks are signed with."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from config.errors import ConflictError, RuleError
from destinations import services
from destinations.authorizing import signing
from orgs import encryption
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
def rename_signing_key(*, key: SigningKey, label: str) -> SigningKey:
    """The key under another label."""
    services.lock_live(key)
    key.label = label
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
    key.secret = key.previous = ""
    key.previous_until = None
    key.deleted_at = key.updated_at = Now()
    return services.saved(key)


def _read(secret: str | None) -> str:
    if secret is None:
        return signing.make_key()
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

"""Changes to organizations and their keys."""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Least, Now
from django.utils import timezone
from django.utils.text import slugify

from config.errors import ConflictError, ForbiddenError, NotFoundError, RuleError
from orgs import encryption, permissions
from orgs.models import ApiKey, Membership, Organization, Permission, SigningKey, User

logger = logging.getLogger(__name__)

KEY_PREFIX = "api_"
SIGNING_PREFIX = "whsec_"
SIGNING_BYTES = 32
KEPT_DAYS = ("payload_days", "history_days")


def hash_key(material: str) -> bytes:
    """What is stored of a key. Its 160 random bits need no salt and no slow hash."""
    return hashlib.sha256(material.encode()).digest()


@dataclass(frozen=True)
class Limits:
    """What a key may do at most; None is no limit."""

    permissions: Sequence[str] | None = None
    variants: Sequence[str] | None = None


@transaction.atomic
def create_key(
    *,
    member: Membership,
    description: str,
    expires_at: datetime | None = None,
    limits: Limits = Limits(),
    held: Collection[str] | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret (`api_` and 40 hex digits), which is shown this once.

    `held` is what its maker may do, if that is not all that the member may: no key opens more.
    """
    # A member who is just being removed gets no key that would open again when they come back.
    member = lock_member(member)
    given = limits.permissions
    if given is None and held is not None:
        given = sorted(held)
    check_grant(
        held=member.permissions if held is None else held, given=given or (), pointer="/permissions"
    )
    return _store_key(member, description, expires_at, Limits(given, limits.variants))


def _store_key(
    member: Membership, description: str, expires_at: datetime | None, limits: Limits
) -> tuple[ApiKey, str]:
    material = KEY_PREFIX + secrets.token_hex(20)
    key = ApiKey.objects.create(
        org_id=member.org_id,
        member=member,
        description=description,
        prefix=material[:12],
        hash=hash_key(material),
        expires_at=expires_at,
        permissions=None if limits.permissions is None else list(limits.permissions),
        variants=None if limits.variants is None else list(limits.variants),
    )
    return key, material


def lock_member(member: Membership) -> Membership:
    """The member as they are now, who neither changes nor leaves until the transaction is over."""
    found = Membership.objects.live().select_for_update(no_key=True).filter(pk=member.pk).first()
    if not isinstance(found, Membership):
        raise NotFoundError(f"There is no member {member.user_id}.")
    return found


def check_grant(*, held: Collection[str], given: Collection[str], pointer: str) -> None:
    """Refuse that somebody gives permissions that they do not have."""
    beyond = permissions.exceeding(held, given)
    if beyond:
        named = " and ".join(f"'{one}'" for one in beyond)
        raise ForbiddenError(
            f"Nobody can give {named} without having it.",
            code="PERMISSION_TOO_HIGH",
            pointer=pointer,
        )


def make_signing_secret() -> str:
    """A new secret to sign with, as Standard Webhooks has it."""
    return SIGNING_PREFIX + base64.b64encode(secrets.token_bytes(SIGNING_BYTES)).decode()


def check_key(*, key: ApiKey, held: Collection[str] | None) -> None:
    """Refuse that somebody ends or changes a key that may do more than they may, if they say."""
    if held is None:
        return
    given = permissions.narrow(key.member.permissions, key.permissions)
    check_grant(held=held, given=given, pointer="/id")


def delete_key(*, key: ApiKey, held: Collection[str] | None = None) -> ApiKey:
    """End a key: the next call with it is refused.

    `held` is what the caller may do, who ends no key that may do more; None: anybody's.
    """
    check_key(key=key, held=held)
    ApiKey.objects.filter(pk=key.pk, deleted_at=None).update(deleted_at=Now())
    key.refresh_from_db()
    return key


@transaction.atomic
def rotate_key(
    *, key: ApiKey, grace: timedelta, by: Membership | None = None
) -> tuple[ApiKey, str]:
    """Another key in the place of this one and its secret, which is shown this once.

    It is the same member's, has the same name and limits, and lasts for as long as this one was
    made for. This one ends after `grace`, or when it would have ended, if that is earlier. A key
    is rotated once: a second press makes no second one.
    People rotate keys of their own; without `by` an operator rotates anybody's.
    """
    member = lock_member(key.member)
    key.refresh_from_db(from_queryset=ApiKey.objects.select_for_update(no_key=True))
    check_rotation(key=key, by=by)
    limits = Limits(key.permissions, key.variants)
    made, material = _store_key(member, key.description, find_next_end(key), limits)
    over = {"expires_at": Least("expires_at", Now() + grace)} if grace else {"deleted_at": Now()}
    ApiKey.objects.filter(pk=key.pk).update(replaced_by=made, **over)
    key.refresh_from_db()
    return made, material


def check_rotation(*, key: ApiKey, by: Membership | None) -> None:
    """Refuse that a member rotates a key of somebody else, and anybody one that has ended, or that
    another one is in the place of already.
    """
    if by is not None and key.member_id != by.pk:
        message = f"It is a key of {key.member.user}: people rotate keys of their own only."
        raise ForbiddenError(message, code="NOT_YOUR_KEY")
    if key.replaced_by_id:
        message = (
            "Another key is in the place of this one already, and so nothing was done. If its "
            "secret is lost, rotate that one."
        )
        raise ConflictError(message, code="KEY_ROTATED")
    if key.deleted_at or key.is_expired:
        raise ConflictError("This key has ended: make another one.", code="KEY_ENDED")


def find_next_end(key: ApiKey) -> datetime | None:
    """When a key that took this one's place now would end: it lasts for as long as this one was
    made for; None is without an end.
    """
    return key.expires_at and timezone.now() + (key.expires_at - key.created_at)


@transaction.atomic
def change_retention(*, org_id: int, changes: Mapping[str, int], actor: str) -> Organization:
    """The organization, which from now on keeps what is over for so many days."""
    org = Organization.objects.select_for_update(no_key=True).get(pk=org_id)
    before = org.payload_days, org.history_days
    for name in changes.keys() & set(KEPT_DAYS):
        setattr(org, name, int(changes[name]))
    check_retention(payload_days=org.payload_days, history_days=org.history_days)
    org.updated_at = Now()
    org.save(update_fields=[*KEPT_DAYS, "updated_at"])
    now = org.payload_days, org.history_days
    if now != before:
        payloads, history = (f"{_days(n)} (was {was})" for n, was in zip(now, before, strict=True))
        text = "organization %s keeps payloads %s and history %s by %s"
        logger.info(text, org_id, payloads, history, actor)
    return org


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def check_retention(*, payload_days: int, history_days: int) -> None:
    """Refuse that payloads outlive the actions that they belong to."""
    if history_days < payload_days:
        raise RuleError(
            "The history is kept at least as long as the payloads.",
            code="INVALID_RETENTION",
            pointer="/history_days",
        )


def find_free_slug(name: str) -> str:
    """The name as a slug, with something to tell it apart where another organization has it."""
    slug = slugify(name)[:55] or "org"
    taken = Organization.objects.filter(slug=slug).exists()
    return f"{slug}-{secrets.token_hex(4)}" if taken else slug


@transaction.atomic
def create_org(*, user_id: int, name: str, slug: str | None) -> tuple[Organization, ApiKey, str]:
    """A new organization that the user owns, and a key of theirs for it with its secret.

    409 where they have made as many as a person may, whoever owns those now.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    if user.made_orgs.count() >= settings.ORGANIZATIONS_PER_USER:
        raise ConflictError(
            f"You have made {settings.ORGANIZATIONS_PER_USER} organizations, as many as a person "
            "may here. Whoever runs this Waybill can make more.",
            code="TOO_MANY_ORGANIZATIONS",
        )
    org = Organization(name=name, slug=slug or find_free_slug(name), created_by=user)
    _save_slug(org)
    member = Membership.objects.create(org=org, user=user, permissions=[Permission.OWNER])
    key, material = create_key(member=member, description="first key")
    return org, key, material


@transaction.atomic
def change_org(*, org_id: int, changes: Mapping[str, str]) -> Organization:
    """The organization under another name, or with another slug."""
    org = Organization.objects.select_for_update(no_key=True).get(pk=org_id)
    for name in changes.keys() & {"name", "slug"}:
        setattr(org, name, changes[name])
    org.updated_at = Now()
    _save_slug(org)
    return org


def _save_slug(org: Organization) -> None:
    try:
        with transaction.atomic():
            org.save()
    except IntegrityError as error:
        taken = f"Another organization has the slug {org.slug!r}."
        raise ConflictError(taken, code="SLUG_TAKEN", pointer="/slug") from error
    org.refresh_from_db()


@dataclass(frozen=True)
class Bootstrapped:
    """An organization that can be used at once.

    `password` is None when the login existed, `signing_key` where no encryption key opens it.
    """

    org: Organization
    email: str
    password: str | None
    api_key: str
    signing_key: str | None


@transaction.atomic
def bootstrap_org(*, name: str, email: str) -> Bootstrapped:
    """Make or find the organization and its owner, with a fresh API key.

    409 where the login is there and nobody has shown that the address is its: it may have been
    made by an invite's link, by whoever had that.
    """
    org = Organization.objects.filter(name=name, deleted_at=None).first()
    if org is None:
        org = Organization.objects.create(name=name, slug=find_free_slug(name))
    user = User.objects.filter(email=email.lower()).first()
    if user and user.email_verified_at is None:
        raise ConflictError(
            f"There is a login {user.email}, made by an invite's link, and nobody has shown that "
            "the address is its. Give another address, or log in with it by a provider first.",
            code="ADDRESS_UNVERIFIED",
        )
    password = None if user else secrets.token_urlsafe(12)
    if user is None:
        user = User.objects.create_superuser(email, password)
    owner = {"permissions": [Permission.OWNER]}
    member, _ = Membership.objects.get_or_create(org=org, user=user, defaults=owner)
    if member.deleted_at:
        member.permissions, member.deleted_at = owner["permissions"], None
        member.save(update_fields=["permissions", "deleted_at"])
    _, material = create_key(member=member, description="bootstrap")
    return Bootstrapped(
        org=org,
        email=user.email,
        password=password,
        api_key=material,
        signing_key=_find_signing_secret(org),
    )


def _find_signing_secret(org: Organization) -> str | None:
    """What signs the organization's gateway requests; made where it has nothing."""
    key = SigningKey.objects.signing_gateway(org.pk)
    if key is None:
        secret = make_signing_secret()
        SigningKey.objects.create(org=org, label="bootstrap", secret=encryption.encrypt(secret))
        return secret
    try:
        opened: str = encryption.decrypt(key.secret)
    except encryption.UndecryptableError:
        return None
    return opened

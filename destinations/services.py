"""Changes to destinations and credentials.

What the deletion of a destination means for open work is decided in `dispatch`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from config.errors import (
    ConflictError,
    DomainError,
    Fault,
    NotFoundError,
    RuleError,
    pointer,
)
from destinations import credentials, kinds
from destinations.models import Credential, CredentialType, Destination, Kind, Protocol
from destinations.outward import outbound
from orgs import encryption
from orgs.audit import acting
from orgs.models import Organization, SigningKey

SINK_LABEL = "default_sink"
LARGEST_NUMBER = 2**63
NAMED_USERS = 5


def create_destination(  # noqa: PLR0913 -- a row's columns, all by keyword
    *,
    org_id: int,
    label: str,
    type: str,
    config: dict[str, Any],
    tags: dict[str, str] | None = None,
    credential_id: str | int | None = None,
    signing_key_id: str | int | None = None,
    protocol: str = Protocol.PLAIN,
) -> Destination:
    """A new destination; 422 with pointers where the config breaks its type's schema."""
    check_config(type, config)
    check_target(type, config)
    destination = Destination(
        org_id=org_id, label=label, type=type, config=config, tags=tags, protocol=protocol
    )
    with transaction.atomic():
        _give_keys(destination, {"credential_id": credential_id, "signing_key_id": signing_key_id})
        return saved(destination)


def update_destination(*, destination: Destination, changes: Mapping[str, Any]) -> Destination:
    """The destination with what is named replaced; open work uses it from its next attempt on."""
    if changes.get("type", destination.type) != destination.type:
        raise RuleError(
            "The type of a destination never changes: create another one.",
            code="TYPE_IMMUTABLE",
            pointer="/type",
        )
    if "config" in changes:
        check_config(destination.type, changes["config"])
        check_target(destination.type, changes["config"])
    return _update(destination, changes)


@transaction.atomic
def _update(destination: Destination, changes: Mapping[str, Any]) -> Destination:
    locked = Destination.objects.select_for_update(no_key=True)
    destination.refresh_from_db(from_queryset=locked)
    if destination.deleted_at is not None:
        raise NotFoundError(f"There is no destination {destination.pk}.")
    for name in changes.keys() & {"label", "config", "tags"}:
        setattr(destination, name, changes[name])
    check_config(destination.type, destination.config)
    _give_keys(destination, changes)
    destination.updated_at = Now()
    return saved(destination)


def check_config(kind: str, config: Any) -> None:
    """Refuse a config that its type does not admit."""
    faults = kinds.find_config_faults(kind, config) or list(_find_huge(config, ("config",)))
    if faults:
        raise DomainError.of(faults)


def check_target(kind: str, config: dict[str, Any]) -> None:
    """Refuse a valid config that leads where nobody may call. No transaction may be open."""
    faults = kinds.find_target_faults(kind, config, allow_private=settings.ALLOW_PRIVATE_NETWORKS)
    if faults:
        raise DomainError.of(faults)


def _find_huge(
    value: Any, path: tuple[str | int, ...], *, code: str = "INVALID_CONFIG"
) -> Iterator[Fault]:
    """The numbers that would come back as integers of more than 64 bits."""
    inner = value.items() if isinstance(value, dict) else []
    for key, one in enumerate(value) if isinstance(value, list) else inner:
        yield from _find_huge(one, (*path, key), code=code)
    if isinstance(value, float) and abs(value) >= LARGEST_NUMBER:
        yield Fault(code, "This number does not fit 64 bits.", pointer(path))


def _give_keys(destination: Destination, changes: Mapping[str, Any]) -> None:
    """Set its credential and its signing key; refuse what it cannot use."""
    if changes.get("credential_id") is not None:
        credential = _find_shared(Credential, destination, changes, "credential_id")
        check_credential(destination.type, credential.type)
    if changes.get("signing_key_id") is not None:
        _find_shared(SigningKey, destination, changes, "signing_key_id")
        check_signed(destination.type)
    for name in changes.keys() & {"credential_id", "signing_key_id"}:
        setattr(destination, name, changes[name] and int(changes[name]))


def check_credential(kind: str, type: str) -> None:
    """Refuse a credential of a type that this type of destination does not take."""
    taken = kinds.KINDS[kind].CREDENTIALS
    if type not in taken:
        raise RuleError(
            f"A {kind} destination takes {_any_of(taken)}, not {type}.",
            code="CREDENTIAL_MISMATCH",
            pointer="/credential_id",
        )


def check_signed(kind: str) -> None:
    """Refuse a signing key for a type whose deliveries are not signed."""
    if kind != Kind.WEBHOOK:
        raise RuleError(
            "Only deliveries to a webhook are signed.",
            code="SIGNING_KEY_MISMATCH",
            pointer="/signing_key_id",
        )


def _find_shared(
    model: type[Credential | SigningKey],
    destination: Destination,
    changes: Mapping[str, Any],
    name: str,
) -> Any:
    """The organization's row of that id, which cannot be deleted before we are done."""
    live = model.objects.of_org(destination.org_id).filter(pk=int(changes[name]))
    row = live.select_for_update(no_key=True).first()
    if row is None:
        raise RuleError(
            f"There is no {model._meta.verbose_name} {changes[name]}.",
            code=f"UNKNOWN_{str(model._meta.verbose_name).replace(' ', '_').upper()}",
            pointer=f"/{name}",
        )
    return row


def _any_of(types: Sequence[str]) -> str:
    return " or ".join(types) if types else "no credential"


def ensure_sink(*, org_id: int) -> Destination:
    """The organization's oldest live `default_sink`, made when there is none."""
    sinks = Destination.objects.of_org(org_id).filter(type=Kind.DEFAULT_SINK)
    return sinks.first() or _make_sink(org_id)


@transaction.atomic
def _make_sink(org_id: int) -> Destination:
    # One at a time for an organization, so that concurrent first actions make one sink.
    Organization.objects.select_for_update(no_key=True).get(pk=org_id)
    live = Destination.objects.of_org(org_id)
    sink: Destination | None = live.filter(type=Kind.DEFAULT_SINK).first()
    if sink is None:
        acting.tell()
        sink = Destination.objects.create(
            org_id=org_id,
            label=find_free_label(org_id=org_id, wanted=SINK_LABEL),
            type=Kind.DEFAULT_SINK,
            config={},
        )
    return sink


def find_free_label(*, org_id: int, wanted: str) -> str:
    """The label, with a number behind it where another destination has it."""
    alike = Destination.objects.of_org(org_id).filter(label__startswith=wanted)
    taken = set(alike.values_list("label", flat=True))
    numbered = (f"{wanted} {number}" for number in itertools.count(2))
    return next(name for name in itertools.chain([wanted], numbered) if name not in taken)


def create_credential(  # noqa: PLR0913 -- a row's columns, all by keyword
    *,
    org_id: int,
    type: str,
    label: str,
    secret: Any,
    provider: str | None = None,
    metadata: dict[str, Any] | None = None,
    expires_at: datetime | None = None,
) -> Credential:
    """A new credential, its secret encrypted; 422 with pointers where that is not of its type."""
    _check_provider(type, provider)
    _check_metadata(metadata)
    _check_secret(type, secret)
    _check_token_url(type, secret)
    made = Credential(
        org_id=org_id,
        type=type,
        label=label,
        secret=encryption.encrypt(secret),
        metadata=metadata or {},
        expires_at=expires_at,
    )
    return saved(made)


def update_credential(*, credential: Credential, changes: Mapping[str, Any]) -> Credential:
    """The credential with what is named replaced; a new secret makes the next version."""
    if changes.get("type", credential.type) != credential.type:
        raise RuleError(
            "The type of a credential never changes: create another one.",
            code="TYPE_IMMUTABLE",
            pointer="/type",
        )
    _check_provider(credential.type, changes.get("provider"))
    _check_metadata(changes.get("metadata"))
    if "secret" in changes:
        _check_secret(credential.type, changes["secret"])
        _check_token_url(credential.type, changes["secret"])
    return _update_credential(credential, changes)


@transaction.atomic
def _update_credential(credential: Credential, changes: Mapping[str, Any]) -> Credential:
    lock_live(credential)
    for name in changes.keys() & {"label", "metadata", "expires_at"}:
        setattr(credential, name, changes[name])
    if "secret" in changes:
        credential.secret = encryption.encrypt(changes["secret"])
        credential.version += 1
    credential.updated_at = Now()
    return saved(credential)


@transaction.atomic
def delete_credential(*, credential: Credential) -> Credential:
    """The credential, deleted, and its secret gone; 409 with the live destinations that use it."""
    lock_live(credential)
    refuse_used(credential, code="CREDENTIAL_IN_USE")
    credential.secret = ""
    credential.deleted_at = credential.updated_at = Now()
    return saved(credential)


def refuse_used(row: Credential | SigningKey, *, code: str) -> None:
    """Refuse to go on while live destinations use it: 409 with some of them."""
    users = row.destinations.live().values_list("pk", "label")[: NAMED_USERS + 1]
    named = [f"{label} ({pk})" for pk, label in users]
    if named:
        some = ", ".join(named[:NAMED_USERS]) + (", …" if len(named) > NAMED_USERS else "")
        message = f"{row} is used by {some}. Give them another one first."
        raise ConflictError(message, code=code)


def lock_live(row: Credential | SigningKey) -> None:
    """Keep others from changing it until we are done; 404 where it has been deleted."""
    locked: Any = type(row).objects.select_for_update(no_key=True)
    row.refresh_from_db(from_queryset=locked)
    if row.deleted_at is not None:
        raise NotFoundError(f"There is no {row._meta.verbose_name} {row.pk}.")


def _check_provider(type: str, provider: str | None) -> None:
    expected = credentials.SHAPES[type].provider
    if provider not in {None, expected}:
        message = f"The provider of {type} is {expected}."
        raise RuleError(message, code="INVALID_PROVIDER", pointer="/provider")


def _check_metadata(metadata: Any) -> None:
    faults = list(_find_huge(metadata, ("metadata",), code="INVALID_METADATA"))
    if faults:
        raise DomainError.of(faults)


def _check_secret(type: str, secret: Any) -> None:
    faults = credentials.find_secret_faults(
        type, secret, allow_private=settings.ALLOW_PRIVATE_NETWORKS
    )
    if faults:
        raise DomainError.of(faults)


def _check_token_url(type: str, secret: dict[str, Any]) -> None:
    """Refuse a valid secret whose token endpoint lies where nobody may call."""
    if type != CredentialType.OAUTH2_CLIENT_CREDENTIALS:
        return
    faults = outbound.find_target_faults(
        secret["token_url"],
        ("secret", "token_url"),
        allow_private=settings.ALLOW_PRIVATE_NETWORKS,
    )
    if faults:
        raise DomainError.of(faults)


R = TypeVar("R", Credential, Destination, SigningKey)


def saved(row: R) -> R:
    """The row as it is stored; 409 where another live one has its label."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise ConflictError(
            f"A {row._meta.verbose_name} is already labelled {row.label!r}.",
            code="LABEL_TAKEN",
            pointer="/label",
        ) from error
    row.refresh_from_db()
    return row

"""What is encrypted, brought under the first of the encryption keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from destinations.models import Credential
from login.models import SecondFactor
from orgs import encryption
from orgs.models import SigningKey

ROWS_AT_ONCE = 100
# The encrypted columns of each table that has some.
Secret = Credential | SigningKey | SecondFactor
ENCRYPTED: tuple[tuple[type[Secret], tuple[str, ...]], ...] = (
    (Credential, ("secret",)),
    (SigningKey, ("secret", "previous")),
    (SecondFactor, ("secret",)),
)
Progress = Callable[[int, int], None]


@dataclass
class Rotation:
    """What came of the secrets: how many, and which ones no key opens."""

    rotated: int = 0
    current: int = 0
    lost: list[str] = field(default_factory=list)


def rotate(*, dry_run: bool = False, progress: Progress = lambda done, of: None) -> Rotation:
    """Encrypt everything again that is not under the first key, unless only asked what would be.

    A batch commits at a time, and what has been done is found done: it can be broken off and
    begun again at will.
    """
    rotation = Rotation()
    total = sum(model.objects.count() for model, _ in ENCRYPTED)
    done = 0
    progress(done, total)
    for model, columns in ENCRYPTED:
        last = 0
        while ids := _rotate_batch(model, columns, rotation, after=last, dry_run=dry_run):
            last = ids[-1]
            done += len(ids)
            progress(done, max(done, total))
    return rotation


@transaction.atomic
def _rotate_batch(
    model: type[Secret],
    columns: Sequence[str],
    rotation: Rotation,
    *,
    after: int,
    dry_run: bool,
) -> list[int]:
    """The ids of the rows looked at."""
    # Locked, so that no secret that is given meanwhile is overwritten by the one before it.
    all_rows: Any = model._default_manager
    batch = all_rows.filter(pk__gt=after).select_for_update(no_key=True).order_by("pk")
    rows: list[Any] = list(batch[:ROWS_AT_ONCE])
    for row in rows:
        changed = [column for column in columns if _rotate_column(row, column, rotation)]
        if changed and not dry_run:
            row.save(update_fields=[getattr(row, "stored_in", column) for column in changed])
    return [row.pk for row in rows]


def _rotate_column(row: Secret, column: str, rotation: Rotation) -> bool:
    """Whether the row's column holds another text for its secret now."""
    token = getattr(row, column)
    if not token:
        return False
    if encryption.is_current(token):
        rotation.current += 1
        return False
    try:
        setattr(row, column, encryption.rotate(token))
    except encryption.UndecryptableError:
        what = row._meta.verbose_name if column == "secret" else "former secret of signing key"
        owner = row.owner if isinstance(row, SecondFactor) else f"organization {row.org_id}"
        rotation.lost.append(f"{what} {row.pk} ({row}) of {owner}")
        return False
    rotation.rotated += 1
    return True

"""Documents that are planned, kept, and applied when somebody says so."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

import orjson
from django.db import connection, transaction
from django.db.models.functions import Now

from bundles import plans, services
from bundles.models import ConfigRevision
from bundles.planning.changes import name_changed, remember
from bundles.planning.policies import Judge
from bundles.planning.states import State, Version
from bundles.planning.steps import SIGNS, Step, preview
from bundles.plans import Plan
from bundles.writing import StaleError
from config import strictjson
from config.errors import DomainError, Fault, ForbiddenError, NotFoundError, RuleError
from orgs.models import Organization

# Of an organization's revisions, the newest are kept: so many, and so many bytes as stored.
KEPT = 1_000
KEPT_BYTES = 256 * 2**20
# Of the steps as they are shown, and of the links that they make.
MOST_BYTES = 4_000_000
MOST_LINKS = 100_000
# Who plans one waits so long for its versions to be judged: all of them together.
SECONDS = 60.0
OLD = """
DELETE FROM bundles_configrevision WHERE id IN (
  SELECT id FROM (
    SELECT id, row_number() OVER newest AS place,
      sum(pg_column_size(definition) + pg_column_size(preview_steps)
        + pg_column_size(state_parts)) OVER newest AS size
    FROM bundles_configrevision WHERE org_id = %s
    WINDOW newest AS (ORDER BY id DESC)
  ) q WHERE place > %s OR (place > 1 AND size > %s))
"""
Status = ConfigRevision.Status


class Terms(TypedDict, total=False):
    """What a document is planned with, besides itself."""

    prune: bool
    force: bool
    allow_indeterminate: bool


@dataclass(frozen=True, slots=True)
class Drift:
    """What a revision's document would change now, or why it cannot be planned any more."""

    # As they are shown.
    steps: bytes = b"[]"
    faults: tuple[Fault, ...] = ()

    @property
    def is_in_sync(self) -> bool:
        """Whether all that it says is so."""
        return self.steps == b"[]" and not self.faults


def plan_revision(
    *, org_id: int, definition: dict[str, Any], **terms: Unpack[Terms]
) -> ConfigRevision:
    """The document with its steps, kept; nothing of it is done. Old revisions make room."""
    org = Organization.objects.get(pk=org_id)
    with _pointing():
        allowing = terms.get("allow_indeterminate", False)
        plan = plans.plan(
            org=org,
            document=definition,
            prune=terms.get("prune", False),
            force=terms.get("force", False),
            judge=Judge(org_id, allow_indeterminate=allowing, seconds=SECONDS),
        )
    shown = _show(plan.steps)
    with transaction.atomic():
        made = ConfigRevision.objects.create(
            org=org,
            definition=strictjson.dumps(definition),
            **terms,
            preview_steps=shown,
            step_counts={op: plan.count(op) for op in SIGNS},
            state_digest=plan.state.digest(),
            state_parts=remember(plan.state),
        )
        with connection.cursor() as cursor:
            cursor.execute(OLD, (org_id, KEPT, KEPT_BYTES))
    made.refresh_from_db()
    return made


def apply_revision(*, revision: ConfigRevision, held: Collection[str]) -> ConfigRevision:
    """The revision, applied; one that was applied before stays as it is.

    409 `PLAN_STALE` where what is there has changed since it was planned. What else keeps it from
    being applied is kept as its `error_message`; it may be tried again. 404 where newer ones have
    pushed it out before it was applied.
    """
    if revision.status == Status.APPLIED:
        return revision
    try:
        _apply_or_refuse(revision, held)
    except ConfigRevision.DoesNotExist as error:
        raise NotFoundError(f"There is no config revision {revision.pk} any more.") from error
    return revision


def find_drift(*, revision: ConfigRevision) -> Drift:
    """What of a revision is not so, or no longer."""
    try:
        return Drift(_show(_plan_again(revision, orjson.loads(revision.definition)).changes))
    except DomainError as error:
        return Drift(faults=tuple(error.faults))


def _apply_or_refuse(revision: ConfigRevision, held: Collection[str]) -> None:
    try:
        _apply(revision, held)
    except DomainError as error:
        if _keep_refusal(revision, error):
            raise


def _apply(revision: ConfigRevision, held: Collection[str]) -> None:
    document = orjson.loads(revision.definition)
    state = plans.read_state(revision.org, document, prune=revision.prune)
    if state.digest() != bytes(revision.state_digest):
        raise StaleError(name_changed(revision.state_parts, remember(state)))
    # Before the transaction: it may ask name servers. What changes from here on, writing it finds.
    plan = _plan_again(revision, document, state)
    with transaction.atomic():
        # Whoever asks at the same time waits, and then finds nothing that is to be done.
        rows = ConfigRevision.objects.filter(pk=revision.pk).exclude(status=Status.APPLIED)
        moments = {"applied_at": Now(), "updated_at": Now()}
        if rows.update(status=Status.APPLIED, error_message="", **moments):
            with _pointing():
                services.apply(plan=plan, held=held)
        # As long as nobody else can push it out.
        revision.refresh_from_db()


@transaction.atomic
def _keep_refusal(revision: ConfigRevision, error: DomainError) -> bool:
    """Keep what was in the way; False where somebody else has applied it meanwhile."""
    # Waits for whoever is applying it.
    locked = ConfigRevision.objects.select_for_update(no_key=True)
    revision.refresh_from_db(from_queryset=locked)
    if revision.status == Status.APPLIED:
        return False
    if not isinstance(error, StaleError | ForbiddenError):
        revision.status = Status.FAILED
        revision.error_message = " ".join(fault.message for fault in error.faults)
        revision.updated_at = Now()
        revision.save(update_fields=["status", "error_message", "updated_at"])
    return True


def _show(steps: Sequence[Step]) -> bytes:
    """The steps as they are kept and shown; 422 where they are more than one request should do."""
    if len(steps) > services.MOST_AT_ONCE:
        raise _too_much(f"{len(steps):,} steps", f"{services.MOST_AT_ONCE:,}")
    links = sum(map(_count_links, steps))
    if links > MOST_LINKS:
        raise _too_much(f"{links:,} links to destinations", f"{MOST_LINKS:,}")
    shown, size = [], 0
    for step in steps:
        shown.append(orjson.dumps(preview(step)))
        size += len(shown[-1]) + 1
        if size > MOST_BYTES:
            raise _too_much("steps that are long to tell", f"{MOST_BYTES:,} bytes of them")
    return b"[" + b",".join(shown) + b"]"


def _count_links(step: Step) -> int:
    """How many it makes, those that it takes over among them."""
    before, after = step.before, step.after
    if not isinstance(after, Version) or (
        isinstance(before, Version) and before.links == after.links
    ):
        return 0
    return len(after.links)


def _too_much(these: str, most: str) -> RuleError:
    message = (
        f"These are {these}, and a revision has at most {most}: import it by the command line."
    )
    return RuleError(message, code="TOO_MANY_STEPS")


def _plan_again(
    revision: ConfigRevision, document: dict[str, Any], state: State | None = None
) -> Plan:
    """What its document would do, or would do now; its versions were judged when it was planned."""
    with _pointing():
        return plans.plan_again(
            org=revision.org,
            document=document,
            prune=revision.prune,
            force=revision.force,
            state=state,
        )


@contextmanager
def _pointing() -> Iterator[None]:
    """Faults inside point into the body that the document came in."""
    try:
        yield
    except StaleError:
        raise
    except DomainError as error:
        faults = [replace(one, pointer=f"/definition{one.pointer or ''}") for one in error.faults]
        raise type(error).of(faults) from error

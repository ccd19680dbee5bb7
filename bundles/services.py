"""Carrying out what was planned."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from django.db import DatabaseError, IntegrityError, transaction
from psycopg.errors import UniqueViolation

from actions import services as actions
from bundles.planning import states
from bundles.planning.changes import name_changed, parts_of
from bundles.planning.states import Scope, State, Target, Version
from bundles.planning.steps import CREATE, DESTINATION, KEEP, PRUNE, UPDATE, Step
from bundles.plans import Plan
from bundles.writing import StaleError, Writer
from config.errors import DomainError, Fault, ForbiddenError
from orgs import permissions
from orgs.models import Permission

# One transaction holds so many steps; more are done in several that each commit.
MOST_AT_ONCE = 10_000
# Steps that are written together.
WRITTEN_AT_ONCE = 1_000


class PartlyAppliedError(Exception):
    """Something stopped it when batches were committed already; the same document goes on."""

    def __init__(self, done: int, changes: int) -> None:
        super().__init__(
            f"{done:,} of {changes:,} changes are committed, and stay. Import the same again: it "
            "goes on from there."
        )


@dataclass(frozen=True, slots=True)
class Applied:
    """How many steps of each op were done."""

    created: int = 0
    updated: int = 0
    kept: int = 0
    pruned: int = 0

    @classmethod
    def of(cls, plan: Plan) -> Applied:
        """All of the plan."""
        return cls(*map(plan.count, (CREATE, UPDATE, KEEP, PRUNE)))


def apply(
    *,
    plan: Plan,
    progress: Callable[[int], None] = lambda steps: None,
    held: Collection[str] = (Permission.OWNER,),
) -> Applied:
    """The plan, carried out; `progress` is told how many more steps are done.

    Up to 10,000 steps are one transaction; more are done in batches that each commit, and where it
    is broken off, the same document planned anew goes on. Where what is there is no longer what
    was planned for: 409 `PLAN_STALE`. What stops a later batch than the first one is the cause of a
    `PartlyAppliedError`. `held` are the permissions of whoever does it.
    """
    check_held(plan, held)
    changes = plan.changes
    if len(changes) <= MOST_AT_ONCE:
        _write(plan, changes, plan.scope, progress)
    else:
        _write_batches(plan, changes, progress)
    return Applied.of(plan)


def _write_batches(plan: Plan, changes: Sequence[Step], progress: Callable[[int], None]) -> None:
    done = 0
    for batch in _cut(changes):
        try:
            _write(plan, batch, _scope_of(batch), progress)
        except (DomainError, DatabaseError) as error:
            if done:
                raise PartlyAppliedError(done, len(changes)) from error
            raise
        # A later batch is looked at beside what this one has left of it.
        plan.state.move_names(*_names_of(batch))
        done += len(batch)


def check_held(plan: Plan, held: Collection[str]) -> None:
    """Refuse to let actions go without approval, unless an admin does."""
    if not plan.lifting or permissions.allows(held, permissions.ADMIN):
        return
    message = (
        "To let actions go without approval, as to approve them, needs the permission "
        f"{permissions.ADMIN.value!r}."
    )
    raise ForbiddenError.of(
        [Fault(ForbiddenError.code, message, pointer) for pointer in plan.lifting]
    )


def _write(
    plan: Plan, steps: Sequence[Step], scope: Scope, progress: Callable[[int], None]
) -> None:
    """All of the steps or none of them."""
    try:
        with transaction.atomic():
            _write_held(plan, steps, scope, progress)
    except IntegrityError as error:
        # Somebody has made what was to be made: destinations are changed without the lock. Of
        # whatever else the tables mind, a new plan would be no cure.
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        raise _stale(_planned(plan, scope), states.read(plan.org.pk, scope)) from error


def _write_held(
    plan: Plan, steps: Sequence[Step], scope: Scope, progress: Callable[[int], None]
) -> None:
    org_id = plan.org.pk
    actions.lock_definitions(org_id)
    states.hold(org_id, _held_by(steps))
    state = states.read(org_id, scope)
    planned = _planned(plan, scope)
    if state != planned:
        raise _stale(planned, state)
    writer = Writer(org_id, plan.state, state, force=plan.force)
    for start in range(0, len(steps), WRITTEN_AT_ONCE):
        written = steps[start : start + WRITTEN_AT_ONCE]
        writer.write(written)
        progress(len(written))


def _planned(plan: Plan, scope: Scope) -> State:
    """What was there of a scope when it was planned."""
    return plan.state if scope is plan.scope else plan.state.within(scope)


def _stale(planned: State, state: State) -> StaleError:
    return StaleError(name_changed(parts_of(planned), parts_of(state)))


def _names_of(steps: Sequence[Step]) -> tuple[set[str], set[str]]:
    """The variants that these steps are about, and all names that these have by them."""
    variants = {step.name for step in steps if step.kind != DESTINATION}
    finals = [step.after for step in steps if isinstance(step.after, Version)]
    return variants, variants.union(*(final.aliases for final in finals))


def _cut(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Batches; the versions of a variant stay together."""
    batch: list[Step] = []
    for _, group in itertools.groupby(steps, key=lambda step: (step.kind, step.name)):
        batch += group
        if len(batch) >= MOST_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _scope_of(steps: Sequence[Step]) -> Scope:
    """What these steps were planned by, but for names and links: writing them looks at those."""
    targets = [step.after for step in steps if isinstance(step.after, Target)]
    return Scope(
        variants=frozenset(step.name for step in steps if step.kind != DESTINATION),
        labels=frozenset(step.name for step in steps if step.kind == DESTINATION),
        credentials=frozenset(one.credential for one in targets if one.credential),
        signing_keys=frozenset(one.signing_key for one in targets if one.signing_key),
    )


def _held_by(steps: Sequence[Step]) -> Scope:
    """What nobody else may change meanwhile."""
    scope = _scope_of(steps)
    finals = [step.after for step in steps if isinstance(step.after, Version)]
    linked = frozenset(label for final in finals for label in final.links)
    return Scope(
        labels=scope.labels | linked,
        credentials=scope.credentials,
        signing_keys=scope.signing_keys,
    )

"""What an import would do: the document beside what is there, step by step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bundles import documents
from bundles.documents import entries
from bundles.planning import names, states, weights, wishes
from bundles.planning.definitions import Settled, Settling, buried
from bundles.planning.drafts import Versions
from bundles.planning.policies import Case, Judge
from bundles.planning.states import Scope, State, Target, Version
from bundles.planning.steps import ACTION, DESTINATION, KEEP, PRUNE, Step, find_op
from bundles.planning.targets import Aiming
from config.errors import ConflictError, DomainError, Fault
from config.validation import MAX_FAULTS
from destinations.models import Kind
from dispatch.models import ActionRecord
from orgs.models import Organization


@dataclass(frozen=True, slots=True)
class Terms:
    """What goes beside what the document says: what it does not name, and open work; and how many
    bytes of memory planning may take, if that is bounded."""

    prune: bool
    force: bool
    room: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps, in the order in which they are done, and what was there when they were found."""

    org: Organization
    steps: tuple[Step, ...]
    scope: Scope
    state: State
    # Ends the open work of destinations that go.
    force: bool
    # Where the document lets actions go without approval that needed it: that takes an admin.
    lifting: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that do something."""
        return tuple(step for step in self.steps if step.op != KEEP)

    def count(self, op: str) -> int:
        """How many steps do this."""
        return sum(step.op == op for step in self.steps)


def plan(
    *,
    org: Organization,
    document: dict[str, Any],
    prune: bool = False,
    force: bool = False,
    room: int | None = None,
    judge: Judge | None = None,
) -> Plan:
    """What an import would do, to the last step; a `DomainError` with every fault, up to 50.

    Nothing is written. With `prune`, what the document does not name goes; with `force`, also
    destinations that have open work, which then ends as failed. `room` are the bytes of memory
    that there are for it, where that is bounded. `judge` says whether new versions keep the policy
    of their variants: without one, nothing passes of which that cannot be told, however long it
    takes to tell.
    """
    judge = judge or Judge(org.pk)
    return _plan(org, document, Terms(prune, force, room), judge.find_faults)


def plan_again(
    *,
    org: Organization,
    document: dict[str, Any],
    prune: bool = False,
    force: bool = False,
    state: State | None = None,
) -> Plan:
    """The same of a document that was planned before: no version is judged once more.

    `state` is what is there, for whom has read it already.
    """
    return _plan(org, document, Terms(prune, force), lambda cases, most: [], state)


def _plan(
    org: Organization,
    document: dict[str, Any],
    terms: Terms,
    judge: Callable[[Sequence[Case], int], list[Fault]],
    state: State | None = None,
) -> Plan:
    _refuse(documents.find_shape_faults(document))
    if terms.room is not None and weights.weigh(document) > terms.room:
        raise weights.too_many()
    faults = list(itertools.islice(wishes.find_faults(document), MAX_FAULTS))
    scope = wishes.read_scope(document, entire=terms.prune)
    state = state or states.read(org.pk, scope)
    aiming = Aiming(state)
    targets = _settle_targets(document, aiming)
    labels = frozenset(state.destinations) | targets.keys()
    settling = Settling(state, labels, prune=terms.prune)
    settled = _settle_actions(document, settling, state.variants if terms.prune else {})
    clashes = names.find_clashes(state, settled)
    found = itertools.chain(faults, aiming.faults, settling.faults, clashes)
    faults = list(itertools.islice(found, MAX_FAULTS))
    _refuse(faults + judge(settling.cases, MAX_FAULTS - len(faults)))
    gone = find_unnamed(state, scope, settled) if terms.prune else {}
    _refuse_used(gone, force=terms.force)
    lifting = (
        *(f"{one.pointer}/requires_approval" for one in settled.values() if one.lifts),
        *names.find_lifted(state, settled),
    )
    ordered = (
        *targets.values(),
        *_action_steps(state, settled),
        *(Step(DESTINATION, PRUNE, label, "", one, None, id=one.id) for label, one in gone.items()),
    )
    return Plan(org, ordered, scope, state, terms.force, lifting)


def read_state(org: Organization, document: dict[str, Any], *, prune: bool) -> State:
    """What is there of all that a plan of this document looks at."""
    return states.read(org.pk, wishes.read_scope(document, entire=prune))


def _settle_targets(document: dict[str, Any], aiming: Aiming) -> dict[str, Step]:
    """The step of each destination that the document has an entry of."""
    steps = {}
    for index, entry in enumerate(entries(document, "resources", "destinations")):
        pointer = f"/resources/destinations/{index}"
        before = aiming.state.destinations.get(entry["label"])
        after = aiming.settle(pointer, entry)
        op, row_id = find_op(before, after), before.id if before else None
        steps[entry["label"]] = Step(
            DESTINATION, op, entry["label"], pointer, before, after, entry, id=row_id
        )
    for index, entry in enumerate(entries(document, "resources", "credentials")):
        aiming.check_credential(f"/resources/credentials/{index}", entry)
    return steps


def _settle_actions(
    document: dict[str, Any], settling: Settling, pruned: Mapping[str, Versions]
) -> dict[str, Settled]:
    """What each variant is to be, that the document names or that is pruned."""
    settled = {}
    for index, action in enumerate(entries(document, "actions")):
        said = wishes.read_wishes(index, action)
        settled[action["variant"]] = settling.settle(f"/actions/{index}", action, said)
    for variant in pruned.keys() - settled.keys():
        settled[variant] = Settled("", {n: buried(one) for n, one in pruned[variant].items()})
    return settled


def _action_steps(state: State, settled: dict[str, Settled]) -> Iterable[Step]:
    """The steps of all variants: those that go first, then those that give up names.

    What is settled is used up by it, for it may be much.
    """
    ranked: tuple[list[Step], ...] = ([], [], [])
    for variant in list(settled):
        steps = list(_steps_of(variant, settled.pop(variant), state.variants.get(variant, {})))
        ranked[_rank(steps)].extend(steps)
    return itertools.chain.from_iterable(ranked)


def _rank(steps: list[Step]) -> int:
    if any(step.op == PRUNE for step in steps):
        return 0
    return 1 if any(map(_gives_up, steps)) else 2


def _gives_up(step: Step) -> bool:
    """Whether a name becomes free by it."""
    before, after = step.before, step.after
    return (
        isinstance(before, Version)
        and isinstance(after, Version)
        and not set(before.aliases) <= set(after.aliases)
    )


def _steps_of(variant: str, one: Settled, stored: Versions) -> Iterator[Step]:
    current = max((number for number, version in stored.items() if version.is_live), default=None)
    asked = {wish.number: wish for wish in one.wishes}
    for number, final in sorted(one.final.items()):
        row = stored.get(number)
        before = row if row and row.is_live else None
        after = final if final.is_live else None
        op = find_op(before, after)
        wish = asked.get(number)
        # What the document does not speak of is in the plan where it changes all the same.
        if (before or after) and (wish or op != KEEP):
            yield Step(
                ACTION,
                op,
                variant,
                wish.pointer if wish else one.pointer,
                before,
                after,
                wish.entry if wish else None,
                number,
                current,
                row.id if row else None,
                one.said,
            )


def find_unnamed(state: State, scope: Scope, settled: Mapping[str, Settled]) -> dict[str, Target]:
    """The destinations that the document does not name, and that nothing leads to.

    A default sink stays: Waybill makes it by itself.
    """
    linked = {
        label for one in settled.values() for final in one.final.values() for label in final.links
    }
    return {
        label: target
        for label, target in state.destinations.items()
        if label not in scope.labels | linked and target.type != Kind.DEFAULT_SINK
    }


def _refuse_used(gone: Mapping[str, Target], *, force: bool) -> None:
    """Refuse to delete what has open work, unless that is to end."""
    if force or not gone:
        return
    labels = {target.id: label for label, target in gone.items() if target.id is not None}
    working = ActionRecord.objects.filter(destination_id__in=labels, completed_at=None)
    busy = working.order_by("destination_id").distinct().values_list("destination_id", flat=True)
    faults = [
        Fault(
            "DESTINATION_IN_USE",
            f"{labels[found]!r} would be deleted, and is the destination of actions that are not "
            "over: force ends them as failed.",
            "",
        )
        for found in busy[:MAX_FAULTS]
    ]
    if faults:
        raise ConflictError.of(faults)


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise DomainError.of(faults)

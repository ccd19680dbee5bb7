"""Whether new versions keep the policy of their variant, as one that is published has to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from actions import policies
from actions.compatibility import TOO_LATE, OpenContent, Policy
from actions.policies import Comparisons, Judged, StoredSchemas, Terms
from bundles.planning.states import Version
from bundles.planning.wishes import Wish, below
from config.errors import Fault

# Goes through what is judged, and shows how far it has come.
Over = Callable[[Sequence[Any]], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """A version that is to be judged, among all that are to be of its variant: `live` are the
    numbers of those that live, in their order."""

    number: int
    final: Mapping[int, Version]
    live: Sequence[int]
    wishes: Mapping[int, Wish]

    @property
    def terms(self) -> Terms:
        """The policy that the variant has then."""
        version = self.final[self.number]
        return Terms(Policy(version.compatibility), OpenContent(version.open_content))

    @property
    def beside(self) -> tuple[int, ...]:
        """The numbers of those that it has to be compatible with."""
        return policies.choose_beside(self.live, self.number, self.terms.policy)

    def find_stored(self) -> Iterator[int]:
        """The ids of those whose contracts are stored, and not in the document."""
        beside = self.beside
        for number in (self.number, *beside) if beside else ():
            row_id = self.final[number].id
            if row_id is not None and not self._is_said(number):
                yield row_id

    def read(self, number: int, stored: StoredSchemas) -> Any:
        """The contract of one of them."""
        if self._is_said(number):
            return self.wishes[number].entry["schema"]
        return stored.read(self.final[number].id or 0)

    def _is_said(self, number: int) -> bool:
        return number in self.wishes and "schema" in self.wishes[number].entry


class Judge:
    """Judges the versions of one organization's document.

    With `allow_indeterminate`, that is taken of which nobody can tell; never what was not judged
    within the `seconds` that there are for all versions together.
    """

    def __init__(
        self,
        org_id: int,
        *,
        allow_indeterminate: bool = False,
        seconds: float = math.inf,
        over: Over = iter,
    ) -> None:
        self._org_id = org_id
        self._allow_indeterminate = allow_indeterminate
        self._seconds = seconds
        self._over = over

    def find_faults(self, cases: Sequence[Case], most: int) -> list[Fault]:
        """What breaks a policy, version by version, until there are so many faults."""
        deadline = time.monotonic() + self._seconds
        faults: list[Fault] = []
        if most <= 0:
            return faults
        stored = StoredSchemas(row_id for case in cases for row_id in case.find_stored())
        directed = ((case, case.terms.policy.direction) for case in cases if case.beside)
        judged = [(case, direction) for case, direction in directed if direction]
        for case, direction in self._over(judged):
            schema = case.read(case.number, stored)
            compared = Comparisons(schema, direction, case.terms.open_content, deadline)
            found = self._judge(case, compared, stored)
            faults += below(case.wishes[case.number].pointer, found)
            if len(faults) >= most:
                break
        return faults[:most]

    def _judge(self, case: Case, compared: Comparisons, stored: StoredSchemas) -> list[Fault]:
        judged = []
        is_over = False
        with policies.seated(self._org_id):
            for other in case.beside:
                version = case.final[other]
                read = partial(case.read, other, stored)
                report = compared.compare(version.digest, read, is_newer=other < case.number)
                judged.append(Judged(version.id, other, report))
                # That one is not judged says it all.
                is_over = report == TOO_LATE and compared.is_over
                if is_over:
                    break
        is_allowed = self._allow_indeterminate and not is_over
        return policies.find_faults(case.number, judged, allow_indeterminate=is_allowed)

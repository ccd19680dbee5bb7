"""Whether new versions keep the policy of their variant, as one that is published has to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from actions import compatibility, policies
from actions.models import ActionDefinition
from actions.policies import Asked, Comparisons, Judged, Judgement, Place, Terms
from bundles.planning.states import Version
from bundles.planning.wishes import Wish
from config.errors import Fault

# For all versions of a document together; what is not judged by then is indeterminate.
SECONDS = 60.0


class Judge:
    """Judges the versions of one organization's document."""

    def __init__(self, org_id: int, *, allow_indeterminate: bool = False) -> None:
        self._org_id = org_id
        # Whether that is taken of which nobody can tell.
        self._allow_indeterminate = allow_indeterminate
        self._deadline = time.monotonic() + SECONDS

    def find_faults(
        self, number: int, wish: Wish, final: dict[int, Version], wishes: dict[int, Wish]
    ) -> list[Fault]:
        """What of a version, which is to be in `final`, breaks the policy that it has there."""
        version = final[number]
        terms = Terms(
            compatibility.Policy(version.compatibility),
            compatibility.OpenContent(version.open_content),
        )
        direction = terms.policy.direction
        if direction is None:
            return []
        schema = self._read(version, wish)
        compared = Comparisons(schema, direction, terms.open_content, self._deadline)
        with policies.seated(self._org_id):
            judged = tuple(
                Judged(
                    0,
                    other,
                    compared.compare(
                        final[other].digest,
                        partial(self._read, final[other], wishes.get(other)),
                        is_newer=other < number,
                    ),
                )
                for other in _beside(number, final, transitive=terms.policy.transitive)
            )
        asked = Asked(self._org_id, "", number, schema, version.digest)
        judgement = Judgement(asked, Place(number, None, terms, ()), judged)
        return judgement.find_faults(allow_indeterminate=self._allow_indeterminate)

    def _read(self, version: Version, wish: Wish | None) -> Any:
        if wish and "schema" in wish.entry:
            return wish.entry["schema"]
        stored = ActionDefinition.objects.only("schema").filter(pk__in=[version.id or 0])
        return stored.get().read_schema()


def _beside(number: int, final: dict[int, Version], *, transitive: bool) -> Iterator[int]:
    """The live versions that it has to be compatible with, the nearest ones first."""
    most = None if transitive else 1
    live = [other for other, version in final.items() if version.is_live and other != number]
    yield from sorted((other for other in live if other < number), reverse=True)[:most]
    yield from sorted(other for other in live if other > number)[:most]

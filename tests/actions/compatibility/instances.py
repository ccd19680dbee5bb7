"""Payloads that a schema accepts, by what schemathesis has instead of hypothesis-jsonschema."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.errors import InvalidSchema, UnsupportedSchema
from schemathesis.generation.jsonschema.builder import EMPTY_STRATEGY, build
from schemathesis.generation.jsonschema.context import Alphabet

from actions.samples.keywords import DRAFT4, DRAFT6, DRAFT7, DRAFT2019, DRAFT2020
from tests.actions.compatibility.oracles import Oracle

INSTANCES = 6
# As jsonschema-rs numbers them.
DRAFTS = {DRAFT4: 4, DRAFT6: 6, DRAFT7: 7, DRAFT2019: 19, DRAFT2020: 20}


def make_instances(oracle: Oracle, number: int) -> list[Any]:
    """A few, the same ones for the same number; none for schemas that it cannot do."""
    found: list[Any] = []
    try:
        strategy = build(
            oracle.schema,
            draft=DRAFTS[oracle.dialect],
            formats={},
            # Contracts take no text with it.
            alphabet=Alphabet(allow_x00=False),
        )
    except (InvalidSchema, UnsupportedSchema):
        # Of some contracts it finds an anchor missing that validators do not look for.
        return found
    if strategy is EMPTY_STRATEGY:
        return found

    @seed(number)
    @settings(
        max_examples=INSTANCES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(instance: Any) -> None:
        found.append(instance)

    try:
        collect()
    except Unsatisfiable:
        # What was found by then is as good.
        return found
    return found

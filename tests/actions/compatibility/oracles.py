"""Two validators that know nothing of each other: the one that judges payloads, and another one."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import jsonschema
import referencing
from jsonschema.exceptions import UnknownType
from jsonschema.validators import validator_for

from actions import contracts
from config import validation

# What the other one raises, where it does: no answer is not the same answer.
_LOST = (
    *(RecursionError, OverflowError, TypeError, ValueError, AttributeError, UnknownType),
    referencing.exceptions.Unresolvable,
)
_FORMATS = jsonschema.FormatChecker()


class Oracle:
    """An admitted schema, and what either validator says of a payload."""

    def __init__(self, schema: Any) -> None:
        self.schema = schema
        self._validator = contracts.admit(schema)
        named = schema.get("$schema") if isinstance(schema, dict) else None
        self.dialect = (named or validation.DEFAULT_DIALECT).removesuffix("#")

    def accepts(self, payload: Any) -> bool:
        """What is said by the validator that payloads are judged by."""
        return bool(self._validator.is_valid(payload))

    def is_agreed(self, payload: Any) -> bool:
        """Whether the other validator says the same."""
        try:
            other = self._other.is_valid(payload)
        except _LOST:
            return False
        return bool(other) is self.accepts(payload)

    @cached_property
    def _other(self) -> Any:
        named = validator_for(self.schema, default=jsonschema.Draft202012Validator)
        return named(self.schema, registry=referencing.Registry(), format_checker=_FORMATS)


def admitted(schema: Any) -> Oracle | None:
    """The schema as if it had been parsed, if it is one that contracts may be."""
    try:
        return Oracle(json.loads(json.dumps(schema)))
    except contracts.InvalidSchemaError:
        return None


def are_equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, where 1, 1.0 and true are three."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

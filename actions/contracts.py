"""Contracts: a tenant's JSON Schema, admitted safely, compiled once, judging payloads.

Compiling is the check against the metaschema, of the references and of the patterns at once;
nothing is ever fetched. What compiling cannot see, references that lead back to themselves or
multiply without end, `actions.references` measures.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

import orjson
from jsonschema_rs import ReferencingError, ValidationError, ValidationErrorKind

from actions import judge, references
from actions.models import ActionDefinition
from config import strictjson, validation
from config.errors import Fault, RuleError, pointer

CACHED_VALIDATORS = 1024
# Values times steps that take a tenth of a second at the most: to judge, and to list the faults.
MAX_WORK = 3_000_000
MAX_LISTED_WORK = 10_000
MAX_RECURSIVE_DEPTH = 8
MAX_LOOKED_AROUND_BYTES = 10_000


class InvalidSchemaError(RuleError):
    """The schema is not one that payloads can be judged by."""

    code = "INVALID_SCHEMA"


def admit(schema: Any) -> validation.Validator:
    """The schema's validator; `InvalidSchemaError` points to what is wrong with it."""
    dialect = dialect_of(schema)
    try:
        validator = validation.compile_schema(schema, dialect=dialect)
    except ValidationError as error:
        message, path = error.message[: validation.MAX_MESSAGE], tuple(error.instance_path)
        if isinstance(error.kind, ValidationErrorKind.Referencing):
            path = references.find_dangling(schema)
        raise InvalidSchemaError(message, pointer=pointer(_at(path))) from error
    except (ReferencingError, ValueError) as error:
        raise InvalidSchemaError(str(error)[: validation.MAX_MESSAGE], pointer="/schema") from error
    fault = references.find_fault(schema)
    if fault:
        message, path = fault
        raise InvalidSchemaError(message, pointer=pointer(_at(path)))
    return validator


@dataclass(frozen=True, slots=True)
class Contract:
    """A compiled contract, and what judging by it may cost."""

    validator: validation.Validator
    dialect: str
    schema: bytes
    cost: references.Cost

    def find_faults(self, payload: Any, body: bytes, deadline: float) -> list[Fault]:
        """The faults of a payload, whose bytes are `body`, with pointers below `/input`.

        What is surely quick is judged here. What may take long, be it a verdict or the list of
        the faults, is judged in a process that can be ended. After the deadline that its call
        has for all it hands in, only what costs next to nothing is judged.
        """
        work = (body.count(b",") + 1) * self.cost.steps
        if work > MAX_WORK or self._may_multiply(body):
            return judge.judge_apart(self.dialect, self.schema, body, deadline)
        if work > MAX_LISTED_WORK:
            if judge.is_over(deadline):
                return [judge.TOO_LATE]
            valid = self.validator.is_valid(payload)
            return [] if valid else judge.judge_apart(self.dialect, self.schema, body, deadline)
        return validation.find_faults(self.validator, payload, code="INVALID_INPUT", at=("input",))

    def _may_multiply(self, body: bytes) -> bool:
        deep = self.cost.recursive and strictjson.depth(body) > MAX_RECURSIVE_DEPTH
        return deep or (self.cost.looks_around and len(body) > MAX_LOOKED_AROUND_BYTES)


def compile_contract(schema: bytes) -> Contract:
    """The contract of a schema that has been admitted."""
    admitted = orjson.loads(schema)
    dialect = dialect_of(admitted)
    validator = validation.compile_schema(admitted, dialect=dialect)
    return Contract(validator, dialect, schema, references.find_cost(admitted))


class Validators:
    """The compiled contracts of this process: by definition id, for a stored schema never
    changes; the 1,024 used last are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Contract] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, definition_id: int) -> bool:
        return definition_id in self._kept

    def add(self, definition_id: int, schema: bytes) -> Contract:
        """Compile and keep a stored schema."""
        contract = compile_contract(schema)
        with self._lock:
            self._kept[definition_id] = contract
            while len(self._kept) > CACHED_VALIDATORS:
                self._kept.popitem(last=False)
        return contract

    def find_faults(
        self, definition_id: int, payload: Any, body: bytes, *, deadline: float
    ) -> list[Fault]:
        """The faults of a payload, whose bytes are `body`, with pointers below `/input`; what
        cannot be judged by the deadline, a reading of the monotonic clock, is refused."""
        with self._lock:
            contract = self._kept.get(definition_id)
            if contract is not None:
                self._kept.move_to_end(definition_id)
        if contract is None:
            # Other threads' contracts have pushed it out since it was added.
            stored = ActionDefinition.objects.get(pk=definition_id)
            contract = self.add(definition_id, stored.schema)
        return contract.find_faults(payload, body, deadline)


validators = Validators()


def dialect_of(schema: Any) -> str:
    """The URI of the draft by which a schema is read; `InvalidSchemaError` where it is none."""
    if not isinstance(schema, dict | bool):
        raise InvalidSchemaError("A schema is an object or a boolean.", pointer="/schema")
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if named is None:
        return validation.DEFAULT_DIALECT
    if not isinstance(named, str) or named.removesuffix("#") not in validation.DIALECTS:
        raise InvalidSchemaError(
            f"`$schema` is absent or one of {', '.join(validation.DIALECTS)}.",
            pointer="/schema/$schema",
        )
    return named.removesuffix("#")


def _at(path: references.Path) -> references.Path:
    return "schema", *path

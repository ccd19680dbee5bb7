"""Contracts: a tenant's JSON Schema, admitted safely, compiled once, judging payloads.

Compiling is the check against the metaschema, of the references and of the patterns at once;
nothing is ever fetched. What compiling cannot see, references that lead back to themselves or
multiply without end, `actions.references` measures.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

import orjson
from jsonschema_rs import ReferencingError, ValidationError, ValidationErrorKind

from actions import references
from actions.models import ActionDefinition
from config import validation
from config.errors import Fault, RuleError, pointer

CACHED_VALIDATORS = 1024


class InvalidSchemaError(RuleError):
    """The schema is not one that payloads can be judged by."""

    code = "INVALID_SCHEMA"


def admit(schema: Any) -> validation.Validator:
    """The schema's validator; `InvalidSchemaError` points to what is wrong with it."""
    dialect = _dialect(schema)
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


class Validators:
    """The compiled contracts of this process: by definition id, for a stored schema never
    changes; the 1,024 used last are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, validation.Validator] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, definition_id: int) -> bool:
        return definition_id in self._kept

    def add(self, definition_id: int, schema: bytes) -> validation.Validator:
        """Compile and keep a stored schema."""
        stored = orjson.loads(schema)
        validator = validation.compile_schema(stored, dialect=_dialect(stored))
        with self._lock:
            self._kept[definition_id] = validator
            while len(self._kept) > CACHED_VALIDATORS:
                self._kept.popitem(last=False)
        return validator

    def find_faults(self, definition_id: int, payload: Any) -> list[Fault]:
        """Every fault of a payload, with pointers below `/input`."""
        with self._lock:
            validator = self._kept.get(definition_id)
            if validator is not None:
                self._kept.move_to_end(definition_id)
        if validator is None:
            # Other threads' contracts have pushed it out since it was added.
            stored = ActionDefinition.objects.get(pk=definition_id)
            validator = self.add(definition_id, stored.schema)
        return validation.find_faults(validator, payload, code="INVALID_INPUT", at=("input",))


validators = Validators()


def _dialect(schema: Any) -> str:
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

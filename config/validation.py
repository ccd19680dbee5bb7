"""JSON Schema validators, and what they find, as faults a client can act on."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationError, ValidationErrorKind

from config.errors import Fault, pointer

Validator = Any  # jsonschema_rs names one class a draft and gives them no common type
MAX_FAULTS = 50
MAX_MESSAGE = 300
MAX_POINTER = 1_000
TOO_COSTLY = "A pattern of the schema takes too long on this string."

_OPTIONS: dict[str, Any] = {
    "offline": True,
    "validate_formats": True,
    "pattern_options": jsonschema_rs.FancyRegexOptions(backtrack_limit=10_000),
}
_CLASSES: dict[str, Any] = {
    "http://json-schema.org/draft-04/schema": jsonschema_rs.Draft4Validator,
    "http://json-schema.org/draft-06/schema": jsonschema_rs.Draft6Validator,
    "http://json-schema.org/draft-07/schema": jsonschema_rs.Draft7Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema_rs.Draft201909Validator,
    "https://json-schema.org/draft/2020-12/schema": jsonschema_rs.Draft202012Validator,
}
_DRAFTS: dict[str, int] = dict(
    zip(
        _CLASSES,
        (
            jsonschema_rs.Draft4,
            jsonschema_rs.Draft6,
            jsonschema_rs.Draft7,
            jsonschema_rs.Draft201909,
            jsonschema_rs.Draft202012,
        ),
        strict=True,
    )
)
DIALECTS = tuple(_CLASSES)
DEFAULT_DIALECT = DIALECTS[-1]


def compile_schema(
    schema: Any,
    *,
    dialect: str = DEFAULT_DIALECT,
    mask: str | None = None,
    registry: jsonschema_rs.Registry | None = None,
) -> Validator:
    """A validator that fetches nothing and gives up on costly patterns.

    With a `mask`, that stands in the faults where else the value would. What is in the
    `registry` may be referred to.

    Raises what jsonschema_rs raises for a schema that breaks its metaschema, holds a
    reference to anything but itself, or a pattern that is none.
    """
    return _CLASSES[dialect](schema, mask=mask, registry=registry, **_OPTIONS)


def is_schema(schema: Any, *, dialect: str) -> bool:
    """Whether it is as the dialect's metaschema says, whatever its references lead to."""
    return bool(_metaschema(dialect).is_valid(schema))


@functools.cache
def _metaschema(dialect: str) -> Validator:
    return compile_schema({"$ref": f"{dialect}#"}, dialect=dialect)


def keep_schemas(schemas: Mapping[str, Any], *, dialect: str) -> jsonschema_rs.Registry:
    """A registry of schemas by their URIs, for `compile_schema`."""
    return jsonschema_rs.Registry(schemas.items(), draft=_DRAFTS[dialect])


def find_faults(
    validator: Validator,
    value: Any,
    *,
    code: str,
    at: tuple[str | int, ...] = (),
    every: bool = True,
) -> list[Fault]:
    """Every fault of the value (at most 50), each with its JSON Pointer below `at`.

    The validator lists all there are before it gives the first: where there may be too many,
    `every=False` stops at the first one.
    """
    if validator.is_valid(value):
        return []
    found: list[Fault] = []
    errors = validator.iter_errors(value) if every else [_first_error(validator, value)]
    for path, message in _flatten(errors):
        fault = Fault(code, _shortened(message), _bounded((*at, *path)))
        if fault not in found:
            found.append(fault)
        if len(found) == MAX_FAULTS:
            break
    return found


def _first_error(validator: Validator, value: Any) -> ValidationError:
    try:
        validator.validate(value)
    except ValidationError as error:
        return error
    raise AssertionError("A value that is not valid has an error.")


def _flatten(errors: Iterable[ValidationError]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """(path, sentence) of each error: 'required' moved to the missing key, unions opened."""
    for error in errors:
        path = tuple(error.instance_path)
        match error.kind:
            case ValidationErrorKind.Required(property=name):
                yield (*path, str(name)), "This field is required."
            case ValidationErrorKind.AdditionalProperties(unexpected=names):
                yield from (((*path, name), "This field is not known.") for name in names)
            case (
                ValidationErrorKind.AnyOf(context=branches)
                | ValidationErrorKind.OneOfNotValid(context=branches)
            ) if branch := _nearest(branches):
                yield from _flatten(branch)
            case ValidationErrorKind.BacktrackLimitExceeded():
                yield path, TOO_COSTLY
            case _:
                yield path, error.message


def _nearest(branches: list[list[ValidationError]]) -> list[ValidationError] | None:
    """The branch of a union that the value was meant for; None when no branch stands out.

    What tells branches apart lies near the top, so it is the one whose first misfit lies deepest;
    of several, the one with the fewest faults.
    """

    def rank(errors: list[ValidationError]) -> tuple[float, int]:
        return _first_misfit(errors), -len(errors)

    ranked = sorted(branches, key=rank, reverse=True)
    if len(ranked) > 1 and rank(ranked[0]) == rank(ranked[1]):
        return None
    return ranked[0] if ranked else None


def _first_misfit(errors: Iterable[ValidationError]) -> float:
    """How deep the first constant or type lies that the value does not have."""
    return min(map(_misfit, errors), default=math.inf)


def _misfit(error: ValidationError) -> float:
    match error.kind:
        case (
            ValidationErrorKind.AnyOf(context=branches)
            | ValidationErrorKind.OneOfNotValid(context=branches)
        ):
            return max(map(_first_misfit, branches), default=math.inf)
    return len(error.instance_path) if error.kind.name in {"const", "enum", "type"} else math.inf


def _bounded(path: tuple[str | int, ...]) -> str:
    """The pointer; to the nearest value above it where it would be longer than 1,000 characters."""
    while len(whole := pointer(path)) > MAX_POINTER:
        path = path[:-1]
    return whole


def _shortened(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"

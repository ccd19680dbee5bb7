"""`search`: one filter of a list, as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import CharField, DateTimeField, Field, IntegerField, QuerySet, TextField

from config import strictjson
from config.errors import BadRequestError
from config.parsing import bad_parameter, find_moment

LOOKUPS = {
    "eq": "exact",
    "ne": "exact",
    "contains": "icontains",
    "gt": "gt",
    "gte": "gte",
    "lt": "lt",
    "lte": "lte",
    "in": "in",
}
COMPARING = tuple(op for op in LOOKUPS if op != "contains")
# An identifier may be written as the text that the API shows. No column has as many digits.
_INTEGER = re.compile("-?[0-9]{1,100}")


@dataclass(frozen=True)
class Kind:
    """What columns of some types are compared with, by which ops; `read` gives None for others."""

    types: tuple[type[Field[Any, Any]], ...]
    values: str
    ops: Collection[str]
    read: Callable[[Any], Any]


def narrow(rows: QuerySet[Any], search: str, fields: Mapping[str, str]) -> QuerySet[Any]:
    """The rows that it finds. `fields` maps the names that it may use to model lookups."""
    name, op, value = _read_search(search, fields)
    column, leads_to_many = _find_column(rows.model, fields[name])
    value = _read_value(value, column=column, name=name, op=op)
    lookup = {f"{fields[name]}__{LOOKUPS[op]}": value}
    if op == "ne":
        return rows.exclude(**lookup)
    if leads_to_many:
        # A join would list a row once for each match.
        lookup = {"pk__in": rows.model._default_manager.filter(**lookup).values("pk")}
    return rows.filter(**lookup)


def _read_search(search: str, fields: Mapping[str, str]) -> tuple[str, str, Any]:
    try:
        asked = strictjson.parse(search.encode())
        name, op = asked.get("field", asked.get("col")), asked["op"]
        value = asked["value"]
    except (BadRequestError, AttributeError, KeyError, TypeError) as error:
        raise _refusal('`search` is a JSON object {"field", "op", "value"}.') from error
    if not isinstance(name, str) or name not in fields:
        raise _refusal(f"`search` takes the fields {', '.join(fields)}.")
    if not isinstance(op, str) or op not in LOOKUPS:
        raise _refusal(f"`search` takes the ops {', '.join(LOOKUPS)}.")
    if (op == "in") != isinstance(value, list):
        raise _refusal("`value` is a list for `in`, else one plain value.")
    return name, op, value


def _find_column(model: Any, lookup: str) -> tuple[Any, bool]:
    """The column at the end of a lookup, and whether there may be several for one row."""
    leads_to_many = False
    for part in lookup.split("__"):
        field = model._meta.get_field(part)
        leads_to_many |= bool(field.one_to_many or field.many_to_many)
        model = field.related_model
    return field.target_field if field.is_relation else field, leads_to_many


def _read_value(value: Any, *, column: Any, name: str, op: str) -> Any:
    """The value as the column has it, or the list of values."""
    kind = next(one for one in KINDS if isinstance(column, one.types))
    if op not in kind.ops:
        raise _refusal(f"`{name}` takes the ops {', '.join(kind.ops)}.")
    values = [kind.read(one) for one in (value if op == "in" else [value])]
    if None in values:
        raise _refusal(f"`{name}` is compared with {kind.values}.")
    if op != "in":
        return values[0]
    return _holdable(values, column) if isinstance(column, IntegerField) else values


def _holdable(numbers: list[int], column: Any) -> list[int]:
    """Those that the column can have: no row has the others, and the driver cannot send them."""
    least, most = connection.ops.integer_field_range(column.get_internal_type())
    return [number for number in numbers if least <= number <= most]


def _read_text(value: Any) -> str | None:
    match value:
        case bool():
            return None
        case str() | int() | float():
            return str(value)
    return None


def _read_integer(value: Any) -> int | None:
    match value:
        case bool():
            return None
        case int():
            return value
        case float() if value.is_integer():
            return int(value)
        case str() if _INTEGER.fullmatch(value):
            return int(value)
    return None


KINDS = (
    Kind((CharField, TextField), "texts", tuple(LOOKUPS), _read_text),
    Kind((IntegerField,), "whole numbers", COMPARING, _read_integer),
    Kind(
        (DateTimeField,),
        "RFC 3339 timestamps",
        COMPARING,
        lambda value: find_moment(value) if isinstance(value, str) else None,
    ),
)


def _refusal(message: str) -> BadRequestError:
    return bad_parameter("search", message)

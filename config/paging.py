"""Lists: `take`, `skip`, `search`, `count_only`, and the page they give."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from config import strictjson
from config.errors import BadRequestError

MAX_TAKE = 50
DEFAULT_TAKE = 20
COUNTED = 10_000
OPERATORS = {
    "eq": "exact",
    "ne": "exact",
    "contains": "icontains",
    "gt": "gt",
    "gte": "gte",
    "lt": "lt",
    "lte": "lte",
    "in": "in",
}
MAX_ROW_ID = 2**63 - 1
_DIGITS = re.compile("[0-9]{1,19}")

PARAMETERS = [
    OpenApiParameter(
        "take", {"type": "integer", "minimum": 1, "maximum": MAX_TAKE, "default": DEFAULT_TAKE}
    ),
    OpenApiParameter(
        "skip", {"type": "integer", "minimum": 0, "maximum": MAX_ROW_ID, "default": 0}
    ),
    OpenApiParameter(
        "search",
        {"type": "string"},
        description='One filter as JSON: `{"field": "label", "op": "eq", "value": "billing"}` '
        f"(`col` is accepted for `field`; op: {', '.join(OPERATORS)}).",
    ),
    OpenApiParameter(
        "count_only", {"type": "boolean"}, description="Answers `{items: [], count}`."
    ),
]


def answer_page(
    request: Request,
    rows: QuerySet[Any],
    show: Callable[[Any], dict[str, Any]],
    *,
    fields: Mapping[str, str],
    read: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> dict[str, Any]:
    """One page of `rows` as the API shows it: `{items, count}`, `count` exact up to 10,000.

    `fields` maps the names that `search` may use to model lookups; `read` adds what the rows of
    a page are shown with.
    """
    take = read_integer(request, "take", default=DEFAULT_TAKE, least=1, most=MAX_TAKE)
    skip = read_integer(request, "skip", default=0, least=0, most=MAX_ROW_ID)
    rows = _narrowed(rows, request.query_params.get("search"), fields)
    count = rows.order_by().values("pk")[: COUNTED + 1].count()
    page = () if read_flag(request, "count_only") else rows[skip:][:take]
    items = [show(row) for row in read(page)]
    if count > COUNTED:
        return {"items": items, "count": COUNTED, "count_exact": False}
    return {"items": items, "count": count}


def read_integer(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    """A whole number from the query, within its bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not _DIGITS.fullmatch(text) or not least <= int(text) <= most:
        raise _bad_parameter(name, f"`{name}` is a whole number from {least} to {most}.")
    return int(text)


def read_flag(request: Request, name: str) -> bool:
    """A boolean from the query: `true`, `1`, `false`, `0` or absent."""
    text = request.query_params.get(name, "false").lower()
    if text not in {"true", "1", "false", "0"}:
        raise _bad_parameter(name, f"`{name}` is true or false.")
    return text in {"true", "1"}


def read_choice(request: Request, name: str, choices: Mapping[str, Any]) -> str | None:
    """One of the choices from the query, or None when it is absent."""
    text = request.query_params.get(name)
    if text is not None and text not in choices:
        raise _bad_parameter(name, f"`{name}` is one of {', '.join(choices)}.")
    return text


def _narrowed(
    rows: QuerySet[Model], search: str | None, fields: Mapping[str, str]
) -> QuerySet[Model]:
    if not search:
        return rows
    field, operator, value = _read_search(search, fields)
    lookup = {f"{fields[field]}__{OPERATORS[operator]}": value}
    try:
        if operator == "ne":
            return rows.exclude(**lookup)
        if _leads_to_many(rows.model, fields[field]):
            # A join would list a row once for each match.
            lookup = {"pk__in": rows.model._default_manager.filter(**lookup).values("pk")}
        return rows.filter(**lookup)
    except (ValueError, TypeError, LookupError) as error:
        raise _bad_parameter("search", f"`{field}` cannot be compared with {value!r}.") from error


def _leads_to_many(model: type[Model], lookup: str) -> bool:
    relation = model._meta.get_field(lookup.partition("__")[0])
    return bool(relation.one_to_many or relation.many_to_many)


def _read_search(search: str, fields: Mapping[str, str]) -> tuple[str, str, Any]:
    try:
        asked = strictjson.parse(search.encode())
        field, operator = asked.get("field", asked.get("col")), asked["op"]
        value = asked["value"]
    except (BadRequestError, AttributeError, KeyError, TypeError) as error:
        raise _bad_parameter(
            "search", '`search` is a JSON object {"field", "op", "value"}.'
        ) from error
    if not isinstance(field, str) or field not in fields:
        raise _bad_parameter("search", f"`search` takes the fields {', '.join(fields)}.")
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise _bad_parameter("search", f"`search` takes the ops {', '.join(OPERATORS)}.")
    if (operator == "in") != isinstance(value, list) or isinstance(value, dict) or value is None:
        raise _bad_parameter("search", "`value` is a list for `in`, else one plain value.")
    if isinstance(value, list):
        # No row has these, and the driver cannot send them.
        value = [one for one in value if not isinstance(one, int) or abs(one) <= MAX_ROW_ID]
    return field, operator, value


def _bad_parameter(name: str, message: str) -> BadRequestError:
    return BadRequestError(message, code="INVALID_PARAMETER", pointer=f"/{name}")

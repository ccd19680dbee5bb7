"""Lists: `take`, `skip`, `search`, `count_only`, and the page they give."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from config import search
from config.parsing import bad_parameter

MAX_TAKE = 50
DEFAULT_TAKE = 20
COUNTED = 10_000
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
        f"(`col` is accepted for `field`; op: {', '.join(search.LOOKUPS)}). `contains` is for "
        "texts; times are compared with RFC 3339 timestamps.",
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
    if asked := request.query_params.get("search"):
        rows = search.narrow(rows, asked, fields)
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
        raise bad_parameter(name, f"`{name}` is a whole number from {least} to {most}.")
    return int(text)


def read_flag(request: Request, name: str) -> bool:
    """A boolean from the query: `true`, `1`, `false`, `0` or absent."""
    text = request.query_params.get(name, "false").lower()
    if text not in {"true", "1", "false", "0"}:
        raise bad_parameter(name, f"`{name}` is true or false.")
    return text in {"true", "1"}


def read_choice(request: Request, name: str, choices: Mapping[str, Any]) -> str | None:
    """One of the choices from the query, or None when it is absent."""
    text = request.query_params.get(name)
    if text is not None and text not in choices:
        raise bad_parameter(name, f"`{name}` is one of {', '.join(choices)}.")
    return text

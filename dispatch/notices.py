"""What those are told who send a version that is deprecated (RFC 9745) or is to go (RFC 8594).

The moments stand in the answer of each action, and the earliest of them in headers. So a call that
is repeated is told the same: its first answer is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from django.utils.http import http_date
from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

MOMENTS = ("deprecated_at", "sunset_at")
_MARKS = tuple(f'"{name}"'.encode() for name in MOMENTS)
PARAMETERS = [
    OpenApiParameter(
        "Deprecation",
        {"type": "string", "pattern": "^@[0-9]+$"},
        OpenApiParameter.HEADER,
        response=[200],
        description="Since when the version should not be used any more, in Unix seconds; of "
        "several the earliest.",
    ),
    OpenApiParameter(
        "Sunset",
        {"type": "string"},
        OpenApiParameter.HEADER,
        response=[200],
        description="When the version is to go, as an HTTP date; of several the earliest.",
    ),
]


def show(version: Any) -> dict[str, datetime]:
    """The moments of a version that has any."""
    if version.deprecated_at is None and version.sunset_at is None:
        return {}
    moments = {name: getattr(version, name) for name in MOMENTS}
    return {name: moment for name, moment in moments.items() if moment is not None}


def add_headers(answer: Response, data: Mapping[str, Any] | bytes) -> Response:
    """The answer with the earliest moments of what it tells, which is of an action or several."""
    if isinstance(data, bytes):
        data = orjson.loads(data) if any(mark in data for mark in _MARKS) else {}
    told = data.get("items", (data,))
    began, ends = (_find_earliest(told, name) for name in MOMENTS)
    if began is not None:
        # A date of structured fields (RFC 9651).
        answer["Deprecation"] = f"@{began}"
    if ends is not None:
        answer["Sunset"] = http_date(ends)
    return answer


def _find_earliest(told: Iterable[Mapping[str, Any]], name: str) -> int | None:
    """In Unix seconds."""
    moments = [_read(one[name]) for one in told if name in one]
    return math.floor(min(moments).timestamp()) if moments else None


def _read(moment: datetime | str) -> datetime:
    return datetime.fromisoformat(moment) if isinstance(moment, str) else moment

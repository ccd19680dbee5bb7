"""The request body: sized, then parsed strictly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import IO, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from config import strictjson
from config.errors import BadRequestError, DomainError, TooLargeError

# Before and after these nothing was ever handed in, and no clock has to be asked about a zone.
YEARS = range(1970, 2200)
NO_MOMENT = "This is no moment: give it like 2026-01-31T08:30."


class LengthRequiredError(DomainError):
    """A body without Content-Length (RFC 9110 section 15.5.12): 411."""

    status = 411
    code = "LENGTH_REQUIRED"

    def __init__(self, message: str = "Send the body with a Content-Length header.") -> None:
        super().__init__(message)


class StrictJSONParser(BaseParser):
    """`application/json` of at most 1 MB, read by `config.strictjson`."""

    media_type = "application/json"
    max_bytes = settings.MAX_BODY_BYTES

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The parsed body; refuses it unread when it is too long."""
        length = (parser_context or {})["request"].META.get("CONTENT_LENGTH", "")
        if not length.isdigit():
            raise LengthRequiredError
        if int(length) > self.max_bytes:
            raise TooLargeError(f"The body is larger than {self.max_bytes} bytes.")
        return strictjson.parse(stream.read())


class BatchJSONParser(StrictJSONParser):
    """The same for a batch: 16 MB in all."""

    max_bytes = settings.MAX_BATCH_BYTES


def check_length(request: Request) -> None:
    """Refuse a body of unsaid length: Django would read it as if there were none."""
    unsaid = not request.META.get("CONTENT_LENGTH")
    streamed = "HTTP_TRANSFER_ENCODING" in request.META
    if unsaid and (streamed or request.META.get("SERVER_PROTOCOL", "").startswith("HTTP/2")):
        raise LengthRequiredError


def read_row_id(text: str) -> int:
    """The number of digits; of a number with no end, as much as tells that no row has it."""
    return int(text.lstrip("0")[:20] or 0)


def find_moment(text: str) -> datetime | None:
    """The moment of an RFC 3339 text, without an offset taken as UTC; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def find_zone(name: str) -> tzinfo:
    """The zone of this name; UTC where there is none."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def find_local_moment(text: str, zone: tzinfo) -> datetime | None:
    """The moment that somebody has typed, without an offset taken as one of their zone.

    None where it is none, or of a year in which nothing is handed in.
    """
    try:
        moment = datetime.fromisoformat(text).replace(microsecond=0)
    except ValueError:
        return None
    if moment.year not in YEARS:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def read_timestamp(text: str, *, name: str) -> datetime:
    """The moment that a parameter tells."""
    moment = find_moment(text)
    if moment is None:
        raise bad_parameter(name, f"`{name}` is an RFC 3339 timestamp.")
    return moment


def bad_parameter(name: str, message: str) -> BadRequestError:
    """What is wrong with a parameter of the query."""
    return BadRequestError(message, code="INVALID_PARAMETER", pointer=f"/{name}")

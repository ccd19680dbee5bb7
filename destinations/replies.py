"""What is kept of the answer to an attempt: enough to see what was said, and nothing secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from destinations import keys

BODY_BYTES = 2_048
HEADER_CHARACTERS = 500
# Those that say what the answer is, or why it is one. No others: a cookie is nobody's business.
HEADERS = (
    "allow",
    "cf-ray",
    "content-length",
    "content-type",
    "location",
    "retry-after",
    "server",
    "via",
    "www-authenticate",
    "x-arklow-signaling",
    "x-arklow-signaling-val",
    "x-correlation-id",
    "x-request-id",
)


def keep(
    status: int, headers: Mapping[str, str], body: bytes, conceal: Callable[[str], str]
) -> dict[str, Any]:
    """The status, some headers and the start of the body, in what a JSON column can hold.

    `headers` are by names in any case. Cut first: what is masked is never more than is kept.
    """
    shown = {name: _quote(headers[name].encode(**_AS_SENT), HEADER_CHARACTERS, conceal)
             for name in HEADERS if name in headers}  # fmt: skip
    kept: dict[str, Any] = {"status": status, "headers": shown}
    if body:
        kept |= {"body": _quote(body, BODY_BYTES, conceal), "is_cut": len(body) > BODY_BYTES}
    return kept


# As the client decodes what it reads.
_AS_SENT: Any = {"encoding": "utf-8", "errors": "surrogateescape"}


def _quote(text: bytes, most: int, conceal: Callable[[str], str]) -> str:
    return keys.quote(text, conceal, most).replace("\0", "\ufffd")

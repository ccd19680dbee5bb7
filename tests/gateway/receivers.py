"""Two receivers that were written apart from Waybill, and one that looks at the raw bytes.

Each says whether a body is signed by the key. The first is after the published Python sample, the
second after the Go sample, whose `encoding/json` is written out here.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any

TAIL = re.compile(rb',"signature":"([0-9a-f]{64})"\}')


def _hex(key: str, signed: bytes) -> str:
    return hmac.new(key.encode("utf-8"), signed, hashlib.sha256).hexdigest()


def raw(body: bytes, key: str) -> bool:
    """By the bytes as they came, without the signature that they end with."""
    tail = TAIL.fullmatch(body[-80:])
    assert tail
    return hmac.compare_digest(_hex(key, body[:-80] + b"}"), tail[1].decode())


def python_sample(body: bytes, key: str) -> bool:
    """Rebuilt in its own order, as `json.dumps` has it."""
    data = json.loads(body)
    signature = data.pop("signature")
    rebuilt = {name: data[name] for name in ("action_name", "parameters", "timestamp")}
    if "test" in data:
        rebuilt["test"] = data["test"]
    signed = json.dumps(rebuilt, separators=(",", ":")).encode("utf-8")
    return hmac.compare_digest(_hex(key, signed), signature)


def go_sample(body: bytes, key: str) -> bool:
    """Rebuilt as a map, as `json.Marshal` has it."""
    data = json.loads(body)
    signature = data.pop("signature")
    return hmac.compare_digest(_hex(key, _marshal(data).encode("utf-8")), signature)


def _marshal(value: Any) -> str:
    if isinstance(value, dict):
        ordered = sorted(value.items(), key=lambda pair: pair[0].encode())
        return "{" + ",".join(f"{_text(name)}:{_marshal(one)}" for name, one in ordered) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_marshal, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return _number(float(value))


def _text(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written


def _number(number: float) -> str:
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        written = f"{number:.20f}" if abs(number) < 1e-4 else repr(number)
        written = str(int(number)) if number.is_integer() else written
        return written.rstrip("0").rstrip(".") if "." in written else written
    mantissa, _, exponent = repr(number).partition("e")
    sign = "-" if exponent.startswith("-") else "+"
    return f"{mantissa}e{sign}{exponent.lstrip('+-').lstrip('0')}"

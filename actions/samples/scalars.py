"""Numbers and strings that demands allow, those at the limits among them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from actions.samples import patterns
from actions.samples.demands import Bound, Demand

MAX_TEXT = 10_000
PLAIN_TEXTS = ("text", "", "a", "é漢𝄞", "A b", "0", "null", " \t\n", '"\\/', "-1.5", "true")
# One that every reader of the format takes, then others.
FORMATS: dict[str, tuple[str, ...]] = {
    "date": ("2024-02-29", "1999-12-31"),
    "time": ("12:30:00Z", "23:59:59+02:00"),
    "date-time": ("2024-02-29T12:30:00Z", "1999-12-31T23:59:59.5+02:00"),
    "duration": ("P1DT12H", "P4W"),
    "email": ("ada@example.com", "a.b+c@example.org"),
    "idn-email": ("ada@example.com", "ада@example.com"),
    "hostname": ("example.com", "a"),
    "idn-hostname": ("example.com", "bücher.example"),
    "ipv4": ("192.0.2.1", "255.255.255.255"),
    "ipv6": ("2001:db8::1", "::"),
    "uri": ("https://example.com/a?b=c#d", "urn:example:a"),
    "uri-reference": ("https://example.com/a", "/a/b"),
    "iri": ("https://example.com/a", "https://bücher.example/ä"),
    "iri-reference": ("https://example.com/a", "/ä"),
    "uuid": ("123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000"),
    "uri-template": ("https://example.com/{id}", "/a"),
    "json-pointer": ("/a/0", ""),
    "relative-json-pointer": ("1/a", "0"),
    "regex": ("^[a-z]+$", ""),
}
_PLAIN_NUMBERS = (1, 0, -1, 1.5, 2, 10, 1.0, 0.1, -2.5, 1_000, 2**31, 2**53, -(2**53), 1e300)
_TEXT = "text"
_LARGEST = Fraction(10**308)


def find_numbers(demands: Iterable[Demand], near: Sequence[Fraction] = ()) -> Iterator[float]:
    """Numbers around the limits and multiples that are demanded; some may break a demand."""
    bounds: dict[str, list[Bound]] = {"minimum": [], "maximum": []}
    steps: list[Fraction] = []
    whole = False
    for demand in demands:
        if demand.kind in bounds:
            bounds[demand.kind].append(demand.data)
        elif demand.kind == "multipleOf":
            # 0.1 is meant, not what the nearest double of it is.
            steps.append(Fraction(repr(demand.data)))
        elif demand.kind == "type":
            whole = whole or demand.data.whole
    limits = [bound.value for bound in (*bounds["minimum"], *bounds["maximum"])]
    step = _common(steps + ([Fraction(1)] if whole else []))
    for value in _around([*limits, *near], step):
        yield as_number(value)
    for plain in _PLAIN_NUMBERS:
        yield plain
        if step is not None:
            yield as_number(step * int(plain))


def _common(steps: Sequence[Fraction]) -> Fraction | None:
    """The smallest number that is a multiple of each."""
    if not steps:
        return None
    above = math.lcm(*(step.numerator for step in steps))
    below = math.gcd(*(step.denominator for step in steps))
    return Fraction(above, below)


def _around(limits: Sequence[Fraction], step: Fraction | None) -> Iterator[Fraction]:
    if limits:
        middle = sum(limits, Fraction(0)) / len(limits)
        yield middle if step is None else math.floor(middle / step) * step
    ends = limits if step is None else [math.floor(limit / step) * step for limit in limits]
    yield from ends
    for end in ends:
        for distance in (1, -1, 2, -2):
            yield end + distance * (Fraction(1, 2) if step is None else step)


def as_number(value: Fraction) -> float:
    """The JSON number: whole ones exactly, others as the nearest double."""
    if value.denominator == 1 and -(2**63) <= value.numerator < 2**64:
        return value.numerator
    if abs(value) >= _LARGEST:
        return float(_LARGEST if value > 0 else -_LARGEST)
    return value.numerator / value.denominator


def find_texts(demands: Iterable[Demand], lengths: Sequence[int] = ()) -> Iterator[str]:
    """Strings of the patterns, formats and lengths demanded; some may break a demand."""
    demands = list(demands)
    least = max((demand.data for demand in demands if demand.kind == "minLength"), default=0)
    most = min((demand.data for demand in demands if demand.kind == "maxLength"), default=None)
    for demand in demands:
        if demand.kind == "pattern":
            yield from patterns.find_matching(demand.data, length=min(least, MAX_TEXT))
        elif demand.kind == "format":
            yield from FORMATS[demand.data]
    yield from fill_text(_TEXT, least, most)
    for length in (*lengths, least, *([] if most is None else [most])):
        if 0 <= length <= MAX_TEXT:
            yield "a" * length
            yield "𝄞" * length
    yield from PLAIN_TEXTS


def fill_text(text: str, least: int, most: int | None) -> Iterator[str]:
    """The text, repeated and cut to fit."""
    if least <= MAX_TEXT:
        filled = text * max(1, math.ceil(least / len(text)))
        yield filled[: max(least, len(text)) if most is None else most][:MAX_TEXT]

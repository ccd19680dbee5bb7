"""Charts as the server draws them: numbers become the points of an SVG, and a table to read.

The drawing stretches to whatever room there is; what is written stands beside it, as text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

WIDTH, HEIGHT = 600.0, 160.0
# A bar takes so much of its step.
BAR = 0.78
# The first, some in between, and the last.
TIMES_TOLD = 5
Form = Callable[[float], str]
# Heights of axes of time that halve well, in milliseconds.
DURATIONS = (
    *(10.0, 20.0, 50.0, 100.0, 200.0, 500.0),
    *(1e3 * one for one in (1, 2, 4, 10, 20, 30)),
    *(6e4 * one for one in (1, 2, 4, 10, 20, 30)),
    *(3.6e6 * one for one in (1, 2, 4, 8, 12, 24, 48, 96, 192, 384, 768)),
)


@dataclass(frozen=True, slots=True)
class Series:
    """A row of numbers, one a step; None where there is none. `colour` is 1 to 5."""

    name: str
    colour: int
    values: Sequence[float | None]
    # Whether it is drawn as bars, stacked on those before it, or as a line.
    is_bar: bool = False
    # Whether what is under its line is shaded.
    is_filled: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """What the numbers are, and a line across all of them: what it stands for, and how high."""

    # In milliseconds.
    is_of_time: bool = False
    limit: tuple[str, float] | None = None


NUMBERS = Axis()
TIMES = Axis(is_of_time=True)


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A series as it is drawn: the path of a line and what is under it, dots, bars."""

    series: Series
    path: str = ""
    area: str = ""
    dots: Sequence[tuple[float, float]] = ()
    bars: Sequence[Bar] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A step in words: when it began, its values in the order of the series, and where it is."""

    at: datetime
    named: Sequence[tuple[str, str]]
    x: float
    width: float

    @property
    def text(self) -> str:
        """All of it in a line."""
        values = ", ".join(f"{name} {value}" for name, value in self.named)
        return f"{self.at:%H:%M} UTC: {values}"

    @property
    def values(self) -> list[str]:
        """The values alone."""
        return [value for _, value in self.named]


@dataclass(frozen=True)
class Chart:
    """All that a template needs to show one."""

    name: str
    title: str
    text: str
    series: Sequence[Series]
    times: Sequence[datetime]
    drawn: Sequence[Drawn]
    # The greatest first, at the top.
    ticks: Sequence[str]
    rows: Sequence[Row]
    is_empty: bool
    labels: Sequence[datetime] = field(default=())
    # A line across all of it: what it stands for, and how high it is.
    limit: tuple[str, float] | None = None
    nothing: str = "Nothing in this time."
    width: float = WIDTH
    height: float = HEIGHT
    grid: Sequence[float] = (0.0, HEIGHT / 2, HEIGHT)

    @property
    def latest_first(self) -> Sequence[Row]:
        """The rows as a table has them."""
        return self.rows[::-1]


def draw(
    name: str,
    title: str,
    *,
    text: str,
    times: Sequence[datetime],
    series: Sequence[Series],
    axis: Axis = NUMBERS,
) -> Chart:
    """A chart of these series, whose ids begin with `name`."""
    is_of_time, limit = axis.is_of_time, axis.limit
    form: Form = tell_duration if is_of_time else tell_number
    most = max(_find_most(series), limit[1] * 1.1 if limit else 0)
    top = find_duration(most) if is_of_time else round_up(max(most, 4))
    drawn, below = [], [0.0] * len(times)
    for one in series:
        if one.is_bar:
            drawn.append(Drawn(one, bars=_stack(one.values, below, top)))
        else:
            drawn.append(_draw_line(one, top))
    step = WIDTH / max(1, len(times))
    rows = [
        Row(at, [(one.name, _tell(one.values[place], form)) for one in series], place * step, step)
        for place, at in enumerate(times)
    ]
    is_empty = not any(value for one in series for value in one.values)
    ticks = [form(top), form(top / 2), form(0)]
    line = limit and (limit[0], round(HEIGHT * (1 - limit[1] / top), 2))
    labels = _choose(times)
    return Chart(name, title, text, series, times, drawn, ticks, rows, is_empty, labels, line)


class Timed(Protocol):
    """A step that knows how long things took in it."""

    @property
    def at(self) -> datetime:
        """When it began."""

    def percentile(self, share: float) -> float | None:
        """The milliseconds within which this share of them were done."""


def draw_durations(
    name: str, title: str, *, text: str, steps: Sequence[Timed], axis: Axis = TIMES
) -> Chart:
    """A chart of how long things took: half of them, and 95 %."""
    series = [
        Series("p95", 4, [step.percentile(0.95) for step in steps]),
        Series("p50", 1, [step.percentile(0.5) for step in steps]),
    ]
    times = [step.at for step in steps]
    return draw(name, title, text=text, times=times, series=series, axis=axis)


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line of steps, of what stays until it moves; and what it says in words."""

    path: str
    text: str
    width: float = WIDTH
    height: float = HEIGHT


def draw_moves(moves: Sequence[tuple[datetime, int]], since: datetime, until: datetime) -> Spark:
    """How something has moved from then until now, by when it became what; oldest first."""
    span = (until - since).total_seconds()
    top = round_up(max([4, *(value for _, value in moves)]))
    points: list[str] = []
    for at, value in moves:
        x = round(WIDTH * min(1, max(0, (at - since).total_seconds() / span)), 1)
        y = round(HEIGHT * (1 - value / top), 1)
        points.append(f"H{x} V{y}" if points else f"M{x} {y}")
    values = [value for _, value in moves]
    if not values:
        return Spark("", "It has not moved.")
    text = f"From {min(values):,} to {max(values):,}, now {values[-1]:,}"
    return Spark(f"{' '.join(points)} H{WIDTH}", text)


def round_up(value: float) -> float:
    """The next number that halves well: 1, 2, 4 or 6 of a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * one for one in (1, 2, 4, 6, 10) if power * one >= value)


def find_duration(milliseconds: float) -> float:
    """The next time that an axis may end with."""
    return next((one for one in DURATIONS if one >= milliseconds), milliseconds)


def tell_number(value: float) -> str:
    """A number with its thousands told apart."""
    return f"{value:,.0f}"


def tell_duration(milliseconds: float | None) -> str:
    """A time as a person says it: 85 ms, 1.2 s, 3.4 min, 2.5 h."""
    if milliseconds is None:
        return "-"
    if milliseconds == 0:
        return "0"
    for unit, length, until in (("ms", 1, 999.5), ("s", 1e3, 59_500), ("min", 6e4, 3.57e6)):
        if milliseconds < until:
            return _in_unit(milliseconds / length, unit)
    hours = milliseconds / 3.6e6
    return _in_unit(hours, "h") if hours < 48 else _in_unit(hours / 24, "days")


def tell_share(part: int, whole: int) -> str:
    """A share in per cent. What is nearly nothing, or nearly all, is not told as that."""
    if not whole:
        return "-"
    percent = 100 * part / whole
    if 0 < percent < 0.01:
        return "< 0.01 %"
    if 99.99 < percent < 100:
        return "> 99.99 %"
    text = f"{percent:.2f}".rstrip("0").rstrip(".")
    return f"{text} %"


def _in_unit(value: float, unit: str) -> str:
    digits = 0 if value >= 9.95 or unit == "ms" else 1
    return f"{value:,.{digits}f}".removesuffix(".0") + f" {unit}"


def _tell(value: float | None, form: Form) -> str:
    return "-" if value is None else form(value)


def _find_most(series: Sequence[Series]) -> float:
    stacks: Any = zip(*(one.values for one in series if one.is_bar), strict=True)
    lines = (value or 0 for one in series if not one.is_bar for value in one.values)
    return max([0.0, *(sum(value or 0 for value in stack) for stack in stacks), *lines])


def _stack(values: Sequence[float | None], below: list[float], top: float) -> list[Bar]:
    """The bars of a series, on what is below them, which grows by them."""
    step = WIDTH / max(1, len(values))
    bars = []
    for place, value in enumerate(values):
        if value:
            height = HEIGHT * value / top
            y = HEIGHT * (1 - below[place] / top) - height
            x = place * step + step * (1 - BAR) / 2
            bars.append(Bar(round(x, 2), round(y, 2), round(step * BAR, 2), round(height, 2)))
            below[place] += value
    return bars


def _draw_line(series: Series, top: float) -> Drawn:
    """A line through the middles of the steps, broken where there is no number."""
    step = WIDTH / max(1, len(series.values))
    runs: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(series.values):
        if value is None:
            runs.append([])
        else:
            x, y = (place + 0.5) * step, HEIGHT * (1 - value / top)
            runs[-1].append((round(x, 2), round(y, 2)))
    lines = [run for run in runs if len(run) > 1]
    path = " ".join("M" + " L".join(f"{x} {y}" for x, y in run) for run in lines)
    area = " ".join(
        f"M{run[0][0]} {HEIGHT} L"
        + " L".join(f"{x} {y}" for x, y in run)
        + f" L{run[-1][0]} {HEIGHT} Z"
        for run in lines
    )
    return Drawn(series, path, area, [run[0] for run in runs if len(run) == 1])


def _choose(times: Sequence[datetime]) -> list[datetime]:
    """Some of the times, equally far apart."""
    last = len(times) - 1
    return [times[round(last * place / (TIMES_TOLD - 1))] for place in range(TIMES_TOLD)]

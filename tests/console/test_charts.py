"""Charts: numbers become points, and words where a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console import charts
from console.charts import Axis, Series

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
TIMES = [NOON + timedelta(minutes=n) for n in range(4)]


def draw(*series, axis=charts.NUMBERS):
    return charts.draw("c", "A chart", text="It tells.", times=TIMES, series=series, axis=axis)


def test_bars_stand_on_each_other_and_none_is_higher_than_the_chart():
    chart = draw(
        Series("good", 2, [1, 2, 3, 0], is_bar=True), Series("bad", 3, [9, 0, 7, 4], is_bar=True)
    )

    good, bad = chart.drawn
    assert chart.ticks == ["10", "5", "0"]
    assert [bar.height for bar in good.bars] == [16, 32, 48]
    first = bad.bars[0]
    assert (first.y, first.height) == (0, 144)
    assert all(bar.y >= 0 for one in chart.drawn for bar in one.bars)


def test_a_line_is_broken_where_there_is_nothing():
    chart = draw(Series("p50", 1, [4, 4, None, 4]))

    (line,) = chart.drawn
    assert line.path == "M75.0 0.0 L225.0 0.0"
    assert line.dots == [(525.0, 0.0)]
    assert [row.values for row in chart.rows] == [["4"], ["4"], ["-"], ["4"]]


def test_a_chart_of_nothing_says_so():
    chart = draw(Series("accepted", 1, [0, 0, 0, 0]))

    assert chart.is_empty
    assert chart.ticks == ["4", "2", "0"]


def test_a_limit_is_never_above_the_chart():
    chart = draw(Series("p95", 1, [5, 5, 5, 5]), axis=Axis(True, ("may be 500 ms", 500.0)))

    assert chart.limit == ("may be 500 ms", 80.0)
    assert chart.ticks == ["1 s", "500 ms", "0"]


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 0, "-"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (4, 10_000, "0.04 %"),
        # Nearly nothing is not nothing, and nearly all is not all.
        (1, 1_000_000, "< 0.01 %"),
        (999_999, 1_000_000, "> 99.99 %"),
        (1, 3, "33.33 %"),
        (1, 2, "50 %"),
    ],
)
def test_a_share_is_never_rounded_to_what_it_is_not(part, whole, said):
    assert charts.tell_share(part, whole) == said


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (None, "-"),
        (0, "0"),
        (85.4, "85 ms"),
        (999.7, "1 s"),
        (1_234, "1.2 s"),
        (45_000, "45 s"),
        (90_000, "1.5 min"),
        (9_000_000, "2.5 h"),
        (172_800_000, "2 days"),
    ],
)
def test_a_time_is_told_as_a_person_says_it(milliseconds, said):
    assert charts.tell_duration(milliseconds) == said


def test_moves_are_drawn_as_steps_up_to_now():
    moves = [(NOON - timedelta(hours=2), 4), (NOON + timedelta(minutes=30), 8)]

    spark = charts.draw_moves(moves, NOON, NOON + timedelta(hours=1))

    assert spark.path == "M0.0 96.0 H300.0 V32.0 H600.0"
    assert spark.text == "From 4 to 8, now 8"
    assert charts.draw_moves([], NOON, NOON + timedelta(hours=1)).path == ""

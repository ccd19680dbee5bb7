"""Draws a soak: six panels over the minutes, with the held session shaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.samples import Sample
from benchmarks.verdict import Window

mpl.use("Agg")

# The title of each panel, its unit, and its lines: a column of the samples and its name.
PANELS = (
    ("Accepting, from due to answered", "ms", {"accept_p95": "p95", "accept_p50": "p50"}),
    ("Delivery, from due to received", "ms", {"delivery_p95": "p95", "delivery_p50": "p50"}),
    ("A claim in PostgreSQL", "ms", {"claim": "both statements"}),
    ("Dead tuples of the records", "rows", {"dead_records": "all", "whole_dead": "kept whole"}),
    ("Size of the records", "MB", {"records_mb": "table", "indexes_mb": "indexes"}),
    ("Dispatcher", "MB", {"dispatcher_mb": "resident memory"}),
)
INK = ("#3730a3", "#f59e0b")


def draw(
    samples: Sequence[Sample], held: Window, compared: tuple[Window, Window], picture: Path
) -> None:
    """Write the picture."""
    figure, axes = plt.subplots(3, 2, figsize=(13, 10.5), sharex=True, layout="constrained")
    for axis, (title, unit, lines) in zip(axes.flat, PANELS, strict=True):
        _draw_panel(axis, samples, lines)
        axis.set_title(f"{title} ({unit})", loc="left", fontsize=11)
        axis.axvspan(*_minutes(held), color="#fecaca", alpha=0.6, label="idle in transaction")
        for window in compared:
            axis.axvspan(*_minutes(window), color="#dcfce7", alpha=0.7, label="compared")
    _draw_load(axes.flat[-1], samples)
    for axis in axes[-1]:
        axis.set_xlabel("minutes")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    shades = {label: handle for handle, label in zip(handles, labels, strict=True)}
    figure.legend(
        [shades["idle in transaction"], shades["compared"]],
        ["a session idle in transaction", "compared: before and after"],
        loc="outside lower center",
        ncols=2,
        frameon=False,
    )
    figure.savefig(picture, dpi=90)
    plt.close(figure)


def _draw_panel(axis: Any, samples: Sequence[Sample], lines: dict[str, str]) -> None:
    minutes = [sample.at / 60 for sample in samples]
    drawn = [
        axis.plot(minutes, [getattr(one, name) for one in samples], color=ink, lw=1.4, label=label)
        for (name, label), ink in zip(lines.items(), INK, strict=False)
    ]
    axis.margins(x=0, y=0.12)
    axis.set_ylim(bottom=0)
    axis.set_xlim(0, minutes[-1])
    axis.grid(color="#e5e7eb")
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axis.legend(handles=[line for (line,) in drawn], loc="upper left", frameon=False)


def _draw_load(axis: Any, samples: Sequence[Sample]) -> None:
    """How busy the machine was, by us and by others: it explains the noise."""
    other = axis.twinx()
    minutes = [sample.at / 60 for sample in samples]
    (line,) = other.plot(minutes, [one.load for one in samples], color=INK[1], lw=1.4)
    other.margins(y=0.12)
    other.set_ylim(bottom=0)
    other.legend([line], ["load average of the machine (right)"], loc="lower right", frameon=False)


def _minutes(window: Window) -> tuple[float, float]:
    return window.start / 60, window.end / 60

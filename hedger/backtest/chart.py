"""Charts as SVG text: lines over time, and stacked bars above and below nought."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from hedger.backtest.history import Floats

WIDTH, HEIGHT = 960, 320
LEFT, RIGHT, TOP, BOTTOM = 80, 150, 12, 46
COLOURS = (
    *("#1b6ca8", "#c8553d", "#2a9d5c", "#8a4fbf", "#b8860b", "#0f8b8d"),
    *("#c2185b", "#7a7a7a", "#d98c5f", "#5c6bc0", "#444444"),
)
GREY = "#808080"
FONT = "font: 13px system-ui, sans-serif"
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem }
svg { width: 100%; min-width: 42rem; height: auto; color: inherit; display: block }
text { font-size: 12px; fill: currentColor }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px }
th, td { text-align: right; padding: .2rem .5rem; border-bottom: 1px solid #8884 }
th:first-child, td:first-child { text-align: left }
.wide { overflow-x: auto }
td { white-space: nowrap }
pre { font-size: 12px; overflow-x: auto }
p { overflow-wrap: anywhere }
"""


class Line(NamedTuple):
    """One line: its name (empty: not in the legend), its values (NaN: a gap), its colour."""

    name: str
    values: Floats
    colour: str


def lines(across: Floats, drawn: Sequence[Line], label: str = "") -> str:
    """Lines over one axis, which has a label."""
    known = [line.values[np.isfinite(line.values)] for line in drawn]
    values = np.concatenate(known) if known else np.empty(0)
    if not values.size or across.size < 2:
        return "<p>nothing to draw</p>"
    up = _span(float(values.min()), float(values.max()))
    wide = (float(across[0]), float(across[-1]))
    parts = [_grid(wide, up)]
    names = [line.name for line in drawn if line.name]
    for line in drawn:
        for start, end in _runs(np.isfinite(line.values)):
            points = " ".join(
                f"{_x(a, wide):.1f},{_y(b, up):.1f}"
                for a, b in zip(across[start:end], line.values[start:end], strict=True)
            )
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{line.colour}" '
                'stroke-width="1.2"/>'
            )
        if line.name:
            parts.append(_legend(names.index(line.name), line.name, line.colour))
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(label)}</text>"
    )
    return _svg("".join(parts))


def bars(labels: Sequence[str], stacks: Mapping[str, Sequence[float]]) -> str:
    """One stacked bar a label: what is positive above nought, what is negative below."""
    if not labels:
        return "<p>nothing to draw</p>"
    table = np.array(list(stacks.values()))
    up = _span(
        min(float(np.minimum(table, 0.0).sum(axis=0).min()), 0.0),
        max(float(np.maximum(table, 0.0).sum(axis=0).max()), 0.0),
    )
    wide = (0.0, float(len(labels)))
    parts = [_grid(None, up)]
    for i, label in enumerate(labels):
        ends = {True: 0.0, False: 0.0}
        left, right = _x(i + 0.1, wide), _x(i + 0.9, wide)
        for number, (name, values) in enumerate(stacks.items()):
            value = values[i]
            start = ends[value > 0.0]
            ends[value > 0.0] = end = start + value
            top, bottom = sorted((_y(start, up), _y(end, up)))
            if bottom - top < 0.05:
                continue
            colour = COLOURS[number % len(COLOURS)]
            parts.append(
                f'<rect x="{left:.1f}" width="{right - left:.1f}" y="{top:.1f}" '
                f'height="{bottom - top:.1f}" fill="{colour}">'
                f"<title>{escape(label)} {escape(name)}: {value:,.4g}</title></rect>"
            )
        if i % max(len(labels) // 12, 1) == 0:
            parts.append(
                f'<text x="{(left + right) / 2:.1f}" y="{HEIGHT - BOTTOM + 16}" '
                f'text-anchor="middle">{escape(label)}</text>'
            )
    for number, name in enumerate(stacks):
        parts.append(_legend(number, name, COLOURS[number % len(COLOURS)]))
    return _svg("".join(parts))


def _svg(inside: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{inside}</svg>'


def scrolled(drawn: str) -> str:
    """A chart or table that a narrow screen scrolls: shrunk to it nothing could be read."""
    return f'<div class="wide">{drawn}</div>'


def standalone(drawn: str, title: str) -> str:
    """A chart as a file of its own, whose text can be read on white and on black."""
    about = f"<title>{escape(title)}</title><style>text {{ fill: {GREY}; {FONT} }}</style>"
    head, rest = drawn.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg">{about}{rest}\n'


def _legend(number: int, name: str, colour: str) -> str:
    row = TOP + 12 + 18 * number
    return (
        f'<rect x="{WIDTH - RIGHT + 14}" y="{row - 9}" width="10" height="10" fill="{colour}"/>'
        f'<text x="{WIDTH - RIGHT + 30}" y="{row}">{escape(name)}</text>'
    )


def _x(value: float, axis: tuple[float, float]) -> float:
    return LEFT + (value - axis[0]) / (axis[1] - axis[0]) * (WIDTH - RIGHT - LEFT)


def _y(value: float, axis: tuple[float, float]) -> float:
    return HEIGHT - BOTTOM - (value - axis[0]) / (axis[1] - axis[0]) * (HEIGHT - BOTTOM - TOP)


def _span(low: float, high: float) -> tuple[float, float]:
    """Ends of an axis with a little room."""
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _ticks(axis: tuple[float, float]) -> list[float]:
    """Some round numbers inside an axis.

    Examples
    --------
    >>> _ticks((0.0, 1.1))
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    width = axis[1] - axis[0]
    step = 10.0 ** math.floor(math.log10(width))
    step *= next(part for part in (1.0, 0.5, 0.2, 0.1) if width / (step * part) >= 4.0)
    first, last = math.ceil(axis[0] / step), math.floor(axis[1] / step)
    return [round(n * step, 12) for n in range(first, last + 1)]


def _grid(across: tuple[float, float] | None, up: tuple[float, float]) -> str:
    parts = []
    for value in _ticks(across) if across else ():
        x = _x(value, across or (0.0, 1.0))
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#8883"/>'
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:g}</text>'
        )
    for value in _ticks(up):
        y = _y(value, up)
        colour = "#8888" if value == 0.0 else "#8883"
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,.6g}</text>'
        )
    return "".join(parts)


def _runs(known: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """Stretches without a gap, as (start, end)."""
    edge = np.diff(known.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edge == 1).tolist(), np.flatnonzero(edge == -1).tolist()
    return list(zip(starts, ends, strict=True))

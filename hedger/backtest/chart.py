"""Charts as SVG text: lines over time, and stacked bars above and below nought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from hedger.backtest.frame import COLOURS, Axis, Frame
from hedger.backtest.history import Floats

FRAME = Frame(width=960, height=320, left=80, right=150, top=12, bottom=46)
GREY = "#808080"
FONT = "font: 13px system-ui, sans-serif"


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
    parts = [FRAME.grid(wide, up)]
    names = [line.name for line in drawn if line.name]
    for line in drawn:
        for start, end in _runs(np.isfinite(line.values)):
            points = " ".join(
                f"{FRAME.x(a, wide):.1f},{FRAME.y(b, up):.1f}"
                for a, b in zip(across[start:end], line.values[start:end], strict=True)
            )
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{line.colour}" '
                'stroke-width="1.2"/>'
            )
        if line.name:
            parts.append(_legend(names.index(line.name), line.name, line.colour))
    parts.append(
        f'<text x="{(FRAME.left + FRAME.width - FRAME.right) / 2:.0f}" y="{FRAME.height - 8}" '
        f'text-anchor="middle">{escape(label)}</text>'
    )
    return FRAME.svg("".join(parts))


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
    parts = [FRAME.grid(None, up)]
    for i, label in enumerate(labels):
        ends = {True: 0.0, False: 0.0}
        left, right = FRAME.x(i + 0.1, wide), FRAME.x(i + 0.9, wide)
        for number, (name, values) in enumerate(stacks.items()):
            value = values[i]
            start = ends[value > 0.0]
            ends[value > 0.0] = end = start + value
            top, bottom = sorted((FRAME.y(start, up), FRAME.y(end, up)))
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
                f'<text x="{(left + right) / 2:.1f}" y="{FRAME.height - FRAME.bottom + 16}" '
                f'text-anchor="middle">{escape(label)}</text>'
            )
    for number, name in enumerate(stacks):
        parts.append(_legend(number, name, COLOURS[number % len(COLOURS)]))
    return FRAME.svg("".join(parts))


def scrolled(drawn: str) -> str:
    """A chart or table that a narrow screen scrolls: shrunk to it nothing could be read."""
    return f'<div class="wide">{drawn}</div>'


def standalone(drawn: str, title: str) -> str:
    """A chart as a file of its own, whose text can be read on white and on black."""
    about = f"<title>{escape(title)}</title><style>text {{ fill: {GREY}; {FONT} }}</style>"
    head, rest = drawn.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg">{about}{rest}\n'


def _legend(number: int, name: str, colour: str) -> str:
    left, row = FRAME.width - FRAME.right, FRAME.top + 12 + 18 * number
    return (
        f'<rect x="{left + 14}" y="{row - 9}" width="10" height="10" fill="{colour}"/>'
        f'<text x="{left + 30}" y="{row}">{escape(name)}</text>'
    )


def _span(low: float, high: float) -> Axis:
    """Ends of an axis with a little room."""
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _runs(known: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """Stretches without a gap, as (start, end)."""
    edge = np.diff(known.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edge == 1).tolist(), np.flatnonzero(edge == -1).tolist()
    return list(zip(starts, ends, strict=True))

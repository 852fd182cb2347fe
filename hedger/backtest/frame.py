"""What every drawing of a report stands in: a page of its own, a frame with axes, and colours."""

from __future__ import annotations

import math
from html import escape
from typing import NamedTuple

Axis = tuple[float, float]
COLOURS = (
    *("#1b6ca8", "#c8553d", "#2a9d5c", "#8a4fbf", "#b8860b", "#0f8b8d"),
    *("#c2185b", "#7a7a7a", "#d98c5f", "#5c6bc0", "#444444"),
)
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem }
svg { width: 100%; min-width: 42rem; height: auto; color: inherit; display: block }
text { font-size: 12px; fill: currentColor }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px }
th, td { text-align: right; padding: .2rem .5rem; border-bottom: 1px solid #8884 }
th:first-child, td:first-child { text-align: left }
td { white-space: nowrap }
.wide { overflow-x: auto }
pre { font-size: 12px; overflow-x: auto }
p { overflow-wrap: anywhere }
"""


def document(title: str, body: str) -> str:
    """One HTML file that needs nothing else; the body is markup, the title is text."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


class Frame(NamedTuple):
    """Size of a drawing and the margins around its frame; names stand in the right one."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int

    def x(self, value: float, axis: Axis) -> float:
        """Place of a value across."""
        share = (value - axis[0]) / (axis[1] - axis[0])
        return self.left + share * (self.width - self.right - self.left)

    def y(self, value: float, axis: Axis) -> float:
        """Place of a value upwards."""
        share = (value - axis[0]) / (axis[1] - axis[0])
        return self.height - self.bottom - share * (self.height - self.bottom - self.top)

    def grid(self, across: Axis | None, up: Axis) -> str:
        """Lines and numbers at round values; none across where bars have names instead."""
        foot, end = self.height - self.bottom, self.width - self.right
        parts = []
        for value, x in ((v, self.x(v, across)) for v in ticks(across)) if across else ():
            parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self.top}" y2="{foot}" stroke="#8883"/>'
                f'<text x="{x:.1f}" y="{foot + 16}" text-anchor="middle">{value:g}</text>'
            )
        for value in ticks(up):
            y, colour = self.y(value, up), "#8888" if value == 0.0 else "#8883"
            parts.append(
                f'<line x1="{self.left}" x2="{end}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"/>'
                f'<text x="{self.left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,.6g}</text>'
            )
        return "".join(parts)

    def svg(self, inside: str) -> str:
        """The whole drawing."""
        return f'<svg viewBox="0 0 {self.width} {self.height}" role="img">{inside}</svg>'


def ticks(axis: Axis) -> list[float]:
    """Four to ten round numbers inside an axis.

    Examples
    --------
    >>> ticks((0.0, 1.1))
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    width = axis[1] - axis[0]
    step = 10.0 ** math.floor(math.log10(width))
    step *= next(part for part in (1.0, 0.5, 0.2, 0.1) if width / (step * part) >= 4.0)
    first, last = math.ceil(axis[0] / step), math.floor(axis[1] / step)
    return [round(n * step, 12) for n in range(first, last + 1)]

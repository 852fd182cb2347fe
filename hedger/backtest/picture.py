"""A comparison as one HTML file that needs nothing else: the frontier drawn, the figures below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from hedger.backtest.chart import scrolled
from hedger.backtest.compare import Comparison, Finding

WIDTH, HEIGHT = 940, 440
LEFT, RIGHT, TOP, BOTTOM = 80, 240, 20, 50
"""Margins around the frame; the names stand in the right one, where no curve can cross them."""
NAME_MAX = 30
COLOURS = ("#1b6ca8", "#c8553d", "#2a9d5c", "#8a4fbf", "#b8860b", "#0f8b8d", "#c2185b", "#555555")
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem }
svg { width: 100%; min-width: 42rem; height: auto; color: inherit; display: block }
text { font-size: 13px; fill: currentColor }
table { border-collapse: collapse; width: 100%; font-size: 13px }
td { font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid #8884 }
td { white-space: nowrap }
th:first-child, td:first-child { text-align: left }
.wide { overflow-x: auto }
"""
_HEADS = (
    ("policy", ""),
    ("CE", "certainty equivalent of cost and risk, with its standard error"),
    ("ratio", "certainty equivalent over the first policy's, on the same paths"),
    ("mean cost", "minus the mean P&L"),
    ("std", "standard deviation of the P&L"),
    ("ES95", "mean cost of the worst twentieth of the paths"),
    ("mean-variance", "mean cost + risk aversion / 2 x variance"),
    ("weight", "largest share of one path in the exponential average"),
    ("trades", "orders over the horizon"),
    ("turnover", "traded over the horizon, in quote currency"),
    ("orders/day", ""),
)


def page(done: Comparison, title: str) -> str:
    """The whole page."""
    it = done.study
    about = (
        f"{it.market.kind}, spot {it.market.spot:g}, vol {it.market.vol:g}, "
        f"{it.market.horizon_days:g} days, {it.market.steps:,} checks, {done.paths:,} paths, "
        f"seed {it.market.seed}; cost {it.cost.proportional:g} of price"
        f"{f' and {it.cost.fixed:g} an order' if it.cost.fixed else ''}; "
        f"risk aversion {it.risk_aversion:g}; {len(it.legs)} option legs"
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in done.notes)
    behind = "".join(f"<p><strong>{escape(text)}.</strong></p>\n" for text in done.behind)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>{escape(title)}</h1>\n<p>{escape(about)}.</p>\n{behind}{scrolled(frontier(done))}\n"
        "<p>Each dot is a policy as configured; its line is the same policy with its risk "
        "aversion, width or interval turned. Lower and further left is better.</p>\n"
        f"{scrolled(_table(done.findings))}\n<ul>{notes}</ul>\n</body></html>\n"
    )


def _table(findings: Sequence[Finding]) -> str:
    head = "".join(f'<th title="{escape(why)}">{escape(name)}</th>' for name, why in _HEADS)
    rows = []
    for found in findings:
        value, ratio = "not estimable", "&ndash;"
        if found.is_estimable:
            value = f"{found.certainty_equivalent:.4g} &plusmn; {found.standard_error:.1g}"
            if findings[0].is_estimable and findings[0].certainty_equivalent > 0.0:
                ratio = f"{found.ratio:.4f} &plusmn; {found.ratio_error:.4f}"
        cells = (
            escape(found.name),
            value,
            ratio,
            f"{found.mean_cost:.4g}",
            f"{found.std:.4g}",
            f"{found.es95:.4g}",
            f"{found.mean_variance:.4g}",
            f"{found.max_path_weight:.2%}",
            f"{found.trades:.1f}",
            f"{found.turnover:.5g}",
            f"{found.orders_per_day:.2f}",
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def frontier(done: Comparison) -> str:
    """The frontier: risk to the right, cost upwards, around the policies as configured."""
    dots = [(f.std, f.mean_cost) for f in done.findings]
    across = _axis([x for x, _ in dots])
    up = _axis([y for _, y in dots])
    parts = [_grid(across, up)]
    for number, (found, (x, y)) in enumerate(zip(done.findings, dots, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        curve = next((c for c in done.curves if c.name == found.name), None)
        if curve is not None and curve.std.size > 1:
            points = " ".join(
                f"{_place(a, across, LEFT, WIDTH - RIGHT):.1f},"
                f"{_place(b, up, HEIGHT - BOTTOM, TOP):.1f}"
                for a, b in zip(curve.std, curve.mean_cost, strict=True)
            )
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5" '
                'clip-path="url(#frame)"/>'
            )
        px, py = _place(x, across, LEFT, WIDTH - RIGHT), _place(y, up, HEIGHT - BOTTOM, TOP)
        parts.append(
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="5" fill="{colour}">'
            f"<title>{escape(found.name)}: cost {y:.4g}, std {x:.4g}</title></circle>"
        )
        parts.append(_name(found.name, number, colour, len(dots)))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="mean cost against risk">'
        f'<defs><clipPath id="frame"><rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" '
        f'height="{HEIGHT - TOP - BOTTOM}"/></clipPath></defs>{"".join(parts)}</svg>'
    )


def _name(name: str, number: int, colour: str, count: int) -> str:
    """One row of the names beside the frame, closer where there are many."""
    gap = min(20.0, (HEIGHT - BOTTOM - TOP) / count)
    left, row = WIDTH - RIGHT + 18, TOP + 10 + gap * number
    text = name if len(name) <= NAME_MAX else name[: NAME_MAX - 1] + "\u2026"
    return (
        f'<circle cx="{left}" cy="{row - 4:.1f}" r="5" fill="{colour}"/>'
        f'<text x="{left + 12}" y="{row:.1f}">{escape(text)}</text>'
    )


def _axis(values: list[float]) -> tuple[float, float]:
    """Ends of an axis with room around the values; nought where all are above and near it."""
    low, high = min(values), max(values)
    room = 0.15 * (high - low) or 0.15 * abs(high) or 1.0
    start = low - room
    return (0.0 if 0.0 <= low < high - low else start), high + room


def _place(value: float, axis: tuple[float, float], start: float, end: float) -> float:
    return start + (value - axis[0]) / (axis[1] - axis[0]) * (end - start)


def _ticks(axis: tuple[float, float]) -> list[float]:
    """Four to ten round numbers inside an axis.

    Examples
    --------
    >>> _ticks((0.0, 1.1))
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    step = 10.0 ** math.floor(math.log10(axis[1] - axis[0]))
    for smaller in (1.0, 0.5, 0.2, 0.1):
        if (axis[1] - axis[0]) / (step * smaller) >= 4.0:
            step *= smaller
            break
    first = math.ceil(axis[0] / step)
    return [round(n * step, 12) for n in range(first, math.floor(axis[1] / step) + 1)]


def _grid(across: tuple[float, float], up: tuple[float, float]) -> str:
    parts = []
    for value in _ticks(across):
        x = _place(value, across, LEFT, WIDTH - RIGHT)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#8883"/>'
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{value:g}</text>'
        )
    for value in _ticks(up):
        y = _place(value, up, HEIGHT - BOTTOM, TOP)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#8883"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle:.0f}" y="{HEIGHT - 10}" text-anchor="middle">'
        "std of P&amp;L [quote currency]</text>"
        f'<text transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" '
        'text-anchor="middle">mean cost [quote currency]</text>'
    )
    return "".join(parts)

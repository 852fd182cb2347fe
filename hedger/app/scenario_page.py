"""Scenarios as one HTML page that needs nothing else: heat maps, and the worst cells by leg."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hedger.app.scenario import Cell, Scenarios

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px }
th, td { text-align: right; padding: .3rem .6rem; border: 1px solid #8883 }
th:first-child, td:first-child { text-align: left; white-space: nowrap }
td.here { outline: 2px solid currentColor }
.wide { overflow-x: auto }
p { overflow-wrap: anywhere }
"""
HERE = ' class="here"'
LOSS, GAIN = (200, 60, 45), (35, 130, 90)


def page(found: Scenarios) -> str:
    """The whole page; colours are scaled by the largest amount of all cells."""
    scale = max(abs(v) for plane in found.pnl for row in plane for v in row) or 1.0
    title = f"Scenarios of {found.book}"
    rule = "each strike keeps its vol" if found.stickiness == 1.0 else "vols travel with spot"
    maps = "".join(
        f"<h2>after {days:g} days [{escape(found.unit)}]</h2>\n{_map(found, plane, scale)}\n"
        for days, plane in zip(found.days, found.pnl, strict=True)
    )
    past = ""
    if found.history is not None:
        tails = "".join(
            f"<li>{100 * tail.level:g} %: value at risk {_amount(tail.value_at_risk)}, expected "
            f"shortfall {_amount(tail.expected_shortfall)}</li>"
            for tail in found.history.tails
        )
        past = (
            f"<h2>{found.history.scenarios} recorded returns of {found.history.horizon_days:g} "
            f"days, applied to today</h2>\n<ul>{tails}</ul>\n{_worst(found.history.worst)}\n"
        )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n"
        f"<h1>{escape(title)}</h1>\n<p>{escape(found.underlying)} at {found.spot:,.2f}, "
        f"{found.legs} option legs, positions from {escape(found.positions_from)}; "
        f"numeraire {escape(found.numeraire)}; full revaluation with hedges; {rule}; a vol shift "
        f"at d days is (30/d)^{found.vol_power:g} of that shown.</p>\n{maps}"
        f"<h2>Worst cells</h2>\n{_worst(found.worst)}\n{past}</body></html>\n"
    )


def _map(found: Scenarios, plane: Sequence[Sequence[float]], scale: float) -> str:
    heads = "".join(f"<th>vol {100 * shift:+g}</th>" for shift in found.vol_shifts)
    rows = []
    for move, row in zip(found.moves, plane, strict=True):
        cells = "".join(
            f'<td style="background:{colour(value / scale)}"'
            f"{HERE if move == 1.0 and shift == 0.0 else ''}>{_amount(value)}</td>"
            for shift, value in zip(found.vol_shifts, row, strict=True)
        )
        rows.append(f"<tr><td>{100 * (move - 1.0):+g} %</td>{cells}</tr>")
    return (
        f'<div class="wide"><table><thead><tr><th>spot</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def colour(share: float) -> str:
    """Red for a loss, green for a gain, as deep as it is large; a root shows small ones too.

    Examples
    --------
    >>> colour(-1.0), colour(0.0)
    ('rgba(200,60,45,0.80)', 'rgba(35,130,90,0.00)')
    """
    red, green, blue = LOSS if share < 0.0 else GAIN
    return f"rgba({red},{green},{blue},{0.8 * min(abs(share), 1.0) ** 0.5:.2f})"


def _worst(cells: Sequence[Cell]) -> str:
    made = []
    for cell in cells:
        parts = "".join(
            f"<tr><td>{escape(part.name)}</td><td>{_amount(part.pnl)}</td></tr>"
            for part in cell.parts
        )
        label = f"{escape(cell.label)} " if cell.label else ""
        made.append(
            f"<details><summary>{label}spot {100 * (cell.move - 1.0):+.2f} %, vol "
            f"{100 * cell.vol_shift:+.1f}, {cell.days:g} days: {_amount(cell.pnl)}</summary>"
            f"<table>{parts}</table></details>"
        )
    return "\n".join(made)


def _amount(value: float) -> str:
    return f"{value:+,.0f}" if abs(value) >= 1000.0 else f"{value:+,.4g}"

"""A backtest as one HTML file that needs nothing else: P&L, its causes, delta in its band."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import numpy as np

from hedger.backtest import scaled_page
from hedger.backtest.attribution import PARTS
from hedger.backtest.chart import Line, bars, lines, scrolled
from hedger.backtest.frame import COLOURS, document
from hedger.backtest.trial import Tried
from hedger.core.model import Rules

POINTS = 1_500
HEAD = (
    ("pnl_total", "P&L", ",.2f"),
    ("pnl_unhedged_total", "P&L without the hedge", ",.2f"),
    ("std_ratio_1h", "std of hourly P&L, hedged over unhedged", ".3f"),
    ("std_ratio_1d", "std of daily P&L, hedged over unhedged", ".3f"),
    ("fees", "fees", ",.2f"),
    ("spread", "spread and slippage", ",.2f"),
    ("funding", "funding received", ",.2f"),
    ("orders", "orders", ",d"),
    ("orders_per_day", "orders a day", ",.1f"),
    ("turnover_usd", "turnover, USD", ",.0f"),
    ("outside_band_share", "market time outside the band", ".2%"),
    ("beyond_trigger_share", "market time beyond the triggers", ".2%"),
    ("band_half_width", "mean half-width, coin", ".4f"),
    ("delta_worst", "largest |delta|, coin", ".4f"),
    ("residual_share", "residual over gross", ".3%"),
    ("drawdown_max", "deepest fall", ",.2f"),
)


def page(done: Tried, rules: Rules) -> str:
    """The whole page."""
    found, run = done.found, done.found["run"]
    charts = "".join(
        f"<h2>{escape(title)}</h2>\n{scrolled(drawn)}\n" for title, drawn in _charts(done)
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in found["notes"])
    config = escape(json.dumps(run["config"], indent=2, sort_keys=True))
    return document(
        f"Backtest of {found['book']}",
        f"<p>{found['bars']:,} bars, {found['market_hours'] / 24:,.1f} "
        f"days, band {escape(rules.band.kind)}, {found['decisions']:,} decisions.</p>\n"
        f"{_head(found)}\n{charts}<h2>Day by day</h2>\n{_days(found['days'])}\n"
        f"<h2>Settlements</h2>\n{_settlements(found['settlements'])}\n"
        f"<h2>How it was made</h2><ul>{notes}</ul>\n<p>run {run['id']}<br>data "
        f"{run['data_sha256']}<br>code {run['code_sha256']}<br>seed {run['seed']}<br>events "
        f"{run['events_sha256']}</p><details><summary>configuration</summary><pre>{config}</pre>"
        "</details>",
    )


def _charts(done: Tried) -> tuple[tuple[str, str], ...]:
    """Titles and charts; times are days since the first instant, which their axes say."""
    found, past = done.found, done.past
    unit = found["numeraire"]
    days = (past.ms - past.ms[0]) / 86_400_000
    own, bare, band = done.seen.own, done.seen.bare, done.seen.band
    rows = _thinned(days.size)
    first = datetime.fromtimestamp(int(past.ms[0]) / 1_000, UTC)
    since = f"days since {first:%Y-%m-%d %H:%M} UTC"
    earned = [
        Line("hedged", (own - own[0])[rows], COLOURS[0]),
        Line("without the hedge", (bare - bare[0])[rows], COLOURS[1]),
    ]
    held = [
        Line("delta", done.seen.book.book[rows], COLOURS[0]),
        Line("lower", band.lower[rows], "#888888"),
        Line("upper", band.upper[rows], "#888888"),
    ]
    index = [Line("index", past.index[rows], COLOURS[2])]
    return (
        (f"P&L [{unit}]", lines(days[rows], earned, since)),
        (f"P&L by cause [{unit}], a bar a day", _causes(found["days"])),
        ("Delta of the book in its band [coin]", lines(days[rows], held, since)),
        ("Index", lines(days[rows], index, since)),
        *scaled_page.charts(found),
    )


def _thinned(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Rows to draw: all, or so many evenly spread, the last among them."""
    if count <= POINTS:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, POINTS).round().astype(np.int64))


def _head(found: dict[str, Any]) -> str:
    cells = (
        f"<tr><td>{escape(label)}</td><td>{_number(found[key], form)}</td></tr>"
        for key, label, form in HEAD
    )
    return f"<table>{''.join(cells)}</table>"


def _causes(days: Sequence[dict[str, Any]]) -> str:
    return bars(
        [day["day"][5:] for day in days],
        {part: [day["parts"][part] for day in days] for part in PARTS},
    )


def _days(days: Sequence[dict[str, Any]]) -> str:
    names = ("day", "pnl", *PARTS, "orders", "outside")
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = []
    for day in days:
        cells = [day["day"], _number(day["pnl"], ",.1f")]
        cells += [_number(day["parts"][part], ",.1f") for part in PARTS]
        cells += [str(day["orders"]), _number(day["outside_band_share"], ".1%")]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return scrolled(f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>")


def _settlements(settled: Sequence[dict[str, Any]]) -> str:
    names = ("expiry", "expiring delta", "half-way", "at the end", "hedged inside", "unwound")
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = []
    for one in settled:
        delta = one["expiring_delta"]
        cells = [
            one["expiry"],
            *(_number(delta[at], "+.3f") for at in ("start", "middle", "end")),
            _number(one["hedged_inside"], "+.3f"),
            "yes" if one["unwound"] else "no",
        ]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return scrolled(f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>")


def _number(value: float | int | None, form: str) -> str:
    """A number, or a dash for what could not be told; nought has no minus.

    Examples
    --------
    >>> _number(-0.01, ",.1f"), _number(0.5, "+.3f"), _number(1234, ",d")
    ('0.0', '+0.500', '1,234')
    """
    if value is None:
        return "&ndash;"
    sign = "+" if form.startswith("+") else ""
    return format(value, form if form.endswith("d") else f"{sign}z{form.removeprefix('+')}")

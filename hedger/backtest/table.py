"""The report for people: three small tables and the notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

HEDGING = (
    ("hedges", "hedges", "d"),
    ("orders", "orders", "d"),
    ("orders_per_day", "orders a day", ",.1f"),
    ("rejected", "rejected", "d"),
    ("unfilled", "unfilled", "d"),
    ("turnover_usd", "turnover, USD", ",.0f"),
    ("band_half_width", "band half-width, coin", ".4f"),
    ("hedges_in_band_share", "hedges that ended in band", ".2%"),
    ("outside_band_share", "market time outside the band", ".2%"),
    ("delta_worst", "largest |delta|, coin", ".4f"),
    ("decision_ms_p50", "quote to decision p50, ms", ".2f"),
    ("decision_ms_p99", "quote to decision p99, ms", ".2f"),
)
SPREAD = (
    ("pnl_std_hedged", "std of 1-minute P&L, hedged", ",.4g"),
    ("pnl_std_unhedged", "std of 1-minute P&L, unhedged", ",.4g"),
    ("std_ratio_1m", "ratio, 1 minute", ".3f"),
    ("std_ratio_1h", "ratio, 1 hour", ".3f"),
    ("std_ratio_1d", "ratio, 1 day", ".3f"),
    ("std_ratio_delta_1m", "ratio of the delta part, 1 minute", ".3f"),
    ("slope_1h", "slope of hourly P&L, coin", "+.3f"),
    ("slope_1h_error", "its standard error", ".3f"),
    ("slope_1h_unhedged", "slope unhedged, coin", "+.3f"),
    ("pnl_worst", "worst minute", ",.4g"),
    ("drawdown_max", "deepest fall", ",.4g"),
)


def printable(report: Mapping[str, Any]) -> RenderableType:
    """The report as something that rich prints."""
    hours, unit = report["market_hours"], report["numeraire"]
    head = Text(
        f"{report['book']}: {report['bars']} bars, {hours:,.1f} market hours, P&L in {unit}"
    )
    head.stylize("bold")
    spread = _pairs("P&L with and without the hedge", report, SPREAD)
    hedging = _pairs("hedging", report, HEDGING)
    parts: list[RenderableType] = [head, Text(), spread, Text(), _parts(report), Text(), hedging]
    if report["settlements"]:
        parts += [Text(), _settlements(report["settlements"])]
    parts += [Text(), *(Text(f"· {note}", style="dim") for note in report["notes"])]
    return Group(*parts)


def replay_table(report: Mapping[str, Any]) -> RenderableType:
    """A backtest: the report's tables, then P&L and its causes day by day, and what it was."""
    days = _table("day by day", "", ">pnl", *(f">{part}" for part in report["pnl_parts"]))
    digits = ",.1f" if report["numeraire"] == "usd" else ",.5f"
    for day in report["days"]:
        parts = (shown(amount, digits) for amount in day["parts"].values())
        days.add_row(day["day"], shown(day["pnl"], digits), *parts)
    run = report["run"]
    names = ("id", "data_sha256", "code_sha256", "events_sha256", "seed")
    made = Text("\n".join(f"{name} {run[name]}" for name in names), style="dim")
    timed = {"decision_ms_p50": None, "decision_ms_p99": None}
    blocked = ", ".join(f"{why} {times:,}" for why, times in report["blocked"].items())
    counts = Text(f"{report['decisions']:,} decisions; blocked: {blocked or 'none'}")
    return Group(printable({**report, **timed}), Text(), days, Text(), counts, made)


def _pairs(title: str, report: Mapping[str, Any], rows: tuple[tuple[str, str, str], ...]) -> Table:
    made = _table(title, "", ">")
    for key, label, form in rows:
        made.add_row(label, shown(report[key], form))
    return made


def shown(value: float | None, form: str) -> str:
    """A number, or a dash for what could not be told.

    Examples
    --------
    >>> shown(0.1234, ".1%"), shown(None, ".1%")
    ('12.3%', '-')
    """
    return "-" if value is None else format(value, form)


def _parts(report: Mapping[str, Any]) -> Table:
    digits = ",.2f" if report["numeraire"] == "usd" else ",.6f"
    made = _table("where the P&L came from", "", ">")
    for part, amount in report["pnl_parts"].items():
        made.add_row(part, shown(amount, digits))
    made.add_section()
    made.add_row("total, counted from fills", shown(report["pnl_accumulated"], digits))
    made.add_row("total, the exchange's equity", shown(report["pnl_total"], digits))
    made.add_row("difference over turnover", shown(report["agreement"], ".1e"))
    made.add_row("residual share of the parts", shown(report["residual_share"], ".2%"))
    return made


def _settlements(lines: list[dict[str, Any]]) -> Table:
    made = _table(
        "settlements, deltas at 30 and 15 minutes before and at the end",
        "expiry",
        "expiring legs",
        "hedge",
        ">left over",
        "unwound in time",
    )
    for line in lines:
        made.add_row(
            line["expiry"],
            _three(line["expiring_delta"]),
            _three(line["hedge_delta"]),
            shown(line["left_over"], "+.3f"),
            "yes" if line["unwound"] else "no",
        )
    return made


def _three(deltas: Mapping[str, float]) -> str:
    return "  ".join(f"{deltas[when]:+.3f}" for when in ("start", "middle", "end"))


def _table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        made.add_column(column.lstrip(">"), justify="right" if right else "left", no_wrap=True)
    return made

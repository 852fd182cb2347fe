"""``hedger scenario``: what the book gains and loses when spot, vol and time move."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from hedger.cli.options import Common
from hedger.cli.output import (
    instant,
    print_json,
    print_table,
    run_async,
    say,
    table,
    writable,
    write_page,
)
from hedger.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from hedger.app.scenario import Cell, Part, Past, Scenarios

MOVES = "-30,-20,-15,-10,-5,-2,0,2,5,10,15,20,30"
VOLS = "-20,-10,0,10,20,40"
DAYS = "0,1"
POINTS_MAX = 60
STICKINESS = {"sticky_strike": 1.0, "sticky_moneyness": 0.0}
_PARTS = 8
Smile = Literal["sticky_strike", "sticky_moneyness"]


def scenario(
    book: str,
    /,
    *,
    moves: str = MOVES,
    vols: str = VOLS,
    days: str = DAYS,
    vol_power: float = 0.3,
    smile: Smile = "sticky_strike",
    history: Annotated[Path | None, Parameter(show_default=False)] = None,
    horizon_days: float = 1.0,
    plot: Annotated[Path | None, Parameter(show_default=False)] = None,
    common: Common | None = None,
) -> int:
    """What a book gains and loses when spot, vol and time move: full revaluation; sends nothing.

    Parameters
    ----------
    book
        The book.
    moves
        Spot moves in percent, with commas between.
    vols
        Vol shifts in points, as an option of 30 days takes them.
    days
        Days that pass after the move.
    vol_power
        At d days a shift is (30 / d) to this power times that; 0 for the same shift everywhere.
    smile
        What keeps its vol when spot moves: each strike or each moneyness.
    history
        CSV file with time_ms, spot and, if known, vol: its returns are applied to today.
    horizon_days
        Length of those returns.
    plot
        Write the grid as one HTML page.
    """
    common = common or Common()
    from hedger.app.scenario import Wanted, scenarios

    writable("--plot", plot)
    wanted = Wanted(
        moves=tuple(1.0 + p / 100.0 for p in _numbers("--moves", moves, least=-99.0)),
        vol_shifts=tuple(p / 100.0 for p in _numbers("--vols", vols, least=-500.0)),
        days=tuple(_numbers("--days", days, least=0.0)),
        stickiness=STICKINESS[smile],
        vol_power=_within("--vol-power", vol_power, 0.0, 1.0),
        history=history,
        horizon_days=_within("--horizon-days", horizon_days, 1e-3, 365.0),
    )
    from hedger.app.look import look

    config = common.load()
    seen = run_async(lambda: look(config, book))
    found = scenarios(seen.sights[0], wanted)
    say(f"market: {seen.market_from}; positions: {found.positions_from}")
    say(f"spot {found.spot:,.2f} at {instant(found.market_ms)}")
    if found.straight_smiles:
        say(f"{found.straight_smiles} expiries have a straight line for their smile: few strikes")
    if plot is not None:
        from hedger.app.scenario_page import page

        write_page("--plot", plot, page(found))
    if common.json:
        print_json({"market": seen.market_from, **msgspec.structs.asdict(found)})
        return 0
    tables = [_grid_table(found, number) for number in range(len(found.days))]
    tables.append(_worst_table("worst cells of the grid", found, found.worst, "points"))
    if found.history is not None:
        tables += [_tail_table(found.history, found.unit)]
        tables.append(_worst_table("worst of the history", found, found.history.worst, "%"))
    print_table(*tables)
    return 0


def _numbers(option: str, text: str, *, least: float) -> list[float]:
    """Rising numbers between commas, or one clear line."""
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        raise ConfigError(f"{option} {text!r}: expected numbers with commas between") from None
    rises = all(a < b for a, b in itertools.pairwise(found))
    good = all(math.isfinite(x) and least <= x <= 1000.0 for x in found)
    if not (rises and good and len(found) <= POINTS_MAX):
        raise ConfigError(
            f"{option} {text!r}: expected at most {POINTS_MAX} rising numbers, each from "
            f"{least:g} to 1000"
        )
    return found


def _within(option: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:  # NaN too
        raise ConfigError(f"{option} {value:g}: expected a number from {least:g} to {most:g}")
    return value


def amount(value: float, unit: str) -> str:
    """An amount of money for people; coin has four decimals.

    Examples
    --------
    >>> amount(-1234.5, "USD"), amount(-0.25, "BTC")
    ('-1,234', '-0.2500')
    """
    return f"{value:+,.0f}" if unit == "USD" else f"{value:+,.4f}"


def _grid_table(found: Scenarios, number: int) -> Table:
    made = table(
        f"{found.book}: {found.unit} after {found.days[number]:g} days",
        "spot",
        *(f">vol {100 * shift:+g}" for shift in found.vol_shifts),
        ">hedges",
    )
    low = min(min(row) for row in found.pnl[number])
    for move, row, hedge in zip(found.moves, found.pnl[number], found.hedge_pnl, strict=True):
        cells = [
            f"[bold red]{amount(v, found.unit)}[/]" if v == low < 0.0 else amount(v, found.unit)
            for v in row
        ]
        made.add_row(f"{100 * (move - 1.0):+g} %", *cells, amount(hedge, found.unit))
    return made


def _worst_table(title: str, found: Scenarios, cells: tuple[Cell, ...], vol_unit: str) -> Table:
    made = table(title, "scenario", ">P&L", "~by leg, the worst first")
    for cell in cells:
        what = f"spot {100 * (cell.move - 1.0):+.2f} %, vol {100 * cell.vol_shift:+.1f} {vol_unit}"
        name = f"{cell.label} {what}, {cell.days:g} d".strip()
        made.add_row(name, amount(cell.pnl, found.unit), _shown(cell.parts, found.unit))
    return made


def _shown(parts: tuple[Part, ...], unit: str) -> str:
    """The first parts by name, and how many more there are."""
    shown = ", ".join(f"{part.name} {amount(part.pnl, unit)}" for part in parts[:_PARTS])
    rest = len(parts) - _PARTS
    return f"{shown}, and {rest} more" if rest > 0 else shown


def _tail_table(past: Past, unit: str) -> Table:
    about = "spot and vol" if past.has_vol else "spot alone, vols as they are"
    made = table(
        f"{past.scenarios} recorded returns of {past.horizon_days:g} days, {about}",
        "level",
        f">value at risk, {unit}",
        ">expected shortfall",
        "~of it by leg, the worst first",
    )
    for tail in past.tails:
        made.add_row(
            f"{100 * tail.level:g} %",
            amount(tail.value_at_risk, unit).replace("+", ""),
            amount(tail.expected_shortfall, unit).replace("+", ""),
            _shown(tail.parts, unit),
        )
    return made

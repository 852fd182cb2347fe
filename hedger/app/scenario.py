"""A book under scenarios, for people: the grid, its worst cells by leg, and a recorded history.

Every number is a full revaluation by `hedger.core.risk`; what cannot be valued is refused by name.
"""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from hedger.app.look import Sight
from hedger.core.columns import Floats
from hedger.core.model import Record
from hedger.core.risk import Holdings, Shocks, VolRule, contributions, grid, historical, pnl
from hedger.core.risk.holdings import holdings
from hedger.core.risk.revaluation import smileless
from hedger.errors import ConfigError, MissingQuote
from hedger.service.smiles import smiles
from pricing import tail_risk

WORST = 3
HISTORY_ROWS_MAX = 100_000
LEVELS = (0.95, 0.99)


class Wanted(Record, frozen=True, kw_only=True):
    """What to ask: moves and vol shifts as fractions (0.1 is ten percent or ten points)."""

    moves: tuple[float, ...]
    vol_shifts: tuple[float, ...]
    days: tuple[float, ...]
    stickiness: float = 1.0
    vol_power: float = 0.0
    history: Path | None = None
    horizon_days: float = 1.0


class Part(Record, frozen=True, kw_only=True):
    """What one leg, future, hedge or the cash brings."""

    name: str
    pnl: float


class Cell(Record, frozen=True, kw_only=True):
    """One scenario with its profit by part, the worst first."""

    label: str
    move: float
    vol_shift: float
    days: float
    pnl: float
    parts: tuple[Part, ...]


class Tail(Record, frozen=True, kw_only=True):
    """Losses of the recorded scenarios at one level, as positive numbers."""

    level: float
    value_at_risk: float
    expected_shortfall: float


class Past(Record, frozen=True, kw_only=True):
    """Recorded returns applied to today."""

    source: str
    scenarios: int
    horizon_days: float
    has_vol: bool
    tails: tuple[Tail, ...]
    worst: tuple[Cell, ...]


class Scenarios(Record, frozen=True, kw_only=True):
    """``pnl`` by days, spot move and vol shift, in ``unit``; ``hedge_pnl`` is the hedges' share.

    ``straight_smiles`` counts expiries of so few strikes that a line stands for their smile.
    """

    book: str
    underlying: str
    numeraire: str
    unit: str
    market_ms: int
    positions_from: str
    open_intents: int
    spot: float
    legs: int
    stickiness: float
    straight_smiles: int
    vol_power: float
    moves: tuple[float, ...]
    vol_shifts: tuple[float, ...]
    days: tuple[float, ...]
    pnl: tuple[tuple[tuple[float, ...], ...], ...]
    hedge_pnl: tuple[float, ...]
    worst: tuple[Cell, ...]
    history: Past | None = None


def scenarios(sight: Sight, wanted: Wanted) -> Scenarios:
    """The book's grid and history on the market as it stands.

    Raises
    ------
    MissingQuote
        Where something that the book holds cannot be valued now, or a smile is not known.
    ConfigError
        For a grid or a history that makes no sense.
    """
    held = _held(sight, wanted)
    rule = VolRule(
        short_power=wanted.vol_power, long_power=wanted.vol_power, stickiness=wanted.stickiness
    )
    try:
        asked = grid(moves=wanted.moves, vol_shifts=wanted.vol_shifts, days=wanted.days)
        past = None if wanted.history is None else _history(wanted)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    cube = pnl(held, asked, rule)
    shape = (len(wanted.days), len(wanted.moves), len(wanted.vol_shifts))
    return Scenarios(
        book=held.book,
        underlying=held.underlying,
        numeraire=held.numeraire,
        unit=held.underlying if held.coin else "USD",
        market_ms=held.time_ms,
        positions_from=sight.positions_from,
        open_intents=len(sight.book.open),
        spot=held.spot,
        legs=len(held.names),
        stickiness=wanted.stickiness,
        straight_smiles=0 if wanted.stickiness == 1.0 else len(held.skews),
        vol_power=wanted.vol_power,
        moves=wanted.moves,
        vol_shifts=wanted.vol_shifts,
        days=wanted.days,
        pnl=tuple(tuple(map(tuple, plane)) for plane in cube.reshape(shape).tolist()),
        hedge_pnl=_hedges(held, wanted.moves),
        worst=_worst(held, asked, rule, cube, None),
        history=None if past is None else _past(held, rule, wanted, *past),
    )


def _held(sight: Sight, wanted: Wanted) -> Holdings:
    params, book = sight.params, sight.book
    market = sight.market
    if wanted.stickiness != 1.0:
        own = {name: row for name, row in market.row.items() if name in book.instruments}
        fitted = smiles(dataclasses.replace(market, row=own), book.instruments, sight.now)
        market = dataclasses.replace(market, smiles={**market.smiles, **fitted})
    held = holdings(book, market, params.rules, sight.now)
    if isinstance(held, tuple):
        first, *more = held
        rest = f" (and {len(more)} more)" if more else ""
        raise MissingQuote(f"book {book.name}: {first.reason}{rest}")
    lacking = smileless(held) if wanted.stickiness != 1.0 else ()
    if lacking:
        raise MissingQuote(
            f"book {book.name}: one strike alone of the expiry of {lacking[0]} is held and has no "
            "smile; expected two at least, or --smile sticky_strike"
        )
    return held


def _hedges(held: Holdings, moves: Sequence[float]) -> tuple[float, ...]:
    """What the hedges bring at each spot move; vol and time do not touch them."""
    asked = grid(moves=moves, vol_shifts=(0.0,), days=(0.0,))
    names, parts = contributions(held, asked)
    own = {future.name for future in held.futures if future.role == "hedge"}
    return tuple(parts[[name in own for name in names]].sum(axis=0).tolist())


def _worst(
    held: Holdings, asked: Shocks, rule: VolRule, found: Floats, labels: Sequence[str] | None
) -> tuple[Cell, ...]:
    """The scenarios that lose most, each by its parts."""
    order = np.argsort(found, kind="stable")[:WORST]
    chosen = Shocks(
        asked.move[order], asked.vol_shift[order], asked.vol_ratio[order], asked.days[order]
    )
    names, parts = contributions(held, chosen, rule)
    cells = []
    for column, at in enumerate(order.tolist()):
        by_size = sorted(zip(names, parts[:, column].tolist(), strict=True), key=lambda p: p[1])
        cells.append(
            Cell(
                label="" if labels is None else labels[at],
                move=float(asked.move[at]),
                vol_shift=float(asked.vol_shift[at] if labels is None else asked.vol_ratio[at]),
                days=float(asked.days[at]),
                pnl=float(found[at]),
                parts=tuple(Part(name=name, pnl=value) for name, value in by_size),
            )
        )
    return tuple(cells)


def _past(
    held: Holdings, rule: VolRule, wanted: Wanted, asked: Shocks, labels: list[str], has_vol: bool
) -> Past:
    found = pnl(held, asked, rule)
    return Past(
        source=str(wanted.history),
        scenarios=len(asked),
        horizon_days=wanted.horizon_days,
        has_vol=has_vol,
        tails=tuple(
            Tail(level=level, value_at_risk=tail[0], expected_shortfall=tail[1])
            for level in LEVELS
            for tail in [tail_risk(found, level=level)]
        ),
        worst=_worst(held, asked, rule, found, labels),
    )


def _history(wanted: Wanted) -> tuple[Shocks, list[str], bool]:
    """Scenarios of a file with columns time_ms, spot and, if it has it, vol; and their dates."""
    path = wanted.history
    assert path is not None
    time_ms, spot, vol = _read(path)
    step = _step(path, time_ms)
    every = round(wanted.horizon_days * 86_400_000 / step)
    if every < 1 or abs(every * step - wanted.horizon_days * 86_400_000) > 0.5:
        raise ValueError(
            f"{path}: rows are {step / 86_400_000:g} days apart, expected a horizon that is a "
            f"multiple of that, got {wanted.horizon_days:g}"
        )
    rows = slice(0, None, every)
    found = historical(
        spot=spot[rows], vol=None if vol is None else vol[rows], days=wanted.horizon_days
    )
    return found, [_day(ms) for ms in time_ms[rows][:-1].tolist()], vol is not None


def _read(path: Path) -> tuple[Floats, Floats, Floats | None]:
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"--history {path}: {error}") from None
    if not 2 <= len(rows) <= HISTORY_ROWS_MAX or not {"time_ms", "spot"} <= rows[0].keys():
        raise ConfigError(
            f"--history {path}: expected 2 to {HISTORY_ROWS_MAX} rows with the columns time_ms, "
            "spot and, if it is known, vol"
        )
    names = [name for name in ("time_ms", "spot", "vol") if name in rows[0]]
    columns = []
    for name in names:
        try:
            columns.append(np.array([float(row[name]) for row in rows]))
        except (TypeError, ValueError):
            raise ConfigError(f"--history {path}: {name} is not a number in every row") from None
    return columns[0], columns[1], columns[2] if len(columns) > 2 else None


def _step(path: Path, time_ms: Floats) -> float:
    """Distance of the rows [ms], which must be one and the same."""
    gaps = np.diff(time_ms)
    if not (math.isfinite(gaps.sum()) and (gaps > 0.0).all() and (gaps == gaps[0]).all()):
        raise ValueError(f"{path}: expected time_ms to rise by the same step from row to row")
    return float(gaps[0])


def _day(ms: float) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"

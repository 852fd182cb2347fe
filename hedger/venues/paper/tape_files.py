"""Recorded market files read, checked, repaired with a notice or refused with one clear line.

Two kinds of file, plain or gzipped CSV, found by name: option chains (``*options_chain*``) and
one-minute bars of the spot (``*spot_1m*``); several of a kind are put together.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hedger.errors import ConfigError
from hedger.venues.paper.table import Floats, Ints, Table, in_order, read, without

CHAIN_PATTERN, BARS_PATTERN = "*options_chain*", "*spot_1m*"
CHAIN_TIMES = ("timestamp_ms", "expiry_ms")
CHAIN_NUMBERS = (*CHAIN_TIMES, "strike", "bid_btc", "ask_btc", "mark_iv_pct", "forward_usd")
CHAIN_TEXTS = ("instrument", "option_type")
BARS_NUMBERS = ("open_time_ms", "close")
BAR_MS = 60_000
VOL_PCT_MAX = 1_000.0
BASIS_MAX = 2.0  # a forward further than this factor from its snapshot's median is absurd
JUMP_MAX = 1.25  # a close this factor away from both neighbours is absurd
GAP_MS_MAX = 6 * 3_600_000
TIME_MS_MIN, TIME_MS_MAX = 1_000_000_000_000, 10_000_000_000_000
CLOSE_MIN, CLOSE_MAX = 1e-12, 1e12


class Bars(NamedTuple):
    """Closes by the instant at which they are known (open time + 60 s)."""

    close_ms: Ints
    close: Floats


class Chain(NamedTuple):
    """Option rows sorted by name, then time: row ``first[i]:first[i + 1]`` belongs to name i.

    ``half_width`` is half of ask - bid where both exist, NaN elsewhere.
    """

    names: tuple[str, ...]
    first: Ints
    time_ms: Ints
    expiry_ms: Ints
    strike: Floats
    is_call: NDArray[np.bool_]
    vol: Floats
    forward: Floats
    half_width: Floats


def read_bars(folder: Path, notes: list[str]) -> Bars:
    """Read all one-minute bars of a folder; raises `ConfigError`."""
    table, rows = bar_rows(folder, BARS_PATTERN, BARS_NUMBERS, notes)
    opened = table.numbers["open_time_ms"][rows].astype(np.int64)
    return Bars(opened + BAR_MS, table.numbers["close"][rows])


def bar_rows(
    folder: Path, pattern: str, numbers: tuple[str, ...], notes: list[str]
) -> tuple[Table, Ints]:
    """Bars of all files of a pattern, and which of their rows to use, in order of time.

    Raises `ConfigError` where too much is wrong with them; what was repaired is noted.
    """
    table, rows = good_bars(folder, pattern, numbers, notes)
    opened = table.numbers["open_time_ms"][rows].astype(np.int64)
    if len(opened) < 2:
        raise ConfigError(f"{folder}: {len(opened)} usable bars in {pattern}: expected more")
    _check_gaps(table, rows, opened, notes)
    return table, rows


def good_bars(
    folder: Path, pattern: str, numbers: tuple[str, ...], notes: list[str]
) -> tuple[Table, Ints]:
    """The same whatever their gaps are, and however few there are."""
    table = read(folder, pattern, numbers, ())
    time, close = table.numbers["open_time_ms"], table.numbers["close"]
    good = (close > CLOSE_MIN) & (close < CLOSE_MAX)
    good &= (time >= TIME_MS_MIN) & (time <= TIME_MS_MAX)
    wanted = f"a bar with a close of {CLOSE_MIN:g} to {CLOSE_MAX:g} and a time in milliseconds"
    rows = without(table, ~good, wanted, notes)
    rows = in_order(table, rows, (time[rows],), ("close",), "bars", notes)
    return table, _without_spikes(table, rows, close[rows], notes)


def read_chain(folder: Path, notes: list[str]) -> Chain:
    """Read all option chain snapshots of a folder; raises `ConfigError`."""
    table = read(folder, CHAIN_PATTERN, CHAIN_NUMBERS, CHAIN_TEXTS)
    rows = without(
        table,
        _absurd_rows(table),
        f"an option row with a time in milliseconds, a positive strike and forward within a "
        f"factor {BASIS_MAX:g} of its snapshot, 0 < mark_iv_pct <= {VOL_PCT_MAX:g}",
        notes,
    )
    if not len(rows):
        raise ConfigError(f"{folder}: no usable rows in {CHAIN_PATTERN}: expected some")
    ids: dict[str, int] = {}
    texts = table.texts["instrument"]
    name_id = np.array([ids.setdefault(name, len(ids)) for name in texts], dtype=np.int64)
    keys = (table.numbers["timestamp_ms"][rows], name_id[rows])
    same = ("strike", "expiry_ms", "bid_btc", "ask_btc", "mark_iv_pct", "forward_usd")
    rows = in_order(table, rows, keys, same, "option rows", notes)
    column = table.keep(rows)
    first = np.flatnonzero(np.diff(name_id[rows], prepend=-1))
    if not len(rows):
        raise ConfigError(f"{folder}: no usable rows in {CHAIN_PATTERN}: expected some")
    _one_contract_per_name(table, rows, first)
    is_call = np.array([table.texts["option_type"][row] == "call" for row in rows])
    return Chain(
        names=tuple(texts[rows[row]] for row in first),
        first=np.append(first, len(rows)),
        time_ms=column["timestamp_ms"].astype(np.int64),
        expiry_ms=column["expiry_ms"].astype(np.int64),
        strike=column["strike"],
        is_call=is_call,
        vol=column["mark_iv_pct"] / 100.0,
        forward=column["forward_usd"],
        half_width=_half_width(column["bid_btc"], column["ask_btc"], notes),
    )


def _absurd_rows(table: Table) -> NDArray[np.bool_]:
    column = table.numbers
    time, forward, vol = column["timestamp_ms"], column["forward_usd"], column["mark_iv_pct"]
    with np.errstate(invalid="ignore"):
        good = (time >= TIME_MS_MIN) & (time <= TIME_MS_MAX)
        good &= (column["expiry_ms"] >= TIME_MS_MIN) & (column["expiry_ms"] <= TIME_MS_MAX)
        good &= (vol > 0) & (vol <= VOL_PCT_MAX)
        for name in ("strike", "forward_usd"):
            good &= (column[name] > 0) & (column[name] < math.inf)
        for name in ("bid_btc", "ask_btc"):
            good &= ~((column[name] < 0) | (column[name] == math.inf))
    good &= np.array([kind in ("call", "put") for kind in table.texts["option_type"]], dtype=bool)
    rows = np.flatnonzero(good)
    off = np.abs(np.log(forward[rows] / _middle_of_snapshot(time[rows], forward[rows])))
    good[rows] = off <= math.log(BASIS_MAX)
    bad: NDArray[np.bool_] = ~good
    return bad


def _middle_of_snapshot(time: Floats, forward: Floats) -> Floats:
    """The middle forward of each row's snapshot."""
    order = np.lexsort((forward, time))
    _, first, snapshot, count = np.unique(
        time[order], return_index=True, return_inverse=True, return_counts=True
    )
    middle = np.empty(len(time))
    middle[order] = forward[order][(first + count // 2)[snapshot]]
    return middle


def _without_spikes(table: Table, rows: Ints, close: Floats, notes: list[str]) -> Ints:
    if len(rows) < 3:
        return rows
    move = np.abs(np.diff(np.log(close))) > math.log(JUMP_MAX)
    spike = np.zeros(len(rows), dtype=bool)
    spike[1:-1] = move[:-1] & move[1:]
    bad = np.zeros(len(table.numbers["close"]), dtype=bool)
    bad[rows[spike]] = True
    if spike.any():
        without(table, bad, f"closes within a factor {JUMP_MAX:g} of a neighbour", notes)
    return rows[~spike]


def _check_gaps(table: Table, rows: Ints, opened: Ints, notes: list[str]) -> None:
    step = np.diff(opened)
    if np.any(opened % BAR_MS):
        row = int(rows[np.flatnonzero(opened % BAR_MS)[0]])
        raise ConfigError(f"{table.where(row)}: expected bars that open on a whole minute")
    if not np.any(step > BAR_MS):
        return
    at = int(np.argmax(step))
    if step[at] > GAP_MS_MAX:
        raise ConfigError(
            f"{table.where(int(rows[at + 1]))}: {step[at] // BAR_MS} minutes after the bar before: "
            f"expected gaps of at most {GAP_MS_MAX // BAR_MS} minutes"
        )
    missing = int((step // BAR_MS - 1).sum())
    notes.append(
        f"{missing} minute bars are missing (longest gap {int(step[at]) // BAR_MS} minutes): "
        "market time jumps over them."
    )


def _one_contract_per_name(table: Table, rows: Ints, first: Ints) -> None:
    changed = np.zeros(len(rows), dtype=bool)
    for name in ("expiry_ms", "strike"):
        changed |= np.diff(table.numbers[name][rows], prepend=math.nan) != 0
    changed[first] = False
    if changed.any():
        row = int(rows[np.flatnonzero(changed)[0]])
        raise ConfigError(
            f"{table.where(row)}: {table.texts['instrument'][row]} changes its strike or expiry: "
            "expected one contract per name"
        )


def _half_width(bid: Floats, ask: Floats, notes: list[str]) -> Floats:
    with np.errstate(invalid="ignore"):
        both = (bid > 0) & (ask > 0)
        crossed = both & (ask <= bid)
    if crossed.any():
        notes.append(f"{int(crossed.sum())} option rows are crossed: shown without a quote.")
    missing = float(np.mean(~both))
    notes.append(f"{missing:.1%} of the option rows lack a bid or an ask: shown without a quote.")
    width: Floats = np.where(both & ~crossed, (ask - bid) / 2, math.nan)
    return width

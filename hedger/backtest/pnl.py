"""The P&L of the account with and without its hedge, and the numbers that sum them up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hedger.backtest.attribution import COSTS, PARTS
from hedger.backtest.exposure import account_equity
from hedger.backtest.history import Floats, History
from hedger.backtest.ledger import worth
from hedger.backtest.statistics import (
    PERIODS,
    changes,
    deepest_fall,
    ratio,
    sampled,
    slope,
    spread,
)
from hedger.core.model import Rules

HEDGED = ("delta", *COSTS, "funding")
"""Parts of the P&L that the hedge can act on."""


def value(past: History, rules: Rules) -> Floats:
    """The exchange's own equity in the numeraire, less the coin that is not to be hedged."""
    if rules.numeraire == "coin":
        return past.equity
    return (past.equity - rules.base_coin) * past.index


def unhedged(past: History, rules: Rules) -> Floats:
    """The same account without the fills of the hedges, their fees and their funding."""
    hedge = past.hedge_coin + past.hedge_quote / past.index
    for i, instrument in enumerate(past.instruments):
        lots = past.hedge_lots[:, i]
        worths = worth(instrument, lots, np.where(lots != 0.0, past.mark[:, i], 1.0))
        is_coin = instrument.settlement == past.underlying
        hedge = hedge + np.where(lots != 0.0, worths if is_coin else worths / past.index, 0.0)
    rest = account_equity(past) - hedge
    if rules.numeraire == "coin":
        return rest
    return (rest - rules.base_coin) * past.index


def noise(past: History, pnl: Floats, bare: Floats, rules: Rules) -> dict[str, Any]:
    """Standard deviations and their ratios per period, and the slopes on the index."""
    found: dict[str, Any] = {}
    for name, period_ms in PERIODS.items():
        rows = sampled(past.ms, period_ms)
        own, without = spread(changes(pnl, rows)), spread(changes(bare, rows))
        if name == "1m":
            found |= {"pnl_std_hedged": own, "pnl_std_unhedged": without}
        found[f"std_ratio_{name}"] = ratio(own, without)
    minutes = changes(pnl, sampled(past.ms, PERIODS["1m"]))
    found["pnl_worst"] = float(minutes.min()) if minutes.size else None
    found["drawdown_max"] = deepest_fall(pnl)
    rows = sampled(past.ms, PERIODS["1h"])
    returns = np.diff(past.index[rows]) / past.index[rows[:-1]]
    for name, series in (("slope_1h", pnl), ("slope_1h_unhedged", bare)):
        per = past.index[rows[:-1]] if rules.numeraire == "usd" else 1.0
        fit = slope(changes(series, rows) / per, returns)
        found |= {name: fit.value, f"{name}_error": fit.error}
    return found


def totals(parts: dict[str, Floats], pnl: Floats, bare: Floats, turnover: float) -> dict[str, Any]:
    """Sums of the parts, and how they agree with the exchange's equity."""
    sums = {part: math.fsum(parts[part]) for part in PARTS}
    gross = math.fsum(abs(total) for total in sums.values())
    accumulated = math.fsum(sums.values())
    total = float(pnl[-1] - pnl[0])
    rest, bare_std = spread(parts["residual"]), spread(np.diff(bare))
    return {
        "fees": -sums["fees"],
        "spread": -sums["spread"] - sums["slippage"],
        "funding": sums["funding"],
        "pnl_parts": sums,
        "pnl_accumulated": accumulated,
        "agreement": abs(total - accumulated) / turnover if turnover > 0.0 else None,
        "residual_share": abs(sums["residual"]) / gross if gross > 0.0 else None,
        "residual_std_share": ratio(rest, bare_std),
    }


def hedged_part(parts: dict[str, Floats]) -> Floats:
    """What the hedge can act on: the delta part with its costs and its funding."""
    kept: Floats = np.sum([parts[part] for part in HEDGED], axis=0)
    return kept


def hedge_std(past: History, parts: dict[str, Floats]) -> float | None:
    """Standard deviation of its hourly changes."""
    return spread(changes(np.cumsum(hedged_part(parts)), sampled(past.ms, PERIODS["1h"])))


def delta_part(
    past: History, parts: dict[str, Floats], pnl: Floats, bare: Floats
) -> dict[str, Any]:
    """What the hedge can act on beside the same without the hedge."""
    kept = hedged_part(parts)
    hedge = np.diff(pnl - bare, prepend=pnl[0] - bare[0])
    rows = sampled(past.ms, PERIODS["1m"])
    own, without = np.cumsum(kept), np.cumsum(kept - hedge)
    std, std_without = spread(changes(own, rows)), spread(changes(without, rows))
    return {"std_ratio_delta_1m": ratio(std, std_without)}

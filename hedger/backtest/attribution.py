"""Why the account's value moved: delta, gamma, theta, vega, costs, and what none of them explains.

Every move is counted leg by leg in the numeraire; Greeks are those at the beginning of the move.
With B a leg's Black value in quote currency and y what one unit of it is in the numeraire, the move
``d(B y) = y dB + B dy`` is taken apart as

* theta: the leg revalued one move later at the same forward, vol and index;
* delta: ``y delta dF + B dy``, and the whole move of hedges, futures and balances;
* gamma ``y gamma dF^2 / 2``, vega ``y vega dvol``;
* volga: the leg revalued at the new vol, beyond vega; vanna: what forward and vol, moved together,
  change beyond both moved alone (the leg revalued all four ways, not a product of Greeks);
* residual: the move of the exchange's mark less all of these.

y is index / expected delivery (inverse) or 1 (linear) for numeraire usd, one over that for coin, so
the convexity of turning quote currency into coin counts as delta, where that of the inverse
perpetual stands too and offsets it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hedger.backtest.averaging import Contract, Legs, averaged, contract, legs_of, value
from hedger.backtest.history import Floats, History
from hedger.backtest.ledger import worth

PARTS = (
    *("delta", "gamma", "theta", "vega", "vanna", "volga"),
    *("fees", "spread", "slippage", "funding", "residual"),
)
COSTS = ("fees", "spread", "slippage")
"""Parts that a hedge's fills pay."""
_FLOWS = (*COSTS, "funding")


class Rates(NamedTuple):
    """What one coin and one unit of quote currency are in the numeraire at each row."""

    coin: Floats
    quote: Floats


def cost(parts: Mapping[str, float]) -> float:
    """What fills cost, as a number above nought.

    Examples
    --------
    >>> cost({"delta": 5.0, "fees": -2.0, "spread": -1.0, "slippage": 0.0})
    3.0
    """
    return -math.fsum(parts[part] for part in COSTS)


def rates(history: History, numeraire: str) -> Rates:
    """Conversion into the numeraire ``usd`` (the index's quote currency) or ``coin``."""
    one = np.ones_like(history.index)
    if numeraire == "coin":
        return Rates(one, 1.0 / history.index)
    return Rates(history.index, one)


def attribution(history: History, numeraire: str, base_coin: float) -> dict[str, Floats]:
    """Parts of P&L in the numeraire, (n,) each: the move to a row, and that row's costs."""
    per = rates(history, numeraire)
    parts = {part: np.zeros_like(history.index) for part in PARTS}
    for part in _FLOWS:
        parts[part] += _in_numeraire(history.flows[part], per)
    parts["residual"] += _in_numeraire(history.flows["marking"], per)
    base = base_coin if numeraire == "usd" else 0.0
    parts["delta"][1:] += (history.coin[:-1] - base) * np.diff(per.coin)
    parts["delta"][1:] += history.quote[:-1] * np.diff(per.quote)
    actual = _moves(history, per)
    legs = legs_of(history)
    others = np.ones(actual.shape[1], dtype=np.bool_)
    others[legs.column] = False
    parts["delta"][1:] += actual[:, others].sum(axis=1)
    if legs.column.size:
        _explain(parts, history, legs, actual[:, legs.column], numeraire)
    return parts


def _in_numeraire(money: Floats, per: Rates) -> Floats:
    amounts: Floats = money[:, 0] * per.coin + money[:, 1] * per.quote
    return amounts


def _moves(history: History, per: Rates) -> Floats:
    """Move of what was held, at the exchange's marks, (n - 1, m)."""
    moves = np.zeros((len(history.ms) - 1, len(history.instruments)))
    for i, instrument in enumerate(history.instruments):
        lots = history.lots[:-1, i]
        rate = per.coin if instrument.settlement == history.underlying else per.quote
        with np.errstate(invalid="ignore", divide="ignore"):
            before = worth(instrument, lots, history.mark[:-1, i])
            after = worth(instrument, lots, history.end_mark[1:, i])
            move = after * rate[1:] - before * rate[:-1]
        moves[:, i] = np.where(lots != 0.0, move, 0.0)
    return moves


def _explain(
    parts: dict[str, Floats], history: History, legs: Legs, actual: Floats, numeraire: str
) -> None:
    """Take the option legs' moves apart; without Greeks a move is residual as a whole."""
    at = contract(history, legs)
    start, end = _cut(at, slice(None, -1)), _cut(at, slice(1, None))
    end = _carried(start, end, history)
    now = value(start, legs.is_call)
    later = value(_aged(start, end, history, legs), legs.is_call)
    rate = _per_unit(start, history.index[:-1], legs, numeraire)
    rate_end = _per_unit(end, history.index[1:], legs, numeraire)
    amount = history.lots[:-1, legs.column] * legs.lot
    change = end.forward - start.forward
    vol_change = np.where(np.isfinite(end.vol), end.vol - start.vol, 0.0)
    crossed = _crossed(start, legs, forward=end.forward, vol=start.vol + vol_change)
    pieces = {
        "delta": now.delta * change * rate_end + now.price * (rate_end - rate),
        "gamma": 0.5 * now.gamma * change**2 * rate_end,
        "theta": (later.price - now.price) * rate_end,
        "vega": now.vega * vol_change * rate_end,
        "vanna": (crossed.both - crossed.forward - crossed.vol + now.price) * rate_end,
        "volga": (crossed.vol - now.price - now.vega * vol_change) * rate_end,
    }
    known = np.isfinite(sum(pieces.values())) & (amount != 0.0)
    residual = np.where(amount != 0.0, actual, 0.0)
    for part, piece in pieces.items():
        explained = np.where(known, amount * piece, 0.0)
        parts[part][1:] += explained.sum(axis=1)
        residual = residual - explained
    parts["residual"][1:] += residual.sum(axis=1)


class _Crossed(NamedTuple):
    """A leg's value after a move of the forward alone, of the vol alone, and of both."""

    forward: Floats
    vol: Floats
    both: Floats


def _crossed(start: Contract, legs: Legs, *, forward: Floats, vol: Floats) -> _Crossed:
    """Values at the beginning of a move with its end's forward and vol, time standing still."""
    moved = start._replace(forward=forward, expected=start.mean + start.weight * forward)
    return _Crossed(
        value(moved, legs.is_call).price,
        value(start._replace(vol=vol), legs.is_call).price,
        value(moved._replace(vol=vol), legs.is_call).price,
    )


def _per_unit(at: Contract, index: Floats, legs: Legs, numeraire: str) -> Floats:
    """What one unit of quote value of a leg is in the numeraire."""
    spot = index[:, None]
    if numeraire == "coin":
        return np.where(legs.inverse, 1.0 / at.expected, 1.0 / spot)
    return np.where(legs.inverse, spot / at.expected, 1.0)


def _carried(start: Contract, end: Contract, history: History) -> Contract:
    """The end of a move; a leg that settled has no forward there, its own moved with the index."""
    move = (history.index[1:] / history.index[:-1])[:, None]
    gone = ~np.isfinite(end.vol)
    forward = np.where(gone, start.forward * move, end.forward)
    return end._replace(forward=forward, expected=end.mean + end.weight * forward)


def _aged(start: Contract, end: Contract, history: History, legs: Legs) -> Contract:
    """The legs one move later with nothing moved: the mean grows at the old index."""
    share, share_end = 1.0 - start.weight, 1.0 - end.weight
    left = (legs.expiry_ms - history.ms[1:, None]).astype(np.float64)
    mean = start.mean + (share_end - share) * history.index[:-1, None]
    return averaged(
        forward=start.forward,
        strike=np.broadcast_to(legs.strike, start.forward.shape),
        vol=start.vol,
        left_ms=left,
        share=share_end,
        mean=mean,
    )


def _cut(at: Contract, rows: slice) -> Contract:
    return Contract(*(column[rows] for column in at))

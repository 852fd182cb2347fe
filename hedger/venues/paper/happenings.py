"""Chance events at the paper exchange: the same for the same seed, at a rate per market day."""

from __future__ import annotations

import numpy as np

from hedger.core.model import FillKind, Kind
from hedger.errors import HedgerError
from hedger.venues.paper.protocol import Happen
from hedger.venues.simulator.exchange import Exchange

__all__ = ["KINDS", "drawn"]

DAY_MS = 86_400_000
KINDS = ("block", "deleveraging", "deposit", "liquidation", "trade", "withdrawal")
SHARE = 0.2
"""Part of a position, or of an account, that one event moves."""


def drawn(exchange: Exchange, *, seed: int, since_ms: int, rate_per_day: float) -> Happen | None:
    """What chance does in the step that ends now, or nothing.

    The draw depends on the seed and on market time alone, so that a restarted exchange goes on
    with the same events.
    """
    now_ms = exchange.market_ms
    dice = np.random.default_rng([seed, now_ms])
    if dice.random() >= rate_per_day * (now_ms - since_ms) / DAY_MS:
        return None
    accounts = sorted(exchange.accounts())
    if not accounts:
        return None
    account = accounts[int(dice.integers(len(accounts)))]
    kind = KINDS[int(dice.integers(len(KINDS)))]
    try:
        return _happening(exchange, account, kind)
    except HedgerError:
        return None


def _happening(exchange: Exchange, account: str, kind: str) -> Happen | None:
    """An event of a kind, in proportion to what the account holds; None where it holds nothing."""
    if kind in ("deposit", "withdrawal"):
        coin, _ = exchange.balances(account)
        amount = round(SHARE * coin * (1.0 if kind == "deposit" else -1.0), 8)
        currency = exchange.underlying(account)
        return Happen(0, account, kind, {}, currency, amount) if amount else None
    held = exchange.positions(account)
    contracts = exchange.instruments
    futures = {n: q for n, q in held.items() if contracts[n].kind is not Kind.OPTION}
    options = {n: q for n, q in held.items() if contracts[n].kind is Kind.OPTION}
    if kind == "block":
        legs = {name: _part(lots) for name, lots in [*options.items()][:1] + [*futures.items()][:1]}
        return Happen(0, account, kind, legs) if len(legs) == 2 and all(legs.values()) else None
    for name, lots in futures.items():
        taken = -_part(lots) if kind != FillKind.TRADE else _part(lots)
        if taken:
            return Happen(0, account, kind, {name: taken})
    return None


def _part(lots: int) -> int:
    return int(SHARE * abs(lots)) * (1 if lots > 0 else -1)

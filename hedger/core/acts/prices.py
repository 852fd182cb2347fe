"""What an option can be closed at: its own fresh market, or the reason why it has none."""

from __future__ import annotations

import math
from typing import NamedTuple

from hedger.core.columns import Market
from hedger.core.freshness import FUTURE_MS_MAX
from hedger.core.model import Instrument, Refusal, Rules

_ANY = 1 << 53


class Price(NamedTuple):
    """The best price of the side that is traded with, and the lots shown there."""

    price: float
    lots: int

    @property
    def is_shown(self) -> bool:
        """Whether the venue says how many; where it does not, nothing is cut for it."""
        return self.lots < _ANY


def price(
    market: Market, rules: Rules, now: int, instrument: Instrument, *, buy: bool, index: float
) -> Price | Refusal:
    """The market that an option is closed in; a refusal where it cannot be trusted.

    A missing bid counts as 0 for whoever buys, so that a short leg that nobody bids for can be
    bought back; without an offer there is no saying what a bid is worth.
    """
    name, row = instrument.name, market.row.get(instrument.name, -1)
    if row < 0 or market.quote_ms[row] < 0:
        return _refused(name, "missing_quote", "it was never quoted")
    age = now - int(market.quote_ms[row])
    if bad := market.refused.get(name):
        return _refused(name, "bad_quote", f"its newest quote was refused: {bad.reason}", age)
    limit = rules.data.option_quote_age_ms_max
    if age > limit:
        return _refused(name, "stale_quote", f"its quote is {age} ms old, at most {limit} ms", age)
    if age < -FUTURE_MS_MAX:
        return _refused(name, "stale_quote", f"its quote is dated {-age} ms in the future", age)
    bid, ask = float(market.bid[row]), float(market.ask[row])
    if math.isnan(ask) or (math.isnan(bid) and not buy):
        side = "offer" if math.isnan(ask) else "bid"
        return _refused(name, "missing_quote", f"there is no {side}", age)
    spread = ask - (0.0 if math.isnan(bid) else bid)
    wide = 1e4 * (spread if instrument.inverse else spread / index)
    if wide > (most := rules.limits.close_spread_bps_max) * (1.0 + 1e-9):
        text = f"its market is {wide:.0f} bp of the index wide, at most {most:g}"
        return _refused(name, "wide_market", text, age)
    shown = float((market.ask_size if buy else market.bid_size)[row])
    lots = _ANY if math.isnan(shown) else math.floor(shown / instrument.lot + 1e-9)
    return Price(ask if buy else bid, lots)


def _refused(name: str, rule: str, reason: str, age: int | None = None) -> Refusal:
    return Refusal(
        rule=f"close_{rule}",
        wanted=0.0,
        allowed=0.0,
        reason=f"not traded now: {reason}",
        instrument=name,
        age_ms=age,
    )

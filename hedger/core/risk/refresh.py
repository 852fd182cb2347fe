"""One refresh of a book's risk: what a loop makes on its own cadence and the scalers then read.

Whatever cannot be measured is None with a reason; the scalers hold what they said before.
"""

from __future__ import annotations

import math

import numpy as np

from hedger.core.columns import Book, Market
from hedger.core.freshness import forecast_vol
from hedger.core.model import DAYS_PER_YEAR, Record, Rules
from hedger.core.risk.holdings import Holdings, holdings
from hedger.core.risk.margins import Collateral, MarginMeasure, MarginModel, margin_measure
from hedger.core.risk.measures import SCENARIOS, Factors, TailMeasure, tail_measure


class RiskRule(Record, frozen=True, kw_only=True):
    """What is measured; ``capital`` is in the numeraire, ``margin`` the venue's model if any."""

    capital: float
    method: str = "full"
    level: float = 0.99
    horizon_days: float = 1.0
    vol_of_vol: float = 0.8
    correlation: float = -0.3
    margin: MarginModel | None = None
    crossed: bool = False
    scenarios: int = SCENARIOS


class Measures(Record, frozen=True, kw_only=True):
    """A book's risk at one instant, as it was held; None with a ``reason`` where not known.

    ``risk`` is the annual standard deviation over capital, ``vol_of`` where its vol came from,
    ``distance`` the least log distance of spot to a liquidation, infinite where there is none.
    """

    time_ms: int
    vol: float | None = None
    vol_of: str = ""
    risk: float | None = None
    tail: TailMeasure | None = None
    margin: MarginMeasure | None = None
    distance: float | None = None
    reason: str = ""


def measures(book: Book, market: Market, rules: Rules, now: int, rule: RiskRule) -> Measures:
    """Measure a book now; never raises for what the market lacks."""
    held = holdings(book, market, rules, now)
    if isinstance(held, tuple):
        return Measures(time_ms=now, reason=held[0].reason)
    if not rule.capital > 0.0:
        return Measures(time_ms=now, reason=f"capital is {rule.capital:g}, expected above 0")
    vol, vol_of = _vol(held, forecast_vol(market, book.underlying, now))
    factors = Factors(vol=vol, vol_of_vol=rule.vol_of_vol, correlation=rule.correlation)
    if fault := factors.fault():
        return Measures(time_ms=now, reason=fault)
    tail = tail_measure(
        held,
        factors,
        method=rule.method,
        level=rule.level,
        horizon_days=rule.horizon_days,
        scenarios=rule.scenarios,
    )
    margin, why = _margin(held, book, market, rule)
    return Measures(
        time_ms=now,
        vol=vol,
        vol_of=vol_of,
        risk=tail.std * math.sqrt(DAYS_PER_YEAR / rule.horizon_days) / rule.capital,
        tail=tail,
        margin=margin,
        distance=None if margin is None else distance(margin),
        reason=why,
    )


def distance(found: MarginMeasure) -> float:
    """Least log distance of spot to a liquidation; infinite where there is none."""
    spots = (found.liquidation_down, found.liquidation_up)
    return min((abs(math.log(s / found.spot)) for s in spots if s is not None), default=math.inf)


def _vol(held: Holdings, forecast: float) -> tuple[float, str]:
    """The forecast, else what the legs are marked at; nothing of both for a book of futures."""
    if forecast > 0.0:
        return forecast, "forecast"
    size = np.abs(held.quantity)
    if not size.sum():
        return math.nan, ""
    return float(size @ held.vol / size.sum()), "implied: no forecast of late"


def collateral(book: Book, market: Market, *, crossed: bool) -> Collateral | str:
    """Balances that stand behind a book at its own venue, or why they are not known."""
    found = market.accounts.get(book.account)
    if found is None:
        return f"equity of {book.account} is unknown: no margin"
    if found.quote_equity is None and book.linear:
        return f"equity of {book.account} in quote currency is unknown: no margin"
    return Collateral(found.equity, found.quote_equity or 0.0, crossed)


def _margin(
    held: Holdings, book: Book, market: Market, rule: RiskRule
) -> tuple[MarginMeasure | None, str]:
    if rule.margin is None:
        return None, ""
    balances = collateral(book, market, crossed=rule.crossed)
    if isinstance(balances, str):
        return None, balances
    return margin_measure(held, balances, rule.margin), ""

"""One measurement of a book as its scalers read it: made by a loop, only read by a decision."""

from __future__ import annotations

from hedger.core.columns import Book, Market
from hedger.core.freshness import forecast_vol
from hedger.core.model import Growth, Measured, Record, Rules
from hedger.core.risk.holdings import holdings
from hedger.core.risk.measures import Factors, TailMeasure, factor_shocks
from hedger.core.risk.refresh import RiskRule, measures
from hedger.core.risk.revaluation import pnl
from hedger.core.sizing.kelly import growth


class MeasureRule(Record, frozen=True, kw_only=True):
    """What is measured: ``shortfall`` or else value at risk, ``growth`` over the same scenarios."""

    risk: RiskRule
    shortfall: bool = True
    growth: bool = False


def measured(
    book: Book, market: Market, rules: Rules, now: int, rule: MeasureRule, *, scale: float = 1.0
) -> Measured:
    """Measure a book that is held at ``scale`` times its base; what cannot be is None, and told."""
    found = measures(book, market, rules, now, rule.risk)
    tail = found.tail
    return Measured(
        time_ms=now,
        risk=found.risk,
        loss=None if tail is None else _loss(tail, rule),
        loss_of="tail loss" if tail is None else _words(tail, rule),
        ratio=None if found.margin is None else found.margin.ratio,
        distance=found.distance,
        optimum=_optimum(book, market, rules, now, rule, found.vol, scale) if rule.growth else None,
        scale=scale,
        capital=rule.risk.capital,
        reason=found.reason,
    )


def _loss(tail: TailMeasure, rule: MeasureRule) -> float:
    return tail.expected_shortfall if rule.shortfall else tail.value_at_risk


def _words(tail: TailMeasure, rule: MeasureRule) -> str:
    """Which loss, how it was made, and on what it fell back."""
    name = "expected shortfall" if rule.shortfall else "value at risk"
    fell = f", as {tail.asked} does not hold" if tail.method != tail.asked else ""
    return f"{name} {100.0 * tail.level:g} % of {tail.horizon_days:g} d by {tail.method}{fell}"


def _optimum(
    book: Book,
    market: Market,
    rules: Rules,
    now: int,
    rule: MeasureRule,
    vol: float | None,
    scale: float,
) -> Growth | None:
    """Growth optimum of the base book over the scenarios of the tail; at a forecast vol alone.

    At implied vol no option is expected to earn anything: that optimum would say nothing.
    """
    held = holdings(book, market, rules, now)
    forecast = forecast_vol(market, book.underlying, now)
    if isinstance(held, tuple) or vol is None or not (forecast > 0.0 and scale > 0.0):
        return None
    risk = rule.risk
    factors = Factors(vol=forecast, vol_of_vol=risk.vol_of_vol, correlation=risk.correlation)
    asked = factor_shocks(factors, horizon_days=risk.horizon_days, scenarios=risk.scenarios)
    return growth(pnl(held, asked) / (scale * risk.capital))

"""A book's risk on its cadence of market time: measured alike live, by a shadow, in a backtest."""

from __future__ import annotations

from hedger.core.acts.portions import held_scale, portions
from hedger.core.columns import Book, Market
from hedger.core.model import Measured, Rules
from hedger.core.risk import readings
from hedger.core.risk.readings import MeasureRule
from hedger.service.params import ReadingParams


def is_due(rule: ReadingParams | None, last: Measured | None, now: int) -> bool:
    """Whether a book's risk is to be measured now; a market that began anew counts, too."""
    if rule is None or rule.measure is None:
        return False
    return last is None or abs(now - last.time_ms) >= rule.every_ms


def measured(book: Book, market: Market, rules: Rules, now: int, rule: MeasureRule) -> Measured:
    """Measure a book at the scale that it is held at; one without a base is its own base."""
    held = held_scale(portions(book, rules.scale, now))
    scale = 1.0 if held is None else held
    return readings.measured(book, market, rules, now, rule, scale=scale)


def failed(now: int, error: BaseException) -> Measured:
    """What a measure that broke off says: nothing, and why."""
    return Measured(time_ms=now, reason=f"could not be measured: {error}")

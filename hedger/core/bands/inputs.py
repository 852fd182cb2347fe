"""What a band is made of at one instant: cost, risk aversion, vol, gamma and times, in one record.

Risk aversion carries the numeraire's unit; the formulas want it per quote currency. In the coin
numeraire both are the same band: options and hedge are worth 1/price there, and what this adds to
either one's gamma cancels between them.
"""

from __future__ import annotations

from hedger.core.bands import widths
from hedger.core.model import BandInputs, BandRule, Exposure, Memory

MS_PER_DAY = 86_400_000
MS_PER_YEAR = 365 * MS_PER_DAY


def inputs(
    rule: BandRule, seen: Exposure, memory: Memory, *, cost: float, lot_delta: float
) -> BandInputs:
    """Numbers for the formulas, with the risk aversion given, remembered or made now.

    Parameters
    ----------
    rule : BandRule
        Horizon, delay, and risk aversion where it is given.
    seen : Exposure
        Gives index, gamma and vol; gamma is the Black gamma also in the coin numeraire.
    memory : Memory
        Keeps the default risk aversion since the first hedge.
    cost : float
        One-way proportional cost, as measured; used unless the rule gives one.
    lot_delta : float
        Delta of one lot; a default risk aversion takes no smaller gamma than gives one lot.
    """
    curve, index = seen.curve, seen.index
    rate = 1e-4 * rule.cost_bps or cost
    unit = index if seen.numeraire == "coin" else 1.0
    aversion, source = _given(rule), "given"
    if aversion == 0.0 and memory.risk_aversion:
        aversion, source = memory.risk_aversion, "frozen"
    if aversion == 0.0:
        gamma = curve.gamma / index
        aversion, source = (
            unit * widths.default_aversion(gamma, curve.vol, rate, index, lot_delta),
            "now",
        )
    delay_ms = max(rule.cooldown_ms, rule.delay_ms)
    return BandInputs(
        cost=rate,
        vol=curve.vol,
        gamma=curve.gamma / index,
        square_gamma=curve.square_gamma / index**2,
        risk_aversion=aversion,
        source=source,
        aversion_usd=aversion / unit,
        horizon=rule.horizon_days / 365.0,
        delay=delay_ms / MS_PER_YEAR,
    )


def _given(rule: BandRule) -> float:
    """Risk aversion as configured, or as accepted daily cost over accepted daily variance; or 0."""
    if rule.daily_cost and rule.daily_std:
        return rule.daily_cost / rule.daily_std**2
    return rule.risk_aversion

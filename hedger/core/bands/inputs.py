"""What a band is made of at one instant: cost, risk aversion, vol, gamma and times, in one record.

Risk aversion carries the numeraire's unit; the formulas want it per quote currency. In the coin
numeraire both are the same band: options and hedge are worth 1/price there, and what this adds to
either one's gamma cancels between them.
"""

from __future__ import annotations

import math

from hedger.core.bands import widths
from hedger.core.model import (
    DAYS_PER_YEAR,
    MS_PER_YEAR,
    UNTUNED,
    BandInputs,
    BandRule,
    Cost,
    Exposure,
    Memory,
)


def inputs(
    rule: BandRule,
    seen: Exposure,
    memory: Memory,
    *,
    cost: Cost,
    lot_delta: float,
    forecast: float = 0.0,
    har: float = 0.0,
) -> BandInputs:
    """Numbers for the formulas, with the risk aversion given, remembered or made now.

    Parameters
    ----------
    rule : BandRule
        Horizon, delay, and risk aversion where it is given.
    seen : Exposure
        Gives index, gamma and vol; gamma is the Black gamma also in the coin numeraire.
    memory : Memory
        Keeps the default risk aversion since the first hedge, and what fills have told.
    cost : Cost
        As found at the venues; used unless the rule gives one.
    lot_delta : float
        Delta of one lot; a default risk aversion takes no smaller gamma than gives one lot.
    forecast : float
        Vol forecast from the index's own returns; 0 where it is not known.
    har : float
        That of an autoregression of hours, for the next day; 0 where it is not known.
    """
    curve, index = seen.curve, seen.index
    vol, vol_of = _vol(rule.vol, curve.vol, forecast, har)
    rate = 1e-4 * rule.cost_bps or cost.rate
    unit = index if seen.numeraire == "coin" else 1.0
    aversion, source = given_aversion(rule), "given"
    if aversion == 0.0 and memory.risk_aversion:
        aversion, source = memory.risk_aversion, "frozen"
    if aversion == 0.0:
        gamma, lasting = curve.gamma / index, curve.lasting / index
        aversion = unit * widths.default_aversion(gamma, lasting, vol, rate, index, lot_delta)
        passing = aversion > 0.0 and widths.lasts(lasting, vol, index, lot_delta) < 1.0
        source = "passing" if passing else "now"
    delay_of, delay_ms = delay(rule, memory)
    tuning = memory.tuning if rule.tuning == "on" else UNTUNED  # after the risk aversion was made
    return BandInputs(
        cost=rate * tuning.cost,
        vol=vol * tuning.vol,
        gamma=curve.gamma / index,
        square_gamma=curve.square_gamma / index**2,
        risk_aversion=aversion,
        source=source,
        aversion_usd=aversion / unit,
        horizon=horizon(rule),
        delay=delay_ms / MS_PER_YEAR,
        delay_of=delay_of,
        paid=None if rule.cost_bps else cost,
        vol_of=vol_of,
        tuned_cost=tuning.cost,
        tuned_vol=tuning.vol,
    )


def horizon(rule: BandRule) -> float:
    """Hedging horizon of a band [years]."""
    return rule.horizon_days / DAYS_PER_YEAR


def delay(rule: BandRule, memory: Memory) -> tuple[str, float]:
    """The longest of cooldown, configured and measured time from due to fill [ms], and which."""
    found = ("cooldown", float(rule.cooldown_ms))
    if rule.delay_ms > found[1]:
        found = ("configured", float(rule.delay_ms))
    if memory.delay_ms > found[1]:
        found = (f"mean of the last fills, {memory.fills}", memory.delay_ms)
    return found


def _vol(wanted: str, implied: float, forecast: float, har: float) -> tuple[float, str]:
    """The hedging vol, and what it is; the blend is of variances, half of each.

    What is not known is no zero: then the other one serves, and that is said.
    """
    if wanted == "implied":
        return implied, ""
    if wanted == "har" and har > 0.0:
        return har, "HAR forecast"
    if not forecast > 0.0:
        return implied, "implied, as no forecast is known"
    if wanted == "forecast":
        return forecast, "forecast"
    if wanted == "har":
        return forecast, "forecast, as HAR knows too few hours"
    if wanted != "blend":
        raise ValueError(f"vol {wanted!r}: expected implied, forecast, har or blend")
    if not implied > 0.0:
        return forecast, "forecast, as no implied vol is known"
    blend = math.sqrt(0.5 * (implied * implied + forecast * forecast))
    return blend, f"blend of implied {100.0 * implied:.2f} % and forecast {100.0 * forecast:.2f} %"


def given_aversion(rule: BandRule) -> float:
    """Risk aversion as configured, or as accepted daily cost over accepted daily variance; or 0."""
    if rule.daily_cost and rule.daily_std:
        return rule.daily_cost / rule.daily_std**2
    return rule.risk_aversion

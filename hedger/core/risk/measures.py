"""Tail risk of a book over a horizon, by four methods, with a fall-back that is always told.

Spot and vol move together: log spot with ``vol``, the vols relatively with ``vol_of_vol``, at one
correlation. The hedge is held still over the horizon: what hedging would save is not counted on.
"""

from __future__ import annotations

import math

import numpy as np

from hedger.core.columns import Floats
from hedger.core.model import DAYS_PER_YEAR, Record
from hedger.core.risk.holdings import Holdings
from hedger.core.risk.revaluation import contributions, pnl
from hedger.core.risk.shocks import PARALLEL, Shocks, VolRule, shocks
from pricing import tail_risk
from pricing.delta_gamma import Cumulants, cornish_fisher, cumulants, normal_points, normal_tail

METHODS = ("delta_normal", "delta_gamma", "full", "historical")
SCENARIOS = 1_000
_STEP = 0.02  # of a standard deviation: differences for slopes and bends
_VOL_STEP_MIN = 1e-4


class Factors(Record, frozen=True, kw_only=True):
    """How spot and vol are expected to move: annualised, ``correlation`` of log spot and vol."""

    vol: float
    vol_of_vol: float = 0.0
    correlation: float = 0.0

    def fault(self) -> str:
        """What is wrong with them; empty if nothing."""
        if not (math.isfinite(self.vol) and self.vol > 0.0):
            return f"vol is {self.vol:g}, expected above 0"
        if not (math.isfinite(self.vol_of_vol) and self.vol_of_vol >= 0.0):
            return f"vol of vol is {self.vol_of_vol:g}, expected at least 0"
        if not -1.0 <= self.correlation <= 1.0:
            return f"correlation is {self.correlation:g}, expected from -1 to 1"
        return ""


class TailMeasure(Record, frozen=True, kw_only=True):
    """Losses of a book in the tail, as positive numbers in its numeraire, and how they were made.

    ``method`` is the one used, ``asked`` the one wanted; ``reason`` tells why they differ. ``std``
    is that of the same profits, ``time_ms`` the market's.
    """

    method: str
    asked: str
    level: float
    horizon_days: float
    value_at_risk: float
    expected_shortfall: float
    std: float
    scenarios: int
    time_ms: int
    reason: str = ""


def tail_measure(
    held: Holdings,
    factors: Factors,
    *,
    method: str = "full",
    level: float = 0.99,
    horizon_days: float = 1.0,
    history: Shocks | None = None,
    rule: VolRule = PARALLEL,
    scenarios: int = SCENARIOS,
) -> TailMeasure:
    """Value at risk and expected shortfall of the book over a horizon.

    Parameters
    ----------
    held : Holdings
    factors : Factors
        From realised or forecast vol; not read by method ``historical``.
    method : str
        ``delta_normal``, ``delta_gamma``, ``full`` or ``historical``.
    level : float
        Confidence, such as 0.99.
    horizon_days : float
    history : Shocks, optional
        Recorded returns over the horizon, for method ``historical``.
    rule : VolRule
    scenarios : int
        For method ``full`` and for what falls back on it.

    Raises
    ------
    ValueError
        For factors, a method or a level that make no sense, or too short a history.

    Notes
    -----
    Delta and gamma are differences of the full revaluation in (log spot, relative vol), so their
    units are the numeraire's and cash, futures and hedges are in them. Delta-gamma uses the
    Cornish-Fisher expansion and falls back to full revaluation where that is not valid.
    """
    if method not in METHODS:
        raise ValueError(f"method {method!r}: expected one of {', '.join(METHODS)}")
    if not (math.isfinite(horizon_days) and horizon_days > 0.0):
        raise ValueError(f"horizon_days is {horizon_days:g}, expected above 0")
    common = {"asked": method, "level": level, "horizon_days": horizon_days}
    if method == "historical":
        found = pnl(held, _enough(history, level), rule)
        return _measure(found, held, method, common)
    if fault := factors.fault():
        raise ValueError(f"factors: {fault}")
    if method == "full":
        return _full(held, factors, rule, scenarios, common)
    bends = method == "delta_gamma"
    moments = quadratic(held, factors, horizon_days=horizon_days, rule=rule, bends=bends)
    if method == "delta_normal":
        tail, reason = normal_tail(mean=moments.mean, std=moments.std, level=level), ""
    else:
        found_tail = cornish_fisher(moments, level=level)
        if not found_tail.is_valid:
            reason = (
                f"skewness {moments.skew:.2f} and excess kurtosis {moments.kurtosis:.2f} are "
                "outside the domain of Cornish-Fisher: full revaluation"
            )
            return _full(held, factors, rule, scenarios, common, reason)
        tail, reason = found_tail.tail, ""
    return TailMeasure(
        method=method,
        value_at_risk=tail.value_at_risk,
        expected_shortfall=tail.expected_shortfall,
        std=moments.std,
        scenarios=0,
        time_ms=held.time_ms,
        reason=reason,
        **common,  # type: ignore[arg-type]
    )


def tail_parts(
    held: Holdings, asked: Shocks, found: Floats, *, level: float, rule: VolRule = PARALLEL
) -> tuple[tuple[str, ...], Floats]:
    """What each leg, future and the cash bring in the tail: the parts of the expected shortfall.

    Parameters
    ----------
    held, asked, rule
        As for `pnl`, whose answer is `found`.
    level : float
        Confidence, such as 0.99.

    Returns
    -------
    names : tuple of str
    profit : (parts,) float64
        Sums to minus the expected shortfall of `pricing.tail_risk`: Euler's parts, as a leg's is
        the derivative of the whole by the size of the leg.

    References
    ----------
    D. Tasche, Risk contributions and performance measurement, 1999.
    """
    tail = found.size * (1.0 - level)
    worst = np.argsort(found, kind="stable")[: min(math.floor(tail + 1e-9) + 1, found.size)]
    weight = np.ones(worst.size)
    weight[-1] = max(tail - (worst.size - 1), 0.0)
    chosen = Shocks(
        asked.move[worst], asked.vol_shift[worst], asked.vol_ratio[worst], asked.days[worst]
    )
    names, parts = contributions(held, chosen, rule)
    return names, np.asarray(parts @ weight / weight.sum())


def factor_shocks(factors: Factors, *, horizon_days: float, scenarios: int = SCENARIOS) -> Shocks:
    """Evenly spread scenarios of spot and vol over a horizon, always the same; spot a martingale.

    Notes
    -----
    ``log move = s x - s^2 / 2`` and ``vol ratio = exp(w (c x + sqrt(1 - c^2) y)) - 1`` with x and y
    normal, s and w the two standard deviations over the horizon and c the correlation.
    """
    x, y = normal_points(scenarios)
    root = math.sqrt(horizon_days / DAYS_PER_YEAR)
    s, w, c = factors.vol * root, factors.vol_of_vol * root, factors.correlation
    return shocks(
        move=np.exp(s * x - 0.5 * s * s),
        vol_ratio=np.expm1(w * (c * x + math.sqrt(1.0 - c * c) * y)),
        days=horizon_days,
    )


def quadratic(
    held: Holdings,
    factors: Factors,
    *,
    horizon_days: float,
    rule: VolRule = PARALLEL,
    bends: bool = True,
) -> Cumulants:
    """Cumulants of the book's profit as a quadratic in log spot and relative vol."""
    root = math.sqrt(horizon_days / DAYS_PER_YEAR)
    s, w = factors.vol * root, factors.vol_of_vol * root
    h, k = _STEP * s, max(_STEP * w, _VOL_STEP_MIN)
    across = np.array([0.0, h, -h, 0.0, 0.0, h, h, -h, -h, 0.0])
    up = np.array([0.0, 0.0, 0.0, k, -k, k, -k, k, -k, 0.0])
    days = np.array([0.0] * 9 + [horizon_days])
    f = pnl(held, shocks(move=np.exp(across), vol_ratio=up, days=days), rule)
    delta = np.array([f[1] - f[2], f[3] - f[4]]) / np.array([2.0 * h, 2.0 * k])
    gamma = np.zeros((2, 2))
    drift = 0.0
    if bends:
        gamma[0, 0] = (f[1] - 2.0 * f[0] + f[2]) / (h * h)
        gamma[1, 1] = (f[3] - 2.0 * f[0] + f[4]) / (k * k)
        gamma[0, 1] = gamma[1, 0] = (f[5] - f[6] - f[7] + f[8]) / (4.0 * h * k)
        drift = float(f[9]) - 0.5 * s * s * float(delta[0])  # time, and the martingale's drift
    cross = s * w * factors.correlation
    return cumulants(
        delta=delta, gamma=gamma, covariance=np.array([[s * s, cross], [cross, w * w]]), drift=drift
    )


def _full(
    held: Holdings,
    factors: Factors,
    rule: VolRule,
    scenarios: int,
    common: dict[str, object],
    reason: str = "",
) -> TailMeasure:
    horizon = common["horizon_days"]
    assert isinstance(horizon, float | int)
    asked = factor_shocks(factors, horizon_days=horizon, scenarios=scenarios)
    return _measure(pnl(held, asked, rule), held, "full", common, reason)


def _measure(
    found: Floats, held: Holdings, method: str, common: dict[str, object], reason: str = ""
) -> TailMeasure:
    level = common["level"]
    assert isinstance(level, float)
    tail = tail_risk(found, level=level)
    return TailMeasure(
        method=method,
        value_at_risk=tail.value_at_risk,
        expected_shortfall=tail.expected_shortfall,
        std=float(found.std()),
        scenarios=found.size,
        time_ms=held.time_ms,
        reason=reason,
        **common,  # type: ignore[arg-type]
    )


def _enough(history: Shocks | None, level: float) -> Shocks:
    """The history, if its tail holds one outcome at least."""
    need = math.ceil(1.0 / (1.0 - level) - 1e-9) if 0.0 < level < 1.0 else 1
    if history is None or len(history) < need:
        had = 0 if history is None else len(history)
        raise ValueError(f"history: {had} returns, expected {need} at least for level {level:g}")
    return history

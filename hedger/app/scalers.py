"""A book's scaling in the settings as the records of those who read it: decisions, and a loop."""

from __future__ import annotations

import msgspec

from hedger.core.model import (
    CongestionRule,
    GridRule,
    KellyRule,
    LiquidityRule,
    MarginRule,
    SignalRule,
    Sizing,
    StaticRule,
    TailRule,
    VolRegimeRule,
    VolTargetRule,
)
from hedger.core.risk.margins import GridMargin, StandardMargin
from hedger.core.risk.readings import MeasureRule
from hedger.core.risk.refresh import RiskRule
from hedger.service.params import ReadingParams
from hedger.settings.book import Book
from hedger.settings.scaling import MEASURED, Scaling

LOOKS = 3.0
"""Measures within the age at which a ladder calls one stale."""


def sizing(scaling: Scaling) -> Sizing | None:
    """The models that are on; None for a book without any."""
    used, age_ms = set(scaling.used), _ms(scaling.age_s_max)
    if not used:
        return None
    target, regime, kelly = scaling.vol_target, scaling.vol_regime, scaling.kelly
    return Sizing(
        shift_max=scaling.shift_max,
        static=_static(scaling) if "static" in used else None,
        signal=_signal(scaling) if "signal" in used else None,
        grid=_grid(scaling) if "grid" in used else None,
        grid_anchor=scaling.grid.anchor,
        liquidity=_liquidity(scaling) if "liquidity" in used else None,
        daily_volume=scaling.liquidity.daily_volume,
        congestion=_congestion(scaling) if "congestion" in used else None,
        vol_target=VolTargetRule(
            target=target.target, cap=target.cap, inertia=target.inertia, age_ms_max=age_ms
        )
        if "vol_target" in used
        else None,
        vol_regime=VolRegimeRule(
            power=regime.power,
            lowest=regime.lowest,
            highest=regime.highest,
            signal_min=regime.signal_min,
            inertia=regime.inertia,
            age_ms_max=_ms(scaling.signal.age_s_max),
            long_days=regime.long_days,
        )
        if "vol_regime" in used
        else None,
        kelly=KellyRule(
            fraction=kelly.fraction, cap=kelly.cap, inertia=kelly.inertia, age_ms_max=age_ms
        )
        if "kelly" in used
        else None,
        tail=_tail(scaling) if "tail" in used else None,
        margin=_margin(scaling) if "margin" in used else None,
    )


def readings(book: Book) -> ReadingParams | None:
    """What a loop is to make for a book's scalers and ladder; None where they read nothing.

    What a ladder climbs by is made often enough to be young at every look.
    """
    scaling, used, climbs = book.scaling, set(book.scaling.used), book.ladder.measured
    signal = scaling.signal.source if used & {"signal", "vol_regime"} else ""
    measures = bool(climbs or used & set(MEASURED) or book.scale.shrink == "on")
    if not (signal or measures or "congestion" in used):
        return None
    often_s = book.ladder.age_s_max / LOOKS if climbs else scaling.measure_s
    return ReadingParams(
        signal=signal,
        every_ms=_ms(min(scaling.measure_s, often_s)),
        measure=measure(book) if measures else None,
        loss_max=scaling.tail.limit,
        traffic="congestion" in used,
    )


def watched(book: Book) -> ReadingParams | None:
    """The same for somebody who looks on: every measure that there is, whoever reads it."""
    found, scaling = readings(book), book.scaling
    if not scaling.capital:
        return found
    found = found or ReadingParams(every_ms=_ms(scaling.measure_s), loss_max=scaling.tail.limit)
    return msgspec.structs.replace(found, measure=measure(book, margins=True))


def measure(book: Book, *, margins: bool = False) -> MeasureRule:
    """How a book's risk is measured; with ``margins`` what the venue asks for, read or not."""
    scaling = book.scaling
    tail, model = scaling.tail, scaling.margin.model
    venue = StandardMargin() if model == "standard" else GridMargin()
    climbs = {"margin_ratio", "liquidation_distance"} & set(book.ladder.measured)
    margins = margins or "margin" in scaling.used or bool(climbs)
    risk = RiskRule(
        capital=scaling.capital,
        method=tail.method,
        level=tail.level,
        horizon_days=tail.horizon_days,
        vol_of_vol=scaling.vol_of_vol,
        correlation=scaling.correlation,
        margin=venue if margins else None,
    )
    return MeasureRule(
        risk=risk,
        shortfall=tail.measure == "expected_shortfall",
        growth="kelly" in scaling.used,
    )


def _static(scaling: Scaling) -> StaticRule:
    return StaticRule(target=scaling.static.target, is_usd=scaling.static.unit == "usd")


def _signal(scaling: Scaling) -> SignalRule:
    found = scaling.signal
    return SignalRule(
        capital=found.capital,
        vol_target=found.vol_target,
        unit=found.unit,
        clip=found.clip,
        shift_max=found.shift_max,
        inertia=found.inertia,
        age_ms_max=_ms(found.age_s_max),
        expire_ms=_ms(found.expire_s),
    )


def _grid(scaling: Scaling) -> GridRule:
    found = scaling.grid
    return GridRule(step=found.step, size=found.size, total_max=found.total_max)


def _liquidity(scaling: Scaling) -> LiquidityRule:
    found = scaling.liquidity
    return LiquidityRule(
        budget=1e-4 * found.budget_bps,
        participation=found.participation,
        window_s=found.window_s,
        impact=found.impact,
    )


def _congestion(scaling: Scaling) -> CongestionRule:
    found = scaling.congestion
    return CongestionRule(
        latency_ms_max=found.latency_ms_max,
        error_rate_max=found.error_rate_max,
        credits_min=found.credits_min,
        stale_share_max=found.stale_share_max,
        clip_max=found.clip_max,
    )


def _tail(scaling: Scaling) -> TailRule:
    found = scaling.tail
    return TailRule(
        limit=found.limit,
        cap=found.cap,
        inertia=found.inertia,
        age_ms_max=_ms(scaling.age_s_max),
    )


def _margin(scaling: Scaling) -> MarginRule:
    found = scaling.margin
    return MarginRule(
        reduce_above=found.reduce_above,
        aim=found.aim,
        release_below=found.release_below,
        distance_min=found.distance_min,
        release_distance=found.release_distance,
        age_ms_max=_ms(scaling.age_s_max),
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)

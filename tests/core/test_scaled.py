"""Scalers in a decision: what moves the centre, what bounds a trade, and what must change nothing.

The models themselves are tested in tests/sizing; here it is what `decide` makes of them.
"""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.columns import Forecast, Market
from hedger.core.decide import decide
from hedger.core.model import (
    Action,
    BandRule,
    CongestionRule,
    Decision,
    GridRule,
    KellyRule,
    LimitRule,
    LiquidityRule,
    MarginRule,
    Measured,
    Memory,
    Reading,
    Readings,
    Rules,
    SignalRule,
    Sizing,
    StaticRule,
    TailRule,
    Traffic,
    VolRegimeRule,
    VolTargetRule,
)
from tests.core.desk import START, Desk, option, rules
from tests.core.dice import Dice, changed

CALL = option(60_000.0, 30.0, True)
SIGNAL = SignalRule(capital=10.0, vol_target=0.10, shift_max=3.0)
BOOK_MODELS = Sizing(
    vol_target=VolTargetRule(target=0.2),
    vol_regime=VolRegimeRule(),
    kelly=KellyRule(),
    tail=TailRule(limit=1e4),
    margin=MarginRule(),
)
LEVELS = ("lower", "centre", "upper", "trigger_low", "trigger_high", "to_low", "to_high")


def scaled_by(sizing: Sizing | None, **more: object) -> Rules:
    return msgspec.structs.replace(rules(**more), sizing=sizing)  # type: ignore[arg-type]


def said(
    sizing: Sizing | None, readings: Readings | None = None, *, desk: Desk | None = None,
    memory: Memory | None = None, **more: object,
) -> Decision:  # fmt: skip
    desk = desk or Desk({CALL: 1})
    mine = changed(desk.book(memory=memory), readings=readings or Readings())
    return decide(mine, desk.board.market(), scaled_by(sizing, **more), desk.now)


def signalled(value: float | None, age_ms: int = 0) -> Readings:
    return Readings(signal=Reading(value=value, time_ms=START - age_ms))


# --- centre -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["fixed", "cubic", "price_move"])
def test_a_static_target_moves_every_level_of_the_band(kind: str) -> None:
    band = BandRule(kind=kind, lower=-0.05, upper=0.05, risk_aversion=1e-3, move_pct=1.0)
    plain = said(None, band=band)
    moved = said(Sizing(static=StaticRule(target=0.7)), band=band)
    assert plain.target is not None
    assert moved.target is not None
    for name in LEVELS:
        shift = getattr(moved.target, name) - getattr(plain.target, name)
        assert shift == pytest.approx(0.7, abs=1e-9), name


def test_a_trade_goes_to_the_moved_centre() -> None:
    found = said(Sizing(static=StaticRule(target=-2.0)))
    assert found.action is Action.HEDGE
    assert found.plan is not None
    assert found.target is not None
    low, high = found.plan.expected
    assert found.target.lower <= low <= high <= found.target.upper < 0.0


@pytest.mark.parametrize("kind", ["fixed", "cubic"])
def test_a_signal_is_sized_by_the_forecast_else_by_the_vol_of_the_legs(kind: str) -> None:
    desk = Desk({CALL: 1}, vol=0.4)
    mine = changed(desk.book(), readings=signalled(0.5))
    rule = scaled_by(Sizing(signal=SIGNAL), band=BandRule(kind=kind, risk_aversion=1e-3))
    implied = decide(mine, desk.board.market(), rule, desk.now)
    forecast = decide(mine, _forecast(desk, 0.8), rule, desk.now)
    assert implied.scalings[0].shift == pytest.approx(10.0 * 0.1 / 0.4 * 0.5)
    assert forecast.scalings[0].shift == pytest.approx(10.0 * 0.1 / 0.8 * 0.5)
    assert dict(forecast.memory.scales)["signal"] == forecast.scalings[0].shift


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_signal_of_zero_is_as_no_signal(seed: int) -> None:
    dice = Dice(seed, scaled=0.0)
    market = dice.board().market()
    mine, rule = dice.near_the_band("b", market)
    mine = changed(mine, readings=Readings(signal=Reading(value=0.0, time_ms=dice.now)))
    plain = decide(mine, market, rule, dice.now)
    zero = decide(mine, market, _with(rule, Sizing(signal=SIGNAL)), dice.now)
    assert (zero.target, zero.plan, zero.memory) == (plain.target, plain.plan, plain.memory)
    assert (zero.action, zero.reason) == (plain.action, plain.reason)


@pytest.mark.parametrize(
    ("readings", "why"),
    [
        (Readings(), "never measured"),
        (signalled(math.nan), "is nan"),
        (signalled(math.inf), "is inf"),
        (signalled(None), "is None"),
        (signalled(1.0, 60_001), "60001 ms old, at most 60000 ms"),
        (signalled(1.0, -1), "1 ms in the future"),
        (Readings(signal=Reading(reason="key x: no such key")), "key x: no such key"),
    ],
)
@pytest.mark.parametrize("before", [0.0, 1.5])
def test_a_signal_that_cannot_be_used_is_refused_and_the_last_shift_held(
    readings: Readings, why: str, before: float
) -> None:
    memory = Memory(scales=(("signal", before),) if before else ())
    found = said(Sizing(signal=SIGNAL), readings, memory=memory)
    assert [(r.rule, why in r.reason) for r in found.refusals] == [("signal", True)]
    assert found.scalings[0].shift == before
    assert not found.scalings[0].is_known
    assert found.memory.scales == memory.scales


def test_a_signal_that_has_expired_is_none() -> None:
    memory = Memory(scales=(("signal", 1.5),))
    found = said(Sizing(signal=SIGNAL), signalled(1.0, 3_600_001), memory=memory)
    assert found.scalings[0].shift == 0.0
    assert "expired" in found.scalings[0].reason
    assert dict(found.memory.scales)["signal"] == 0.0


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.floats(40_000.0, 90_000.0), min_size=1, max_size=12),
    st.floats(0.01, 2.0),
    st.floats(0.01, 2.0),
)
def test_the_grid_never_goes_beyond_its_total(
    spots: list[float], size: float, total: float
) -> None:
    sizing = Sizing(grid=GridRule(step=700.0, size=size, total_max=total), grid_anchor=60_000.0)
    memory = Memory()
    for spot in spots:
        found = said(sizing, desk=Desk({CALL: 1}, index=spot), memory=memory)
        (one,) = found.scalings
        assert abs(one.shift) <= total
        assert found.target is not None
        assert abs(found.target.centre) <= total + 1e-9
        memory = found.memory


def test_a_level_of_the_grid_is_remembered_with_and_without_a_trade() -> None:
    sizing = Sizing(grid=GridRule(step=1_000.0, size=0.001, total_max=1.0), grid_anchor=59_000.0)
    found = said(sizing, desk=Desk({}))
    assert found.action is Action.NO_TRADE
    assert dict(found.memory.scales) == {"grid": 1.0}
    back = said(sizing, desk=Desk({}, index=59_400.0), memory=found.memory)
    assert dict(back.memory.scales) == {"grid": 1.0}, "between two levels the last one holds"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_all_shifts_together_stay_within_their_bound(seed: int) -> None:
    dice = Dice(seed, scaled=1.0, broken=0.0)
    market = dice.board().market()
    mine, rule = dice.near_the_band("b", market)
    scaled = decide(mine, market, rule, dice.now)
    plain = decide(mine, market, _with(rule, None), dice.now)
    assert rule.sizing is not None
    if scaled.target is None or plain.target is None:
        return
    centres = (scaled.target.centre, plain.target.centre)
    assert abs(centres[0] - centres[1]) <= rule.sizing.shift_max + 1e-6


def test_a_bound_that_holds_shifts_back_is_told() -> None:
    found = said(Sizing(static=StaticRule(target=0.7), shift_max=0.5))
    assert any("come to +0.7000, held at +0.5000" in text for text in found.warnings)


# --- book ---------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_model_of_the_book_changes_a_hedge(seed: int) -> None:
    """With all of them on, on any readings, the trade is that of a book without scalers."""
    dice = Dice(seed, scaled=0.0)
    market = dice.board().market()
    mine, rule = dice.near_the_band("b", market)
    mine = changed(mine, readings=dice.readings())
    plain = decide(mine, market, rule, dice.now)
    found = decide(mine, market, _with(rule, BOOK_MODELS), dice.now)
    for name in Decision.__struct_fields__:
        if name not in ("scalings", "scale", "memory"):
            assert getattr(found, name) == getattr(plain, name), name
    forgotten = msgspec.structs.replace(found.memory, scales=())
    assert forgotten == plain.memory
    if found.exposure is not None and found.scale is not None:
        assert found.scale >= 0.0
        assert len(found.scalings) == 5


def test_the_scale_of_a_book_is_shown_and_remembered() -> None:
    readings = Readings(measured=Measured(time_ms=START, risk=0.4, loss=2e4))
    sizing = Sizing(vol_target=VolTargetRule(target=0.2), tail=TailRule(limit=1.2e4))
    found = said(sizing, readings)
    assert found.scale == 0.5
    assert dict(found.memory.scales) == {"vol_target": 0.5, "value_at_risk": 0.6}
    again = said(sizing, readings, memory=found.memory)
    assert again.memory.scales == found.memory.scales


def test_measures_that_are_missing_or_old_hold_the_scale_and_say_why() -> None:
    sizing = Sizing(vol_target=VolTargetRule(target=0.2))
    memory = Memory(scales=(("vol_target", 0.5),))
    never = said(sizing, memory=memory)
    lacks = said(
        sizing, Readings(measured=Measured(time_ms=START, reason="no vols")), memory=memory
    )
    old = said(
        sizing, Readings(measured=Measured(time_ms=START - 600_001, risk=9.0)), memory=memory
    )
    assert [found.scale for found in (never, lacks, old)] == [0.5, 0.5, 0.5]
    assert "never measured" in never.scalings[0].reason
    assert "no vols" in lacks.scalings[0].reason
    assert "600001 ms old" in old.scalings[0].reason
    assert not any(found.scalings[0].is_known for found in (never, lacks, old))


def test_the_regime_takes_its_mean_on_once_an_hour() -> None:
    desk = Desk({CALL: 1})
    sizing = Sizing(vol_regime=VolRegimeRule(long_days=1.0))
    memory, seen = Memory(), []
    for hour, vol in enumerate((0.4, 0.4, 0.8, 0.8)):
        desk.now = START + hour * 3_600_000
        desk.quote_all()
        market = _forecast(desk, vol)
        found = decide(desk.book(memory=memory), market, scaled_by(sizing), desk.now)
        memory = found.memory
        seen.append((dict(memory.scales)["long_vol"], found.scale))
    kept = math.exp(-1.0 / 24.0)
    third = math.sqrt(kept * 0.16 + (1.0 - kept) * 0.64)
    assert [vol for vol, _ in seen][:3] == pytest.approx([0.4, 0.4, third])
    assert [scale for _, scale in seen][:2] == [1.0, 1.0]
    assert seen[2][1] == pytest.approx(third / 0.8)


# --- trade --------------------------------------------------------------------------------------

WIDE = LimitRule(first_trade_max=1e3, order_max=1e3, per_minute_max=1e6, hard_band=1e3)
HARD = msgspec.structs.replace(WIDE, hard_band=1.0)
"""Every trade that is due is beyond the hard band, or none is."""


def test_a_routine_hedge_waits_while_the_way_is_full_and_an_urgent_one_goes() -> None:
    full = Readings(traffic=Traffic(latency_ms=2_000.0))
    sizing = Sizing(congestion=CongestionRule())
    desk = Desk({CALL: 20})
    waits = said(sizing, full, desk=desk, limits=WIDE)
    assert (waits.action, waits.reason) == (Action.NO_TRADE, "congestion")
    assert [r.rule for r in waits.refusals] == ["congestion"]
    assert said(sizing, full, desk=desk, limits=HARD).action is Action.HEDGE
    assert said(sizing, Readings(), desk=desk, limits=WIDE).action is Action.HEDGE


def test_before_that_the_clip_grows() -> None:
    half = Readings(traffic=Traffic(latency_ms=750.0))
    band = BandRule(lower=-0.25, upper=0.25)
    plain = said(None, limits=WIDE, band=band).target
    wider = said(Sizing(congestion=CongestionRule()), half, limits=WIDE, band=band).target
    assert plain is not None
    assert wider is not None
    assert wider.trigger_high - wider.upper == pytest.approx(2.0 * (plain.trigger_high - 0.25))
    assert wider.lower == plain.lower


def test_a_thin_market_bounds_a_trade_and_the_hard_band_frees_it() -> None:
    thin = Desk({CALL: 100})
    thin.quote_hedge(bid_size=600.0, ask_size=600.0)  # 0.01 coin a level, a tick apart
    sizing = Sizing(liquidity=LiquidityRule(budget=1e-5))
    found = said(sizing, desk=thin, limits=WIDE)
    free = said(sizing, desk=thin, limits=HARD)
    plain = said(None, desk=thin, limits=WIDE)
    assert found.plan is not None
    assert free.plan is not None
    assert plain.plan is not None
    assert free.plan.lines == plain.plan.lines
    assert found.action is Action.HEDGE
    assert abs(found.plan.allowed) < 0.05 * abs(plain.plan.allowed)
    assert [r.rule for r in found.refusals] == ["liquidity"]
    assert abs(found.plan.lines[0].delta) <= abs(found.plan.allowed)


def test_what_was_traded_within_the_window_counts_against_the_share() -> None:
    sizing = Sizing(
        liquidity=LiquidityRule(participation=0.1, window_s=60.0, budget=0.0), daily_volume=1_440.0
    )  # 0.1 coin a minute
    desk = Desk({CALL: 100})
    first = said(sizing, desk=desk, limits=WIDE)
    assert first.plan is not None
    assert abs(first.plan.allowed) == pytest.approx(0.1)
    band = BandRule(cooldown_ms=0)
    again = said(sizing, desk=desk, limits=WIDE, memory=first.memory, band=band)
    assert again.action is Action.NO_TRADE
    assert again.reason in ("liquidity", "below_minimum")


def _with(rule: Rules, sizing: Sizing | None) -> Rules:
    return msgspec.structs.replace(rule, sizing=sizing)


def _forecast(desk: Desk, vol: float) -> Market:

    return replace(desk.board.market(), forecasts={"BTC": Forecast(vol, desk.now)})


@pytest.mark.parametrize(("scale", "factor"), [(1.0, 0.5), (0.5, 0.25), (0.0, None)])
def test_a_measure_is_of_what_was_held_and_of_nothing_held_it_says_nothing(scale, factor) -> None:
    seen = Readings(measured=Measured(time_ms=START, risk=0.4, scale=scale))
    (found,) = said(Sizing(vol_target=VolTargetRule(target=0.2)), seen).scalings
    assert found.is_known is (factor is not None)
    assert found.factor == pytest.approx(1.0 if factor is None else factor)

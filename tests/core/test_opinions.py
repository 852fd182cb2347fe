"""Two deltas of a leg, ours and the venue's: what follows if they disagree, and which is held."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hedger.core.decide import decide
from hedger.core.model import Account, Action, BandRule, DataRule, Decision
from pricing import black
from tests.core.desk import DAY_MS, LINEAR_PERPETUAL, PERPETUAL, Desk, option, rules

CALL, PUT = option(62_000.0, 8.0, True), option(57_000.0, 8.0, False)
LOTS = {CALL: -100, PUT: 50}


def black_delta(desk: Desk, leg: Any) -> float:
    found = black(
        forward=desk.index * desk.basis,
        strike=leg.strike,
        time_to_expiry=(leg.expiry_ms - desk.now) / (365.0 * DAY_MS),
        vol=desk.vol,
        is_call=leg.is_call,
    )
    return float(found.delta)


def told(desk: Desk, **off: float) -> Desk:
    """The venue tells Black's delta of each leg, and so much more of some."""
    for leg in desk.legs:
        extra = off.get("call" if leg.is_call else "put", 0.0)
        desk.quote_option(leg, delta=black_delta(desk, leg) + extra)
    return desk


def said(desk: Desk, gap: str = "warn", *, delta: str = "black", most: float = 0.05) -> Decision:
    band = BandRule(lower=-0.25, upper=0.25, delta=delta)
    data, hedge = DataRule(delta_gap=gap, delta_gap_max=most), desk.hedge.name
    return decide(
        desk.book(), desk.board.market(), rules(band=band, data=data, hedge=hedge), desk.now
    )


@pytest.mark.parametrize("gap", ["warn", "widen", "freeze"])
def test_where_both_agree_nothing_is_said(gap: str) -> None:
    plain, agreed = said(Desk(LOTS)), said(told(Desk(LOTS), call=0.04), gap)
    assert agreed == plain


def test_a_disagreement_names_the_instrument() -> None:
    found = said(told(Desk(LOTS), call=0.2, put=0.03))
    assert found.action is said(Desk(LOTS)).action
    (warning,) = found.warnings
    assert warning.startswith(f"{CALL.name}: the venue's delta is")
    assert PUT.name not in warning


def test_a_freeze_names_every_one_and_hedges_nothing() -> None:
    found = said(told(Desk(LOTS), call=0.2, put=-0.3), "freeze")
    assert (found.action, found.reason) == (Action.BLOCKED, "delta_disagrees")
    assert [r.instrument for r in found.refusals] == [CALL.name, PUT.name]
    assert found.plan is None


def test_widening_trades_only_what_is_right_by_both() -> None:
    desk = Desk(LOTS)
    plain = said(desk).exposure
    assert plain is not None
    wide = said(told(desk, call=-0.2), "widen")
    assert wide.exposure is not None
    # ten coins short of a call that the venue counts 0.2 lower: two coins more of delta
    assert wide.exposure.low == pytest.approx(plain.low)
    assert wide.exposure.high == pytest.approx(plain.high + 2.0)
    assert [d.instrument for d in wide.exposure.doubts] == [CALL.name]
    desk.hedge_lots = round(-plain.low * 60_000 / 10)
    unsure = said(desk, "widen")
    assert (unsure.action, unsure.reason) == (Action.BLOCKED, "delta_uncertain")
    assert [r.instrument for r in unsure.refusals] == [CALL.name]


def test_a_stale_or_impossible_delta_is_no_opinion() -> None:
    desk = told(Desk(LOTS), call=0.2)
    for wrong in (None, math.nan, 1.5, -math.inf):
        assert desk.quote_option(CALL, delta=wrong) is None
        assert said(desk, "freeze").reason != "delta_disagrees"
    told(desk, call=0.2)
    assert said(desk, "freeze", most=0.0).reason != "delta_disagrees"
    desk.now += 301_000
    desk.quote_hedge()
    assert said(desk, "freeze").reason != "delta_disagrees"


def test_the_venues_delta_is_held_where_it_tells_all_of_them() -> None:
    plain, own = said(Desk(LOTS)).target, said(told(Desk(LOTS), call=0.04, put=0.02), delta="venue")
    assert plain is not None
    assert own.target is not None
    # ours is above the venue's by 10 x 0.04 - 5 x 0.02
    assert own.target.centre - plain.centre == pytest.approx(0.3)
    assert own.target.to_high - plain.to_high == pytest.approx(0.3)
    assert own.target.delta_of == "venue"
    desk = told(Desk(LOTS), call=0.04)
    desk.quote_option(PUT)
    missing = said(desk, delta="venue")
    assert missing.target == plain
    assert missing.warnings == (
        f"held at Black's delta: no fresh delta of the venue's for {PUT.name}",
    )


def test_linear_legs_count_in_coin_and_windows_fade() -> None:
    leg = option(62_000.0, 8.0, True, inverse=False)
    desk = Desk({leg: -100}, hedge=LINEAR_PERPETUAL, basis=1.02)
    desk.board.apply_account(Account(account="acc", time_ms=desk.now, equity=0.0, quote_equity=0.0))
    plain, own = said(desk).target, said(told(desk, call=0.04), delta="venue").target
    assert plain is not None
    assert own is not None
    assert own.centre - plain.centre == pytest.approx(0.4 * 1.02)
    soon = option(50_000.0, 10 / 1440, True)
    inside = Desk({soon: -100}, hedge=PERPETUAL)
    inside.quote_option(soon, delta=1.0 / 3.0)
    assert said(inside, "freeze").reason != "delta_disagrees"
    inside.quote_option(soon, delta=1.0)
    assert said(inside, "freeze").reason == "delta_disagrees"

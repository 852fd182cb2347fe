"""The scenario limit: closed forms on a lone future, laws of the room, and who is refused by it."""

from __future__ import annotations

import dataclasses
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.capacity import can_hedge
from hedger.core.decide import decide
from hedger.core.model import (
    Account,
    Act,
    Action,
    ActKind,
    BandRule,
    LimitRule,
    Memory,
    Offer,
    Refusal,
    Rules,
    ScaleRule,
    ScenarioRule,
)
from hedger.core.risk.stress import LOSS, MARGIN, Stress, allowed, growth, room, stress
from tests.core.desk import DAY_MS, START, Desk, option, rules

CALL, PUT = option(60_000.0, 30, True), option(60_000.0, 30, False)
MEMORY = Memory(hedges=3, hedge_ms=START - DAY_MS, hedge_price=59_000.0)
SPOT = 60_000.0


def limited(limit: ScenarioRule, *, numeraire: str = "usd", **more: object) -> Rules:
    wide = LimitRule(order_max=1e3, per_minute_max=1e4, position_max=1e3, first_trade_max=1e3)
    made = rules(numeraire=numeraire, limits=wide, **more)  # type: ignore[arg-type]
    return msgspec.structs.replace(made, scenario=limit)


def ask(at: Desk, delta: float, rule: Rules) -> Offer:
    return can_hedge(at.book(memory=MEMORY), at.board.market(), rule, at.now, delta)


def flat(equity: float = 10.0) -> Desk:
    """Nothing but coin, which is not to be hedged."""
    made = Desk({}, equity=equity)
    made.quote_hedge(bid_size=1e9, ask_size=1e9)
    return made


# --- closed forms -----------------------------------------------------------------------------


@pytest.mark.parametrize("delta", [50.0, -50.0])
def test_lone_delta_may_lose_the_limit_in_the_furthest_cell(delta: float) -> None:
    rule = limited(ScenarioRule(loss_max=120_000.0), base_coin=10.0)
    offer = ask(flat(), delta, rule)
    assert offer.limit == LOSS
    assert abs(offer.size) == pytest.approx(120_000.0 / (0.2 * SPOT))
    move = "-20" if delta > 0 else "+20"
    assert f"at spot {move} %" in offer.reason
    assert "1.2e+05" in offer.reason


def test_coin_is_lost_on_the_other_side_of_the_same_move() -> None:
    rule = limited(ScenarioRule(loss_max=1.0), numeraire="coin")
    assert ask(flat(), 50.0, rule).size == pytest.approx(1.0 / (1.0 / 0.8 - 1.0))
    assert ask(flat(), -50.0, rule).size == pytest.approx(-1.0 / (1.0 - 1.0 / 1.2))


def test_a_share_is_one_of_the_margin_balance() -> None:
    rule = limited(ScenarioRule(share_max=0.25), base_coin=10.0)
    offer = ask(flat(10.0), 50.0, rule)
    assert offer.size == pytest.approx(0.25 * 10.0 / 0.2)
    assert "25% of a margin balance of 6e+05" in offer.reason
    nothing = ask(flat(-1.0), 1.0, limited(ScenarioRule(share_max=0.25), base_coin=-1.0))
    assert (nothing.size, nothing.limit) == (0.0, LOSS)


def test_initial_margin_is_asked_for_the_hedge() -> None:
    rule = limited(ScenarioRule(initial_max=0.5), base_coin=10.0)
    offer = ask(flat(10.0), 1_000.0, rule)
    size = offer.size  # x (0.02 + 0.00005 x) = 0.5 * 10, at one price
    assert offer.limit == "initial_margin"
    assert size * (0.02 + 0.00005 * size) == pytest.approx(5.0, rel=1e-3)


def test_maintenance_in_the_cell_counts_what_is_left_there() -> None:
    """A short straddle: more put to carry and less to carry it with."""
    made = Desk({CALL: -100, PUT: -100}, equity=6.0)
    rule = limited(ScenarioRule(ratio_max=0.9), base_coin=6.0)
    found = stress(made.book(), made.board.market(), rule, made.now)
    assert isinstance(found, Stress)
    (limit,) = found.limits
    assert limit.name == MARGIN
    here = next(
        i for i in range(len(found.cells))
        if found.cells.move[i] == 1.0 and found.cells.vol_ratio[i] == 0.0
    )  # fmt: skip
    mark = made.coin_price(CALL) + made.coin_price(PUT)
    asked = 10.0 * (2 * 0.075 + mark)
    assert limit.used[here] == pytest.approx(asked / (6.0 + 10.0 * mark), rel=1e-6)
    assert limit.used.max() > 1.2 * limit.used[here]


# --- laws -------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    lots=st.integers(-100, 100),
    puts=st.integers(-100, 100),
    hedge=st.integers(-60_000, 60_000),
    delta=st.floats(-20.0, 20.0).filter(lambda d: abs(d) > 1e-3),
    share=st.floats(0.01, 2.0),
)
def test_what_has_room_keeps_the_limit_and_a_little_more_does_not(
    lots: int, puts: int, hedge: int, delta: float, share: float
) -> None:
    made = Desk({CALL: lots, PUT: puts}, hedge_lots=hedge, equity=5.0)
    rule = limited(ScenarioRule(share_max=share, ratio_max=0.9), base_coin=5.0)
    found = stress(made.book(), made.board.market(), rule, made.now)
    assert isinstance(found, Stress)
    unit = math.copysign(1.0, delta)
    most = room(found, found.of_delta(unit)).size
    broken = found.left < 0.0
    at_most = found.left + found.of_delta(unit * min(most, 1e9))
    assert (at_most[~broken] >= -1e-6 * (1.0 + abs(found.left[~broken]))).all()
    if 0.0 < most < 1e6:
        beyond = found.left + found.of_delta(unit * most * 1.01)
        assert beyond.min() < 0.0
    # what makes the worst cell better is never refused, however much is broken
    after = (found.left + found.of_delta(delta)).min()
    if after > found.worst:
        assert allowed(found, delta) is None


# --- who is refused ---------------------------------------------------------------------------


def test_what_is_not_known_leaves_no_room() -> None:
    made = Desk({CALL: -10}, equity=10.0)
    rule = limited(
        ScenarioRule(loss_max=1e6, initial_max=1.0), base_coin=10.0,
        band=BandRule(lower=-5.0, upper=5.0),
    )  # fmt: skip
    made.now += 301_000
    made.quote_hedge(bid_size=1e9, ask_size=1e9)
    made.board.apply_account(Account(account="acc", time_ms=made.now, equity=10.0))
    made.quote_option(CALL, time_ms=made.now, vol=None, bid=None)  # a forward, but no vol
    offer = ask(made, 1.0, rule)
    assert (offer.size, offer.limit) == (0.0, LOSS)
    assert f"no scenario can be told: {CALL.name} cannot be valued" in offer.reason
    assert ask(flat(), 1.0, rule).is_whole


def test_a_centre_away_from_zero_is_held_back_and_a_hedge_never() -> None:
    """A hedge to a centre of +20 adds risk; the way back to it from +60 takes risk away."""
    limit = ScenarioRule(loss_max=60_000.0)
    band = BandRule(target=20.0, lower=19.0, upper=21.0)
    rule = limited(limit, base_coin=10.0, band=band)
    out = flat()
    made = decide(out.book(memory=MEMORY), out.board.market(), rule, out.now)
    assert made.action is Action.HEDGE
    cut = next(r for r in made.refusals if r.rule == LOSS)
    assert cut.allowed == pytest.approx(60_000.0 / (0.2 * SPOT))
    assert made.plan is not None
    assert sum(line.delta for line in made.plan.lines) <= cut.allowed + 1e-9
    far = Desk({}, equity=70.0)
    far.quote_hedge(bid_size=1e9, ask_size=1e9)
    back = decide(far.book(memory=MEMORY), far.board.market(), rule, far.now)
    assert back.action is Action.HEDGE
    assert not [r for r in back.refusals if r.rule == LOSS]


def test_a_book_is_not_made_larger_beyond_it() -> None:
    made = Desk({CALL: -10, PUT: -10}, equity=10.0)
    larger = {CALL.name: -100, PUT.name: -100}
    rule = limited(ScenarioRule(loss_max=20_000.0), base_coin=10.0)
    market, book = made.board.market(), made.book(memory=MEMORY)
    no = growth(book, market, rule, made.now, larger)
    assert no is not None
    assert no.limit == LOSS
    assert growth(book, market, rule, made.now, {CALL.name: -11}) is None
    assert growth(book, market, limited(ScenarioRule()), made.now, larger) is None
    act = Act(kind=ActKind.SCALE, who="ann", reason="more", asked_ms=0, scale=1.0, grows=True)
    scale = ScaleRule(base=tuple(larger.items()), step=1.0)
    asked = decide(
        made.book(memory=MEMORY, act=act),
        market,
        msgspec.structs.replace(rule, scale=scale, band=BandRule(lower=-5.0, upper=5.0)),
        made.now,
    )
    assert (asked.action, asked.reason) == (Action.BLOCKED, LOSS)
    assert "nothing is made larger" in asked.text


def test_an_account_that_is_not_known_is_a_refusal() -> None:
    made = Desk({CALL: -10}, equity=10.0)
    rule = limited(ScenarioRule(loss_max=1e6), numeraire="coin")
    market = made.board.market()
    assert isinstance(stress(made.book(), market, rule, made.now), Stress)
    why = stress(made.book(), dataclasses.replace(market, accounts={}), rule, made.now)
    assert isinstance(why, Refusal)
    assert "equity of acc is unknown" in why.reason

"""Base x scale as a plan: whole lots, stages, cover, and the delta at every prefix of it."""

from __future__ import annotations

import itertools
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.acts import finished
from hedger.core.acts.portions import (
    Portion,
    held_scale,
    inside,
    portions,
    share,
    stage,
    uncovered,
)
from hedger.core.decide import decide
from hedger.core.ladder import Rung
from hedger.core.model import (
    Act,
    Action,
    ActKind,
    BandRule,
    Decision,
    Instrument,
    LadderState,
    Measured,
    Memory,
    Readings,
    Rules,
    ScaleRule,
    Sizing,
    VolTargetRule,
)
from tests.core.desk import PERPETUAL, START, Desk, option, rules
from tests.core.dice import changed

CALL = option(64_000.0, 8, True)
CALL_WING = option(70_000.0, 8, True)
PUT = option(56_000.0, 8, False)
PUT_WING = option(50_000.0, 8, False)
BASE = {CALL: -40, CALL_WING: 40, PUT: -40, PUT_WING: 40}
HARD = 0.75
DID = Memory(hedges=3, hedge_ms=START - 1, hedge_price=60_000.0)
SCALES = st.floats(min_value=0.0, max_value=2.0)


def scaled(base: dict[Instrument, int], **change: object) -> Rules:
    rule = ScaleRule(base=tuple((leg.name, lots) for leg, lots in base.items()), **change)
    band = BandRule(lower=-0.25, upper=0.25, cooldown_ms=60_000)
    return msgspec.structs.replace(rules(band=band), scale=rule)


def act(scale: float, *, grows: bool = True) -> Act:
    return Act(
        kind=ActKind.SCALE, who="anna", reason="a drill", asked_ms=1, scale=scale, grows=grows
    )


def at(desk: Desk, rule: Rules, wish: Act | None, memory: Memory = DID, **book) -> Decision:
    the_book = desk.book(memory=memory, act=wish, **book)
    return decide(the_book, desk.board.market(), rule, desk.now)


def executed(desk: Desk, made: Decision, share_of: float = 1.0) -> None:
    """What was planned, or a part of it, done; the market stands still."""
    for line in made.plan.lines if made.plan else ():
        lots = math.trunc(line.lots * share_of)
        if line.instrument == PERPETUAL.name:
            desk.hedge_lots += lots
        else:
            desk.legs[desk.instruments[line.instrument]] += lots


# --- shares and stages ------------------------------------------------------------------------


@given(base=st.integers(-500, 500), scale=SCALES, other=SCALES)
def test_a_share_is_within_a_lot_on_the_covered_side_and_monotone(base, scale, other) -> None:
    lots = share(base, scale)
    assert -1e-6 <= lots - base * scale < 1.0
    assert lots * base >= 0
    low, high = sorted((scale, other))
    assert abs(share(base, low)) <= abs(share(base, high))
    assert share(base, 1.0) == base


LEGS = st.lists(
    st.tuples(st.integers(1, 60), st.booleans(), st.floats(0.0, 1.5)), min_size=1, max_size=6
).map(
    lambda rows: tuple(
        Portion(f"leg{i}", sign * n, share(sign * n, held), 1)
        for i, (n, long, held) in enumerate(rows)
        for sign in ((1 if long else -1),)
    )
)


@given(legs=LEGS, scale=SCALES, step=st.sampled_from([0.05, 0.1, 0.25, 1.0]))
@settings(max_examples=200, deadline=None)
def test_stages_end_at_the_share_and_no_leg_ever_turns_back(legs, scale, step) -> None:
    for _ in range(200):
        found = stage(legs, scale, step=step)
        if found is None:
            break
        for leg in legs:
            if leg.name in found.goals:
                goal = found.goals[leg.name]
                assert abs(goal) > abs(leg.held) if found.grows else abs(goal) < abs(leg.held)
                assert -abs(leg.base * scale) - 1 < goal < abs(leg.base * scale) + 1 or (
                    not found.grows and found.level > scale
                ), "beyond the target"
        legs = tuple(leg._replace(held=found.goals.get(leg.name, leg.held)) for leg in legs)
    assert stage(legs, scale, step=step) is None
    assert all(leg.held == share(leg.base, scale) for leg in legs)
    assert inside(legs, scale, 0.0), "and nobody would trade for what is left"


@given(legs=LEGS, scale=st.floats(0.0, 1.0), step=st.sampled_from([0.1, 0.25]), data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_leg_that_cannot_go_keeps_every_other_within_a_stage_of_it(
    legs, scale, step, data
) -> None:
    legs = tuple(leg._replace(held=leg.base) for leg in legs)
    stuck = data.draw(st.sampled_from(legs)).name
    while found := stage(legs, scale, step=step):
        moving = {n: g for n, g in found.goals.items() if n != stuck}
        if not moving:
            break
        legs = tuple(leg._replace(held=moving.get(leg.name, leg.held)) for leg in legs)
    the_stuck = next(leg for leg in legs if leg.name == stuck)
    own = abs(the_stuck.held / the_stuck.base)
    rounding = 1.0 / abs(the_stuck.base)
    for leg in legs:
        assert abs(leg.held) >= abs(leg.base) * (own - step - rounding) - 1.0


def test_without_leave_to_grow_a_leg_that_falls_short_stays_and_what_is_too_large_goes_first() -> (
    None
):
    legs = (Portion("a", -10, -10, 1), Portion("b", 10, 2, 1))
    first = stage(legs, 0.5, step=1.0)
    assert first is not None
    assert (first.goals, first.grows) == ({"a": -5}, False)
    legs = (legs[0]._replace(held=-5), legs[1])
    then = stage(legs, 0.5, step=1.0)
    assert then is not None
    assert (then.goals, then.grows) == ({"b": 5}, True)
    assert stage(legs, 0.5, step=1.0, may_grow=False) is None


def test_less_than_the_venues_least_order_is_left() -> None:
    assert stage((Portion("a", -10, -6, 5),), 0.5, step=1.0) is None
    assert stage((Portion("a", -10, -10, 5),), 0.5, step=1.0) is not None


def test_inside_the_inertia_band_is_nothing_to_do() -> None:
    legs = (Portion("a", -100, -93, 1), Portion("b", 100, 96, 1))
    assert held_scale(legs) == pytest.approx(0.945)
    assert inside(legs, 1.0, 0.10)
    assert not inside(legs, 1.0, 0.05)
    assert inside((Portion("a", -1, -1, 1),), 0.5, 0.0), "half of one lot is none"
    assert held_scale(()) is None


def test_legs_that_expired_or_stand_against_their_base_are_no_part_of_it() -> None:
    old = option(60_000.0, 1, True)
    desk = Desk({CALL: -10, PUT: 10, old: -10})
    desk.now += 2 * 86_400_000
    rule = scaled({CALL: -10, PUT: -10, old: -10}).scale
    assert [leg.name for leg in portions(desk.book(), rule, desk.now)] == [CALL.name]


# --- the act, decided ----------------------------------------------------------------------------


class Judge:
    """What must hold of a book at each prefix of a plan, whatever is filled of it."""

    def __init__(self, desk: Desk, base: dict[Instrument, int], *, most: float) -> None:
        self.desk, self.base, self.most = desk, base, most
        self.start = {is_call: self.net(is_call) for is_call in (True, False)}
        self.reasons: list[str] = []

    def net(self, is_call: bool) -> float:
        held = {leg.name: lots for leg, lots in self.desk.legs.items()}
        return uncovered(held, self.desk.book(), self.desk.now, is_call=is_call)

    def see(self, made: Decision) -> None:
        self.reasons.append(made.reason)
        if made.plan is not None and made.reason == "scale_leg":
            low, high = made.plan.expected
            assert -HARD <= low <= high <= HARD, made.text
            assert len(made.plan.lines) == 1, "leg by leg"
        for is_call in (True, False):
            proportional = self.most * sum(
                -lots * leg.lot for leg, lots in self.base.items() if leg.is_call == is_call
            )
            limit = max(self.start[is_call], proportional, 0.0)
            assert self.net(is_call) <= limit + 1e-9, (made.text, is_call)


def played(desk, rule, scale, judge, *, grows=True, fate=lambda made: 1.0, most=400) -> Decision:
    memory = DID
    for _ in range(most):
        made = at(desk, rule, act(scale, grows=grows), memory)
        judge.see(made)
        if made.action is not Action.HEDGE:
            return made
        memory = made.memory
        executed(desk, made, fate(made))
        judge.see(made)
        desk.now += 100
        desk.quote_all()
    return made


def desk_of(base: dict[Instrument, int], rule: Rules) -> Desk:
    desk = Desk(dict(base))
    neutral = Act(kind=ActKind.NEUTRAL, who="anna", reason="to begin", asked_ms=1)
    executed(desk, at(desk, rule, neutral))
    return desk


def test_four_legs_to_half_and_to_eight_tenths_with_the_hedge_beside_them() -> None:
    rule = scaled(BASE, step=0.25)
    desk = desk_of(BASE, rule)
    judge = Judge(desk, BASE, most=1.0)
    for scale in (0.5, 0.8):
        done = played(desk, rule, scale, judge)
        assert finished(act(scale), done), done.text
        assert desk.legs == {leg: share(lots, scale) for leg, lots in BASE.items()}
        assert abs(done.exposure.high) <= HARD
    assert judge.reasons.count("scale_leg") >= 2 * len(BASE)


def test_the_hedge_follows_leg_by_leg_where_the_legs_have_a_delta() -> None:
    base = {CALL: -100, PUT: -20}
    rule = scaled(base, step=0.25)
    desk = desk_of(base, rule)
    judge = Judge(desk, base, most=1.0)
    before = desk.hedge_lots
    done = played(desk, rule, 0.5, judge)
    assert finished(act(0.5), done)
    assert desk.hedge_lots == pytest.approx(before / 2, rel=0.2)
    assert "above_band" in judge.reasons or "below_band" in judge.reasons


@pytest.mark.parametrize("way", [(1.0, 0.4), (0.4, 1.0)], ids=["out", "in"])
@pytest.mark.parametrize("stuck", [leg.name for leg in BASE])
def test_whichever_leg_is_rejected_no_side_is_naked_and_no_leg_runs_ahead(way, stuck) -> None:
    start, end = way
    rule = scaled(BASE, step=0.2)
    begun = {leg: share(lots, start) for leg, lots in BASE.items()}
    desk = desk_of(begun, rule)
    judge = Judge(desk, BASE, most=1.0)

    def fate(made: Decision) -> float:
        return 0.0 if made.plan.lines[0].instrument == stuck else 1.0

    last = played(desk, rule, end, judge, fate=fate, most=80)
    assert last.reason == "scale_leg", "it is still tried"
    own = desk.legs[desk.instruments[stuck]]
    assert own == begun[desk.instruments[stuck]]
    scales = [lots / BASE[leg] for leg, lots in desk.legs.items()]
    assert max(scales) - min(scales) <= 0.2 + 2 / 40
    done = played(desk, rule, end, judge)
    assert finished(act(end), done), "and ends where it was asked to once the leg can go"
    assert desk.legs == {leg: share(lots, end) for leg, lots in BASE.items()}


WINGED = st.lists(st.integers(-30, 30), min_size=4, max_size=4).filter(any)


@given(
    sizes=WINGED,
    way=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    parts=st.lists(st.sampled_from([0.0, 0.4, 1.0]), min_size=1, max_size=6),
    step=st.sampled_from([0.1, 0.3, 1.0]),
)
@settings(max_examples=25, deadline=None)
def test_any_structure_with_any_fills_is_never_more_naked_than_in_proportion(
    sizes, way, parts, step
) -> None:
    base = {leg: lots for leg, lots in zip(BASE, sizes, strict=True) if lots}
    start, end = way
    rule = scaled(base, step=step)
    desk = desk_of({leg: share(lots, start) for leg, lots in base.items()}, rule)
    judge = Judge(desk, base, most=max(start, end))
    fates = itertools.cycle(parts)
    played(desk, rule, end, judge, fate=lambda _: next(fates), most=30)
    done = played(desk, rule, end, judge)
    assert finished(act(end), done), done.text
    assert desk.legs == {leg: share(lots, end) for leg, lots in base.items()}


def test_a_ratio_of_two_shorts_to_one_long_comes_down_as_one() -> None:
    """Its long leg covers a half of what is short: in proportion it may go all the same."""
    base = {CALL: -40, CALL_WING: 20}
    rule = scaled(base, step=0.25)
    desk = desk_of(base, rule)
    done = played(desk, rule, 0.5, Judge(desk, base, most=1.0))
    assert finished(act(0.5), done), done.text
    keep = tuple((leg.name, lots // 2) for leg, lots in {CALL: -20, CALL_WING: 10}.items())
    less = Act(kind=ActKind.REDUCE, who="ladder", reason="margin", asked_ms=1, keep=keep)
    for _ in range(20):
        made = at(desk, rule, less)
        if made.action is not Action.HEDGE:
            break
        executed(desk, made)
        desk.quote_all()
    assert finished(less, made), "what the ladder keeps in proportion does not cover itself"


def test_nothing_grows_while_a_book_is_on_hold() -> None:
    rule = scaled(BASE)
    desk = desk_of({leg: share(lots, 0.5) for leg, lots in BASE.items()}, rule)
    made = at(desk, rule, act(1.0), hold="lunch")
    assert (made.action, made.reason) == (Action.BLOCKED, "hold")
    assert made.plan is None
    assert finished(act(1.0, grows=False), at(desk, rule, act(1.0, grows=False)))


@pytest.mark.parametrize("rung", [Rung.STOP_ADDING, Rung.REDUCE, Rung.CLOSE])
def test_nothing_grows_on_a_rung_that_adds_nothing_and_it_may_be_made_smaller(rung: Rung) -> None:
    """The rungs that act restrain no order by themselves: what they trade is an act as well."""
    rule = scaled(BASE)
    desk = desk_of({leg: share(lots, 0.5) for leg, lots in BASE.items()}, rule)
    ladder = LadderState(rung=rung, text="drawdown is 0.2")
    memory = msgspec.structs.replace(DID, ladder=ladder)
    made = at(desk, rule, act(1.0), memory)
    assert made.action is Action.BLOCKED
    assert made.plan is None
    assert "ladder" in made.text
    assert "drawdown is 0.2" in made.text
    for less in (act(0.25), Act(kind=ActKind.CLOSE, who="anna", reason="x", asked_ms=1)):
        assert at(desk, rule, less, memory).action is Action.HEDGE
        assert at(desk, rule, less, memory, hold="lunch").reason == "hold", "a person's hold does"
    free = msgspec.structs.replace(DID, ladder=LadderState(rung=Rung.WARN, text="drawdown is 0.1"))
    assert at(desk, rule, act(1.0), free).action is Action.HEDGE


@pytest.mark.parametrize("rung", [0, 1, 2, 3, 4])
def test_nothing_grows_on_a_rung_that_adds_nothing_nor_on_a_higher_one(rung: int) -> None:
    """A climb from stop adding to reduce must not set a scale-in free again."""
    rule = scaled(BASE)
    desk = desk_of({leg: share(lots, 0.5) for leg, lots in BASE.items()}, rule)
    memory = msgspec.structs.replace(DID, ladder=LadderState(rung=rung, text="margin"))
    made = at(desk, rule, act(1.0), memory)
    if rung < 2:
        assert (made.action, made.reason) == (Action.HEDGE, "scale_leg")
    else:
        assert (made.action, made.reason, made.plan) == (Action.BLOCKED, "ladder", None)
    out = at(desk, rule, act(0.25, grows=False), memory)
    assert (out.action, out.reason) == (Action.HEDGE, "scale_leg"), "out is always allowed"


@pytest.mark.parametrize("risk", [None, 0.2])
def test_nothing_grows_while_a_model_of_the_book_cannot_judge(risk: float | None) -> None:
    sizing = Sizing(vol_target=VolTargetRule(target=0.2))
    rule = msgspec.structs.replace(scaled(BASE), sizing=sizing)
    desk = desk_of({leg: share(lots, 0.5) for leg, lots in BASE.items()}, rule)
    seen = Readings(measured=Measured(time_ms=desk.now, risk=risk))

    def made(scale: float, *, grows: bool) -> Decision:
        book = desk.book(memory=DID, act=act(scale, grows=grows))
        return decide(changed(book, readings=seen), desk.board.market(), rule, desk.now)

    up, down = made(1.0, grows=True), made(0.25, grows=False)
    assert (down.action, down.reason) == (Action.HEDGE, "scale_leg")
    if risk is None:
        assert (up.action, up.reason, up.plan) == (Action.BLOCKED, "vol_target", None)
    else:
        assert (up.action, up.reason) == (Action.HEDGE, "scale_leg")

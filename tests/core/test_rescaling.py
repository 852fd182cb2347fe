"""The proposal: its stages, their cost both ways, what they are worth, and when none is made."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from hedger.core.model import Fees
from hedger.core.rescaling import Proposal, Verdict, option_fee, proposal, worth
from tests.core.desk import PERPETUAL, Desk
from tests.core.test_scale import BASE, CALL, scaled


def proposed(desk: Desk, wanted: float, *, risk: float | None = 1e7, **rule) -> Proposal:
    market = desk.board.market()
    return proposal(desk.book(), market, scaled(BASE, **rule), desk.now, wanted=wanted, risk=risk)


def test_a_plan_goes_in_stages_whose_lots_add_up_and_what_is_bought_goes_first() -> None:
    found = proposed(Desk(dict(BASE)), 0.5, step=0.25)
    assert (found.verdict, found.grows, found.held) == (Verdict.PROPOSE, False, 1.0)
    assert [stage.level for stage in found.stages] == [0.75, 0.5]
    for stage in found.stages:
        signs = [lots > 0 for _, lots in stage.lots]
        assert signs == sorted(signs, reverse=True)
    for leg, base in BASE.items():
        assert sum(dict(s.lots)[leg.name] for s in found.stages) == -base // 2


def test_the_cost_is_twice_every_half_spread_and_fee() -> None:
    desk = Desk(dict(BASE))
    found = proposed(desk, 0.5, step=0.5)
    (only,) = found.stages
    assert only.hedge_delta is not None
    spreads = 4 * 2.0 * 0.005 * 60_000.0  # four legs of 20 lots of a tenth, at 0.01 and 0.02
    hedge = abs(only.hedge_delta) * 60_000.0 * (0.5 / 60_000.0)
    assert found.cost == pytest.approx(2.0 * (spreads + hedge), rel=1e-6)
    dear = msgspec.structs.replace(CALL, fees=Fees(taker=0.0003, cap=0.125))
    assert option_fee(dear, amount=2.0, price=0.02, index=60_000.0) == pytest.approx(36.0)
    assert option_fee(dear, amount=2.0, price=0.0004, index=60_000.0) == pytest.approx(6.0)


def test_worth_is_one_formula_for_out_and_in_and_grows_with_the_square() -> None:
    rule = scaled(BASE).scale
    there = worth(rule, risk=1e5, held=1.0, wanted=0.5)
    assert there == pytest.approx(0.5 * 1e5 * 0.25 * 30 / 365)
    assert worth(rule, risk=5e4, held=0.5, wanted=1.0) == pytest.approx(there)
    assert worth(rule, risk=1e5, held=1.0, wanted=0.0) == pytest.approx(4 * there)


def test_nothing_is_proposed_that_costs_more_than_it_is_worth_or_that_nobody_knows() -> None:
    desk = Desk(dict(BASE))
    assert proposed(desk, 0.5, risk=1.0).verdict is Verdict.NOT_WORTH
    assert proposed(desk, 0.5, risk=None).verdict is Verdict.UNKNOWN
    desk.quote_option(CALL, ask=None)
    blind = proposed(desk, 0.5)
    assert (blind.verdict, blind.cost) == (Verdict.UNKNOWN, None)
    assert [name for name, _ in blind.waits] == [CALL.name]
    desk.now += 3_600_000
    assert proposed(desk, 0.5).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("wanted", [0.95, 1.0, 1.05])
def test_no_plan_inside_the_inertia_band(wanted: float) -> None:
    found = proposed(Desk(dict(BASE)), wanted)
    assert (found.verdict, found.stages) == (Verdict.INSIDE, ())


def test_without_a_base_there_is_no_scale() -> None:
    desk = Desk(dict(BASE))
    rule = msgspec.structs.replace(scaled({}), config="none")
    found = proposal(desk.book(), desk.board.market(), rule, desk.now, wanted=0.5, risk=1e6)
    assert (found.verdict, found.held) == (Verdict.NO_BASE, None)


def test_a_leg_that_is_not_held_any_more_comes_back_with_the_scale() -> None:
    desk = Desk(dict(BASE))
    book, market = desk.book(), desk.board.market()
    legs = {leg: lots for leg, lots in BASE.items() if leg is not CALL}
    without = Desk(legs).book()
    bare = dataclasses.replace(without, instruments=book.instruments)
    found = proposal(bare, market, scaled(BASE), desk.now, wanted=1.0, risk=1e7)
    assert found.grows
    assert sum(dict(s.lots).get(CALL.name, 0) for s in found.stages) == BASE[CALL]
    assert all(PERPETUAL.name not in dict(s.lots) for s in found.stages)

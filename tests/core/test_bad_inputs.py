"""Bad inputs: each ends in a refusal with its reason or in the stated fallback, in acts as well.

One short call on coin margin, too long in delta, so that every act has something to do.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import pytest

from hedger.core.capacity import can_hedge
from hedger.core.columns import Book
from hedger.core.decide import decide
from hedger.core.model import (
    Account,
    Act,
    Action,
    ActKind,
    BandRule,
    Decision,
    LimitRule,
    Memory,
    Reading,
    Readings,
    ScenarioRule,
    SignalRule,
    Sizing,
    VolTargetRule,
)
from hedger.core.risk.refresh import RiskRule, measures
from tests.core.desk import DAY_MS, PERPETUAL, START, Desk, option, rules

CALL = option(60_000.0, 30, True)
DID = Memory(hedges=3, hedge_ms=START - DAY_MS, hedge_price=59_000.0)
BAND = BandRule(lower=-0.5, upper=0.5)
LIMITS = LimitRule(order_max=50.0, per_minute_max=100.0, first_trade_max=50.0)
RULES = msgspec.structs.replace(
    rules(numeraire="usd", base_coin=10.0, band=BAND, limits=LIMITS),
    sizing=Sizing(
        signal=SignalRule(capital=10.0, vol_target=0.1), vol_target=VolTargetRule(target=0.2)
    ),
    scenario=ScenarioRule(share_max=0.9),
)


HOME = -18_343
"""Lots of the hedge with which the delta is at its centre."""
SECOND = 1_000


class Bad(NamedTuple):
    """What is done to a healthy desk, and the rule that then blocks every hedge, if one does.

    ``leg`` blocks the leg in a close, ``centre`` is the refusal of a model of the centre, ``can``
    the limit that leaves no room for new delta.
    """

    change: Callable[[Desk], object]
    signal: Reading = Reading(value=0.0, time_ms=START)
    blocks: str = ""
    leg: str = ""
    centre: str = ""
    can: str = ""


def nothing(_: Desk) -> None:
    """All is well."""


def later(desk: Desk, *, ms: int, hedge: bool = True, leg: bool = True) -> None:
    """Time goes on, and some of the market with it."""
    desk.now += ms
    desk.board.apply_account(Account(account="acc", time_ms=desk.now, equity=desk.equity))
    if hedge:
        desk.quote_hedge(bid_size=1e9, ask_size=1e9)
    if leg:
        desk.quote_option(CALL, bid=0.0555, ask=0.0575, ask_size=50.0)


def crossed_leg(desk: Desk) -> None:
    """Its newest quote is refused; vol and forward of before are still young."""
    later(desk, ms=SECOND, leg=False)
    desk.quote_option(CALL, bid=0.07, ask=0.05)


def crossed_hedge(desk: Desk) -> None:
    """Nothing but crossed quotes for longer than a quote may be old."""
    later(desk, ms=3 * SECOND, hedge=False)
    desk.quote_hedge(bid=60_100.0, ask=60_000.0)


def no_vol(desk: Desk) -> None:
    """The venue says zero, then nothing, for longer than a vol may be old."""
    later(desk, ms=301 * SECOND, leg=False)
    desk.quote_option(CALL, vol=0.0, bid=0.0555, ask=0.0575)


def unknown_equity(desk: Desk) -> None:
    """The account's newest figures are no numbers, for longer than figures may be old."""
    desk.now += 6 * SECOND
    desk.quote_hedge(bid_size=1e9, ask_size=1e9)
    desk.quote_option(CALL, bid=0.0555, ask=0.0575)
    desk.board.apply_account(Account(account="acc", time_ms=desk.now, equity=math.nan))


BADS = {
    "healthy": Bad(nothing),
    "no history": Bad(nothing, Reading(reason="no key trend"), centre="signal"),
    "NaN signal": Bad(nothing, Reading(value=math.nan, time_ms=START), centre="signal"),
    "crossed leg": Bad(crossed_leg, leg="close_bad_quote"),
    "crossed hedge": Bad(crossed_hedge, blocks="stale_hedge_quote", can="stale_hedge_quote"),
    "zero vol": Bad(no_vol, leg="close_bad_quote", centre="signal", can="scenario_loss"),
    "stale oracle": Bad(
        lambda desk: later(desk, ms=60 * SECOND, hedge=False, leg=False),
        blocks="stale_hedge_quote",
        can="stale_hedge_quote",
    ),
    "NaN equity": Bad(unknown_equity, blocks="stale_equity", can="stale_equity"),
}


def sick(bad: Bad, *, lots: int = 0) -> tuple[Desk, Book]:
    desk = Desk({CALL: -20}, equity=14.0, hedge_lots=lots)
    desk.quote_hedge(bid_size=1e9, ask_size=1e9)
    desk.quote_option(CALL, bid=0.0555, ask=0.0575, ask_size=50.0)
    bad.change(desk)
    return desk, dataclasses.replace(desk.book(memory=DID), readings=Readings(signal=bad.signal))


def decided(bad: Bad, kind: str = "", *, lots: int = 0) -> Decision:
    desk, book = sick(bad, lots=lots)
    if kind:
        act = Act(kind=ActKind(kind), who="ann", reason="drill", asked_ms=1)
        book = dataclasses.replace(book, act=act)
    return decide(book, desk.board.market(), RULES, desk.now)


def traded(made: Decision) -> list[str]:
    return [line.instrument for line in made.plan.lines] if made.plan else []


@pytest.mark.parametrize("name", BADS)
def test_the_book_is_hedged_or_the_reason_is_named(name: str) -> None:
    bad = BADS[name]
    made = decided(bad)
    if bad.blocks:
        assert (made.action, made.reason, traded(made)) == (Action.BLOCKED, bad.blocks, [])
        assert "at most" in made.text
    else:
        assert (made.action, traded(made)) == (Action.HEDGE, [PERPETUAL.name])
    rules_said = {refusal.rule for refusal in made.refusals}
    assert (bad.centre or bad.blocks) in {*rules_said, ""}
    if not bad.blocks:  # no measure of the book was ever made: its scale is held, and it says so
        (scale,) = (one for one in made.scalings if one.model == "vol_target")
        assert (scale.factor, scale.is_known) == (1.0, False)


@pytest.mark.parametrize("name", BADS)
def test_new_delta_has_no_room_where_the_book_cannot_be_valued(name: str) -> None:
    bad = BADS[name]
    desk, book = sick(bad)
    offer = can_hedge(book, desk.board.market(), RULES, desk.now, 1.0)
    assert offer.limit == bad.can
    assert offer.size == (0.0 if bad.can else 1.0)
    assert bool(offer.reason) is bool(bad.can)


@pytest.mark.parametrize("name", BADS)
def test_cancel_needs_no_market_at_all(name: str) -> None:
    made = decided(BADS[name], "cancel")
    assert (made.action, made.reason, traded(made)) == (Action.NO_TRADE, "cancelled", [])


@pytest.mark.parametrize("name", BADS)
def test_neutral_goes_to_the_centre_or_says_why_not(name: str) -> None:
    bad, made = BADS[name], decided(BADS[name], "neutral")
    if bad.blocks:
        assert (made.action, made.reason) == (Action.BLOCKED, bad.blocks)
        return
    assert (made.action, traded(made)) == (Action.HEDGE, [PERPETUAL.name])
    assert made.plan is not None
    assert made.plan.wanted == pytest.approx(-3.057, abs=0.02)
    there = decided(bad, "neutral", lots=HOME)
    assert traded(there) == []
    assert there.reason == ("delta_uncertain" if name == "zero vol" else "neutral")


@pytest.mark.parametrize("name", BADS)
def test_close_hedges_first_and_trades_a_leg_on_its_own_market_alone(name: str) -> None:
    bad, first = BADS[name], decided(BADS[name], "close")
    assert first.reason == (bad.blocks or "above_band")
    then = decided(bad, "close", lots=HOME)
    if bad.blocks:
        assert (then.action, then.reason) == (Action.BLOCKED, bad.blocks)
    elif bad.leg:
        assert (then.action, then.reason) == (Action.BLOCKED, "close_waits")
        assert bad.leg in {refusal.rule for refusal in then.refusals}
        assert CALL.name in then.text
    else:
        assert traded(then) == [CALL.name]
    assert PERPETUAL.name not in traded(then)  # no hedge goes while its option remains


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"correlation": 1.0}, ""),
        ({"correlation": -1.0}, ""),
        ({"correlation": 1.0, "method": "delta_gamma"}, ""),
        ({"correlation": 1.01}, "correlation is 1.01, expected from -1 to 1"),
        ({"correlation": math.nan}, "correlation is nan, expected from -1 to 1"),
        ({"vol_of_vol": math.inf}, "vol of vol is inf, expected at least 0"),
        ({"capital": 0.0}, "capital is 0, expected above 0"),
    ],
)
def test_singular_factors_measure_and_impossible_ones_are_refused(
    change: dict[str, object], said: str
) -> None:
    desk, book = sick(BADS["healthy"])
    rule = RiskRule(**({"capital": 1e6} | change))  # type: ignore[arg-type]
    found = measures(book, desk.board.market(), RULES, desk.now, rule)
    assert found.reason == said
    if said:
        assert (found.tail, found.risk) == (None, None)
        return
    assert found.vol_of == "implied: no forecast of late"  # the stated fallback without history
    assert found.tail is not None
    assert found.risk is not None
    assert found.tail.expected_shortfall >= found.tail.value_at_risk > 0.0
    assert math.isfinite(found.risk)

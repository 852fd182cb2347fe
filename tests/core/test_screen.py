"""What a screen of many books does not flag, `decide` leaves alone for the very same reason."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.columns import Book, Market
from hedger.core.decide import decide
from hedger.core.exposure import deltas, layout
from hedger.core.market import Board
from hedger.core.model import (
    Action,
    BandRule,
    Decision,
    Intent,
    Quote,
    Rules,
)
from hedger.core.screen import REASON, screen
from hedger.core.shelf import NEVER_MS, Shelf
from hedger.service.scheduler import data_limit_ms
from tests.core.desk import DAY_MS, PERPETUAL, START, Desk, option, rules
from tests.core.dice import CLEAR, FUTURE, Dice, changed


def _world(seed: int, **odds: float) -> tuple[Shelf, list[tuple[Book, Rules]], Market, int]:
    dice = Dice(seed, kinds=("fixed",), **odds)
    market = dice.board().market()
    books = [dice.near_the_band(f"b{i}", market) for i in range(int(dice.rng.integers(1, 9)))]
    shelf = Shelf()
    for mine, rule in books:
        shelf.put(mine, rule, market.row)
    return shelf, books, market, dice.now


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_is_not_flagged_would_be_left_alone_for_the_same_reason(seed: int) -> None:
    shelf, books, market, now = _world(seed)
    found = screen(shelf, market, now)
    seen = deltas(shelf, found.laid_out, market, now)
    for mine, rule in books:
        slot = shelf.slot(mine.name)
        assert slot is not None
        if not found.quiet[slot]:
            assert found.limit_ms[slot] == NEVER_MS
            continue
        said = decide(mine, market, rule, now)
        assert (said.action, said.reason) == (Action.NO_TRADE, REASON), said.text
        assert said.memory == mine.memory
        assert not said.refusals
        assert found.limit_ms[slot] == data_limit_ms(said, rule)
        assert said.exposure is not None
        assert abs(said.exposure.book_delta - seen.delta[slot]) <= seen.error[slot]


def test_a_screen_lets_through_no_more_than_it_must() -> None:
    """In worlds without faults everything that `decide` finds inside its band is not flagged."""
    inside = outside = 0
    for seed in range(60):
        shelf, books, market, now = _world(seed, **CLEAR)
        found = screen(shelf, market, now)
        for mine, rule in books:
            said = decide(mine, market, rule, now)
            quiet = said.reason == REASON
            if _at_the_edge(said):
                continue  # within rounding of a trigger a screen leaves it to `decide`
            assert found.quiet[shelf.slot(mine.name)] == quiet, (seed, mine.name, said.text)
            inside, outside = inside + quiet, outside + (not quiet)
    assert min(inside, outside) > 50


def _at_the_edge(said: Decision) -> bool:
    seen, band = said.exposure, said.target
    if seen is None or band is None:
        return False
    room = min(abs(seen.low - band.trigger_low), abs(band.trigger_high - seen.high))
    return room < 1e-7 * (band.trigger_high - band.trigger_low)


CALL = option(60_000.0, 30.0, True)
DATED = msgspec.structs.replace(FUTURE, expiry_ms=START + 20 * DAY_MS)


def _jumped(desk: Desk) -> None:
    for step in range(40):
        desk.now += 1_000
        desk.index = 60_000.0 + step % 2
        desk.quote_all()
    desk.now += 10
    desk.quote_hedge(bid=63_000.0, ask=63_001.0, mark=60_000.0)


def _index_jumped(desk: Desk) -> None:
    _jumped(desk)
    desk.quote_hedge()
    desk.now += 10
    desk.quote_hedge(index=63_000.0)


FAULTS: dict[str, tuple[Callable[[Desk], object], Rules]] = {
    "hedge without a bid": (lambda d: d.quote_hedge(bid=None), rules()),
    "hedge without an ask": (lambda d: d.quote_hedge(ask=None), rules()),
    "old hedge quote": (lambda d: _later(d, 2_001), rules()),
    "hedge quote yet to come": (lambda d: _later(d, -1_001), rules()),
    "leg without a bid": (lambda d: d.quote_option(CALL, bid=None), rules()),
    "old vol": (lambda d: (_later(d, 300_001), d.quote_hedge()), rules()),
    "no account": (lambda d: None, rules(numeraire="usd")),
    "old future": (lambda d: (_later(d, 300_001), d.quote_hedge(), d.quote_option(CALL)), rules()),
    "unconfirmed jump of the hedge": (_jumped, rules()),
    "unconfirmed jump of the index": (_index_jumped, rules()),
}


def _later(desk: Desk, ms: int) -> None:
    desk.now += ms


@pytest.mark.parametrize("fault", FAULTS)
def test_each_single_fault_flags_a_book_that_was_quiet(fault: str) -> None:
    harm, rule = FAULTS[fault]
    desk = Desk({CALL: 1})
    if fault == "old future":
        desk.instruments[DATED.name], desk.legs[DATED] = DATED, 1
        desk.board.add(desk.instruments)
        desk.board.apply(
            Quote(instrument=DATED.name, time_ms=START, bid=59_999.0, ask=60_001.0, index=60_000.0)
        )
    mine, shelf = desk.book(), Shelf()
    if fault == "no account":
        mine = changed(mine, account="nobody")
    slot = shelf.put(mine, rule, desk.board.market().row)
    if fault != "no account":
        assert screen(shelf, desk.board.market(), desk.now).quiet[slot]
    harm(desk)
    market = desk.board.market()
    said = decide(mine, market, rule, desk.now)
    assert not screen(shelf, market, desk.now).quiet[slot]
    if fault not in ("leg without a bid", "old vol"):  # a small doubt may leave the delta inside
        assert said.action is Action.BLOCKED


def test_an_open_intent_flags_a_book_until_it_is_closed() -> None:
    desk, shelf = Desk({CALL: 1}), Shelf()
    market = desk.board.market()
    intent = Intent(
        id="0" * 32, book="main", venue="v", account="acc", instrument=PERPETUAL.name, lots=3,
        limit_ticks=1, deadline_ms=1, low=0, high=3, seq=3,
    )  # fmt: skip
    slot = shelf.put(desk.book(intents=(intent,)), rules(), market.row)
    before = screen(shelf, market, desk.now)
    assert not before.quiet[slot]
    shelf.put(desk.book(), rules(), market.row)
    assert screen(shelf, market, desk.now, laid_out=before.laid_out).quiet[slot]


def test_a_band_of_another_kind_is_not_judged() -> None:
    desk, shelf = Desk({CALL: 1}), Shelf()
    market = desk.board.market()
    slot = shelf.put(desk.book(), rules(band=BandRule(kind="other")), market.row)
    assert not screen(shelf, market, desk.now).quiet[slot]


def test_a_hedge_is_found_by_the_next_screen_without_a_new_layout() -> None:
    desk = Desk({option(60_000.0, 30.0, True): -40}, hedge_lots=0)
    shelf, market, rule = Shelf(), desk.board.market(), rules()
    slot = shelf.put(desk.book(), rule, market.row)
    before = screen(shelf, market, desk.now)
    assert not before.quiet[slot]
    said = decide(desk.book(), market, rule, desk.now)
    assert said.plan is not None
    desk.hedge_lots = said.plan.lines[0].lots
    shelf.put(changed(desk.book(), legs=shelf.held[slot].legs), rule, market.row)  # type: ignore[union-attr]
    after = screen(shelf, market, desk.now, laid_out=before.laid_out)
    assert after.quiet[slot]
    assert after.laid_out is before.laid_out


def test_other_legs_are_laid_out_anew() -> None:
    desk = Desk({option(60_000.0, 30.0, True): 1}, hedge_lots=0)
    shelf, market = Shelf(), desk.board.market()
    slot = shelf.put(desk.book(), rules(), market.row)
    before = screen(shelf, market, desk.now)
    assert before.quiet[slot]
    desk.legs = dict.fromkeys(desk.legs, 400)
    shelf.put(desk.book(), rules(), market.row)
    assert not screen(shelf, market, desk.now, laid_out=before.laid_out).quiet[slot]


def test_a_place_is_given_back_and_its_next_book_is_judged_by_its_own_numbers() -> None:
    desk = Desk({option(60_000.0, 30.0, True): 1})
    shelf, market, mine = Shelf(), desk.board.market(), desk.book()
    slots = {shelf.put(changed(mine, name=f"b{i}"), rules(), market.row) for i in range(20)}
    assert len(slots) == len(shelf) == 20
    free = shelf.slot("b3")
    shelf.remove("b3")
    found = screen(shelf, market, desk.now)
    assert shelf.slot("b3") is None
    assert int(found.quiet.sum()) == 19
    assert not found.quiet[free]
    desk.legs = dict.fromkeys(desk.legs, -400)
    assert shelf.put(changed(desk.book(), name="new"), rules(), market.row) == free
    assert not screen(shelf, market, desk.now).quiet[free]


def test_a_book_with_an_unlisted_leg_is_flagged_until_it_is_listed() -> None:
    desk = Desk({option(60_000.0, 30.0, True): 1})
    shelf, mine = Shelf(), desk.book()
    board = Board({PERPETUAL.name: PERPETUAL})
    slot = shelf.put(mine, rules(), board.market().row)
    desk.board, listed = board, desk.board
    desk.quote_hedge()
    assert not screen(shelf, board.market(), desk.now).quiet[slot]
    shelf.put(mine, rules(), listed.market().row)
    assert screen(shelf, listed.market(), desk.now).quiet[slot]


def test_an_empty_shelf_and_an_empty_market_flag_everything() -> None:
    desk = Desk({option(60_000.0, 30.0, True): 1})
    assert screen(Shelf(), desk.board.market(), desk.now).quiet.size == 0
    shelf = Shelf()
    shelf.put(desk.book(), rules(), {})
    assert not screen(shelf, Board({}).market(), desk.now).quiet.any()


def test_deltas_of_books_without_a_leg_in_common_do_not_mix() -> None:
    desk = Desk({option(60_000.0, 30.0, True): 10, option(50_000.0, 60.0, False): -7})
    market, shelf, alone = desk.board.market(), Shelf(), []
    for name, leg in zip("xy", list(desk.legs), strict=True):
        lots = desk.legs[leg]
        one = Desk({leg: lots})
        mine = changed(one.book(), name=name)
        shelf.put(mine, rules(), market.row)
        said = decide(mine, market, rules(), desk.now)
        assert said.exposure is not None
        alone.append(said.exposure.book_delta)
    both = deltas(shelf, layout(shelf), market, desk.now).delta[:2]
    np.testing.assert_allclose(both, alone, rtol=1e-12)

"""What a screen of many books does not flag, `decide` leaves alone for the very same reason."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.book import book
from hedger.core.columns import Book, Market
from hedger.core.decide import decide
from hedger.core.exposure import deltas, layout
from hedger.core.market import Board
from hedger.core.model import (
    Account,
    Action,
    BandRule,
    BookState,
    DataRule,
    HedgeRule,
    Instrument,
    Intent,
    Kind,
    Memory,
    Quote,
    Rules,
)
from hedger.core.screen import REASON, screen
from hedger.core.shelf import NEVER_MS, Shelf
from hedger.service.scheduler import data_limit_ms
from tests.core.desk import DAY_MS, LINEAR_PERPETUAL, PERPETUAL, START, Desk, option, rules

INDEX = 60_000.0
FUTURE = msgspec.structs.replace(
    PERPETUAL, name="BTC-FUTURE", kind=Kind.FUTURE, expiry_ms=START + 20 * DAY_MS
)
SETTLING = msgspec.structs.replace(FUTURE, name="BTC-SETTLING", expiry_ms=START + 900_000)
GONE = msgspec.structs.replace(FUTURE, name="BTC-GONE", expiry_ms=START - 1)
FUTURES = (PERPETUAL, LINEAR_PERPETUAL, FUTURE, SETTLING, GONE)
OPTIONS = [
    option(strike, days, is_call, inverse=inverse)
    for strike, days, is_call, inverse in itertools.product(
        (45_000.0, 60_000.0, 90_000.0), (-0.01, 0.01, 3.0, 40.0), (True, False), (True, False)
    )
]
INSTRUMENTS = {i.name: i for i in (*FUTURES, *OPTIONS)}
CLEAR = {"broken": 0.0, "open": 0.0, "odd": 0.0}
"""Odds of a world in which nothing is wrong."""


class Dice:
    """A world drawn from one seed: a board, and books on it."""

    def __init__(self, seed: int, **odds: float) -> None:
        self.rng = np.random.default_rng(seed)
        self.odds = {"broken": 0.02, "open": 0.1, "odd": 0.2} | odds
        self.now = START

    def is_(self, what: str) -> bool:
        return bool(self.rng.random() < self.odds[what])

    def one(self, *choices: object) -> object:
        return choices[int(self.rng.integers(len(choices)))]

    def board(self) -> Board:
        listed = {n: i for n, i in INSTRUMENTS.items() if not self.is_("broken")}
        board = Board(listed)
        for name, instrument in sorted(listed.items(), key=lambda _: self.rng.random()):
            if not self.is_("broken"):
                board.apply(self.quote(name, instrument))
        if not self.is_("broken"):
            for instrument in (PERPETUAL, LINEAR_PERPETUAL):
                board.apply(self.quote(instrument.name, instrument, jump=self.is_("broken")))
        for name in ("a", "b"):
            if not self.is_("broken"):
                quote_equity = None if self.is_("broken") else 70_000.0
                board.apply_account(
                    Account(
                        account=name,
                        time_ms=self.now - int(self.rng.integers(4_000)),
                        equity=float(self.rng.normal(0.0, 0.2)),
                        quote_equity=quote_equity,
                    )
                )
        self.now += int(self.one(0, 0, 3, 500)) if not self.is_("broken") else 4_000
        return board

    def quote(self, name: str, instrument: Instrument, *, jump: bool = False) -> Quote:
        index = INDEX * (1.05 if jump else 1.0)
        is_option = instrument.kind is Kind.OPTION
        forward = index * float(self.rng.uniform(0.99, 1.02))
        price = 0.01 if is_option else index
        return Quote(
            instrument=name,
            time_ms=self.now - (400_000 if self.is_("broken") else 0),
            bid=None if self.is_("broken") else price * 0.9999,
            ask=None if self.is_("broken") else price * 1.0001,
            mark=None if is_option else price,
            vol=float(self.rng.uniform(0.0, 1.2)) if is_option else None,
            forward=forward if is_option else None,
            index=index,
        )

    def rules(self) -> Rules:
        hedges = (PERPETUAL.name, LINEAR_PERPETUAL.name, FUTURE.name)
        buy = str(self.one(*hedges))
        unit = str(self.one("coin", "usd", "gross_delta"))
        width = {"coin": 1.0, "usd": INDEX, "gross_delta": 0.3}[unit]
        width *= float(self.one(1e-9, 0.1, 1.0)) * float(self.rng.uniform(0.1, 2.0))
        band = BandRule(
            unit=unit,
            lower=-width,
            upper=width * float(self.rng.uniform(0.2, 1.0)),
            rehedge_to=str(self.one("edge", "centre", "target")),
            clip_min=float(self.one(0.0, 0.1, 1.0, 3.0)),
        )
        return Rules(
            config="test",
            numeraire=str(self.one("coin", "usd")),
            base_coin=float(self.one(0.0, 0.3)),
            hedge=HedgeRule(
                buy=SETTLING.name if self.is_("broken") else buy,
                sell=str(self.one(*hedges)) if self.is_("odd") else buy,
                ratio=float(self.one(1.0, 0.5)),
            ),
            band=band,
            data=DataRule(forward_age_ms_max=int(self.one(5_000, 2_500))),
        )

    def book(self, name: str, rule: Rules, hedge_lots: int) -> Book:
        legs = self.rng.choice(len(OPTIONS), size=int(self.rng.integers(0, 8)), replace=False)
        far = START + DAY_MS
        names = [OPTIONS[i].name for i in legs if OPTIONS[i].expiry_ms > far or self.is_("odd")]
        positions = {n: int(self.rng.integers(-30, 31)) for n in names}
        if self.is_("odd"):
            held = self.one(FUTURE, SETTLING, GONE, LINEAR_PERPETUAL)
            positions[held.name] = int(self.rng.integers(-50, 51))
        positions[rule.hedge.buy] = hedge_lots
        intent = Intent(
            id="0" * 32, book=name, venue="v", account="a", instrument=rule.hedge.buy, lots=3,
            limit_ticks=1, deadline_ms=1, low=0, high=3, seq=3,
        )  # fmt: skip
        state = BookState(
            book=name,
            seq=3,
            digest="test",
            positions=positions,
            intents=(intent,) if self.is_("open") else (),
            memory=Memory(hedges=1, hedge_ms=self.now - 10, hedge_price=INDEX),
            hold="by a person" if self.is_("odd") else "",
            stopped=self.is_("odd"),
        )
        hedges = {rule.hedge.buy, rule.hedge.sell}
        return book(state, INSTRUMENTS, account=str(self.one("a", "b")), hedges=hedges)

    def near_the_band(self, name: str, market: Market) -> tuple[Book, Rules]:
        """A book whose hedge leaves it near its band, on either side of either end."""
        rule = self.rules()
        mine = self.book(name, rule, 0)
        seen = decide(mine, market, rule, self.now)
        if seen.exposure is None or seen.target is None:
            return mine, rule
        contract = INSTRUMENTS[rule.hedge.buy]
        unit = contract.future_delta(1, price=INDEX, index=INDEX)
        width = seen.target.trigger_high - seen.target.trigger_low
        middle = 0.5 * (seen.target.trigger_high + seen.target.trigger_low)
        aim = middle + float(self.rng.uniform(-0.7, 0.7)) * width
        lots = round((aim - seen.exposure.book_delta) / unit)
        held = tuple(
            msgspec.structs.replace(p, lots=lots) if p.instrument is contract else p
            for p in mine.hedges
        )
        return _with(mine, hedges=held), rule


def _with(mine: Book, **change: object) -> Book:
    return Book(**{name: getattr(mine, name) for name in Book.__slots__} | change)  # type: ignore[arg-type]


def _world(seed: int, **odds: float) -> tuple[Shelf, list[tuple[Book, Rules]], Market, int]:
    dice = Dice(seed, **odds)
    market = dice.board().market()
    books = [dice.near_the_band(f"b{i}", market) for i in range(int(dice.rng.integers(1, 9)))]
    shelf = Shelf()
    for mine, rule in books:
        shelf.put(mine, rule, market.row)
    return shelf, books, market, dice.now


@settings(max_examples=150, deadline=None)
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
            assert found.quiet[shelf.slot(mine.name)] == quiet, (seed, mine.name, said.text)
            inside, outside = inside + quiet, outside + (not quiet)
    assert min(inside, outside) > 50


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
        mine = _with(mine, account="nobody")
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
    shelf.put(_with(desk.book(), legs=shelf.held[slot].legs), rule, market.row)  # type: ignore[union-attr]
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
    slots = {shelf.put(_with(mine, name=f"b{i}"), rules(), market.row) for i in range(20)}
    assert len(slots) == len(shelf) == 20
    free = shelf.slot("b3")
    shelf.remove("b3")
    found = screen(shelf, market, desk.now)
    assert shelf.slot("b3") is None
    assert int(found.quiet.sum()) == 19
    assert not found.quiet[free]
    desk.legs = dict.fromkeys(desk.legs, -400)
    assert shelf.put(_with(desk.book(), name="new"), rules(), market.row) == free
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
        mine = _with(one.book(), name=name)
        shelf.put(mine, rules(), market.row)
        said = decide(mine, market, rules(), desk.now)
        assert said.exposure is not None
        alone.append(said.exposure.book_delta)
    both = deltas(shelf, layout(shelf), market, desk.now).delta[:2]
    np.testing.assert_allclose(both, alone, rtol=1e-12)

"""Thousands of books on one worker: price and screen all, decide those that are flagged.

The first table is arithmetic alone: 5,000 books of 50 legs, quotes of every instrument, one kernel
call and one screen for each shelf, `decide()` for one book in a hundred. The promise is ten such
rounds a second on one core. Beside it stands `decide()` for every book, as it would be without a
screen. Run from the checkout's root: ``python -m benchmarks.many_books [--quick] [--json]``.
"""

from __future__ import annotations

import time

import msgspec
import numpy as np

from benchmarks.loopback import HEDGE, legs
from benchmarks.measure import Finding, Table, best_times, main
from hedger.core.book import book
from hedger.core.columns import Book, Market
from hedger.core.decide import decide
from hedger.core.exposure import Layout, deltas
from hedger.core.market import Board
from hedger.core.model import (
    BandRule,
    BookState,
    HedgeRule,
    Instrument,
    LimitRule,
    Quote,
    Rules,
)
from hedger.core.screen import screen
from hedger.core.shelf import Shelf
from hedger.service.screening import SHELF_MAX
from hedger.venues.deribit.contracts import instrument

BOOKS, LEGS, LISTED = 5_000, 50, 1_000
START = 1_782_409_230_000
ROUND_MS = 100.0
FLAGGED = 0.01
LONG_S = 10.0
RULES = Rules(
    config="benchmark",
    numeraire="coin",
    hedge=HedgeRule(buy=HEDGE, sell=HEDGE),
    band=BandRule(lower=-5.0, upper=5.0, cooldown_ms=0),
    limits=LimitRule(order_max=1e6, per_minute_max=1e9, position_max=1e6, first_trade_max=1e6),
)
CUBIC = msgspec.structs.replace(
    RULES, band=BandRule(kind="cubic", cooldown_ms=0, half_width_max=5.0, risk_aversion=1e-3)
)


class Fleet:
    """Books of random legs, hedged; one in a hundred is not."""

    def __init__(self, books: int, rules: Rules) -> None:
        self.rules = rules
        self.rng = np.random.default_rng(7)
        self.options = legs(LISTED)
        self.instruments: dict[str, Instrument] = {**self.options, HEDGE: instrument(HEDGE)}
        self.now = min(i.expiry_ms for i in self.options.values()) - 14 * 86_400_000
        self.board = Board(self.instruments)
        self.quote(60_000.0)
        market = self.board.market()
        self.books = [self._book(n, market) for n in range(books)]
        self.shelves: list[Shelf] = []
        for n, one in enumerate(self.books):
            if n % SHELF_MAX == 0:
                self.shelves.append(Shelf())
            self.shelves[-1].put(one, rules, market.row)
        self.layouts: list[Layout | None] = [None] * len(self.shelves)

    def quote(self, index: float) -> None:
        """Every option and the perpetual, once."""
        self.now += 100
        for name in self.instruments:
            own = name == HEDGE
            self.board.apply(
                Quote(
                    instrument=name,
                    time_ms=self.now,
                    bid=index - 0.25 if own else 0.01,
                    ask=index + 0.25 if own else 0.011,
                    mark=index if own else None,
                    vol=None if own else 0.5,
                    forward=None if own else index,
                    index=index,
                )
            )

    def _book(self, number: int, market: Market) -> Book:
        chosen = self.rng.choice(list(self.options), LEGS, replace=False)
        lots = self.rng.integers(-50, 51, LEGS) * 2 + 1
        positions = {str(n): int(q) for n, q in zip(chosen, lots, strict=True)}
        name = f"b{number}"
        state = BookState(book=name, seq=1, digest="", positions=positions)
        bare = book(state, self.instruments, account="a", hedges={HEDGE})
        seen = decide(bare, market, self.rules, self.now).exposure
        assert seen is not None
        off = 20.0 if number % round(1 / FLAGGED) == 0 else 0.0
        amount = (off - seen.book_delta) * 60_000.0 / self.instruments[HEDGE].lot
        held = {**positions, HEDGE: round(amount)}
        state = BookState(book=name, seq=2, digest="", positions=held)
        return book(state, self.instruments, account="a", hedges={HEDGE}, previous=bare)

    def price(self) -> None:
        """Deltas of every book."""
        market = self.board.market()
        for shelf, laid_out in zip(self.shelves, self.layouts, strict=True):
            assert laid_out is not None
            deltas(shelf, laid_out, market, self.now)

    def flagged(self) -> list[Book]:
        """Screen every book."""
        market, found = self.board.market(), []
        for n, shelf in enumerate(self.shelves):
            seen = screen(shelf, market, self.now, laid_out=self.layouts[n])
            self.layouts[n] = seen.laid_out
            mine = self.books[n * SHELF_MAX : (n + 1) * SHELF_MAX]
            found += [b for b, quiet in zip(mine, seen.quiet, strict=False) if not quiet]
        return found

    def round(self) -> int:
        """Screen every book, decide what is flagged; how many those are."""
        books, market = self.flagged(), self.board.market()
        for one in books:
            decide(one, market, self.rules, self.now)
        return len(books)

    def decide_all(self) -> None:
        """What a round would be without a screen, for the first hundredth of the books."""
        market = self.board.market()
        for one in self.books[:: round(1 / FLAGGED)]:
            decide(one, market, self.rules, self.now)


def fixed(quick: bool) -> Table:
    """Books with the same band whatever their gamma."""
    return rounds("a fixed band", RULES, quick)


def cubic(quick: bool) -> Table:
    """Books with a band of their own, from their gamma at every round."""
    return rounds("the cubic band", CUBIC, quick)


def rounds(band: str, rules: Rules, quick: bool) -> Table:
    """Times of one round, and how many rounds a second hold over some time."""
    books = BOOKS // 10 if quick else BOOKS
    fleet = Fleet(books, rules)
    flagged = fleet.round()
    best = best_times(
        {
            "price": fleet.price,
            "screen": fleet.flagged,
            "round": fleet.round,
            "decide": fleet.decide_all,
        },
        rounds=3 if quick else 9,
    )
    took_s, late_s = _sustained(fleet, 1.0 if quick else LONG_S)
    share = 1e3 * np.array(took_s)
    everything = 1e3 * best["decide"] / FLAGGED
    return Table(
        title=f"{books:,} books of {LEGS} legs with {band}, {flagged} of them flagged",
        times=[
            ("price all legs and add up per book", 1e3 * best["price"], "ms"),
            ("the same and screen", 1e3 * best["screen"], "ms"),
            ("the same and decide the flagged: one round", 1e3 * best["round"], "ms"),
            ("decide every book instead (from one in a hundred)", everything, "ms"),
            ("a round with new quotes each time, median", float(np.median(share)), "ms"),
            ("a round with new quotes each time, 99 %", float(np.percentile(share, 99)), "ms"),
        ],
        findings=[
            Finding(
                "behind 10 Hz at the end, quotes included", 1e3 * late_s, ROUND_MS, "most", "ms"
            ),
            Finding("rounds: share of one core at 10 Hz", share.mean() / ROUND_MS, 1.0, "most"),
            Finding("flagged books", flagged / books, 1.5 * FLAGGED, "most"),
            Finding(
                "decide all / round", everything / (1e3 * best["round"]), 10.0, "least", "times"
            ),
        ],
    )


def _sustained(fleet: Fleet, seconds: float) -> tuple[list[float], float]:
    """Seconds that each round took, a new market ten times a second; how late the last one was."""
    took: list[float] = []
    begin_s = time.perf_counter()
    for turn in range(int(10 * seconds)):
        fleet.quote(60_000.0 + 2.0 * (turn % 7))
        wait_s = begin_s + 0.1 * turn - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        start = time.perf_counter()
        fleet.round()
        took.append(time.perf_counter() - start)
    return took, time.perf_counter() - begin_s - 0.1 * len(took)


if __name__ == "__main__":
    main("Thousands of books on one core", fixed, cubic)

"""How far each book stood outside its band, and for how long, from the exchange's log alone."""

from __future__ import annotations

import bisect
from collections import defaultdict
from typing import Any, NamedTuple

from tests.oracle.contracts import black, contract

SLACK = 0.1
"""Of the half-width: around the edge so much is left alone, as the least trade has a size."""
LAST_MS = 2_000


class Naked(NamedTuple):
    """|delta outside the band| x seconds: the worst spell [coin s] and all together, by book.

    ``lost`` are books that were outside all through the last seconds before the end.
    """

    worst_coin_s: float
    total_coin_s: float
    longest_s: float
    lost: list[str]


class RealTime:
    """Real time of a market instant: orders carry both, bars only the market's."""

    def __init__(self, lines: list[dict[str, Any]], speed: float) -> None:
        self._speed = speed
        self._market: list[int] = []
        self._real: list[int] = []
        for line in lines:
            if line.get("real_ms") and (not self._market or line["ms"] > self._market[-1]):
                self._market.append(line["ms"])
                self._real.append(line["real_ms"])

    def at(self, market_ms: int) -> float:
        """Between two orders, straight; the clock may have stood still there."""
        if not self._market:
            return market_ms / self._speed
        place = bisect.bisect_left(self._market, market_ms)
        if place == len(self._market):
            return self._real[-1] + (market_ms - self._market[-1]) / self._speed
        if place == 0 or self._market[place] == market_ms:
            return self._real[place] - (self._market[place] - market_ms) / self._speed
        low, high = self._market[place - 1], self._market[place]
        share = (market_ms - low) / (high - low)
        return self._real[place - 1] + share * (self._real[place] - self._real[place - 1])


class _Book:
    def __init__(self, positions: dict[str, int]) -> None:
        self.lots = defaultdict(int, positions)
        self.outside, self.since_ms = 0.0, 0.0
        self.spell = self.spell_s = self.worst = self.total = self.longest_s = 0.0
        self.in_at_ms = 0.0


def naked(
    lines: list[dict[str, Any]], *, band: float, base_coin: float, speed: float, end_ms: int
) -> Naked:
    """Go through the bars; a book is as it was at a bar until the next."""
    time, books = RealTime(lines, speed), dict[str, _Book]()
    limit = band * (1.0 + SLACK)
    for line in lines:
        kind = line["event"]
        if kind == "Opened":
            books[line["account"]] = _Book(line["positions"])
        elif kind == "Traded":
            books[line["account"]].lots[line["instrument"]] += line["lots"]
        elif kind == "Bar":
            now_ms = time.at(line["ms"])
            if now_ms > end_ms:
                break
            deltas = deltas_of(line)
            for name, book in books.items():
                equity = line["equity"].get(name)
                if equity is None:
                    continue
                held = ((n, lots) for n, lots in book.lots.items() if lots)
                delta = sum(lots * deltas[n] for n, lots in held) + equity - base_coin
                _step(book, now_ms, max(abs(delta) - limit, 0.0))
    lost = [n for n, b in books.items() if b.in_at_ms < end_ms - LAST_MS]
    return Naked(
        max((book.worst for book in books.values()), default=0.0),
        sum(book.total for book in books.values()),
        max((book.longest_s for book in books.values()), default=0.0),
        lost,
    )


def _step(book: _Book, now_ms: float, outside: float) -> None:
    if not book.in_at_ms and outside:  # not hedged at all yet: that is no fault of the run
        return
    if book.since_ms and book.outside:
        passed_s = (now_ms - book.since_ms) / 1_000
        book.spell += book.outside * passed_s
        book.spell_s += passed_s
        book.total += book.outside * passed_s
        book.worst = max(book.worst, book.spell)
        book.longest_s = max(book.longest_s, book.spell_s)
    if not outside:
        book.spell = book.spell_s = 0.0
        book.in_at_ms = now_ms
    book.outside, book.since_ms = outside, now_ms


def deltas_of(bar: dict[str, Any]) -> dict[str, float]:
    """Delta of one lot of everything that has a mark: premium-adjusted, as equity is added."""
    found = {}
    for name, (mark, vol, forward) in bar["marks"].items():
        it = contract(name)
        if it.is_option:
            found[name] = it.lot * (black(forward, it, vol, bar["ms"])[1] - mark)
        else:
            found[name] = it.lot / mark
    return found

"""The judge: an exchange's trade log against the decisions that were published. Nothing else.

It knows no shard, lease, epoch or incarnation. From each decision it takes what was to be traded,
within which bound of the position, and the band; from the exchange what was traded; from the
market what had to be hedged.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from typing import NamedTuple

from hedger.service.read_back import decoded
from tests.simulation.evidence import BookFacts, Evidence
from tests.simulation.exchange import Executed

COIN_A_LOT = 10.0 / 50_000.0
LOT = COIN_A_LOT * 1.001
HEDGE = "BTC-PERPETUAL"
KINDS = ("over", "lost", "twice", "defects")


class Asked(NamedTuple):
    """One order that a decision asked for, with that decision's band and its view of the rest."""

    at_s: float
    book: str
    id: str
    lots: int
    low: int
    high: int
    seq: int
    rest: float
    band: tuple[float, float]


class Naked(NamedTuple):
    """Delta outside the band: integrated over time [coin seconds], and the longest spell [s]."""

    coin_s: float
    longest_s: float


class Verdict(NamedTuple):
    """Everything that is wrong, by kind, and how long the books stood naked."""

    over: list[str]
    lost: list[str]
    twice: list[str]
    defects: list[str]
    naked: dict[str, Naked]
    orders: int
    trades: int

    @property
    def wrong(self) -> list[str]:
        return [*self.over, *self.lost, *self.twice, *self.defects]

    @property
    def kinds(self) -> set[str]:
        return {name for name in KINDS if getattr(self, name)}


def judged(evidence: Evidence) -> Verdict:
    """Go through everything once."""
    asked = _asked(evidence)
    over, lost, twice = [], [], []
    by_account = {book.account: book for book in evidence.books}
    for account, book in by_account.items():
        mine = [line for line in evidence.executed if line.account == account]
        over += _over(mine, [ask for ask in asked if ask.book == book.name])
        lost += _lost(book, evidence)
    if not lost and evidence.settled_s is None:
        lost.append("nothing was steady when the time to settle was up")
    twice += _twice(evidence, asked)
    return Verdict(
        over=over,
        lost=lost,
        twice=twice,
        defects=list(evidence.defects),
        naked={book.name: _naked(book, evidence) for book in evidence.books},
        orders=sum(seen.outcome == "accepted" for seen in evidence.seen),
        trades=len(evidence.executed),
    )


def _asked(evidence: Evidence) -> list[Asked]:
    """Orders in the order in which their decisions were written."""
    found = []
    for published in evidence.published:
        if b'"action":"hedge"' not in published.payload:
            continue
        entry = decoded(published.payload)
        exposure, target = entry.exposure, entry.target
        assert exposure is not None
        assert target is not None
        found += [
            Asked(
                at_s=published.at_s,
                book=entry.book,
                id=intent.id,
                lots=intent.lots,
                low=intent.low,
                high=intent.high,
                seq=intent.seq,
                rest=exposure.book_delta - exposure.hedge_delta,
                band=(target.lower, target.upper),
            )
            for intent in entry.intents
        ]
    return found


def _over(executed: list[Executed], asked: list[Asked]) -> list[str]:
    """Trades that led beyond the bound of the newest decision, or across the band.

    Across: as its own decision saw the market, and as the newest did. An order that was open while
    the market turned is counted by the newest decision, which could not undo it yet.
    """
    wrong = []
    newest: Asked | None = None
    own: dict[str, Asked] = {}
    upcoming = iter([*asked, None])
    ahead = next(upcoming)
    for line in executed:
        while ahead is not None and ahead.at_s <= line.at_s:
            newest = own[ahead.id] = ahead
            ahead = next(upcoming)
        if newest is None:
            wrong.append(f"{_told(line)}: nobody had decided anything")
            continue
        if not newest.low <= line.position <= newest.high:
            wrong.append(
                f"{_told(line)}: beyond {newest.low}..{newest.high} of decision {newest.seq}"
            )
        views = newest, own.get(line.client_id, newest)
        if all(_is_across(line, view) for view in views):
            delta = newest.rest + line.position * COIN_A_LOT
            wrong.append(f"{_told(line)}: delta {delta:+.4f}, across the band {newest.band}")
    return wrong


def _is_across(line: Executed, view: Asked) -> bool:
    """Whether a trade ended beyond the far side of the band, on the market of a decision."""
    delta = view.rest + line.position * COIN_A_LOT
    return delta > view.band[1] + LOT if line.lots > 0 else delta < view.band[0] - LOT


def _lost(book: BookFacts, evidence: Evidence) -> list[str]:
    """What is not as it should be once the faults are over and the time to settle is up."""
    wrong, end = list[str](), evidence.ends[book.name]
    delta = book.equity_at(evidence.end_s) + end.held.get(HEDGE, 0) * COIN_A_LOT
    low, high = _last_triggers(book, evidence)
    if not low - 1e-9 <= delta <= high + 1e-9:
        wrong.append(f"{book.name}: delta {delta:+.4f} at the end, band {low:+.4f}..{high:+.4f}")
    if end.stored != end.held:
        wrong.append(f"{book.name}: the store holds {end.stored}, the exchange {end.held}")
    if end.open_intents:
        wrong.append(f"{book.name}: {end.open_intents} intents are open at the end")
    if end.stopped:
        wrong.append(f"{book.name}: stopped: {end.stopped}")
    return wrong


def _last_triggers(book: BookFacts, evidence: Evidence) -> tuple[float, float]:
    """The band last published: outside these triggers a trade was due."""
    for published in reversed(evidence.published):
        entry = decoded(published.payload)
        if entry.book == book.name and entry.target is not None:
            return entry.target.trigger_low, entry.target.trigger_high
    return 0.0, 0.0


def _twice(evidence: Evidence, asked: list[Asked]) -> list[str]:
    """Orders that no decision asked for, or not so, or that filled more than was asked."""
    wrong = []
    by_id: dict[str, list[Asked]] = defaultdict(list)
    for ask in asked:
        by_id[ask.id].append(ask)
    for seen in evidence.seen:
        order = seen.order
        sizes = {ask.lots for ask in by_id[order.client_id] if ask.at_s <= seen.at_s}
        if not sizes:
            wrong.append(f"order {order.client_id}: no decision had asked for it")
        elif order.lots not in sizes:
            wrong.append(f"order {order.client_id}: {order.lots} lots, decided {sizes}")
    wrong += [
        f"order {one}: its id was given {len(asks)} times"
        for one, asks in by_id.items()
        if len(asks) > 1
    ]
    filled: Counter[str] = Counter()
    numbers: dict[str, set[int]] = defaultdict(set)
    for line in evidence.executed:
        filled[line.client_id] += line.lots
        numbers[line.client_id].add(line.number)
    for one, lots in filled.items():
        if len(numbers[one]) > 1:
            wrong.append(f"order {one}: executed {len(numbers[one])} times")
        most = max((abs(ask.lots) for ask in by_id[one]), default=0)
        if abs(lots) > most:
            wrong.append(f"order {one}: {lots} lots filled, decided {most}")
    return wrong


def _naked(book: BookFacts, evidence: Evidence) -> Naked:
    """Integrate what stood outside the triggers, from step to step of market and position."""
    low, high = _last_triggers(book, evidence)
    trades = [
        (line.at_s, line.position) for line in evidence.executed if line.account == book.account
    ]
    times = sorted({at for at, _ in trades} | {at for at, _ in book.equity} | {evidence.end_s})
    positions, place, lots = sorted(trades), 0, 0
    total = spell = longest = 0.0
    for now_s, next_s in itertools.pairwise(times):
        while place < len(positions) and positions[place][0] <= now_s:
            lots, place = positions[place][1], place + 1
        delta = book.equity_at(now_s) + lots * COIN_A_LOT
        outside = max(low - delta, delta - high, 0.0)
        total += outside * (next_s - now_s)
        spell = spell + next_s - now_s if outside > 0.0 else 0.0
        longest = max(longest, spell)
    return Naked(total, longest)


def _told(line: Executed) -> str:
    return f"{line.at_s:.3f} s {line.client_id}: {line.lots:+d} lots to {line.position:+d}"

"""One decision, `decide()`, by band and size of book; its stages; a year of minutes.

``python -m benchmarks.decide [--quick] [--json]``. Quote to intent recorded, and all that crosses
the store, is in `benchmarks.coordination`.
"""

from __future__ import annotations

import dataclasses
import time
from functools import partial

import msgspec
import numpy as np

from benchmarks.loopback import HEDGE, RULES, legs, quotes
from benchmarks.measure import Finding, Table, best_times, in_unit, main
from hedger.clock import wall_ms
from hedger.core.book import book
from hedger.core.columns import Book, Index, Market
from hedger.core.decide import decide
from hedger.core.exposure import exposure, opinions
from hedger.core.freshness import blocks, warnings
from hedger.core.market import Board
from hedger.core.model import Account, BandRule, BookState, Rules
from hedger.service.journal import Journal
from hedger.venues.deribit.contracts import instrument

SPOT = 60_000.0
KINDS = ("fixed", "cubic", "zakamouline")
SIZES = (10, 50, 200)
YEAR = 525_600
MINUTE_MS = 60_000


def desk(count: int, now: int) -> tuple[Book, Market]:
    """A book of so many legs that has to be hedged, and its market."""
    options = legs(count)
    instruments = {**options, HEDGE: instrument(HEDGE)}
    board = Board(instruments)
    for quote in quotes(options, SPOT, now):
        board.apply(quote)
    board.apply_account(Account(account="a", time_ms=now, equity=10.0))
    state = BookState(book="b", seq=1, digest="", positions=dict.fromkeys(options, -100))
    return book(state, instruments, account="a", hedges={HEDGE}), board.market()


def told(held: Book, market: Market, now: int) -> Market:
    """The market of a venue that tells its delta of every leg, as Deribit does, and agrees."""
    delta, rows = np.full(market.vol.size, np.nan), held.legs.places(market).rows
    delta[rows] = 0.0
    seen = opinions(held, dataclasses.replace(market, delta=delta.copy()), RULES, now)
    assert seen is not None
    delta[rows] = seen.ours
    return dataclasses.replace(market, delta=delta)


def rules(kind: str) -> Rules:
    """The rules with a band of this kind."""
    return msgspec.structs.replace(RULES, band=BandRule(kind=kind, cooldown_ms=0))


def hedged(held: Book, market: Market, rule: Rules, now: int) -> Book:
    """The book with as many lots of its hedge as leave it in the middle of its band."""
    said = decide(held, market, rule, now)
    assert said.exposure is not None
    assert said.target is not None
    position = held.hedges[0]
    unit = position.instrument.future_delta(1, price=SPOT, index=SPOT)
    lots = position.lots + round((said.target.centre - said.exposure.book_delta) / unit)
    return dataclasses.replace(held, hedges=(msgspec.structs.replace(position, lots=lots),))


def bands(quick: bool) -> Table:
    """The whole call by kind of band and number of legs, without and with a hedge."""
    now = wall_ms()
    runs = {}
    for count in SIZES:
        bare, market = desk(count, now)
        for kind in KINDS:
            rule = rules(kind)
            still = hedged(bare, market, rule, now)
            runs[f"{kind}, {count} legs, no trade"] = partial(decide, still, market, rule, now)
            runs[f"{kind}, {count} legs"] = partial(decide, bare, market, rule, now)
    best = best_times(runs, rounds=20 if quick else 100, repeats=20)
    times = [(name, in_unit(seconds, "us"), "us") for name, seconds in best.items()]
    return Table("decide() by band", times, [])


def year(quick: bool) -> Table:
    """Minutes one after the other: new prices and times in the columns, one decision each.

    The book hedges whenever it is asked to; as much of a year as is measured stands for all of it.
    """
    now, rng = wall_ms(), np.random.default_rng(7)
    held, market = desk(50, now)
    rule, steps = rules("cubic"), 2_000 if quick else 14_000
    held = hedged(held, market, rule, now)
    path = SPOT * np.exp(np.cumsum(rng.normal(0.0, 0.6 / YEAR**0.5, steps)))
    start, hedges = now, 0  # two weeks are left of the first expiry: all fifty legs live on
    began_s = time.process_time()
    for n, spot in enumerate(path.tolist()):
        now = start + n * MINUTE_MS
        market = minute(market, held, spot, now)
        said = decide(held, market, rule, now)
        if said.plan is not None and said.plan.lines:
            hedges += 1
            position = held.hedges[0]
            lots = position.lots + said.plan.lines[0].lots
            held = dataclasses.replace(
                held,
                hedges=(msgspec.structs.replace(position, lots=lots),),
                memory=said.memory,
            )
    took_s = (time.process_time() - began_s) / steps
    assert hedges
    times = [
        ("one minute: its market and its decision", in_unit(took_s, "us"), "us"),
        ("hedges in a thousand minutes", 1e3 * hedges / steps, ""),
    ]
    promise = Finding("a year of minutes, 50 legs, cubic band", YEAR * took_s, 60.0, "most", "s")
    return Table("Replay", times, [promise])


def minute(market: Market, held: Book, spot: float, now: int) -> Market:
    """The market a minute later: new index and hedge quote, every vol seen again."""
    bid, ask = market.bid.copy(), market.ask.copy()
    row = market.row[HEDGE]
    bid[row], ask[row] = spot - 0.25, spot + 0.25
    seen = np.full(market.vol_ms.size, now)
    return dataclasses.replace(
        market,
        bid=bid,
        ask=ask,
        quote_ms=seen,
        vol_ms=seen,
        ratio_ms=seen,
        index={held.underlying: Index(spot, now)},
        accounts={"a": Account(account="a", time_ms=now, equity=10.0)},
    )


def table(quick: bool) -> Table:
    """The whole call on two books, and its stages on the smaller one."""
    now = wall_ms()
    small, large = desk(50, now), desk(200, now)
    decision = decide(*small, RULES, now)
    journal = Journal(worker="w", wall_ms=wall_ms, now_s=lambda: 0.0)
    runs = {
        "decide, 50 legs": partial(decide, *small, RULES, now),
        "decide, 200 legs": partial(decide, *large, RULES, now),
        "decide, 50 legs, deltas of the venue's": partial(
            decide, small[0], told(*small, now), RULES, now
        ),
        "  exposure": partial(exposure, *small, RULES, now, prices={HEDGE: SPOT}),
        "  what blocks": partial(blocks, *small, RULES, now, RULES.hedge.hedges),
        "  warnings": partial(warnings, *small, RULES, now, RULES.hedge.hedges),
        "journal entry": partial(journal.entry, decision, entry_id="b.1.0", epoch=1),
    }
    best = best_times(runs, rounds=20 if quick else 100, repeats=20)
    entry = journal.entry(decision, entry_id="b.1.0", epoch=1)
    findings = [
        Finding(
            "a 200-leg book against a 50-leg book",
            best["decide, 200 legs"] / best["decide, 50 legs"],
            4.0,
            "most",
            "x",
        )
    ]
    times = [(name, in_unit(seconds, "us"), "us") for name, seconds in best.items()]
    times.append(("size of that entry", float(len(entry.payload)), "bytes"))
    return Table("One decision", times, findings)


if __name__ == "__main__":
    main("decide() and its stages", table, bands, year)

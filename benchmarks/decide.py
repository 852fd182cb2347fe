"""One decision, `decide()`, and the stages that it is made of.

``python -m benchmarks.decide [--quick] [--json]``. Quote to intent recorded, and all that crosses
the store, is in `benchmarks.coordination`.
"""

from __future__ import annotations

from functools import partial

from benchmarks.loopback import HEDGE, RULES, legs, quotes
from benchmarks.measure import Finding, Table, best_times, in_unit, main
from hedger.clock import wall_ms
from hedger.core.book import book
from hedger.core.columns import Book, Market
from hedger.core.decide import decide
from hedger.core.exposure import exposure
from hedger.core.freshness import blocks, warnings
from hedger.core.market import Board
from hedger.core.model import Account, BookState
from hedger.service.journal import Journal
from hedger.venues.deribit.contracts import instrument

SPOT = 60_000.0


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


def table(quick: bool) -> Table:
    """The whole call on two books, and its stages on the smaller one."""
    now = wall_ms()
    small, large = desk(50, now), desk(200, now)
    decision = decide(*small, RULES, now)
    journal = Journal(worker="w", wall_ms=wall_ms, now_s=lambda: 0.0)
    runs = {
        "decide, 50 legs": partial(decide, *small, RULES, now),
        "decide, 200 legs": partial(decide, *large, RULES, now),
        "  exposure": partial(exposure, *small, RULES, now, prices={HEDGE: SPOT}),
        "  what blocks": partial(blocks, *small, RULES, now),
        "  warnings": partial(warnings, *small, RULES, now),
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
    main("decide() and its stages", table)

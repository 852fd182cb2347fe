"""Real workers on one exchange, and everything on their accounts that is not theirs, one each.

A manual trade, an auto-deleveraging, a block with a futures leg, a fill that the stream never told,
a second hedger, a deposit: each is found at once or within one round, and ends as the policy says.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hedger.app.deployment import Deployment, deployment
from hedger.clock import wall_ms
from hedger.core.model import BookState, Order
from hedger.service.entry import Entry
from hedger.service.read_back import decoded
from hedger.settings import load
from hedger.store.keys import intent_id
from hedger.venues.paper.adapter import PaperVenue
from hedger.venues.paper.protocol import Happen
from tests.story.fleet import fleet

PERP = "BTC-PERPETUAL"
CALL = "BTC-28JUN26-60000-C"
ROUND_S = 2.0
SECOND_LOOK_S = 1.0
"""How much longer than a round a comparison may last: it looks twice, half a second apart."""
SETTLE_S = 30.0


class Story(NamedTuple):
    found_ms: dict[str, int]
    states: dict[str, BookState]
    traded: dict[str, dict[str, int]]
    journal: dict[str, list[Entry]]


async def happenings(venue: PaperVenue) -> dict[str, tuple[str, int]]:
    """Let everything happen; per book the name it is to be found under, and when it was."""
    held = await venue.positions("book-01")
    done: dict[str, tuple[str, int]] = {}

    async def happen(book: str, name: str, kind: str, **what: Any) -> None:
        done[book] = name, wall_ms()
        await venue.happen(Happen(0, book, kind, **what))

    await happen("book-00", "foreign_trade", "trade", lots={PERP: 9_000})
    await happen("book-01", "deleveraging", "deleveraging", lots={PERP: -held[PERP]})
    await happen("book-02", "block", "block", lots={CALL: -5, PERP: 1_500})
    await venue.happen(Happen(0, "book-03", "mute"))
    await happen("book-03", "foreign_trade", "trade", lots={PERP: -9_000})
    await venue.happen(Happen(0, "book-03", "unmute"))
    await happen("book-05", "deposit", "deposit", currency="BTC", amount=5.0)
    done["book-04"] = "second_hedger", wall_ms()
    order = Order(
        client_id=intent_id("deadbeef", "book-04", PERP, 7),
        account="book-04",
        instrument=PERP,
        lots=200,
        limit_ticks=None,
        deadline_ms=venue.venue_ms() + 2_000,
    )
    await venue.place(order)
    return done


async def found(running: Deployment, done: dict[str, tuple[str, int]]) -> dict[str, int]:
    """How long each event took to stand in its book's journal, in real milliseconds."""
    found_ms: dict[str, int] = {}
    end_s = time.monotonic() + SETTLE_S
    while len(found_ms) < len(done) and time.monotonic() < end_s:
        for book, (name, at_ms) in done.items():
            entries = await journal(running, book)
            times = [e.wall_ms for e in entries if e.reason == name and e.wall_ms >= at_ms]
            if times:
                found_ms.setdefault(book, min(times) - at_ms)
        await asyncio.sleep(0.1)
    return found_ms


async def journal(running: Deployment, book: str) -> list[Entry]:
    entries = await running.store.journal(book=book, count=2_000)
    return [decoded(entry.payload) for entry in reversed(entries)]


async def told(folder: Path, path: Path) -> Story:
    config = load(path, environ={"HOME": str(folder)})
    names = [book.name for book in config.settings.book]
    async with deployment(
        config, workers=2, temporary=True, restarts=False, worker_log=folder / "workers.log"
    ) as running:
        venue = PaperVenue(running.paper.name, running.paper.socket, client="story")
        try:
            await asyncio.sleep(5.0)
            done = await happenings(venue)
            found_ms = await found(running, done)
            await asyncio.sleep(3.0)
            await running.crew.stop()
            traded = {name: await venue.positions(name) for name in names}
        finally:
            await venue.close()
        states = {}
        for name in names:
            state = await running.store.load(name)
            assert state is not None
            states[name] = state
        return Story(found_ms, states, traded, {n: await journal(running, n) for n in names})


@pytest.mark.long
def test_whatever_others_do_is_found_in_time_and_ends_as_the_policy_says(tmp_path: Path) -> None:
    path = fleet(tmp_path, books=6, lease_s=2.0, latency_ms=5.0)
    text = path.read_text().replace("[worker]\n", f"[worker]\nreconcile_s = {ROUND_S!r}\n")
    path.write_text(text)
    story = asyncio.run(told(tmp_path, path))
    print(f"\nfound after {dict(sorted(story.found_ms.items()))} ms")  # shown with -s
    assert len(story.found_ms) == 6
    longest_ms = 1_000 * (ROUND_S + SECOND_LOOK_S)
    assert max(story.found_ms.values()) <= longest_ms
    stopped = {name for name, state in story.states.items() if state.stopped}
    assert stopped == {"book-04"}
    assert "deadbeef" in story.states["book-04"].hold
    for name, state in story.states.items():
        assert not state.intents
        if name not in stopped:
            assert not state.hold
            assert state.positions == story.traded[name], name
            last = next(e for e in reversed(story.journal[name]) if e.exposure is not None)
            assert last.action != "blocked", last.text
    assert story.states["book-05"].coins == {"BTC": 500_000_000}
    assert [name for name, _ in story.states["book-01"].memory.avoid] == [PERP]
    block = [e for e in story.journal["book-02"] if e.reason == "block"]
    assert len(block) == 1
    assert CALL in block[0].text
    assert PERP in block[0].text

"""Cancel, neutral and close on the paper exchange, with a SIGKILL in the middle of the close."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

from hedger.app.deployment import Deployment, deployment
from hedger.clock import wall_ms
from hedger.core.model import Act, ActKind
from hedger.service.read_back import decoded
from hedger.settings import load
from tests.oracle import read_lines
from tests.oracle.account import Account
from tests.oracle.contracts import contract
from tests.oracle.replay import DEFAULTS
from tests.story.fleet import fleet

CLOSED, NEUTRAL, CANCELLED = "book-00", "book-01", "book-02"
HARD = 0.75
DRIFT = 0.25
"""What the market moves a delta by while an order is on its way; a step leaves that much room."""
WAIT_S = 90.0


class Told(NamedTuple):
    """What is left in the end, and the exchange's own log."""

    lines: list[dict[str, Any]]
    stored: dict[str, int]
    traded: dict[str, int]
    reasons: dict[str, list[str]]
    killed_ms: int
    options_at_kill: int
    after_close: int


def asked(kind: str) -> Act:
    return Act(kind=ActKind(kind), who="story", reason="a drill", asked_ms=wall_ms())


async def until(condition: Any, what: str) -> None:
    end_s = time.monotonic() + WAIT_S
    while not await condition():
        assert time.monotonic() < end_s, f"not within {WAIT_S} s: {what}"
        await asyncio.sleep(0.05)


async def reasons_of(running: Deployment, book: str) -> list[str]:
    entries = await running.store.journal(book=book, count=2_000)
    return [decoded(entry.payload).reason for entry in reversed(entries)]


async def said(running: Deployment, book: str, reason: str) -> bool:
    return reason in await reasons_of(running, book)


async def options_left(running: Deployment, book: str) -> int:
    state = await running.store.load(book)
    assert state is not None
    return sum(abs(n) for name, n in state.positions.items() if contract(name).is_option)


async def kill_owner(running: Deployment, book: str) -> int:
    """SIGKILL whoever owns a book, whatever it is doing."""
    owners = {info.shard: info.owner for info in await running.store.shard_info()}
    owner = owners[running.store.shard_of(book)]
    (pid,) = (child.pid for child in running.workers if child.command.name == owner)
    os.kill(pid, signal.SIGKILL)
    return wall_ms()


async def told(folder: Path) -> Told:
    path = fleet(folder, books=3, lease_s=2.0, latency_ms=60.0)
    path.write_text(path.read_text().replace("speed = 600", "speed = 120"))
    config = load(path, environ={"HOME": str(folder)})
    async with deployment(
        config, workers=2, temporary=True, restarts=False, worker_log=folder / "workers.log"
    ) as running:
        store = running.store
        for book in (CLOSED, NEUTRAL, CANCELLED):
            await until(lambda book=book: said(running, book, "inside_band"), f"{book} hedged")
        before = await options_left(running, CLOSED)
        assert await store.ask(CLOSED, asked("close")) == "ok"
        assert await store.ask(NEUTRAL, asked("neutral")) == "ok"
        assert await store.ask(CANCELLED, asked("cancel")) == "ok"

        async def half() -> bool:
            return await options_left(running, CLOSED) < 0.6 * before

        await until(half, "half of the options closed")
        killed_ms, left = await kill_owner(running, CLOSED), await options_left(running, CLOSED)
        await until(lambda: said(running, CLOSED, "closed"), "the close went on and ended")
        after = len(read_lines(running.paper.log))
        await asyncio.sleep(3.0)  # six market minutes: a closed book stays closed
        for book in (NEUTRAL, CANCELLED):

            async def done(book: str = book) -> bool:
                state = await store.load(book)
                return state is not None and state.act is None

            await until(done, f"the act of {book} done")
        state = await store.load(CLOSED)
        assert state is not None
        assert state.act is not None
        assert state.act.kind is ActKind.CLOSE
        reasons = {b: await reasons_of(running, b) for b in (CLOSED, NEUTRAL, CANCELLED)}
        lines = read_lines(running.paper.log)
        last = [e for e in lines if e.get("account") == CLOSED and "legs" in e][-1]
        traded = {leg[0]: leg[1] for leg in last["legs"] if leg[1]}
        stored = {name: lots for name, lots in state.positions.items() if lots}
        return Told(lines, stored, traded, reasons, killed_ms, left, after)


def judged(story: Told) -> list[tuple[str, float, bool]]:
    """Instrument and delta after each fill of the closed book, by the oracle's own numbers."""
    found = []
    rules = DEFAULTS | {"base_coin": 20.0, "excused": {}, "bands": {}}
    account: Account | None = None
    for event in story.lines:
        if event["event"] == "Opened" and event["account"] == CLOSED:
            account = Account(event, rules)
        elif account is not None and event.get("account") == CLOSED:
            if event["event"] == "Traded":
                account.trade(event)
                has_options = any(contract(name).is_option for name in account.held())
                found.append((event["instrument"], account._delta(event), has_options))
            elif event["event"] == "Funded":
                account.fund(event)
            elif event["event"] == "OrderSeen":
                account.order(event)
    assert account is not None
    assert not [text for text in account.wrong if "twice" in text or "filled of" in text]
    return found


def test_cancel_neutral_and_close_with_a_kill_in_the_middle(tmp_path: Path) -> None:
    story = asyncio.run(told(tmp_path))
    assert story.options_at_kill > 0, "killed in the middle"
    assert story.stored == story.traded == {}, "flat, in Redis and at the exchange"
    fills = judged(story)
    hedged = next(i for i, (name, _, _) in enumerate(fills) if name == "BTC-PERPETUAL")
    known = [delta for _, delta, _ in fills[hedged:] if not math.isnan(delta)]
    worst = max(map(abs, known))
    options = sum(name != "BTC-PERPETUAL" for name, _, _ in fills)
    print(f"\n{options} option fills, {len(fills) - options} hedge fills, worst delta {worst:.3f}")
    assert worst <= HARD + DRIFT
    stood = [
        {leg[0]: leg[1] for leg in event["legs"] if leg[1]}
        for event in story.lines
        if event["event"] == "Traded" and event["account"] == CLOSED
    ]
    with_options = [held for held in stood if any(contract(name).is_option for name in held)]
    assert with_options[-1].get("BTC-PERPETUAL"), "the hedge stood until the last option was gone"
    orders = [
        e["client_id"]
        for e in story.lines
        if e["event"] == "OrderSeen" and e.get("account") == CLOSED
    ]
    assert len(orders) == len(set(orders)), "an id was sent twice"
    late = [
        e
        for e in story.lines[story.after_close :]
        if e["event"] == "OrderSeen" and e.get("account") == CLOSED
    ]
    assert not late, "a closed book sends nothing"
    assert "neutral" in story.reasons[NEUTRAL] or "below_minimum" in story.reasons[NEUTRAL]
    assert "cancelled" in story.reasons[CANCELLED]
    after = story.reasons[CANCELLED]
    assert after[after.index("cancelled") :].count("inside_band"), "and it goes on"

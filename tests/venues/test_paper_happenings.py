"""What befalls an account at the exchange: on a control call, by chance, after a restart."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from hedger.core.model import Fill, Happening
from hedger.errors import VenueRejected, VenueUnavailable
from hedger.venues.paper.adapter import PaperVenue
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.margins import margin_rules
from hedger.venues.paper.params import PaperAccount
from hedger.venues.paper.protocol import Happen
from tests.venues.paper_desk import PERP, START, client, history, order, params, serving

CALL = "BTC-3JUL26-62000-C"
SHORT = (PaperAccount(name="a", positions={CALL: -100}),)
BOTH = (PaperAccount(name="a", positions={CALL: -10, PERP: 900}),)


def events_of(venue: Engine, kind: str) -> list[Fill]:
    return [fill for fill in venue.exchange.fills("a", 0) if fill.kind == kind]


@pytest.mark.parametrize("kind", ["deleveraging", "liquidation"])
def test_a_position_is_taken_away_at_the_mark(tmp_path: Path, kind: str) -> None:
    engine = Engine(params(tmp_path, accounts=BOTH))
    before = engine.exchange.equity("a")
    engine.happen(Happen(1, "a", kind, {PERP: -300}))
    (fill,) = events_of(engine, kind)
    assert (fill.lots, engine.exchange.positions("a")[PERP]) == (-300, 600)
    assert (fill.fee == 0.0) == (kind == "deleveraging")
    assert engine.exchange.equity("a") == pytest.approx(before - fill.fee, abs=1e-9)
    for lots in (-601, 5, 0):
        with pytest.raises(VenueRejected, match="holds 600"):
            engine.happen(Happen(1, "a", kind, {PERP: lots}))
    engine.log.close()


def test_the_legs_of_a_block_share_its_id_and_a_trade_has_none(tmp_path: Path) -> None:
    engine = Engine(params(tmp_path, accounts=BOTH))
    engine.happen(Happen(1, "a", "block", {CALL: -5, PERP: 300}))
    engine.happen(Happen(1, "a", "trade", {PERP: 7}))
    one, two, three = engine.exchange.fills("a", 0)
    assert one.block == two.block != ""
    assert (one.block_legs, two.block_legs) == (2, 2)
    assert (three.block, three.block_legs, three.kind) == ("", 0, "trade")
    assert engine.exchange.positions("a") == {CALL: -15, PERP: 1_207}
    with pytest.raises(VenueRejected, match="no leg"):
        engine.happen(Happen(1, "a", "block", {CALL: 1, PERP: 0}))
    assert len(engine.exchange.fills("a", 0)) == 3  # all legs or none
    engine.log.close()


def test_what_is_paid_in_is_in_the_balance_once_and_told(tmp_path: Path) -> None:
    engine = Engine(params(tmp_path))
    engine.happen(Happen(1, "a", "deposit", {}, "BTC", 2.5))
    engine.happen(Happen(1, "a", "withdrawal", {}, "BTC", -1.0))
    assert engine.exchange.equity("a") == pytest.approx(11.5, abs=1e-9)
    told = engine.transfers("a", 0)
    assert [(e.kind, e.amount) for e in told] == [
        (Happening.DEPOSIT, 2.5),
        (Happening.WITHDRAWAL, -1.0),
    ]
    assert engine.take_events() == told
    assert engine.take_events() == []
    for amount in (0.0, float("nan")):
        with pytest.raises(VenueRejected, match="transfer"):
            engine.happen(Happen(1, "a", "deposit", {}, "BTC", amount))
    with pytest.raises(VenueRejected, match="expected one of"):
        engine.happen(Happen(1, "a", "flood"))
    engine.log.close()


def test_chance_is_of_the_seed_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    logs = []
    for restarts in (False, True):
        wanted = params(tmp_path / str(restarts), accounts=BOTH, events_per_day=200.0)
        engine = Engine(wanted)
        for n in range(400):
            if restarts and n == 150:
                engine.log.close()
                engine = Engine(wanted)
            engine.advance()
        engine.log.close()
        fills = [
            (f.kind, f.instrument, f.lots, bool(f.block)) for f in engine.exchange.fills("a", 0)
        ]
        logs.append((fills, [(t.ms, t.amount) for t in engine.exchange.transfers("a", 0)]))
    assert logs[0] == logs[1]
    kinds = Counter(kind if not block else "block" for kind, _, _, block in logs[0][0])
    assert {"trade", "block", "deleveraging", "liquidation"} <= kinds.keys()
    assert {amount > 0 for _, amount in logs[0][1]} == {True, False}


def test_over_the_wire_each_is_told_once_and_muted_fills_are_lost(tmp_path: Path) -> None:
    async def main() -> None:
        wanted = params(tmp_path, accounts=BOTH)
        async with serving(wanted), client(wanted) as venue, client(wanted) as control:
            await venue.subscribe([PERP], ["a"])
            heard: list[Fill] = []
            events = []

            async def listen() -> None:
                async for batch in venue.batches():
                    heard.extend(batch.fills)
                    events.extend(batch.events)

            listening = asyncio.create_task(listen())
            await control.happen(Happen(0, "a", "deleveraging", {PERP: -100}))
            await control.happen(Happen(0, "a", "deposit", {}, "BTC", 1.0))
            await control.place(order("rests", 5, limit_ticks=100, time_in_force="gtc"))
            await control.happen(Happen(0, "a", "mute"))
            await control.happen(Happen(0, "a", "trade", {PERP: 3}))
            await control.happen(Happen(0, "a", "unmute"))
            await control.happen(Happen(0, "a", "trade", {PERP: 4}))
            with pytest.raises(VenueUnavailable, match="holds"):
                await control.happen(Happen(0, "a", "liquidation", {PERP: 5}))
            await told(venue)
            await asyncio.sleep(0.1)
            listening.cancel()
            assert [(f.kind, f.lots) for f in heard] == [("deleveraging", -100), ("trade", 4)]
            assert [e.kind for e in events] == [Happening.DEPOSIT, Happening.ORDER]
            assert [f.lots for f in await history(venue, "a", 0)] == [-100, 3, 4]
            assert [t.amount for t in await venue.transfers("a", 0)] == [1.0]

    async def told(venue: PaperVenue) -> None:
        await venue.status()

    asyncio.run(main())


def test_margin_is_read_and_its_refusals_are_told_over_the_wire(tmp_path: Path) -> None:
    async def main() -> None:
        wanted = params(tmp_path, deposit=3.0, margin=margin_rules())
        async with serving(wanted), client(wanted) as venue:
            found = await venue.margin("a")
            assert found is not None
            assert found.time_ms == START
            assert 0.0 < found.maintenance < found.initial < found.balance
            assert found.ratio == found.maintenance / found.balance
            with pytest.raises(VenueRejected, match="margin: not enough funds"):
                await venue.place(order("large", 10_000_000))
            with pytest.raises(VenueUnavailable, match="not open"):
                await venue.margin("nobody")

    async def without() -> None:
        wanted = params(tmp_path / "off")
        async with serving(wanted), client(wanted) as venue:
            assert await venue.margin("a") is None

    asyncio.run(main())
    asyncio.run(without())


def test_an_exchange_that_liquidates_comes_back_as_it_was(tmp_path: Path) -> None:
    """Ten short calls on too little coin, closed step by step, with a restart in between."""
    ends = []
    for restarts in (False, True):
        wanted = params(tmp_path / str(restarts), deposit=0.75, margin=margin_rules(), speed=1.0)
        engine = Engine(msgspec.structs.replace(wanted, accounts=SHORT))
        heard: list[Fill] = []
        for n in range(12):
            if restarts and n == 4:
                engine.log.close()
                engine = Engine(engine.params)
            engine.advance()
            heard += [f for f in engine.take_fills() if f.account == "a"]
        engine.log.close()
        assert {f.kind for f in heard} == {"liquidation"}
        assert heard == engine.exchange.fills("a", 0)
        ends.append(
            (heard, engine.exchange.margin("a"), engine.exchange.insurance("BTC"), engine.market_ms)
        )
    assert ends[0] == ends[1]
    assert ends[0][2] > 0.0

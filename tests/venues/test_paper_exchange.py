"""The exchange on its socket: pacing, conflation, end, latency, restart; in this very loop."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hedger.core.model import Fill, Quote
from hedger.errors import OutcomeUnknown, VenueRejected, VenueUnavailable
from hedger.venues.paper import protocol as p
from hedger.venues.paper.adapter import PaperClock, PaperVenue
from hedger.venues.paper.conflate import FILLS_MAX, FillsOverflowError, Pending
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.params import PaperAccount
from hedger.venues.paper.server import Server
from hedger.venues.paper.tradelog import read_events
from hedger.venues.paper.travel import Way
from hedger.venues.simulator.events import Bar
from tests.venues.paper_desk import (
    MINUTE,
    PERP,
    START,
    bars,
    chain,
    client,
    listen,
    order,
    params,
    serving,
    write,
)

FUTURE = "BTC-3JUL26"


def test_the_market_stands_still_until_go_and_a_bar_lasts_20_ms(tmp_path: Path) -> None:
    async def story() -> None:
        wanted = params(tmp_path)
        async with serving(wanted), client(wanted) as venue:
            await venue.subscribe([PERP], ["a"])
            clock = PaperClock(venue)
            await asyncio.sleep(0.15)
            assert clock.market_ms() == START
            (first,) = await listen(venue, lambda batch: True)
            assert [quote.instrument for quote in first.quotes] == [PERP]
            assert first.accounts[0].equity == 10.0
            began = time.monotonic()
            await venue.go()
            heard = await listen(venue, lambda batch: batch.market_ms >= START + 20 * MINUTE)
            assert time.monotonic() - began >= 20 * 0.020
            assert [batch.market_ms for batch in heard] == [
                START + MINUTE * (1 + i) for i in range(20)
            ]
            assert clock.market_ms() == START + 20 * MINUTE

    asyncio.run(story())


def test_a_bar_lasts_until_the_subscribers_are_done_or_the_cap(tmp_path: Path) -> None:
    async def story() -> None:
        wanted = params(tmp_path, pace_ms_max=400.0)
        async with serving(wanted), client(wanted) as worker, client(wanted) as idler:
            for venue in (worker, idler):
                await venue.subscribe([PERP], ["a"])
            await worker.go()
            arrivals = []
            async for batch in worker.batches():
                arrivals.append((batch.market_ms, time.monotonic()))
                if len(arrivals) > 4:
                    await asyncio.sleep(0.1)
                await worker.caught_up(batch.market_ms)
                if len(arrivals) == 8:
                    break
            lasted = [b[1] - a[1] for a, b in itertools.pairwise(arrivals)]
            assert max(lasted[0], lasted[1]) > 0.35, "the idler is waited for once"
            assert max(lasted[2:4]) < 0.2, "and then no more"
            assert min(lasted[4:]) >= 0.1, "while the worker is waited for at every bar"
            assert (await worker.status()).bars_not_waited_for >= 1
            await idler.caught_up(arrivals[-1][0])
            waited = await _gap_while_silent(worker)
            assert waited > 0.35, "who answers again is waited for again"

    asyncio.run(story())


async def _gap_while_silent(worker: PaperVenue) -> float:
    """Longest time between two bars of which the worker alone says at once that it is done."""
    times = []
    async for batch in worker.batches():
        times.append(time.monotonic())
        await worker.caught_up(batch.market_ms)
        if len(times) == 4:
            break
    return max(b - a for a, b in itertools.pairwise(times))


def test_a_closed_connection_is_not_waited_for(tmp_path: Path) -> None:
    async def story() -> None:
        wanted = params(tmp_path, pace_ms_max=60_000.0)
        async with serving(wanted), client(wanted) as worker:
            await worker.subscribe([PERP], ["a"])
            async with client(wanted) as idler:
                await idler.subscribe([PERP], ["a"])
                await worker.go()
                with pytest.raises(TimeoutError):
                    await listen(worker, lambda b: b.market_ms > START + MINUTE, seconds=0.3)
            await listen(worker, lambda batch: batch.market_ms > START + 5 * MINUTE)

    asyncio.run(story())


def test_a_reader_that_sleeps_gets_the_newest_quotes_and_every_fill(tmp_path: Path) -> None:
    async def story() -> None:
        names = [f"BTC-31JUL26-{strike}-C" for strike in range(40_000, 80_000, 1_000)]
        wanted = params(tmp_path, bar_ms_min=1.0, pace_ms_max=0.0)
        async with serving(wanted), client(wanted) as trader:
            reader, writer = await asyncio.open_unix_connection(wanted.socket, limit=1024)
            writer.write(p.frame(p.Subscribe(1, names, ["a"])))
            assert isinstance(p.message_of(await p.read_frame(reader)), p.Ok)
            await trader.go()
            ids: list[str] = []
            async with asyncio.timeout(10):
                while (await trader.status()).bars < 800:
                    ids.append((await trader.place(order(f"o{len(ids)}", 1))).fills[0].trade_id)
                    await asyncio.sleep(0.005)
            pushes, fills, last = 0, [], 0
            now_ms = (await trader.status()).market_ms
            async with asyncio.timeout(5):
                while last < now_ms:
                    message = p.message_of(await p.read_frame(reader))
                    assert isinstance(message, p.Push)
                    pushes, last = pushes + 1, message.market_ms
                    fills += [fill.trade_id for fill in message.fills]
                    assert len({quote.instrument for quote in message.quotes}) == len(
                        message.quotes
                    )
            assert fills == ids
            assert pushes < 700, "what was not read in time was conflated"
            writer.close()

    asyncio.run(story())


def test_waiting_market_data_is_bounded() -> None:
    pending = Pending()
    assert not pending
    for ms in range(1_000):
        pending.put(ms, [Quote(instrument=name, time_ms=ms) for name in ("x", "y")])
    batch = pending.take()
    assert batch.market_ms == 999
    assert [(quote.instrument, quote.time_ms) for quote in batch.quotes] == [("x", 999), ("y", 999)]
    assert not pending
    fill = Fill(
        account="a", client_id="1", trade_id="1", instrument="x", lots=1, price=1, fee=0, time_ms=1
    )
    pending.put(1, fills=[fill] * FILLS_MAX)
    with pytest.raises(FillsOverflowError):
        pending.put(1, fills=[fill])
    assert len(pending.take().fills) == FILLS_MAX + 1, "even then nothing is dropped"


def test_at_the_end_of_the_tape_questions_are_still_answered(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", chain(), bars())
    wanted = params(
        tmp_path,
        data=str(folder),
        end_ms=START + 30 * MINUTE,
        accounts=(PaperAccount(name="a", positions={"BTC-27JUN26-60000-C": -10}),),
    )

    async def story() -> None:
        async with serving(wanted), client(wanted) as venue:
            await venue.subscribe([PERP], ["a"])
            await venue.go()
            last = wanted.end_ms or 0
            await listen(venue, lambda batch: batch.market_ms == last)
            async with asyncio.timeout(2):
                await venue.ended.wait()
            state = await venue.status()
            assert (state.has_ended, state.is_running, state.market_ms) == (True, False, last)
            assert any("sticky strike" in note for note in state.notes)
            assert (await venue.place(order("1", 5))).filled == 5
            assert PaperClock(venue).market_ms() == last
            async with client(wanted) as late:
                await late.subscribe([PERP], ["a"])
                async with asyncio.timeout(2):
                    await late.ended.wait()

    asyncio.run(story())
    seen = [event.ms for event in read_events(wanted.log) if isinstance(event, Bar)]
    assert seen == list(range(START + 2 * MINUTE, START + 31 * MINUTE, MINUTE))


def test_silence_lets_market_time_run_on_at_speed(tmp_path: Path) -> None:
    venue = PaperVenue("paper", str(tmp_path / "s"))
    clock = PaperClock(venue)
    assert clock.market_ms() == 0
    venue._link.welcome = p.Welcome(0, "paper", 1, 0, START, MINUTE, 0.1, 0.5, 600.0, True)
    now = time.monotonic()
    for silent_s, runs, expected_ms in (
        (0.0, True, 0),
        (1.0, True, 0),
        (3.1, True, 2.0 * 600 * 1000),
        (9.0, False, 0),
    ):
        venue._last = START, runs, now - silent_s
        drift_ms = (time.monotonic() - now) * 600_000 + 1
        assert 0 <= clock.market_ms() - START - expected_ms <= drift_ms + 30_000


def test_latency_is_real_time_and_makes_orders_late(tmp_path: Path) -> None:
    async def story() -> None:
        wanted = params(tmp_path, latency_ms=60.0)
        async with serving(wanted), client(wanted) as venue:
            await venue.status()
            took = []
            for number in range(10):
                began = time.monotonic()
                await venue.place(order(str(number), 1, deadline_ms=venue.venue_ms() + 2_000))
                took.append(time.monotonic() - began)
            assert min(took) >= 0.030
            assert 0.040 < sum(took) / len(took) < 0.150
            with pytest.raises(VenueRejected, match="late"):
                await venue.place(order("late", 1, deadline_ms=venue.venue_ms() + 5))
            assert (await venue.positions("a"))[PERP] == 10

    asyncio.run(story())


def test_what_is_subscribed_late_is_quoted_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        wanted = params(tmp_path)
        async with serving(wanted), client(wanted) as venue:
            names = [FUTURE, "BTC-31JUL26-70000-C", "ETH-PERPETUAL"]
            await venue.subscribe(names, [])
            (batch,) = await listen(venue, lambda batch: True)
            assert [quote.instrument for quote in batch.quotes] == names[:2]
            with pytest.raises(VenueUnavailable, match="not a Deribit name"):
                await venue.subscribe(["nonsense"], [])

    asyncio.run(story())


def test_an_account_can_be_opened_later_once(tmp_path: Path) -> None:
    async def story() -> None:
        wanted = params(tmp_path)
        async with serving(wanted), client(wanted) as venue:
            mine = PaperAccount(name="b", deposit=2.0, positions={FUTURE: 7})
            await venue.open_account(mine)
            await venue.open_account(replace_positions(mine, {FUTURE: 99}))
            assert await venue.positions("b") == {FUTURE: 7}
            with pytest.raises(VenueUnavailable, match="ETH"):
                await venue.open_account(PaperAccount(name="c", underlying="ETH"))
            with pytest.raises(VenueRejected):
                await venue.place(order("1", 1, account="nobody"))

    asyncio.run(story())


def replace_positions(account: PaperAccount, positions: dict[str, int]) -> PaperAccount:
    return msgspec.structs.replace(account, positions=positions)


def test_rubbish_on_the_socket_harms_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        wanted = params(tmp_path)
        async with serving(wanted), client(wanted) as venue:
            reader, writer = await asyncio.open_unix_connection(wanted.socket)
            writer.write((7).to_bytes(4, "big") + b"rubbish")
            answer = p.message_of(await p.read_frame(reader))
            assert isinstance(answer, p.Refused)
            assert answer.reason.startswith("not a request")
            writer.write((2**31).to_bytes(4, "big"))
            with pytest.raises(ConnectionError):
                await p.read_frame(reader)
            writer.close()
            assert (await venue.status()).accounts == ["a"]

    asyncio.run(story())


def test_nobody_there_is_unavailable_for_reads_and_unknown_for_orders(tmp_path: Path) -> None:
    async def story() -> None:
        wanted = params(tmp_path)
        async with client(wanted, request_s_max=0.2) as venue:
            began = time.monotonic()
            with pytest.raises(VenueUnavailable):
                await venue.positions("a")
            with pytest.raises(OutcomeUnknown):
                await venue.place(order("1", 1))
            with pytest.raises(OutcomeUnknown):
                await venue.cancel("a", "1")
            with pytest.raises(VenueUnavailable):
                await listen(venue, lambda batch: True)
            await venue.caught_up(5)
            assert time.monotonic() - began < 2

    asyncio.run(story())


def test_an_exchange_that_cannot_write_ends_instead_of_telling(tmp_path: Path) -> None:
    async def story() -> None:
        wanted = params(tmp_path)
        engine = Engine(wanted)
        server = Server(engine)
        async with await asyncio.start_unix_server(server.serve, wanted.socket):
            async with client(wanted, request_s_max=0.3) as venue:
                assert (await venue.place(order("1", 1))).filled == 1
                engine.log.close()
                with pytest.raises(OutcomeUnknown):
                    await venue.place(order("2", 1))
                assert server.stopped.is_set()
                assert "cannot write events" in str(server.broken)
            await server.goodbye()
        engine = Engine(wanted)
        assert engine.exchange.positions("a")[PERP] == 1
        engine.log.close()

    asyncio.run(story())


def test_a_read_that_is_lost_on_the_way_is_asked_again_within_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[int] = []
    send = Way.send

    def lossy(self: Way, session: Any, request_id: int, answer: Any) -> None:
        if len(lost) < 2:
            lost.append(request_id)
        else:
            send(self, session, request_id, answer)

    monkeypatch.setattr(Way, "send", lossy)

    async def story() -> None:
        wanted = params(tmp_path, latency_ms=1.0)
        async with serving(wanted), client(wanted, request_s_max=0.3) as venue:
            assert await venue.positions("a") == {"BTC-3JUL26-62000-C": -10}
            assert len(set(lost)) == 2
            lost.clear()
            with pytest.raises(OutcomeUnknown):
                await venue.place(order("x", 1, deadline_ms=venue.venue_ms() + 50))
            assert len(lost) == 1, "an order is never sent twice"

    asyncio.run(story())

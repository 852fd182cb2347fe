"""What every `Venue` and `Feed` must do, run against the paper exchange in a process of its own."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hedger.core.model import Fill, OrderStatus, VenueClass
from hedger.errors import ConfigError, OutcomeUnknown, VenueRejected, VenueUnavailable
from hedger.ports import Clock, Feed, Venue
from hedger.venues.paper.adapter import PaperClock, PaperVenue
from hedger.venues.paper.launch import launch, stop
from hedger.venues.paper.params import PaperAccount, PaperParams
from tests.venues.paper_desk import (
    COMMAND,
    MINUTE,
    PERP,
    START,
    client,
    history,
    listen,
    order,
    params,
    process,
)

OPTION = "BTC-3JUL26-62000-C"
CLIENT = """
import asyncio, sys
from hedger.venues.paper.adapter import PaperVenue
async def main():
    venue = PaperVenue("paper", sys.argv[1])
    await venue.subscribe(["BTC-PERPETUAL"], ["a"])
    print("subscribed", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
_names = (f"acc{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperParams]:
    wanted = params(tmp_path_factory.mktemp("venue"), pace_ms_max=100.0, bar_ms_min=40.0)

    async def started() -> None:
        await launch(wanted, command=COMMAND)
        async with client(wanted) as venue:
            await venue.go()

    asyncio.run(started())
    yield wanted
    asyncio.run(stop(wanted.socket))


@pytest.fixture
def account(exchange: PaperParams) -> str:
    """An account that no other test knows."""
    name = next(_names)

    async def story() -> None:
        async with client(exchange) as venue:
            await venue.open_account(PaperAccount(name=name, deposit=10.0))

    asyncio.run(story())
    return name


def test_the_adapter_is_what_the_ports_ask_for(exchange: PaperParams) -> None:
    async def story() -> None:
        async with client(exchange) as paper:
            venue: Venue = paper
            feed: Feed = paper
            clock: Clock = PaperClock(paper)
            assert venue.name == "paper"
            assert venue.conduct(PERP).venue_class is VenueClass.A
            assert venue.conduct(PERP).evidence
            assert venue.conduct(PERP).source
            found = await venue.instruments([PERP, OPTION, "ETH-PERPETUAL", "nonsense"])
            assert sorted(found) == [OPTION, PERP]
            assert found[PERP].lot == 10.0
            assert abs(venue.venue_ms() - time.time() * 1000) < 100
            await feed.subscribe([PERP], [])
            assert clock.market_ms() > 0
            assert clock.monotonic_s() <= clock.monotonic_s()

    asyncio.run(story())


def test_an_order_within_the_depth_is_filled_at_the_shown_price(
    exchange: PaperParams, account: str
) -> None:
    async def story() -> None:
        async with client(exchange) as venue:
            await venue.subscribe([PERP], [account])
            report = await venue.place(order("one", 40, account=account))
            assert (report.status, report.filled) == (OrderStatus.FILLED, 40)
            (fill,) = report.fills
            heard = await listen(venue, lambda batch: batch.market_ms > fill.time_ms)
            quotes = [quote for batch in heard for quote in batch.quotes]
            assert fill.price in [q.ask for q in quotes if q.time_ms == fill.time_ms]
            assert await venue.query(account, "one") == report
            assert await venue.positions(account) == {PERP: 40}
            assert await history(venue, account, 0) == list(report.fills)
            assert await history(venue, account, fill.time_ms + 1) == []

    asyncio.run(story())


def test_a_larger_order_walks_the_depth_and_is_filled_in_part(
    exchange: PaperParams, account: str
) -> None:
    async def story() -> None:
        async with client(exchange) as venue:
            report, rest = await asyncio.gather(  # in one bar: the depth is not there twice
                venue.place(order("all", -1_000, account=account)),
                venue.place(order("more", -10, account=account)),
            )
            assert report.status is OrderStatus.CANCELLED
            assert report.filled == -300
            assert [fill.lots for fill in report.fills] == [-100, -100, -100]
            prices = [fill.price for fill in report.fills]
            assert prices == sorted(prices, reverse=True)
            assert len(set(prices)) == 3
            assert (rest.status, rest.filled) == (OrderStatus.CANCELLED, 0)
            assert await venue.positions(account) == {PERP: -300}
            assert (await venue.place(order("back", 300, account=account))).filled == 300


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lots": 0}, "size"),
        ({"instrument": OPTION, "limit_ticks": 51}, "price|tick"),
        ({"limit_ticks": 0}, "price|tick"),
        ({"deadline_ms": 1}, "late"),
        ({"instrument": "BTC-1JAN20"}, "BTC-1JAN20"),
        ({"time_in_force": "whenever"}, "time in force"),
        ({"post_only": True}, "post_only"),
        ({"reduce_only": True}, "reduce"),
    ],
)
def test_a_refused_order_is_rejected_and_leaves_nothing(
    exchange: PaperParams, account: str, changes: dict[str, Any], says: str
) -> None:
    async def story() -> None:
        async with client(exchange) as venue:
            with pytest.raises(VenueRejected, match=says):
                await venue.place(order("bad", **{"lots": 5, "account": account, **changes}))
            assert await venue.positions(account) == {}
            assert (await venue.query(account, "bad")).filled == 0

    asyncio.run(story())


def test_an_order_after_its_deadline_is_refused_by_the_engine(
    exchange: PaperParams, account: str
) -> None:
    async def story() -> None:
        async with client(exchange) as venue:
            await venue.status()
            in_time = order("in-time", 1, account=account, deadline_ms=venue.venue_ms() + 1_000)
            assert (await venue.place(in_time)).filled == 1
            with pytest.raises(VenueRejected, match="late"):
                await venue.place(
                    order("l", 1, account=account, deadline_ms=venue.venue_ms() - 500)
                )

    asyncio.run(story())


def test_a_client_id_is_executed_once(exchange: PaperParams, account: str) -> None:
    async def story() -> None:
        async with client(exchange) as venue, client(exchange) as other:
            first = await venue.place(order("same", 7, account=account))
            again = [order("same", 7, account=account), order("same", -50, account=account)]
            assert await venue.place(again[0]) == first
            assert await other.place(again[1]) == first
            assert await venue.positions(account) == {PERP: 7}
            assert len(await history(venue, account, 0)) == 1

    asyncio.run(story())


def test_an_unknown_order_is_not_found(exchange: PaperParams, account: str) -> None:
    async def story() -> None:
        async with client(exchange) as venue:
            for report in (await venue.query(account, "no"), await venue.cancel(account, "no")):
                assert report.status is OrderStatus.NOT_FOUND
                assert (report.filled, report.fills) == (0, ())
            assert await venue.margin(account) is None  # none is asked for here

    asyncio.run(story())


def test_a_resting_order_is_cancelled_once(exchange: PaperParams, account: str) -> None:
    async def story() -> None:
        async with client(exchange) as venue:
            resting = order("r", 5, account=account, limit_ticks=20_000, time_in_force="gtc")
            assert (await venue.place(resting)).status is OrderStatus.OPEN
            assert (await venue.cancel(account, "r")).status is OrderStatus.CANCELLED
            assert (await venue.cancel(account, "r")).status is OrderStatus.CANCELLED
            assert await venue.positions(account) == {}

    asyncio.run(story())


def test_fills_come_once_in_the_stream_and_once_by_query(
    exchange: PaperParams, account: str
) -> None:
    """Also across broken connections: what was missed comes, what was heard does not."""

    async def story() -> None:
        async with client(exchange) as venue, client(exchange) as trader:
            await venue.subscribe([PERP], [account])
            heard: list[Fill] = []
            for number in range(30):
                await trader.place(order(f"f{number}", 1 + number % 2, account=account))
                if number % 10 == 5:
                    heard += [f for b in await listen(venue, lambda b: True) for f in b.fills]
                    await (await venue._link.wire(seconds=1)).close()
            async with asyncio.timeout(5):
                async for batch in venue.batches():
                    heard += batch.fills
                    if len(heard) >= 30:
                        break
            await asyncio.sleep(0.1)
            recorded = await history(venue, account, 0)
            assert [f.client_id for f in heard] == [f"f{number}" for number in range(30)]
            assert heard == recorded
            assert sum(f.lots for f in heard) == (await venue.positions(account))[PERP]

    asyncio.run(story())


def test_accounts_hear_their_own_fills_and_equity_alone(
    exchange: PaperParams, account: str
) -> None:
    async def story() -> None:
        async with client(exchange) as mine, client(exchange) as theirs:
            await mine.subscribe([PERP], [account])
            await theirs.subscribe([PERP], ["a"])
            await mine.place(order("own", 100, account=account))
            heard = await listen(mine, lambda batch: bool(batch.fills))
            assert heard[-1].accounts[0].account == account
            assert heard[-1].accounts[0].equity < 10.0, "the spread and the fee were paid"
            await theirs.place(order(f"x{account}", 1))
            others = await listen(theirs, lambda batch: bool(batch.fills))
            assert {fill.account for batch in others for fill in batch.fills} == {"a"}

    asyncio.run(story())


def test_a_killed_client_harms_nobody(exchange: PaperParams, account: str) -> None:
    """It was subscribed, never said that it was done, and dies without a word."""

    async def story() -> None:
        async with client(exchange) as venue:
            await venue.subscribe([PERP], [account])
            dead = await asyncio.create_subprocess_exec(
                sys.executable, "-c", CLIENT, exchange.socket, stdout=subprocess.PIPE
            )
            assert dead.stdout is not None
            assert await dead.stdout.readline() == b"subscribed\n"
            dead.kill()
            await dead.wait()
            began, first = time.monotonic(), await listen(venue, lambda b: bool(b.quotes))
            goal = first[-1].market_ms + 15 * MINUTE
            await listen(venue, lambda batch: batch.market_ms >= goal)
            assert time.monotonic() - began < 3
            assert (await venue.place(order("after", 2, account=account))).filled == 2
            assert (await venue.status()).clients == 1

    asyncio.run(story())


def test_a_lost_answer_is_unknown_and_the_query_tells_the_truth(tmp_path: Path) -> None:
    """Whatever was lost, request or answer: each order is filled whole or not found, once."""

    async def story() -> None:
        wanted = params(tmp_path, loss=0.4, latency_ms=2.0, depth_usd=1e6)
        async with process(wanted), client(wanted, request_s_max=0.1) as venue:
            fate = dict.fromkeys((f"l{number}" for number in range(30)), "answered")
            for client_id in fate:
                try:
                    deadline_ms = venue.venue_ms() + 80
                    await venue.place(order(client_id, 3, deadline_ms=deadline_ms))
                except OutcomeUnknown:
                    fate[client_id] = "unknown"
            truth = {client_id: await asked(venue, client_id) for client_id in fate}
            unknown = [truth[client_id] for client_id in fate if fate[client_id] == "unknown"]
            assert all(truth[name] == 3 for name in fate if fate[name] == "answered")
            assert unknown.count(3) >= 1, "an accepted order of which the answer was lost"
            assert unknown.count(0) >= 1, "an order that never arrived"
            positions = await patiently(venue)
            assert positions[PERP] == sum(truth.values())

    asyncio.run(story())


async def asked(venue: PaperVenue, client_id: str) -> int:
    """Lots filled by the exchange's own word; questions may be lost, so it asks again."""
    for _ in range(40):
        try:
            report = await venue.query("a", client_id)
        except VenueUnavailable:
            continue
        assert report.status in (OrderStatus.FILLED, OrderStatus.NOT_FOUND)
        return report.filled
    raise AssertionError("forty questions in a row were lost")


async def patiently(venue: PaperVenue) -> dict[str, int]:
    for _ in range(40):
        try:
            return await venue.positions("a")
        except VenueUnavailable:
            continue
    raise AssertionError("forty questions in a row were lost")


def test_a_killed_exchange_comes_back_as_it_was(tmp_path: Path) -> None:
    """SIGKILL under way: positions, orders and fills are there again and market time goes on."""

    async def story() -> None:
        wanted = params(tmp_path, depth_usd=1e6)
        launched = await launch(wanted, command=COMMAND)
        async with client(wanted) as venue:
            await venue.subscribe([PERP], ["a"])
            await venue.go()
            await listen(venue, lambda batch: batch.market_ms > START + 5 * MINUTE)
            heard: list[Fill] = []
            for number in range(20):
                await venue.place(order(f"k{number}", 2))
            resting = order("rest", 4, limit_ticks=20_000, time_in_force="gtc")
            await venue.place(resting)
            before = await venue.positions("a"), await history(venue, "a", 0)
            report = await venue.query("a", "k7")
            died_ms = (await venue.status()).market_ms
            os.kill(launched.pid, signal.SIGKILL)
            with pytest.raises(VenueUnavailable):
                await all_fills(venue, heard)
            with pytest.raises(OutcomeUnknown):
                await venue.place(order("nobody-home", 1, deadline_ms=venue.venue_ms() + 100))

            again = await launch(wanted, command=COMMAND)
            assert not again.was_running
            assert (await venue.positions("a"), await history(venue, "a", 0)) == before
            assert await venue.query("a", "k7") == report
            assert (await venue.query("a", "rest")).status is OrderStatus.OPEN
            assert (await venue.query("a", "nobody-home")).status is OrderStatus.NOT_FOUND
            assert await venue.place(order("k7", 2)) == report
            more = await listen(venue, lambda batch: batch.market_ms > died_ms + 2 * MINUTE)
            assert min(batch.market_ms for batch in more) >= died_ms
            heard += [fill for batch in more for fill in batch.fills]
            assert heard == before[1], "the stream has every fill once, over the restart"
            await again.stop()

    asyncio.run(story())


async def all_fills(venue: PaperVenue, heard: list[Fill]) -> None:
    async with asyncio.timeout(5):
        async for batch in venue.batches():
            heard += batch.fills


def test_two_launchers_make_one_exchange_and_stopping_leaves_only_files(tmp_path: Path) -> None:
    async def story() -> None:
        wanted = params(tmp_path)
        both = await asyncio.gather(*(launch(wanted, command=COMMAND) for _ in range(2)))
        assert both[0].pid == both[1].pid
        assert sorted(one.was_running for one in both) == [False, True]
        more = params(tmp_path, accounts=(PaperAccount(name="later"),))
        await launch(more, command=COMMAND)
        other = params(tmp_path, seed=5, accounts=(PaperAccount(name="never"),))
        with pytest.raises(ConfigError, match="runs already, with seed = 0: expected 5; stop"):
            await launch(other, command=COMMAND)
        async with client(wanted) as venue:
            assert (await venue.status()).accounts == ["a", "later"]
        for one in both:
            await one.stop()
        with pytest.raises(ProcessLookupError):
            os.kill(both[0].pid, 0)
        await stop(wanted.socket)

    asyncio.run(story())
    assert not (tmp_path / "s").exists()
    assert (tmp_path / "log.jsonl").stat().st_size > 0

"""The hot path: `decide()` on a book, and quote -> intent recorded in a real server.

The second part runs one worker as in production, against the embedded server and a venue in the
same process that quotes, moves, and fills at once. Beside it stands one bare fenced script call in
the same run, so that the ratio says what the hedger adds. Run from the checkout's root:
``python -m benchmarks.decide [--legs 200] [--seconds 10] [--json]``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Collection

import structlog

from hedger.clock import SystemClock, wall_ms
from hedger.core.book import book
from hedger.core.decide import decide
from hedger.core.market import Board
from hedger.core.model import (
    Account,
    BookState,
    Conduct,
    Fill,
    HedgeRule,
    Instrument,
    Kind,
    LimitRule,
    Order,
    OrderReport,
    OrderStatus,
    Quote,
    Rules,
)
from hedger.ports import Batch
from hedger.service.params import BookParams, WorkerParams
from hedger.service.supervisor import run_worker
from hedger.store import StoreParams, open_store
from hedger.venues.conduct import ANY, conduct
from hedger.venues.deribit.contracts import instrument

DAY_MS = 86_400_000
HEDGE = "BTC-PERPETUAL"
QUOTES_PER_S = 500
RULES = Rules(
    config="benchmark",
    numeraire="usd",
    base_coin=10.0,
    hedge=HedgeRule(buy=HEDGE, sell=HEDGE),
    limits=LimitRule(order_max=1e6, per_minute_max=1e9, position_max=1e6, first_trade_max=1e6),
)


def legs(count: int) -> dict[str, Instrument]:
    """Short options over seven expiries around 60,000, made from one listed contract."""
    pattern = instrument("BTC-25DEC26-60000-C")
    out = {}
    for i in range(count):
        strike, is_call = 50_000.0 + 20_000.0 * i / count, i % 2 == 0
        name = f"LEG-{i}"
        out[name] = Instrument(
            name=name,
            kind=Kind.OPTION,
            underlying="BTC",
            quote=pattern.quote,
            settlement=pattern.settlement,
            inverse=True,
            lot=pattern.lot,
            contract=pattern.contract,
            tick=pattern.tick,
            expiry_ms=wall_ms() + (2 + i % 7) * 7 * DAY_MS,
            strike=strike,
            is_call=is_call,
        )
    return out


def quotes(names: Collection[str], index: float, now: int) -> list[Quote]:
    """The perpetual's quote, and one of each option."""
    half = 0.25
    out = [
        Quote(
            instrument=HEDGE,
            time_ms=now,
            bid=index - half,
            ask=index + half,
            bid_size=1e7,
            ask_size=1e7,
            mark=index,
            index=index,
        )
    ]
    out += [
        Quote(instrument=n, time_ms=now, bid=0.01, ask=0.011, vol=0.5, forward=index, index=index)
        for n in names
    ]
    return out


def decide_us(count: int, rounds: int = 2_000) -> dict[str, float]:
    """Percentiles of one call on a warm book that decides to hedge [µs]."""
    options = legs(count)
    instruments = {**options, HEDGE: instrument(HEDGE)}
    board, now = Board(instruments), wall_ms()
    for quote in quotes(options, 60_000.0, now):
        board.apply(quote)
    board.apply_account(Account(account="a", time_ms=now, equity=10.0))
    state = BookState(book="b", seq=1, digest="", positions=dict.fromkeys(options, -100))
    held, market = book(state, instruments, account="a", hedges={HEDGE}), board.market()
    samples = []
    for _ in range(rounds):
        start = time.perf_counter()
        decide(held, market, RULES, now)
        samples.append((time.perf_counter() - start) * 1e6)
    return _percentiles(samples[rounds // 10 :])


def _percentiles(samples: list[float]) -> dict[str, float]:
    ordered = sorted(samples)
    return {
        "p50": statistics.median(ordered),
        "p99": ordered[int(0.99 * len(ordered))],
        "max": ordered[-1],
    }


class Loopback:
    """Feed and venue in one: quotes at a steady rate, fills every order at once."""

    name = "loop"

    def __init__(self, options: dict[str, Instrument]) -> None:
        self.known = {**options, HEDGE: instrument(HEDGE)}
        self.options = list(options)
        self.trades = 0
        self.held: dict[str, int] = dict.fromkeys(options, -100)
        self.history: list[Fill] = []

    def conduct(self, instrument: str) -> Conduct:
        """Nothing is ever unknown here."""
        return conduct("paper", ANY)

    def venue_ms(self) -> int:
        """The machine's own clock."""
        return wall_ms()

    async def instruments(self, names: Collection[str]) -> dict[str, Instrument]:
        """Contract data."""
        return {n: self.known[n] for n in names}

    async def subscribe(self, instruments: Collection[str], accounts: Collection[str]) -> None:
        """Everything is sent to everybody."""

    async def caught_up(self, market_ms: int) -> None:
        """Live feeds do not wait."""

    async def batches(self) -> AsyncIterator[Batch]:
        """The perpetual ticks all the time, the options once a second; spot goes back and forth."""
        turn = 0
        while True:
            now, index = wall_ms(), 60_000.0 + 150.0 * ((turn // 25) % 2)
            everything = turn % QUOTES_PER_S == 0
            account = Account(account="b", time_ms=now, equity=10.0)
            yield Batch(now, quotes(self.options if everything else (), index, now), [account], ())
            turn += 1
            await asyncio.sleep(1.0 / QUOTES_PER_S)

    async def place(self, order: Order) -> OrderReport:
        """Fill whole, at once."""
        self.trades += 1
        self.held[order.instrument] = self.held.get(order.instrument, 0) + order.lots
        fill = Fill(
            account=order.account,
            client_id=order.client_id,
            trade_id=str(self.trades),
            instrument=order.instrument,
            lots=order.lots,
            price=60_000.0,
            fee=0.0,
            time_ms=wall_ms(),
        )
        self.history.append(fill)
        return OrderReport(
            client_id=order.client_id, status=OrderStatus.FILLED, filled=order.lots, fills=(fill,)
        )

    async def query(self, account: str, client_id: str) -> OrderReport:
        """Nothing is ever unknown here."""
        return OrderReport(client_id=client_id, status=OrderStatus.NOT_FOUND)

    cancel = query

    async def positions(self, account: str) -> dict[str, int]:
        """What is held."""
        return {n: q for n, q in self.held.items() if q}

    async def fills(self, account: str, since_ms: int) -> list[Fill]:
        """All of them."""
        return [f for f in self.history if f.time_ms >= since_ms]

    async def close(self) -> None:
        """Nothing to release."""


async def pipeline(count: int, seconds: float) -> dict[str, float]:
    """One worker for some seconds; the worker's own measurements [µs]."""
    options = legs(count)
    rules = without_cooldown(RULES)
    params = WorkerParams(
        worker="w",
        deployment="bench",
        min_interval_ms=0,
        books=(
            BookParams(
                name="b",
                venue="loop",
                account="b",
                underlying="BTC",
                rules=rules,
                digest="x",
                positions=dict.fromkeys(options, -100),
            ),
        ),
    )
    with tempfile.TemporaryDirectory(prefix="hb-") as folder:
        store = await open_store(
            StoreParams(deployment="bench", state_dir=folder, runtime_dir=folder, temporary=True)
        )
        try:
            return await _measured(params, store, Loopback(options), seconds)
        finally:
            await store.shutdown()


def without_cooldown(rules: Rules) -> Rules:
    """The same rules without a cooldown, so that each move of spot makes a hedge."""
    import msgspec

    return msgspec.structs.replace(rules, band=msgspec.structs.replace(rules.band, cooldown_ms=0))


async def _measured(
    params: WorkerParams, store: object, loop: Loopback, seconds: float
) -> dict[str, float]:
    stop = asyncio.Event()
    with structlog.testing.capture_logs() as lines:
        asyncio.get_running_loop().call_later(seconds, stop.set)
        gc.freeze()
        await run_worker(
            params,
            store=store,  # type: ignore[arg-type]
            venues={"loop": loop},
            feeds={"loop": loop},
            clock=SystemClock(),
            warm=lambda: None,
            stop=stop,
        )
    found = next(line for line in lines if line["event"] == "metrics")
    return {
        "hedges": loop.trades,
        "load_p50": found["load_us_p50"],
        "decide_p50": found["decide_us_p50"],
        "begin_p50": found["begin_us_p50"],
        "p50": found["quote_to_intent_us_p50"],
        "p99": found["quote_to_intent_us_p99"],
    }


async def fenced_call_us(rounds: int = 2_000) -> dict[str, float]:
    """One bare fenced script call (renew) through the same client and server [µs]."""
    with tempfile.TemporaryDirectory(prefix="hb-") as folder:
        store = await open_store(
            StoreParams(deployment="bench", state_dir=folder, runtime_dir=folder, temporary=True)
        )
        try:
            lease = await store.claim(1, "w", lease_ms=60_000)
            assert lease is not None
            samples = []
            for _ in range(rounds):
                start = time.perf_counter()
                await store.renew(lease, lease_ms=60_000)
                samples.append((time.perf_counter() - start) * 1e6)
        finally:
            await store.shutdown()
    return _percentiles(samples[rounds // 10 :])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--legs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    run = _runner()
    found = {
        f"decide, {options.legs} legs": decide_us(options.legs),
        "decide, 50 legs": decide_us(50),
        "one fenced call": run(fenced_call_us()),
        "quote to intent recorded, 50 legs": run(pipeline(50, options.seconds)),
    }
    call = found["one fenced call"]["p50"]
    found["quote to intent recorded, 50 legs"]["fenced_calls"] = (
        found["quote to intent recorded, 50 legs"]["p50"] / call
    )
    if options.json:
        print(json.dumps(found))
        return
    for what, figures in found.items():
        cells = "  ".join(f"{name} {value:,.1f}" for name, value in figures.items())
        print(f"{what:<36} {cells}   [µs]")


def _runner() -> Callable[..., dict[str, float]]:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()

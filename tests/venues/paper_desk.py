"""A small recorded market, paper exchanges in this process or in one of their own, and orders."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import gzip
import itertools
import math
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from hedger.core.model import Fill, Order
from hedger.ports import Batch, Venue
from hedger.venues.paper.adapter import PaperVenue
from hedger.venues.paper.launch import Launched, launch
from hedger.venues.paper.params import PaperAccount, PaperParams
from hedger.venues.paper.process import serve

START = 1_782_432_000_000  # 2026-06-26 00:00 UTC
MINUTE = 60_000
PERP = "BTC-PERPETUAL"
NEAR, FAR = ("26JUN26", START + 8 * 3_600_000), ("27JUN26", START + 32 * 3_600_000)
STRIKES = (58_000, 60_000, 62_000)
COMMAND = (sys.executable, "-m", "hedger.venues.paper.process")
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

CHAIN_HEADER = (
    "timestamp_ms,instrument,expiry_ms,strike,option_type,bid_btc,ask_btc,mark_btc,mark_iv_pct,"
    "forward_usd,open_interest"
)
BARS_HEADER = "open_time_ms,open,high,low,close,volume"
Row = list[Any]


def bars(minutes: int = 600, seed: int = 1) -> list[Row]:
    rng = np.random.default_rng(seed)
    close = 60_000 * np.exp(np.cumsum(rng.normal(0, 5e-4, minutes)))
    return [
        [START + i * MINUTE, price, price, price, round(price, 2), 1.0]
        for i, price in enumerate(close.tolist())
    ]


def chain(times: Iterable[int] = (), seed: int = 2) -> list[Row]:
    """Snapshots at odd seconds; forwards carry, vols differ by strike, time and luck."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    usual = (START + 61_000, START + 3_700_000, START + 9_999_000, START + 33_000_000)
    for moment, (day, expiry) in itertools.product(times or usual, (NEAR, FAR)):
        forward = 59_000 * (1.0 if expiry == NEAR[1] else 1.001 + float(rng.normal(0, 1e-4)))
        for (number, strike), side in itertools.product(enumerate(STRIKES), "CP"):
            if expiry <= moment:
                continue
            row: Row = [moment, f"BTC-{day}-{strike}-{side}", expiry, float(strike)]
            row += ["call" if side == "C" else "put"]
            row += [0.01 if number else "", 0.012, 0.011]
            vol = 45 + 3 * number + float(rng.normal(0, 2))
            rows.append([*row, round(vol, 2), round(forward, 2), 1.0])
    return rows


def write(folder: Path, chain_rows: list[Row], bar_rows: list[Row]) -> Path:
    """The two files of a recorded market."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, header, rows in (
        ("btc_options_chain_x", CHAIN_HEADER, chain_rows),
        ("btcusdt_spot_1m_x", BARS_HEADER, bar_rows),
    ):
        with gzip.open(folder / f"{name}.csv.gz", "wt", newline="") as file:
            file.write(f"{header}\n")
            csv.writer(file).writerows(rows)
    return folder


def params(folder: Path, **changes: Any) -> PaperParams:
    """A simulated market of which a bar lasts 20 ms, with one account of 10 BTC."""
    folder.mkdir(parents=True, exist_ok=True)
    base: dict[str, Any] = {
        "name": "paper",
        "socket": str(folder / "s"),
        "log": str(folder / "log.jsonl"),
        "speed": 1e9,
        "deposit": 10.0,
        "depth_levels": 3,
        "depth_usd": 1_000.0,
        "idle_exit_s": 30.0,
        "accounts": (PaperAccount(name="a", positions={"BTC-3JUL26-62000-C": -10}),),
    }
    return PaperParams(**(base | changes))


@contextlib.asynccontextmanager
async def serving(wanted: PaperParams) -> AsyncIterator[asyncio.Task[None]]:
    """The exchange in this very loop: no process to wait for."""
    task = asyncio.create_task(serve(wanted))
    try:
        async with client(wanted) as venue:
            asked = asyncio.create_task(venue.status())
            await asyncio.wait({asked, task}, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def process(wanted: PaperParams) -> AsyncIterator[Launched]:
    """The exchange in a process of its own."""
    launched = await launch(wanted, command=COMMAND)
    try:
        yield launched
    finally:
        await launched.stop()


@contextlib.asynccontextmanager
async def client(wanted: PaperParams, **options: Any) -> AsyncIterator[PaperVenue]:
    venue = PaperVenue(wanted.name, wanted.socket, **options)
    try:
        yield venue
    finally:
        await venue.close()


async def listen(
    venue: PaperVenue, until: Callable[[Batch], bool], *, seconds: float = 5.0
) -> list[Batch]:
    """Batches up to the first that is wanted, each acknowledged."""
    heard = []
    async with asyncio.timeout(seconds):
        async for batch in venue.batches():
            heard.append(batch)
            await venue.caught_up(batch.market_ms)
            if until(batch):
                break
    return heard


async def history(venue: Venue, account: str, since_ms: int) -> list[Fill]:
    """All pages of an account's fills."""
    return [fill async for page in venue.fills(account, since_ms) for fill in page]


def order(client_id: str, lots: int, **changes: Any) -> Order:
    base: dict[str, Any] = {
        "client_id": client_id,
        "account": "a",
        "instrument": PERP,
        "lots": lots,
        "limit_ticks": None,
        "deadline_ms": 10**14,
    }
    return Order(**(base | changes))


def black(forward: float, strike: float, vol: float, years: float, is_call: bool) -> float:
    """Black-76 in coin, written on its own."""
    deviation = vol * math.sqrt(years)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    sign = 1 if is_call else -1

    def normal(x: float) -> float:
        return 0.5 * math.erfc(-x / math.sqrt(2))

    value = forward * normal(sign * d1) - strike * normal(sign * (d1 - deviation))
    return sign * value / forward

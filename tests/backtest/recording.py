"""Generated recordings to replay, and the trials that do."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hedger.backtest.programme import Part
from hedger.backtest.replay import Terms
from hedger.backtest.trial import BARS, Trial
from hedger.core.model import BandRule, HedgeRule, LimitRule, Rules
from hedger.service.params import BookParams
from hedger.venues.paper.params import PaperAccount, PaperParams
from tests.venues.paper_desk import bars, chain, write

MINUTE, DAY = 60_000, 86_400_000
START = 1_746_403_200_000  # 2025-05-05 00:00 UTC
HEADER = "open_time_ms,open,high,low,close,volume,funding_rate"
PERPETUAL = "BTC-PERPETUAL"
ACCOUNT = "b"
RULES = Rules(
    config="test",
    numeraire="usd",
    base_coin=50.0,
    hedge=HedgeRule(buy=PERPETUAL, sell=PERPETUAL),
    band=BandRule(kind="cubic", risk_aversion=0.01),
    limits=LimitRule(order_max=50.0, per_minute_max=100.0, first_trade_max=50.0),
)
Row = list[Any]


def perpetual(minutes: int = 1_440 + 500, seed: int = 3, *, start_ms: int = START) -> list[Row]:
    """Bars with a funding print every eight hours, as strings of a file would have them."""
    rng = np.random.default_rng(seed)
    close = 95_000 * np.exp(np.cumsum(rng.normal(0, 6e-4, minutes)))
    return [
        [
            start_ms + i * MINUTE,
            *[f"{price:.1f}"] * 4,
            "5.0",
            "0.0001" if i % 480 == 0 else "",
        ]
        for i, price in enumerate(close.tolist())
    ]


def recorded(folder: Path, rows: list[Row]) -> Path:
    """A folder with these bars."""
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / "btcusdt_perp_1m_x.csv.gz", "wt", newline="") as file:
        file.write(f"{HEADER}\n")
        csv.writer(file).writerows(rows)
    return folder


def chained(folder: Path) -> Path:
    """A folder with a chain of which one expiry settles within ten hours."""
    return write(folder, chain(), bars())


def trial(
    folder: Path,
    kind: str = BARS,
    *,
    positions: dict[str, int] | None = None,
    rules: Rules = RULES,
    terms: Terms | None = None,
    **params: Any,
) -> Trial:
    """A book on a recording."""
    programme = (Part(kind="straddle", days=4, coin=-5.0),) if kind == BARS else ()
    base: dict[str, Any] = {"deposit": 50.0, "latency_ms": 5.0, "seed": 1}
    return Trial(
        book=BookParams(
            name="b",
            venue="paper",
            account=ACCOUNT,
            underlying="BTC",
            rules=rules,
            digest="test",
            positions=positions,
        ),
        params=PaperParams(
            name="paper",
            socket="/unused",
            log="/unused",
            data=str(folder),
            accounts=(PaperAccount(name=ACCOUNT, positions=positions or {}),),
            **(base | params),
        ),
        terms=terms or Terms(programme=programme),
        kind=kind,
    )


def with_band(made: Trial, band: BandRule) -> Trial:
    """The same trial under another band."""
    rules = msgspec.structs.replace(made.book.rules, band=band)
    return msgspec.structs.replace(made, book=msgspec.structs.replace(made.book, rules=rules))

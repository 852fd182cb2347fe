"""The two columnar records that a decision reads: `Book` (what is held), `Market` (what is known).

Arrays are aligned: row r of every `Market` array is one instrument, entry i of every `Legs` array
one option leg. Both are built outside `decide` and never changed after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hedger.core.model import (
    NO_READINGS,
    Account,
    Act,
    Instrument,
    Intent,
    Memory,
    Position,
    Readings,
    Refusal,
    Sample,
    Source,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Places(NamedTuple):
    """Where a market has a book's legs: the row of each, -1 for none, and which have none."""

    row: Mapping[str, int]
    rows: Ints
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Legs:
    """Option legs of one book, (n,) each; ``quantity`` in coin, ``group`` an index in ``groups``.

    A group is one (expiry_ms, inverse) pair: what shares a forward and a settlement currency.
    ``memo`` keeps what follows from these columns alone, so that it is not worked out at each tick;
    a changed copy begins with an empty one.
    """

    names: tuple[str, ...]
    quantity: Floats
    strike: Floats
    expiry_ms: Ints
    is_call: Bools
    group: Ints
    groups: tuple[tuple[int, bool], ...]
    memo: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def inverse(self) -> Bools:
        """Which legs settle in coin, (n,)."""
        found: Bools | None = self.memo.get("inverse")
        if found is None:
            kinds = np.array([inverse for _, inverse in self.groups], dtype=np.bool_)
            found = self.memo["inverse"] = kinds[self.group]
        return found

    def lots(self, instrument: Instrument) -> int:
        """Signed lots held of one option; 0 where it is no leg."""
        if instrument.name not in self.names:
            return 0
        return round(float(self.quantity[self.names.index(instrument.name)]) / instrument.lot)

    def places(self, market: Market) -> Places:
        """Rows of the legs; a market's table of rows is never changed, only replaced."""
        found: Places | None = self.memo.get("places")
        if found is None or found.row is not market.row:
            rows = np.array([market.row.get(name, -1) for name in self.names], dtype=np.int64)
            missing = tuple(int(i) for i in np.flatnonzero(rows < 0))
            found = self.memo["places"] = Places(market.row, rows, missing)
        return found


@dataclass(frozen=True, slots=True)
class Book:
    """One book at one revision: all positions of one underlying on one account.

    ``moved_coin`` is what its owner paid in since, beside the configured ``base_coin``.
    ``accounts`` are those that it also hedges on, at other venues. ``samples`` are what its orders
    told since its memory was last written, ``readings`` the numbers that its scalers read. ``act``
    is what somebody wants done with it.
    """

    name: str
    account: str
    underlying: str
    seq: int
    legs: Legs
    futures: tuple[Position, ...]
    hedges: tuple[Position, ...]
    open: tuple[Intent, ...]
    memory: Memory
    hold: str
    stopped: bool
    confirmed: float
    instruments: Mapping[str, Instrument]
    moved_coin: float = 0.0
    accounts: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    act: Act | None = None
    readings: Readings = NO_READINGS

    @property
    def linear(self) -> bool:
        """Whether anything here settles in quote currency, which has a delta counted in coin."""
        return not (
            all(inverse for _, inverse in self.legs.groups)
            and all(p.instrument.inverse for p in (*self.futures, *self.hedges))
        )


@dataclass(frozen=True, slots=True)
class Index:
    """The underlying's index and when it was seen; ``venue`` is empty for the book's own."""

    value: float
    time_ms: int
    venue: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Vol of an index as forecast from its own returns, up to the end of the last known one.

    ``har`` is another one, of a heterogeneous autoregression; 0 until enough hours are known.
    """

    vol: float
    time_ms: int
    har: float = 0.0


@dataclass(frozen=True, slots=True)
class Smile:
    """A fitted slice of one expiry: parameters of `pricing.Svi`, their time to expiry, its age."""

    svi: tuple[float, ...]
    years: float
    time_ms: int


@dataclass(frozen=True, slots=True)
class VolAnswer:
    """How vols answer to their forward: ``(a + b delta + c delta^2) / sqrt(years)`` a unit of log.

    ``changes`` of vols that it was fitted to, the last at ``time_ms``; 0 where it is given.
    """

    a: float
    b: float
    c: float
    changes: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """A price that jumped and that no second source has confirmed; ``move`` is a log return.

    ``refused`` says which reference stands elsewhere; empty where none was asked.
    """

    source: str
    time_ms: int
    move: float
    limit: float
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Market:
    """What is known of every instrument at one moment, (rows,) each; NaN and -1 mean never seen.

    Sizes are those at the best prices of the newest quote, in venue amount, ``delta`` is its own.
    ``vol`` is the last vol that stood beside a two-sided quote and ``vol_ms`` its time; ``priced``
    says whether the newest quote has both sides. ``ratio`` is forward (or price) over index at
    ``ratio_ms``, so that a forward follows the fresh index. ``seen_at`` has the indices at which
    each account's figures came in. ``sources`` are the prices that a book's reference is made of,
    ``doubted`` what a decision holds too far from it, with the reason.
    """

    row: Mapping[str, int]
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats
    vol: Floats
    ratio: Floats
    delta: Floats
    quote_ms: Ints
    vol_ms: Ints
    ratio_ms: Ints
    priced: Bools
    index: Mapping[str, Index]
    accounts: Mapping[str, Account]
    suspects: Mapping[str, Suspect]
    refused: Mapping[str, Refusal]
    seen_at: Mapping[str, Mapping[str, Index]] = field(default_factory=dict)
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    smiles: Mapping[tuple[str, int], Smile] = field(default_factory=dict)
    answers: Mapping[str, VolAnswer] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    doubted: Mapping[str, str] = field(default_factory=dict)

    def suspects_of(self, names: Iterable[str], underlying: str) -> tuple[Suspect, ...]:
        """Unconfirmed jumps that concern these instruments or the underlying's index."""
        if not self.suspects:
            return ()
        wanted = {*names, index_name(underlying)}
        return tuple(s for n, s in self.suspects.items() if n in wanted)


def index_name(underlying: str) -> str:
    """What an underlying's index is called in reasons and refusals."""
    return f"{underlying} index"

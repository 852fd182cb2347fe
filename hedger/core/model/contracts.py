"""What is traded and held: contracts as data, positions in lots, quotes, accounts."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hedger.core.model.record import Record

SETTLEMENT_WINDOW_MS = 30 * 60_000
"""Options and dated futures settle on the mean of the index over the last half hour."""
DAYS_PER_YEAR = 365
MS_PER_DAY = 86_400_000
MS_PER_YEAR = DAYS_PER_YEAR * MS_PER_DAY
"""Actual/365, as `pricing.conventions` has it; for rooms that call no pricing."""
_ELSEWHERE = "@"


def name_at(name: str, venue: str) -> str:
    """What a book calls an instrument or account of another venue than its own.

    Two venues may give one name to two things. At its own venue (``""``) a book uses that venue's.

    Examples
    --------
    >>> name_at("BTC-PERPETUAL", "west"), name_at("BTC-PERPETUAL", "")
    ('BTC-PERPETUAL@west', 'BTC-PERPETUAL')
    """
    return f"{name}{_ELSEWHERE}{venue}" if venue else name


def venue_of(name: str) -> str:
    """Which other venue a book's name for something means; empty for the book's own."""
    return name.partition(_ELSEWHERE)[2]


def name_there(name: str) -> str:
    """What the venue itself calls it."""
    return name.partition(_ELSEWHERE)[0]


class Kind(StrEnum):
    """What an instrument is."""

    OPTION = "option"
    FUTURE = "future"
    PERPETUAL = "perpetual"


class Fees(Record, frozen=True, kw_only=True):
    """Proportional fees of one instrument.

    ``taker`` and ``maker`` are fractions of the underlying's value (of the notional for futures);
    ``cap`` is the largest fee of an option as a fraction of its price, 0 for none.
    """

    taker: float = 0.0
    maker: float = 0.0
    cap: float = 0.0


class Instrument(Record, frozen=True, kw_only=True):
    """One tradable contract, as data.

    ``lot`` is the venue amount of one lot: quote currency (USD) for inverse futures and perpetuals,
    coin of the underlying for options and linear contracts. ``tick`` is the finest price step, the
    unit of every integer price; ``tick_steps`` are pairs (from price, coarser step). Prices of
    inverse options are in coin, all others in quote currency. ``expiry_ms`` is 0 for perpetuals.
    """

    name: str
    kind: Kind
    underlying: str
    quote: str
    settlement: str
    inverse: bool
    lot: float
    contract: float
    tick: float
    tick_steps: tuple[tuple[float, float], ...] = ()
    min_lots: int = 1
    expiry_ms: int = 0
    strike: float = 0.0
    is_call: bool = False
    fees: Fees = Fees()

    def future_delta(self, lots: int, *, price: float, index: float) -> float:
        """Delta of so many lots of a future or perpetual, in coin of the underlying.

        Amount / price for inverse contracts (amounts in USD), amount x price / index for linear.

        Examples
        --------
        A thousand lots of 10 USD at 50,000 are 0.2 coin:

        >>> Instrument(name="BTC-PERPETUAL", kind=Kind.PERPETUAL, underlying="BTC", quote="USD",
        ...     settlement="BTC", inverse=True, lot=10.0, contract=10.0, tick=0.5
        ... ).future_delta(1000, price=50_000.0, index=50_010.0)
        0.2
        """
        amount = lots * self.lot
        return amount / price if self.inverse else amount * price / index


class Position(Record, frozen=True, kw_only=True):
    """Signed holding of one instrument, in lots."""

    instrument: Instrument
    lots: int


class Quote(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One instrument as its venue last showed it; any number may be absent, none is trusted yet.

    Prices in the instrument's price unit, sizes in venue amount, ``vol`` annualised decimal,
    ``forward`` the expiry's forward and ``index`` the underlying's index, both in quote currency.
    ``delta`` is the venue's own of an option: plain Black, per unit, decaying in its window.
    """

    instrument: str
    time_ms: int
    bid: float | None = None
    ask: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    mark: float | None = None
    vol: float | None = None
    forward: float | None = None
    index: float | None = None
    delta: float | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The venue's own view of one account at one instant.

    ``equity`` is what is settled in coin of the underlying, in coin: balances, inverse options at
    mark, profit of inverse futures. ``quote_equity`` is the same of what is settled in quote
    currency, in that currency; None where the venue does not tell.
    """

    account: str
    time_ms: int
    equity: float
    quote_equity: float | None = None


class AccountMargin(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a venue asks of one account at one instant, all in coin of the underlying.

    ``balance`` is what the venue counts against it: equity less the options' value. The ratios are
    maintenance and initial margin over that, of the worse collateral where there are several that
    do not stand in for each other; infinite where something is asked and nothing is left. From a
    ``ratio`` of 1 on the venue liquidates.
    """

    account: str
    time_ms: int
    equity: float
    balance: float
    initial: float
    maintenance: float
    ratio: float
    initial_ratio: float

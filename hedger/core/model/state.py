"""What lasts: memory, intents, the stored book, and orders and fills at a venue."""

from __future__ import annotations

from enum import StrEnum

from hedger.core.model.record import Record


class Memory(Record, frozen=True, kw_only=True):
    """What a decision must remember; stored with the intents, never in a worker alone.

    ``recent`` holds (time_ms, coin) of hedges of the last minute, summed by the second; ``stage``
    is the slippage step beyond the hard band.
    """

    hedges: int = 0
    hedge_ms: int = 0
    hedge_price: float = 0.0
    stage: int = 0
    recent: tuple[tuple[int, float], ...] = ()


class IntentState(StrEnum):
    """Where a recorded intent stands; see `hedger.core.orders` for the transitions."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    DONE = "done"
    DEAD = "dead"


class Intent(Record, frozen=True, kw_only=True):
    """A hedge order recorded before it is sent; ``id`` is the client order id at the venue.

    ``deadline_ms`` is venue time (real, never scaled). ``low`` and ``high`` bound the position of
    the instrument, in lots, on every reading of what is open. ``market_ms`` is the market time of
    the decision.
    """

    id: str
    book: str
    venue: str
    account: str
    instrument: str
    lots: int
    limit_ticks: int
    deadline_ms: int
    low: int
    high: int
    seq: int
    epoch: int = 0
    state: IntentState = IntentState.PENDING
    filled: int = 0
    decision: str = ""
    market_ms: int = 0


class BookState(Record, frozen=True, kw_only=True):
    """What the store holds of one book: the revision, holdings in lots, and what is open.

    ``hold`` is the reason of a hold (only what reduces |delta| may be sent), ``stopped`` forbids
    even that, ``confirmed`` is the first-trade size (coin) that a person has allowed. ``facts``
    counts every change but the recording of intents, which raises ``seq``: while both are as they
    were read, so is all the rest.
    """

    book: str
    seq: int
    digest: str
    positions: dict[str, int]
    intents: tuple[Intent, ...] = ()
    memory: Memory = Memory()
    hold: str = ""
    stopped: bool = False
    confirmed: float = 0.0
    facts: int = 0


class Order(Record, frozen=True, kw_only=True):
    """An order as sent: ``deadline_ms`` in the venue's real clock; the engine refuses it later."""

    client_id: str
    account: str
    instrument: str
    lots: int
    limit_ticks: int | None
    deadline_ms: int
    time_in_force: str = "ioc"
    post_only: bool = False
    reduce_only: bool = False


class OrderStatus(StrEnum):
    """An order as the venue reports it."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    NOT_FOUND = "not_found"


class Fill(Record, frozen=True, kw_only=True):
    """A fact: so many lots of an instrument changed hands; applied once by (client_id, trade_id).

    ``kind`` is ``trade``, or ``settlement`` for a leg that left the account at expiry (price is
    then the delivery value per unit). ``fee`` is in the instrument's settlement currency.
    """

    account: str
    client_id: str
    trade_id: str
    instrument: str
    lots: int
    price: float
    fee: float
    time_ms: int
    kind: str = "trade"


class OrderReport(Record, frozen=True, kw_only=True):
    """The venue's answer about one order: status, cumulative signed lots, and every fill so far."""

    client_id: str
    status: OrderStatus
    filled: int = 0
    fills: tuple[Fill, ...] = ()
    reason: str = ""

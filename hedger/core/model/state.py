"""What lasts: memory, intents, the stored book, and orders and fills at a venue."""

from __future__ import annotations

from enum import StrEnum

from msgspec import field

from hedger.core.model.climbing import LadderState, Override
from hedger.core.model.proportion import Resized
from hedger.core.model.record import Record
from hedger.core.model.wish import Act


class Tuning(Record, frozen=True, kw_only=True):
    """By what a band's cost and vol are multiplied, and the market instant of the last change."""

    cost: float = 1.0
    vol: float = 1.0
    changed_ms: int = 0


UNTUNED = Tuning()


class Memory(Record, frozen=True, kw_only=True):
    """What a decision must remember; stored with the intents, never in a worker alone.

    ``recent`` holds (time_ms, coin) of hedges of the last minute, summed by the second; ``stage``
    is the slippage step beyond the hard band. ``avoid`` holds (instrument, until_ms) of what was
    taken from the account by auto-deleveraging, and is not hedged with while there is another.
    ``risk_aversion`` is the default one as it was at the first hedge, 0 where none was needed.
    ``fills`` counts the samples (up to where it stops) behind ``delay_ms``, the mean time from due
    to fill, and ``slippage``, the mean price paid beyond the half-spread as a fraction of mid.
    ``tuning`` is what self-tuning has come to, where the band allows it. ``scales`` is what the
    scalers said last, by name: a factor, a shift [coin], a level.
    ``ladder`` is where the book stands on its ladder, None where it never had one, ``resized`` what
    the service changed of its scale by itself, None where it never did or wanted to.
    """

    hedges: int = 0
    hedge_ms: int = 0
    hedge_price: float = 0.0
    stage: int = 0
    recent: tuple[tuple[int, float], ...] = ()
    avoid: tuple[tuple[str, int], ...] = ()
    risk_aversion: float = 0.0
    fills: int = 0
    delay_ms: float = 0.0
    slippage: float = 0.0
    tuning: Tuning = UNTUNED
    ladder: LadderState | None = None
    scales: tuple[tuple[str, float], ...] = ()
    resized: Resized | None = None


class Sample(Record, frozen=True, kw_only=True):
    """What one filled order tells: market time from due to fill, and the price beyond the quote.

    ``slippage`` is what was paid beyond the half-spread of the decision, as a fraction of mid;
    below zero where the price was better.
    """

    delay_ms: float
    slippage: float


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
    even that, ``confirmed`` is the first-trade size (coin) that a person has allowed. ``coins`` is
    what was paid in or taken out and is not to be hedged, by currency in 1e-8 coin; ``since_ms``
    is the market instant from which transfers count (0: not known). ``facts`` counts every change
    but those that raise ``seq`` alone: while both are as they were read, so is all the rest.
    ``act`` is what somebody has asked for and is not done, or must last until a person resumes.
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
    coins: dict[str, int] = field(default_factory=dict)
    since_ms: int = 0
    facts: int = 0
    act: Act | None = None
    override: Override | None = None


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


class FillKind(StrEnum):
    """Why lots changed hands: by an order, or by what the venue did to the account."""

    TRADE = "trade"
    SETTLEMENT = "settlement"
    EXERCISE = "exercise"
    DELEVERAGING = "deleveraging"
    LIQUIDATION = "liquidation"


class Fill(Record, frozen=True, kw_only=True):
    """A fact: so many lots of an instrument changed hands; applied once by (client_id, trade_id).

    ``kind`` is one of `FillKind`; at a settlement or an exercise the price is the delivery value
    per unit. ``fee`` is in the instrument's settlement currency. Fills of one block or combo share
    ``block``, its id, and ``block_legs``, how many legs it has (0: not told).
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
    block: str = ""
    block_legs: int = 0


class Happening(StrEnum):
    """What an account is told of beside fills."""

    ORDER = "order"
    FUNDING = "funding"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"


class AccountEvent(Record, frozen=True, kw_only=True):
    """What happened to an account that is no fill; ``event_id`` is unique on the account.

    An ``order`` was accepted (``client_id``, ``instrument``, signed ``lots``); everything else
    moved ``amount`` of ``currency`` (signed: in is positive).
    """

    account: str
    event_id: str
    kind: Happening
    time_ms: int
    instrument: str = ""
    client_id: str = ""
    lots: int = 0
    currency: str = ""
    amount: float = 0.0


class OrderReport(Record, frozen=True, kw_only=True):
    """The venue's answer about one order: status, cumulative signed lots, and every fill so far."""

    client_id: str
    status: OrderStatus
    filled: int = 0
    fills: tuple[Fill, ...] = ()
    reason: str = ""

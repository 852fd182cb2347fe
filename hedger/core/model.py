"""The records that every room shares; each noun once, frozen, no behaviour beyond arithmetic.

Instants are integer milliseconds since the epoch (UTC). Quantities are signed integer lots, order
prices integer ticks. Floats appear only in valuation. ``None`` means absent, never zero.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Record(msgspec.Struct, frozen=True):
    """Root of all records: frozen and compared by value; each is keyword-only (not inherited)."""


# --- what is traded -------------------------------------------------------------------------


class Kind(StrEnum):
    """What an instrument is."""

    OPTION = "option"
    FUTURE = "future"
    PERPETUAL = "perpetual"


class Fees(Record, kw_only=True):
    """Proportional fees of one instrument.

    ``taker`` and ``maker`` are fractions of the underlying's value (of the notional for futures);
    ``cap`` is the largest fee of an option as a fraction of its price, 0 for none.
    """

    taker: float = 0.0
    maker: float = 0.0
    cap: float = 0.0


class Instrument(Record, kw_only=True):
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


class Position(Record, kw_only=True):
    """Signed holding of one instrument, in lots."""

    instrument: Instrument
    lots: int


# --- market data ----------------------------------------------------------------------------


class Quote(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One instrument as its venue last showed it; any number may be absent, none is trusted yet.

    Prices in the instrument's price unit, sizes in venue amount, ``vol`` annualised decimal,
    ``forward`` the expiry's forward and ``index`` the underlying's index, both in quote currency.
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


class Account(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The venue's own view of one account at one instant; ``equity`` in coin of the underlying."""

    account: str
    time_ms: int
    equity: float


# --- rules: how one book is to be hedged (made by `app` from the configuration) --------------


class HedgeRule(Record, kw_only=True):
    """What to hedge with: one instrument for buying, one for selling, often the same."""

    buy: str
    sell: str
    ratio: float = 1.0


class BandRule(Record, kw_only=True):
    """The no-trade band as configured; ``unit`` says what ``target, lower, upper`` are in."""

    kind: str = "fixed"
    unit: str = "coin"
    target: float = 0.0
    lower: float = -0.25
    upper: float = 0.25
    rehedge_to: str = "edge"
    clip_min: float = 0.1
    cooldown_ms: int = 5_000
    min_move_pct: float = 0.0


class LimitRule(Record, kw_only=True):
    """Hard limits, in coin of the underlying unless the name says otherwise."""

    order_max: float = 5.0
    per_minute_max: float = 20.0
    position_max: float = 100.0
    slippage_bps_max: float = 10.0
    hard_band: float = 3.0
    first_trade_max: float = 10.0


class DataRule(Record, kw_only=True):
    """How old a number may be before it counts as unknown."""

    hedge_quote_age_ms_max: int = 2_000
    forward_age_ms_max: int = 5_000
    vol_age_ms_warn: int = 60_000
    vol_age_ms_max: int = 300_000
    vol_width: float = 0.10


class Rules(Record, kw_only=True):
    """Everything `decide` may know of the configuration of one book."""

    config: str
    numeraire: str
    base_coin: float = 0.0
    hedge: HedgeRule
    band: BandRule = BandRule()
    limits: LimitRule = LimitRule()
    data: DataRule = DataRule()


# --- the book -------------------------------------------------------------------------------


class Memory(Record, kw_only=True):
    """What a decision must remember; stored with the intents, never in a worker alone.

    ``recent`` holds (time_ms, coin) of hedges of the last minute; ``stage`` the slippage step
    beyond the hard band.
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


class Intent(Record, kw_only=True):
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


class BookState(Record, kw_only=True):
    """What the store holds of one book: the revision, holdings in lots, and what is open.

    ``hold`` is the reason of a hold (only what reduces |delta| may be sent), ``stopped`` forbids
    even that, ``confirmed`` is the first-trade size (coin) that a person has allowed.
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


# --- from exposure to plan ------------------------------------------------------------------


class Doubt(Record, kw_only=True):
    """One leg whose delta is an interval, in coin of the underlying, and why."""

    instrument: str
    low: float
    high: float
    age_ms: int | None
    reason: str


class ExpiryLine(Record, kw_only=True):
    """Sums over the options and futures of one expiry; delta in coin at the index, numeraire's own.

    ``delta_black`` is the plain Black sum, ``value_coin`` the options' value, both in coin;
    ``gamma`` is d(delta)/d ln S, ``vega`` per 1.00 vol and ``theta`` per year in quote currency.
    """

    expiry_ms: int
    forward: float
    legs: int
    delta: float
    delta_low: float
    delta_high: float
    delta_black: float
    value_coin: float
    gamma: float
    vega: float
    theta: float


class Exposure(Record, kw_only=True):
    """Value change of the book per unit of log spot, in coin of the underlying at the index.

    ``book_delta = ratio * options_delta + futures_delta + hedge_delta + cash_delta``; the interval
    ``[low, high]`` holds every reading of doubtful legs and open intents. ``ladder`` holds
    (spot, delta, gamma) so that bands interpolate and call no pricer. ``equity`` is 0 where unused.
    """

    numeraire: str
    index: float
    ratio: float
    options_delta: float
    futures_delta: float
    hedge_delta: float
    cash_delta: float
    equity: float
    base_coin: float
    options_value: float
    book_delta: float
    low: float
    high: float
    gross_delta: float
    gamma: float
    vega: float
    theta: float
    expiries: tuple[ExpiryLine, ...]
    ladder: tuple[tuple[float, float, float], ...]
    doubts: tuple[Doubt, ...] = ()
    legs: int = 0
    fresh_legs: int = 0


class Target(Record, kw_only=True):
    """The no-trade band of the book's delta after hedges, in coin, and where a trade should end.

    A trade happens above ``trigger_high`` (ending at ``to_high``) or below ``trigger_low`` (ending
    at ``to_low``). ``hard_low`` and ``hard_high`` are where patience ends.
    """

    lower: float
    centre: float
    upper: float
    trigger_low: float
    trigger_high: float
    to_low: float
    to_high: float
    hard_low: float
    hard_high: float


class Scaling(Record, kw_only=True):
    """One model's change of the wanted trade, target or book, with its reason."""

    what: str
    factor: float
    reason: str


class Refusal(Record, kw_only=True):
    """A limit or a data rule that reduced or blocked the trade; amounts in coin."""

    rule: str
    wanted: float
    allowed: float
    reason: str
    instrument: str = ""
    age_ms: int | None = None


class PlanLine(Record, kw_only=True):
    """One order to be: instrument, signed lots, limit in ticks, and its size as delta in coin."""

    instrument: str
    lots: int
    limit_ticks: int
    limit_price: float
    delta: float
    low: int
    high: int


class Plan(Record, kw_only=True):
    """What is to be sent now; empty ``lines`` mean nothing."""

    wanted: float
    allowed: float
    slippage_bps: float
    lines: tuple[PlanLine, ...] = ()


class HedgeQuote(Record, kw_only=True):
    """The hedge instrument's market as the decision saw it."""

    instrument: str
    bid: float | None
    ask: float | None
    age_ms: int | None


class Action(StrEnum):
    """What a decision came to."""

    HEDGE = "hedge"
    NO_TRADE = "no_trade"
    BLOCKED = "blocked"


class Decision(Record, kw_only=True):
    """A decision explains itself: inputs, exposure, band, scalings, refusals, plan, reason.

    Log line, journal entry, API answer and dashboard are renderings of this record.
    """

    book: str
    time_ms: int
    seq: int
    config: str
    action: Action
    reason: str
    text: str
    quotes: tuple[HedgeQuote, ...] = ()
    index_age_ms: int | None = None
    positions: tuple[tuple[str, int], ...] = ()
    open_intents: int = 0
    exposure: Exposure | None = None
    target: Target | None = None
    scalings: tuple[Scaling, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    plan: Plan | None = None
    memory: Memory = Memory()


# --- orders at a venue ----------------------------------------------------------------------


class Order(Record, kw_only=True):
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


class Fill(Record, kw_only=True):
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


class OrderReport(Record, kw_only=True):
    """The venue's answer about one order: status, cumulative signed lots, and every fill so far."""

    client_id: str
    status: OrderStatus
    filled: int = 0
    fills: tuple[Fill, ...] = ()
    reason: str = ""

"""What happened at the exchange: frozen records, one JSON line each in the trade log.

Applying all events in order to an empty exchange gives its accounts, positions, orders and fills
back; nothing else changes them. ``ms`` is market time; ``real_ms``, where present, is the venue's
real clock when the request was handled (0: caused by the market). All lots are signed changes of
the position, so a position is the sum of ``lots`` over `Opened`, `Traded` and `Settled`.
"""

from __future__ import annotations

import msgspec

from hedger.core.model import OrderStatus

__all__ = [
    "Bar",
    "Covered",
    "Event",
    "Funded",
    "Leg",
    "MarkLine",
    "Opened",
    "OrderSeen",
    "Settled",
    "Traded",
    "Transferred",
    "decoded",
    "encoded",
]


class _Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Root of the events; the class name is the tag in the field ``event``."""


class Opened(_Line, frozen=True, kw_only=True):
    """An account began: its deposit, positions taken over at these shown marks, free of fees.

    ``deposit`` is in coin of the underlying, ``quote_deposit`` in ``quote_currency``. Premium of
    the options is settled at the mark and futures start at it: equity is the deposits' worth.
    """

    ms: int
    account: str
    underlying: str
    deposit: float
    quote_deposit: float = 0.0
    quote_currency: str = ""
    positions: dict[str, int]
    marks: dict[str, float]


class OrderSeen(_Line, frozen=True, kw_only=True):
    """State of an order after a request or a change; follows the order's `Traded` lines."""

    ms: int
    account: str
    client_id: str
    instrument: str
    lots: int
    limit_ticks: int | None
    deadline_ms: int
    status: OrderStatus
    reason: str = ""
    filled: int = 0
    time_in_force: str = "ioc"
    post_only: bool = False
    reduce_only: bool = False
    real_ms: int = 0


class Leg(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One position with its shown market: [instrument, lots, forward, vol, mark].

    ``forward`` and ``vol`` are None for perpetuals, all three for what was not shown yet.
    """

    instrument: str
    lots: int
    forward: float | None
    vol: float | None
    mark: float | None


class Traded(_Line, frozen=True, kw_only=True):
    """A fill, with everything needed to recompute the account's delta at the market of the fill.

    ``mid, bid, ask`` are the traded instrument's as published (None: no such quote; ``mid`` is
    then the mark). ``legs`` are all positions after the fill, ``cash`` all balances by currency
    and ``equity`` the account's coin value, both after the fill and at the shown marks (None while
    a mark is missing), ``quote_equity`` what of it settles in quote currency, in that currency.
    These describe; replaying a log does not read them. ``kind``, ``block`` and ``block_legs`` are
    those of the fill. ``insured`` is what of the fee is income of the insurance fund.
    """

    ms: int
    trade_id: str
    client_id: str
    account: str
    instrument: str
    lots: int
    price: float
    fee: float
    maker: bool
    mid: float
    bid: float | None
    ask: float | None
    index: float
    legs: tuple[Leg, ...] = ()
    cash: dict[str, float] = {}
    equity: float | None = None
    quote_equity: float | None = None
    real_ms: int = 0
    kind: str = "trade"
    block: str = ""
    block_legs: int = 0
    insured: float = 0.0


class Transferred(_Line, frozen=True, kw_only=True):
    """Coin or money that came into an account (negative: went out)."""

    ms: int
    account: str
    transfer_id: str
    currency: str
    amount: float


class Covered(_Line, frozen=True, kw_only=True):
    """What the insurance fund paid so that a bankrupt account owes nothing (negative: got)."""

    ms: int
    account: str
    currency: str
    amount: float


class Funded(_Line, frozen=True, kw_only=True):
    """Funding received (negative: paid) on a perpetual, in its settlement currency."""

    ms: int
    account: str
    instrument: str
    amount: float


class Settled(_Line, frozen=True, kw_only=True):
    """A position left the account at expiry; ``lots`` is minus what was held.

    ``delivery`` is the mean of the index, ``value`` the value per unit of venue amount (payoff of
    an option, delivery price of a future), ``cash`` what the account was credited.
    """

    ms: int
    account: str
    instrument: str
    lots: int
    trade_id: str
    delivery: float
    value: float
    cash: float


class MarkLine(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One instrument as valued for profit and loss: [mark, vol, forward].

    ``mark`` stands on the known part of the settlement mean inside the window; vol and forward
    are as the market gave them.
    """

    mark: float
    vol: float | None
    forward: float | None


class Bar(_Line, frozen=True, kw_only=True):
    """End of one market instant: index per underlying, valued marks of what is held or hedges with.

    ``equity`` is each account's coin value at the valued marks.
    """

    ms: int
    index: dict[str, float]
    marks: dict[str, MarkLine]
    equity: dict[str, float]


Event = Opened | OrderSeen | Traded | Transferred | Covered | Funded | Settled | Bar


def _plain(number: object) -> float | int:
    """Numbers of numpy types, which the encoder does not know, as plain ones."""
    if isinstance(number, float):
        return float(number)
    raise TypeError(f"event: {type(number).__name__} is no plain number or text")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encoded(event: Event) -> bytes:
    """One JSON line, without the line end."""
    return _encoder.encode(event)


def decoded(line: bytes) -> Event:
    """Event of one JSON line; raises `msgspec.DecodeError` or `msgspec.ValidationError`."""
    return _decoder.decode(line)

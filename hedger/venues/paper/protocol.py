"""What goes over the paper exchange's socket: length-prefixed MessagePack, requests with ids.

A frame is four bytes of length (big-endian) and one message, an array whose first element is the
message's name. Every request but `Done` is answered by one reply with its id; `Push` and `End`
come unasked.
"""

from __future__ import annotations

import asyncio

import msgspec

from hedger.core.model import (
    Account,
    AccountEvent,
    AccountMargin,
    Fill,
    Instrument,
    Order,
    OrderReport,
    Quote,
)
from hedger.venues.paper.credits import Limit
from hedger.venues.paper.params import PaperAccount

VERSION = 2
FRAME_BYTES_MAX = 16 * 1024 * 1024


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Root of all messages; the class name is the tag."""


# --- requests ---------------------------------------------------------------------------------


class Hello(_Message, frozen=True):
    """First request of a connection; answered by `Welcome`."""

    id: int
    client: str
    version: int = VERSION


class Subscribe(_Message, frozen=True):
    """Add instruments and accounts; ``since`` asks for an account's fills from that instant on."""

    id: int
    instruments: list[str]
    accounts: list[str]
    since: dict[str, int] = {}


class Place(_Message, frozen=True):
    """Place an order; answered by `Report`."""

    id: int
    order: Order


class Cancel(_Message, frozen=True):
    """Cancel what rests of an order; answered by `Report`."""

    id: int
    account: str
    client_id: str


class Query(_Message, frozen=True):
    """State of one order; answered by `Report`."""

    id: int
    account: str
    client_id: str


class Positions(_Message, frozen=True):
    """Holdings of an account; answered by `Holdings`."""

    id: int
    account: str


class Margin(_Message, frozen=True):
    """What is asked of an account; answered by `Asked`."""

    id: int
    account: str


class Fills(_Message, frozen=True):
    """A page of the fills since a market instant, after so many; answered by `FillList`."""

    id: int
    account: str
    since_ms: int
    after: int = 0


class Instruments(_Message, frozen=True):
    """Contract data; answered by `Contracts` with those that exist."""

    id: int
    names: list[str]


class OpenAccount(_Message, frozen=True):
    """Open an account, once per name; answered by `Ok`."""

    id: int
    account: PaperAccount


class Status(_Message, frozen=True):
    """How the exchange is; answered by `State`."""

    id: int


class Go(_Message, frozen=True):
    """Start the market clock; answered by `Ok`, also if it runs already."""

    id: int


class Stop(_Message, frozen=True):
    """End the process after the answer `Ok`."""

    id: int


class Transfers(_Message, frozen=True):
    """What came into an account and went out since a market instant; answered by `EventList`."""

    id: int
    account: str
    since_ms: int


class Happen(_Message, frozen=True):
    """Let something happen to an account, for tests and by chance; answered by `Ok`.

    ``kind`` is ``deleveraging``, ``liquidation`` or ``trade`` (signed ``lots`` of instruments),
    ``block`` (all of ``lots`` as one), ``deposit`` or ``withdrawal`` (signed ``amount``), or
    ``mute``: fills of the account are not pushed any more, until ``unmute``.
    """

    id: int
    account: str
    kind: str
    lots: dict[str, int] = {}
    currency: str = ""
    amount: float = 0.0


class Done(_Message, frozen=True):
    """Everything up to this market instant is worked off; not answered."""

    market_ms: int


Request = (
    Hello
    | Subscribe
    | Place
    | Cancel
    | Query
    | Positions
    | Fills
    | Instruments
    | OpenAccount
    | Status
    | Go
    | Stop
    | Done
    | Transfers
    | Margin
    | Happen
)


# --- replies and pushes -----------------------------------------------------------------------


class Welcome(_Message, frozen=True):
    """Who answers, and the two clocks: a bar of ``step_ms`` market time lasts ``bar_s`` real."""

    id: int
    name: str
    pid: int
    wall_ms: int
    market_ms: int
    step_ms: int
    bar_s: float
    pace_s: float
    speed: float
    is_running: bool


class State(_Message, frozen=True):
    """The exchange at a glance, with the notes of its market for a report."""

    id: int
    wall_ms: int
    market_ms: int
    start_ms: int
    end_ms: int | None
    is_running: bool
    has_ended: bool
    clients: int
    bars: int
    bars_not_waited_for: int
    accounts: list[str]
    notes: list[str]


class Report(_Message, frozen=True):
    """State of one order; after placing also what is left of a limit of orders, if there is one."""

    id: int
    report: OrderReport
    limit: Limit | None = None


class Holdings(_Message, frozen=True):
    """Signed lots by instrument."""

    id: int
    lots: dict[str, int]


class Asked(_Message, frozen=True):
    """Margin of an account; None where none is asked."""

    id: int
    margin: AccountMargin | None


class FillList(_Message, frozen=True):
    """A page of fills, oldest first, and whether there are more."""

    id: int
    fills: list[Fill]
    more: bool = False


class EventList(_Message, frozen=True):
    """Account events, oldest first."""

    id: int
    events: list[AccountEvent]


class Contracts(_Message, frozen=True):
    """Contract data by name."""

    id: int
    instruments: dict[str, Instrument]


class Ok(_Message, frozen=True):
    """It is done."""

    id: int


class Refused(_Message, frozen=True):
    """The request was surely not carried out, and why; ``id`` 0 if it could not be read."""

    id: int
    reason: str


class Push(_Message, frozen=True):
    """Newest quotes and accounts since the last push, and every fill and account event."""

    market_ms: int
    is_running: bool
    quotes: list[Quote]
    accounts: list[Account]
    fills: list[Fill]
    events: list[AccountEvent] = []


class End(_Message, frozen=True):
    """The market is at its end; requests are still answered."""

    market_ms: int


Reply = (
    Welcome | State | Report | Holdings | Asked | FillList | EventList | Contracts | Ok | Refused
)
Message = Reply | Push | End

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_messages: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def frame(message: Request | Message) -> bytes:
    """One message as it goes over the wire."""
    payload = _encoder.encode(message)
    return len(payload).to_bytes(4, "big") + payload


def request_of(payload: bytes) -> Request:
    """Request in a frame; raises `msgspec.DecodeError`."""
    return _requests.decode(payload)


def message_of(payload: bytes) -> Message:
    """Reply or push in a frame; raises `msgspec.DecodeError`."""
    return _messages.decode(payload)


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """Payload of the next frame; raises `ConnectionError` at the end and for oversized frames."""
    try:
        length = int.from_bytes(await reader.readexactly(4), "big")
        if length > FRAME_BYTES_MAX:
            raise ConnectionError(f"frame of {length} bytes: expected at most {FRAME_BYTES_MAX}")
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("the other side closed the connection") from error

"""The paper exchange through the ports: `PaperVenue` is both `Venue` and `Feed`, `PaperClock` time.

One connection serves both ports; any call that finds it broken makes a new one, with back-off and
within its own deadline, and subscribes again, asking for the fills that it has not heard.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from functools import partial

import msgspec

from hedger.core.model import (
    AccountEvent,
    AccountMargin,
    Conduct,
    Fill,
    Instrument,
    Order,
    OrderReport,
    OrderStatus,
)
from hedger.errors import OutcomeUnknown, VenueRejected, VenueUnavailable
from hedger.ports import Batch, ClockReading
from hedger.venues.conduct import ANY, conduct
from hedger.venues.paper import protocol as p
from hedger.venues.paper.conflate import Pending
from hedger.venues.paper.credits import Limit
from hedger.venues.paper.link import Heard, Link, R, RefusedError
from hedger.venues.paper.params import PaperAccount

ANSWER_S = 0.25  # an answer is awaited this long after the order's deadline
ASKED = 3  # times within a deadline that a read is sent, as long as no answer comes
SILENCE_S = 0.5  # beyond a bar and its pace: then the feed counts as silent


class PaperVenue:
    """Orders, market data and control of one paper exchange over its Unix socket.

    Parameters
    ----------
    name : str
        The configured name of the venue.
    socket : str
        Path of the exchange's socket.
    request_s_max : float
        Deadline of one request, a reconnection included [s].
    client : str
        Who is calling, for the exchange's messages.
    """

    def __init__(
        self, name: str, socket: str, *, request_s_max: float = 3.0, client: str = "hedger"
    ) -> None:
        self.ended = asyncio.Event()
        self._name = name
        self._request_s_max = request_s_max
        self._link = Link(name, socket, client, self._hear, self._wake_up)
        self._inbox, self._wake = Pending(), asyncio.Event()
        self._is_closed = False
        self._last: tuple[int, bool, float] | None = None
        self._limits: dict[str, tuple[Limit, float]] = {}

    # --- Venue --------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The configured name of the venue."""
        return self._name

    def conduct(self, instrument: str) -> Conduct:
        """One engine, one rule for all its products."""
        return conduct("paper", ANY)

    def venue_ms(self) -> int:
        """The exchange's wall clock, by the offset last measured from our monotonic clock.

        Our own wall clock may be set while an order is under way; its deadline must not move.
        """
        return round(time.monotonic() * 1000 + self._link.offset_ms)

    async def read_clock(self) -> ClockReading:
        """Ask the exchange for its time, and follow it; raises `VenueUnavailable`."""
        try:
            return await self._link.read_clock(seconds=self._request_s_max)
        except RefusedError as error:
            raise VenueUnavailable(f"{self._name}: {error}") from None

    async def instruments(self, names: Collection[str]) -> dict[str, Instrument]:
        """Contract data of those names that exist; raises `VenueUnavailable`."""
        wanted = list(names)
        return (await self._read(p.Contracts, lambda i: p.Instruments(i, wanted))).instruments

    async def place(self, order: Order) -> OrderReport:
        """Send once; raises `VenueRejected`, or `OutcomeUnknown` when no answer proves its fate."""
        left_s = max(order.deadline_ms - self.venue_ms(), 0) / 1000 + ANSWER_S
        seconds = min(left_s, self._request_s_max)  # later than that, asking by id is better
        try:
            answer = await self._link.ask(p.Report, lambda i: p.Place(i, order), seconds=seconds)
            if answer.limit is not None:
                self._limits[order.account] = answer.limit, time.monotonic()
        except RefusedError as error:
            raise VenueRejected(f"{order.client_id}: {error}") from None
        except VenueUnavailable as error:
            raise OutcomeUnknown(f"{order.client_id}: {error}") from error
        if answer.report.status is OrderStatus.REJECTED:
            raise VenueRejected(f"{order.client_id}: {answer.report.reason}")
        return answer.report

    async def cancel(self, account: str, client_id: str) -> OrderReport:
        """Cancel what is open; raises `OutcomeUnknown`."""
        try:
            return (await self._read(p.Report, lambda i: p.Cancel(i, account, client_id))).report
        except VenueUnavailable as error:
            raise OutcomeUnknown(f"cancel {client_id}: {error}") from error

    async def query(self, account: str, client_id: str) -> OrderReport:
        """State of one order (`OrderStatus.NOT_FOUND` too); raises `VenueUnavailable`."""
        return (await self._read(p.Report, lambda i: p.Query(i, account, client_id))).report

    async def positions(self, account: str) -> dict[str, int]:
        """Signed lots of every instrument held; raises `VenueUnavailable`."""
        return (await self._read(p.Holdings, lambda i: p.Positions(i, account))).lots

    async def margin(self, account: str) -> AccountMargin | None:
        """What is asked of an account, None where none is; raises `VenueUnavailable`."""
        return (await self._read(p.Asked, lambda i: p.Margin(i, account))).margin

    async def fills(self, account: str, since_ms: int) -> AsyncIterator[Sequence[Fill]]:
        """All fills since a market instant, oldest first, in pages; raises `VenueUnavailable`."""
        seen, more = 0, True
        while more:
            ask = partial(p.Fills, account=account, since_ms=since_ms, after=seen)
            page = await self._read(p.FillList, ask)
            seen, more = seen + len(page.fills), page.more
            yield page.fills

    def credits(self, account: str) -> float | None:
        """Share of the account's limit of orders that is left: as last told, and refilled since."""
        told = self._limits.get(account)
        return None if told is None else told[0].share(time.monotonic() - told[1])

    async def transfers(self, account: str, since_ms: int) -> list[AccountEvent]:
        """Deposits and withdrawals since a market instant; raises `VenueUnavailable`."""
        return (await self._read(p.EventList, lambda i: p.Transfers(i, account, since_ms))).events

    async def close(self) -> None:
        """Release the connection; a running iteration of `batches` ends."""
        self._is_closed = True
        self._wake.set()
        await self._link.close()

    # --- Feed ---------------------------------------------------------------------------------

    async def subscribe(self, instruments: Collection[str], accounts: Collection[str]) -> None:
        """Ask for these too, now and after every reconnection; raises `VenueUnavailable`.

        What the market shows of them at present comes as the next batch.
        """
        names, own = list(instruments), list(accounts)
        await self._link.wire(seconds=self._request_s_max)
        now_ms = self.heard[0]
        await self._read(p.Ok, lambda i: p.Subscribe(i, names, own))
        self._link.instruments |= dict.fromkeys(names)
        for account in own:
            self._link.accounts.setdefault(account, Heard()).begin(now_ms)

    async def batches(self) -> AsyncIterator[Batch]:
        """Yield what has come since the last batch: newest quotes, every fill once.

        Raises `VenueUnavailable` when the connection breaks; iterate again to reconnect. After the
        market's end (see `ended`) nothing comes, but the connection stays.
        """
        wire = await self._link.wire(seconds=self._request_s_max)
        while not self._is_closed:
            if self._inbox:
                yield self._inbox.take()
                continue
            if wire.closed:
                raise VenueUnavailable(f"{self._name}: {wire.closed}")
            self._wake.clear()
            await self._wake.wait()

    async def caught_up(self, market_ms: int) -> None:
        """Tell the exchange that everything up to this instant is worked off."""
        self._link.tell(p.Done(market_ms))

    # --- control ------------------------------------------------------------------------------

    @property
    def welcome(self) -> p.Welcome | None:
        """How the exchange introduced itself, None before that."""
        return self._link.welcome

    @property
    def heard(self) -> tuple[int, bool, float]:
        """Market time last heard [ms], whether the market runs, and when (monotonic) [s]."""
        if self._last is not None:
            return self._last
        welcome = self._link.welcome
        return (0 if welcome is None else welcome.market_ms), False, time.monotonic()

    async def go(self) -> None:
        """Start the market clock; raises `VenueUnavailable`."""
        await self._read(p.Ok, p.Go)

    async def stop(self) -> None:
        """End the exchange's process; raises `VenueUnavailable`."""
        await self._read(p.Ok, p.Stop)

    async def status(self) -> p.State:
        """The exchange at a glance; raises `VenueUnavailable`."""
        return await self._read(p.State, p.Status)

    async def open_account(self, account: PaperAccount) -> None:
        """Open an account, once per name; raises `VenueUnavailable`."""
        await self._read(p.Ok, lambda i: p.OpenAccount(i, account))

    async def happen(self, happening: p.Happen) -> None:
        """Let something happen, once: it is not asked for again. Raises `VenueUnavailable`."""
        try:
            await self._link.ask(
                p.Ok,
                lambda i: msgspec.structs.replace(happening, id=i),
                seconds=self._request_s_max,
            )
        except RefusedError as error:
            raise VenueUnavailable(f"{self._name}: {error}") from None

    async def _read(self, kind: type[R], request: Callable[[int], p.Request]) -> R:
        """The first answer within the deadline; asked for again, as asking twice is harmless."""
        seconds = self._request_s_max
        asks: set[asyncio.Task[R]] = set()
        try:
            while True:
                asks.add(asyncio.create_task(self._link.ask(kind, request, seconds=seconds)))
                wait_s = seconds / ASKED if len(asks) < ASKED else None
                done, _ = await asyncio.wait(asks, timeout=wait_s, return_when="FIRST_COMPLETED")
                if done:
                    return done.pop().result()
        except RefusedError as error:
            raise VenueUnavailable(f"{self._name}: {error}") from None
        finally:
            for ask in asks:
                ask.cancel()

    def _hear(self, message: p.Push | p.End) -> None:
        is_running = isinstance(message, p.Push) and message.is_running
        self._last = message.market_ms, is_running, time.monotonic()
        if isinstance(message, p.End):
            self.ended.set()
            return
        accounts = self._link.accounts
        fills = [f for f in message.fills if accounts.setdefault(f.account, Heard()).is_new(f)]
        self._wake.set()
        self._inbox.put(message.market_ms, message.quotes, message.accounts, fills, message.events)

    def _wake_up(self) -> None:
        self._wake.set()


class PaperClock:
    """The `Clock` port on a paper exchange's market time.

    Market time stands at the last instant heard. If a running feed falls silent for longer than a
    bar can last, market time goes on at the exchange's speed so that ages grow; the next word from
    the exchange sets it right, backwards too. 0 before the first word.
    """

    def __init__(self, venue: PaperVenue) -> None:
        self._venue = venue

    def market_ms(self) -> int:
        """Market time [ms]."""
        market_ms, is_running, heard_s = self._venue.heard
        welcome = self._venue.welcome
        if welcome is None or not is_running:
            return market_ms
        longest_s = welcome.bar_s + welcome.pace_s + SILENCE_S
        silent_s = time.monotonic() - heard_s - longest_s
        return market_ms + round(max(silent_s, 0.0) * 1000 * welcome.speed)

    def monotonic_s(self) -> float:
        """Machine time that never goes back [s]."""
        return time.monotonic()

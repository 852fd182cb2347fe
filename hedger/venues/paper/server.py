"""The paper exchange on its socket: answers requests and moves the market clock bar by bar.

Market time stands still between bars. A bar lasts ``bar_s`` real seconds; after that the exchange
waits, at most ``pace_ms_max``, for subscribed clients that have not said `Done` for it, so that a
fast replay does not distort the hedging. Who misses that is not waited for until it answers again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence

import msgspec

from hedger.clock import wall_ms
from hedger.core.model import AccountEvent, Fill, Order, OrderReport, OrderStatus
from hedger.errors import HedgerError
from hedger.venues.paper import protocol as p
from hedger.venues.paper.credits import Credits
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.session import Session
from hedger.venues.paper.tradelog import TradeLogBrokenError
from hedger.venues.paper.travel import Way

RESUME_S = 1.0  # after a restart the clock waits this long for its clients to come back
FILLS_PAGE = 200  # fills of an account told in one answer
_DELAYED = p.Place | p.Cancel | p.Query | p.Positions | p.Fills | p.Margin


class Server:
    """Sessions around one `Engine`; `serve` for each connection, `run` for the market clock."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        params = engine.params
        self.bar_s = max(params.bar_ms_min, engine.market.step_ms / params.speed) / 1000
        self.pace_s = params.pace_ms_max / 1000
        self.stopped = asyncio.Event()
        self.broken: TradeLogBrokenError | None = None
        self._last_seen_s = asyncio.get_running_loop().time()
        self._sessions: dict[Session, None] = {}
        self._go, self._progress = asyncio.Event(), asyncio.Event()
        self._is_running = self._has_ended = False
        self._missed = 0
        self._muted: set[str] = set()
        self._credits = Credits(most=params.order_burst, per_s=params.order_rate)
        self._way = Way(latency_ms=params.latency_ms, loss=params.loss, seed=params.seed)

    # --- the market clock ---------------------------------------------------------------------

    async def run(self) -> None:
        """Move the market until its end; returns then, requests are still answered."""
        await self._started()
        self._is_running = True
        while True:
            await asyncio.sleep(self.bar_s)
            await self._paced()
            if not self.engine.advance():
                break
            self._push_bar()
        self._is_running, self._has_ended = False, True
        for session in list(self._sessions):
            session.end(self.engine.market_ms)

    async def _started(self) -> None:
        autostart_s = self.engine.params.autostart_s
        if self.engine.was_running:
            self._is_running = True
            autostart_s = RESUME_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(autostart_s):
                await self._go.wait()

    async def _paced(self) -> None:
        """Wait for the clients that are still at work on this bar, within the cap."""
        now = self.engine.market_ms
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.pace_s):
                while any(session.lags(now) for session in self._sessions):
                    self._progress.clear()
                    await self._progress.wait()
        late = [session for session in self._sessions if session.lags(now)]
        for session in late:
            session.is_waited_for = False
        self._missed += bool(late)

    def _push_bar(self) -> None:
        fills, events = self._news()
        for session in list(self._sessions):
            self._push(session, fills, with_quotes=True, events=events)

    def _news(self) -> tuple[list[Fill], list[AccountEvent]]:
        """Fills and account events that nobody has heard yet; those of muted accounts are lost."""
        fills = [f for f in self.engine.take_fills() if f.account not in self._muted]
        return fills, self.engine.take_events()

    def _push_fills(self) -> None:
        fills, events = self._news()
        touched = {fill.account for fill in fills} | {event.account for event in events}
        for session in list(self._sessions):
            if touched & session.accounts.keys():
                self._push(session, fills, with_quotes=False, events=events)

    def _push(
        self,
        session: Session,
        fills: list[Fill],
        *,
        with_quotes: bool,
        events: Sequence[AccountEvent] = (),
    ) -> None:
        if not session.is_subscribed:
            return
        accounts = [self.engine.account(name) for name in session.accounts]
        try:
            session.push(
                self.engine.market_ms,
                quotes=self.engine.quotes(session.instruments) if with_quotes else [],
                accounts=[account for account in accounts if account is not None],
                fills=[fill for fill in fills if fill.account in session.accounts],
                is_running=self._is_running,
                events=[event for event in events if event.account in session.accounts],
            )
        except ConnectionError:
            session.close()

    # --- connections --------------------------------------------------------------------------

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        session = Session(writer)
        self._sessions[session] = None
        sending = asyncio.create_task(session.send_all())
        sending.add_done_callback(lambda _: session.close())
        try:
            while True:
                self._take(session, await p.read_frame(reader))
        except ConnectionError:
            return
        finally:
            self._sessions.pop(session, None)
            self._progress.set()
            self._last_seen_s = asyncio.get_running_loop().time()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            session.close()

    def idle_s(self) -> float:
        """Real seconds since anybody was connected."""
        return 0.0 if self._sessions else asyncio.get_running_loop().time() - self._last_seen_s

    async def goodbye(self) -> None:
        """Send what is queued and end all connections."""
        for session in list(self._sessions):
            await session.flush(0.2)
            session.close()

    def _take(self, session: Session, payload: bytes) -> None:
        try:
            request = p.request_of(payload)
        except msgspec.DecodeError as error:
            session.reply(p.Refused(0, f"not a request: {error}"))
            return
        if isinstance(request, p.Done):
            session.done(request.market_ms)
            self._progress.set()
        elif isinstance(request, _DELAYED) and not self._way.is_short:
            self._way.send(session, request.id, lambda: self._answer(session, request))
        else:
            session.reply(self._answer(session, request))

    # --- requests -----------------------------------------------------------------------------

    def _answer(self, session: Session, request: p.Request) -> p.Reply:
        try:
            reply = self._reply(session, request)
        except HedgerError as error:
            reply = p.Refused(_id(request), str(error))
        except TradeLogBrokenError as error:
            self.broken = error
            self.stopped.set()
            raise ConnectionError(str(error)) from error
        self._push_fills()
        return reply

    def _reply(self, session: Session, request: p.Request) -> p.Reply:
        engine = self.engine
        match request:
            case p.Place(id=id_, order=order):
                return self._placed(id_, order)
            case p.Cancel(id=id_, account=account, client_id=client_id):
                return p.Report(id_, engine.cancel(account, client_id))
            case p.Query(id=id_, account=account, client_id=client_id):
                return p.Report(id_, engine.exchange.query(account, client_id))
            case p.Positions(id=id_, account=account):
                return p.Holdings(id_, engine.exchange.positions(account))
            case p.Margin(id=id_, account=account):
                return p.Asked(id_, engine.exchange.margin(account))
            case p.Fills(id=id_, account=account, since_ms=since_ms, after=after):
                fills = engine.exchange.fills(account, since_ms)
                end = max(after, 0) + FILLS_PAGE
                return p.FillList(id_, fills[max(after, 0) : end], more=len(fills) > end)
            case p.Transfers(id=id_, account=account, since_ms=since_ms):
                return p.EventList(id_, engine.transfers(account, since_ms))
            case p.Instruments(id=id_, names=names):
                return p.Contracts(id_, engine.instruments(names))
            case p.Subscribe():
                return self._subscribed(session, request)
            case p.OpenAccount(id=id_, account=account):
                engine.open_account(account)
            case _:
                return self._control(session, request)
        return p.Ok(id_)

    def _placed(self, id_: int, order: Order) -> p.Reply:
        """Spend a credit, then the engine; without one the engine never sees the order.

        One that it has seen before costs nothing: its fate is told, never "refused".
        """
        now_s = asyncio.get_running_loop().time()
        seen = self.engine.exchange.query(order.account, order.client_id).status
        is_new = seen is OrderStatus.NOT_FOUND
        if is_new and not self._credits.spend(order.account, now_s):
            text = f"too many orders of {order.account}: none of its credits is left"
            report = OrderReport(
                client_id=order.client_id, status=OrderStatus.REJECTED, reason=text
            )
        else:
            report = self.engine.place(order, now_ms=wall_ms())
        return p.Report(id_, report, self._credits.told(order.account, now_s))

    def _control(self, session: Session, request: p.Request) -> p.Reply:
        match request:
            case p.Hello(id=id_, client=client, version=version):
                session.client = client
                if version != p.VERSION:
                    return p.Refused(id_, f"protocol {version}: expected {p.VERSION}")
                return self._welcome(id_)
            case p.Status(id=id_):
                return self._state(id_)
            case p.Happen(id=id_, account=account, kind="mute"):
                self._muted.add(account)
            case p.Happen(id=id_, account=account, kind="unmute"):
                self._muted.discard(account)
            case p.Happen(id=id_):
                self.engine.happen(request)
            case p.Go(id=id_):
                self._go.set()
            case p.Stop(id=id_):
                self.stopped.set()
            case _:
                return p.Refused(_id(request), "not a request")
        return p.Ok(id_)

    def _subscribed(self, session: Session, request: p.Subscribe) -> p.Reply:
        engine = self.engine
        engine.want(request.instruments)
        session.instruments |= dict.fromkeys(request.instruments)
        session.accounts |= dict.fromkeys(request.accounts)
        session.is_subscribed = True
        missed = [
            fill
            for account, since_ms in request.since.items()
            for fill in engine.exchange.fills(account, since_ms)
        ]
        self._push_fills()  # before the missed ones, that each is pushed once
        self._push(session, missed, with_quotes=True)
        if self._has_ended:
            session.end(engine.market_ms)
        if engine.was_running:
            self._go.set()
        return p.Ok(request.id)

    def _welcome(self, id_: int) -> p.Welcome:
        engine = self.engine
        return p.Welcome(
            id=id_,
            name=engine.params.name,
            pid=os.getpid(),
            wall_ms=wall_ms(),
            market_ms=engine.market_ms,
            step_ms=engine.market.step_ms,
            bar_s=self.bar_s,
            pace_s=self.pace_s,
            speed=engine.params.speed,
            is_running=self._is_running,
        )

    def _state(self, id_: int) -> p.State:
        engine = self.engine
        return p.State(
            id=id_,
            wall_ms=wall_ms(),
            market_ms=engine.market_ms,
            start_ms=engine.market.start_ms,
            end_ms=engine.market.end_ms,
            is_running=self._is_running,
            has_ended=self._has_ended,
            clients=len(self._sessions),
            bars=engine.bars,
            bars_not_waited_for=self._missed,
            accounts=engine.exchange.accounts(),
            notes=engine.market.notes(),
        )


def _id(request: p.Request) -> int:
    return 0 if isinstance(request, p.Done) else request.id

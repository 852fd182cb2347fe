"""A reserved yes is kept on the paper exchange: as much, at no worse price, at no higher cost.

Store, exchange, decisions and clients in one loop on a market that stands still: the exchange's own
trades are the judge. What is promised without a reservation is shown to be kept to one client only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from hedger.app.capacity import _Seer
from hedger.clock import wall_ms
from hedger.core.book import book as columns
from hedger.core.columns import Book
from hedger.core.decide import decide
from hedger.core.market import Board
from hedger.core.model import (
    Action,
    BandRule,
    BookState,
    Decision,
    Fill,
    HedgeRule,
    LimitRule,
    Offer,
    Order,
    Rules,
    ScenarioRule,
)
from hedger.core.risk.stress import Stress, stress
from hedger.ports import BookSeed
from hedger.service.capacity import Capacity, View
from hedger.service.intents import intents_of, order_of
from hedger.service.journal import Journal
from hedger.service.params import BookParams
from hedger.store.memory import MemoryServer, MemoryStore
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.params import PaperAccount, PaperParams

BOOK, HEDGE = "main", "BTC-PERPETUAL"
CALLS = tuple(f"BTC-3JUL26-{strike}-C" for strike in (58_000, 60_000, 62_000))
SHOWN_USD = 150_000.0
RULES = Rules(
    config="v1",
    numeraire="usd",
    base_coin=20.0,
    hedge=HedgeRule(buy=HEDGE, sell=HEDGE),
    band=BandRule(lower=-0.05, upper=0.05, cooldown_ms=0),
    limits=LimitRule(order_max=8.0, per_minute_max=100.0, first_trade_max=8.0),
)


class Desk:
    """One book on one exchange; `hedge` is a worker's step, `trade` what a client does."""

    def __init__(self, folder: Path) -> None:
        params = PaperParams(
            name="paper",
            socket=str(folder / "s"),
            log=str(folder / "log.jsonl"),
            depth_usd=SHOWN_USD,
            accounts=(PaperAccount(name=BOOK, deposit=20.0),),
            instruments=(HEDGE, *CALLS),
        )
        self.engine = Engine(params)
        self.contracts = self.engine.instruments((HEDGE, *CALLS))
        self.board = Board(self.contracts)
        self.server = MemoryServer(shards=4, namespace="00c0ffee")
        self.store = MemoryStore(self.server)
        self.journal = Journal(worker="w1", wall_ms=wall_ms, now_s=self.server.monotonic)
        self.params = BookParams(
            name=BOOK,
            venue="paper",
            account=BOOK,
            underlying="BTC",
            rules=RULES,
            digest="v1",
            positions=None,
        )
        self.rules = RULES
        self.lease: Any = None
        self.trades: list[Fill] = []

    async def begin(self) -> Capacity:
        await self.store.seed(BookSeed(BOOK, "v1", {}))
        shard = self.store.shard_of(BOOK)
        self.lease = await self.store.claim(shard, "w1", lease_ms=600_000)
        await self.hedge()
        return Capacity(self.store, {BOOK: self.see})

    async def see(self, state: BookState) -> View:
        for quote in self.engine.quotes(list(self.contracts)):
            self.board.apply(quote)
        account = self.engine.account(BOOK)
        assert account is not None
        self.board.apply_account(account)
        book: Book = columns(state, self.contracts, account=BOOK, hedges={HEDGE})
        return View(book, self.board.market(), self.rules, self.engine.market_ms)

    async def hedge(self) -> Decision:
        """Decide, record, send, apply, close."""
        state = await self.store.load(BOOK)
        assert state is not None
        decision = decide(*await self.see(state))
        entry_id = self.journal.next_id(BOOK, self.lease.epoch)
        of = {"seq": state.seq, "facts": state.facts, "memory": decision.memory}
        if decision.action is not Action.HEDGE:
            entry = self.journal.entry(decision, entry_id=entry_id, epoch=self.lease.epoch)
            await self.store.note(self.lease, BOOK, entry=entry, **of)  # type: ignore[arg-type]
            return decision
        intents = intents_of(
            decision,
            self.params,
            namespace="00c0ffee",
            epoch=self.lease.epoch,
            decision_id=entry_id,
            deadlines_ms={"paper": 10**14},
        )
        entry = self.journal.entry(
            decision, entry_id=entry_id, epoch=self.lease.epoch, intents=intents
        )
        await self.store.begin(
            self.lease,
            BOOK,
            intents=intents,
            reduces=True,
            entry=entry,
            **of,  # type: ignore[arg-type]
        )
        for intent in intents:
            report = self.engine.place(order_of(intent), now_ms=1)
            for fill in report.fills:
                self.trades.append(fill)
                await self.store.fill(BOOK, fill, venue="paper")
            await self.store.close(self.lease, BOOK, intent.id, filled=report.filled, state="done")
        return decision

    async def trade(self, coins: float, name: str) -> None:
        """A client buys or sells so many of each call for the book."""
        lots = round(coins * 10)
        for call in CALLS:
            order = Order(
                client_id=f"{name}-{call}",
                account=BOOK,
                instrument=call,
                lots=lots,
                limit_ticks=None,
                deadline_ms=10**14,
            )
            report = self.engine.place(order, now_ms=1)
            assert report.filled == lots
            for fill in report.fills:
                await self.store.fill(BOOK, fill, venue="paper")

    async def delta_of_one(self) -> float:
        """What one of each adds to the book's delta: plain delta less its value in coin."""
        total = 0.0
        for quote in self.engine.quotes(CALLS):
            assert quote.delta is not None
            assert quote.mark is not None
            total += quote.delta - quote.mark
        return total


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Callable[[Desk, Capacity], Awaitable[None]]], None]:
    def run(story: Callable[[Desk, Capacity], Awaitable[None]]) -> None:
        async def main() -> None:
            desk = Desk(tmp_path)
            try:
                await story(desk, await desk.begin())
            finally:
                desk.engine.log.close()

        asyncio.run(main())

    return run


def kept(desk: Desk, hedge: Decision, offers: list[Offer]) -> None:
    """Judged by the exchange's trades: whole, in one order, and neither worse nor dearer."""
    total = sum(offer.size for offer in offers)
    assert hedge.action is Action.HEDGE
    assert not hedge.refusals
    assert hedge.plan is not None
    (line,) = hedge.plan.lines
    assert sum(fill.lots for fill in desk.trades) == line.lots
    assert abs(total) - 0.1 <= abs(line.delta) <= abs(total) + 0.1
    index = desk.board.market().index["BTC"].value
    (part,) = offers[0].hedges
    middle = hedge.quotes[0]
    assert middle.bid is not None
    assert middle.ask is not None
    mid, sign = 0.5 * (middle.bid + middle.ask), 1 if line.lots > 0 else -1
    assert all(sign * (part.price_bound - fill.price) >= 0.0 for fill in desk.trades)
    coin = sum(abs(fill.lots) * 10.0 / fill.price for fill in desk.trades)
    paid = sum(
        sign * (fill.price - mid) * abs(fill.lots) * 10.0 / fill.price + fill.fee * index
        for fill in desk.trades
    )
    promised = sum(offer.cost for offer in offers) / abs(total)
    assert paid / coin <= promised * 1.001 + 1e-6 * index
    assert paid > 0.0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_all_of_the_capacity_is_hedged_at_once(play: Any, sign: float) -> None:
    async def story(desk: Desk, clients: Capacity) -> None:
        most = await clients.can_hedge(BOOK, sign * 100.0)
        assert most.limit == "depth"
        calls = sign * int(10.0 * abs(most.size) / await desk.delta_of_one()) / 10.0
        offer = await clients.can_hedge(BOOK, calls * await desk.delta_of_one(), reserve=True)
        assert (offer.is_whole, bool(offer.reservation)) == (True, True)
        await desk.trade(calls, "client")
        assert await clients.consume(offer) == "ok"
        kept(desk, await desk.hedge(), [offer])
        assert (await desk.hedge()).reason == "inside_band"

    play(story)


def test_fifty_clients_are_promised_no_more_than_is_hedged(play: Any) -> None:
    async def story(desk: Desk, clients: Capacity) -> None:
        delta = 0.1 * await desk.delta_of_one()
        asked = (clients.can_hedge(BOOK, delta, reserve=True) for _ in range(50))
        offers = await asyncio.gather(*asked)
        whole = [offer for offer in offers if offer.is_whole]
        assert 5 < len(whole) < 50
        assert sum(offer.size for offer in offers) <= offers[0].capacity + 1e-9
        assert {offer.limit for offer in offers if not offer.is_whole} == {"reserved"}
        for number, offer in enumerate(whole):
            await desk.trade(0.1, f"client-{number}")
            assert await clients.consume(offer) == "ok"
        kept(desk, await desk.hedge(), whole)
        assert (await desk.hedge()).reason == "inside_band"

    play(story)


def test_fifty_clients_take_no_more_than_the_scenario_limit_together(play: Any) -> None:
    """Each asks for all of it; what is promised keeps the limit, and a little more would not."""

    async def story(desk: Desk, clients: Capacity) -> None:
        desk.rules = msgspec.structs.replace(RULES, scenario=ScenarioRule(loss_max=10_000.0))
        asked = (clients.can_hedge(BOOK, 50.0, reserve=True) for _ in range(50))
        offers = await asyncio.gather(*asked)
        promised, capacity = sum(offer.size for offer in offers), offers[0].capacity
        assert promised == pytest.approx(capacity, abs=1e-7)
        assert promised <= capacity
        assert sum(offer.size > 0.0 for offer in offers) == 1  # the first had all of it
        limits = {offer.limit for offer in offers}
        assert limits == {"scenario_loss", "reserved"}
        state = await desk.store.load(BOOK)
        assert state is not None
        found = stress(*await desk.see(state))
        assert isinstance(found, Stress)
        assert float((found.left + found.of_delta(promised)).min()) >= -1e-6
        assert float((found.left + found.of_delta(promised * 1.001)).min()) < 0.0
        winner = next(offer for offer in offers if offer.size)
        assert await clients.give_back(winner) == "ok"
        again = await clients.can_hedge(BOOK, winner.size, reserve=True)
        assert again.is_whole

    play(story)


def test_advice_is_kept_to_one_client_only(play: Any) -> None:
    """The same without reservations: each is told that all of it is there, and one order is not
    enough."""

    async def story(desk: Desk, clients: Capacity) -> None:
        calls = 1.2
        offers = [
            await clients.can_hedge(BOOK, calls * await desk.delta_of_one()) for _ in range(2)
        ]
        assert all(offer.is_whole and not offer.reservation for offer in offers)
        for number in range(2):
            await desk.trade(calls, f"client-{number}")
        hedge = await desk.hedge()
        assert hedge.plan is not None
        best = sum(abs(f.lots) * 10.0 for f in desk.trades if f.price == desk.trades[0].price)
        assert abs(hedge.plan.lines[0].lots) * 10.0 > best  # it walked the book, or lacked some
        with pytest.raises(ValueError, match="nothing was set aside"):
            await clients.consume(offers[0])

    play(story)


def test_what_was_taken_up_goes_on_counting_and_depth_that_is_gone_too(play: Any) -> None:
    async def story(desk: Desk, clients: Capacity) -> None:
        offer = await clients.can_hedge(BOOK, 1.0, reserve=True)
        assert await clients.consume(offer) == "ok"
        assert await clients.consume(offer) == "again"
        then = await clients.can_hedge(BOOK, 100.0)
        assert then.size == pytest.approx(offer.capacity - 1.0)
        other = await clients.can_hedge(BOOK, -1.0, reserve=True)
        assert other.is_whole
        assert await clients.give_back(other) == "ok"
        assert await clients.give_back(other) == "gone"

    play(story)


def test_who_is_run_by_nobody_is_told_so(play: Any) -> None:
    async def story(desk: Desk, clients: Capacity) -> None:
        await desk.store.hold(BOOK, "by hand")
        assert (await clients.can_hedge(BOOK, 1.0)).limit == "hold"
        await desk.store.resume(BOOK, who="anna")
        assert (await clients.can_hedge(BOOK, 1.0)).is_whole
        await desk.store.release(desk.lease)
        gone = await clients.can_hedge(BOOK, 1.0, reserve=True)
        assert (gone.size, gone.limit, gone.reservation) == (0.0, "unkept", "")
        desk.server.journal.clear()
        assert "no worker has decided" in (await clients.can_hedge(BOOK, 1.0)).reason

    play(story)


def test_a_book_that_changes_while_it_is_asked_for_is_read_again(play: Any) -> None:
    async def story(desk: Desk, clients: Capacity) -> None:
        changes = 2

        async def see(state: BookState) -> View:
            nonlocal changes
            view = await desk.see(state)
            if changes:
                changes -= 1
                await desk.store.resume(BOOK, who="anna")  # a fact more
            return view

        asking = Capacity(desk.store, {BOOK: see})
        assert (await asking.can_hedge(BOOK, 1.0, reserve=True)).is_whole
        changes = 100
        assert (await asking.can_hedge(BOOK, 1.0)).limit == "changing"

    play(story)


def test_a_book_without_positions_that_came_into_the_store_later_is_seen(play: Any) -> None:
    """Whoever asks began before it was there, and so has never fetched its hedge's contract."""

    async def body(desk: Desk, _: Capacity) -> None:
        async def instruments(names: set[str]) -> dict[str, Any]:
            return desk.engine.instruments(tuple(names))

        async def watch(*_: Any) -> None: ...

        window: Any = SimpleNamespace(
            venue=SimpleNamespace(instruments=instruments),
            watch=watch,
            board=desk.board,
            clock=SimpleNamespace(market_ms=lambda: desk.engine.market_ms),
        )
        state = await desk.store.load(BOOK)
        assert state is not None
        view = await _Seer(desk.params, {"paper": window})(
            msgspec.structs.replace(state, positions={}, intents=())
        )
        assert [(p.instrument.name, p.lots) for p in view.book.hedges] == [(HEDGE, 0)]

    play(body)

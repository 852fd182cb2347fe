"""One policy beside a book's own: the same decision on the same market, its orders only imagined.

Its book is the live one but for the hedges, which are its own. Its orders go to an exchange of its
own that shows what the venue showed, through `hedger.service.imagined` as in a backtest. Its
account is the live one's, less what the live hedges came to since it began, with what its own did.
Its scalers read the live signal and traffic, and the risk of its own book, measured as the live one
is; an act is the live book's to make, and the shadow hedges what is left of the legs.
Everything here is pure but for that memory, and belongs to one thread at a time.
"""

from __future__ import annotations

from dataclasses import replace as with_columns

from msgspec.structs import replace

from hedger.core.columns import Market
from hedger.core.model import (
    Action,
    Decision,
    Happening,
    Instrument,
    Intent,
    Order,
    OrderReport,
)
from hedger.core.scaled import kept as remembered
from hedger.service import score
from hedger.service.glimpse import Glimpse, heard, squared
from hedger.service.imagined import Imagined, OrderTerms, Way, World
from hedger.service.kept import Kept, Score, policy_of
from hedger.service.params import BookParams, ShadowParams
from hedger.service.score import Price, Purse
from hedger.venues.simulator.events import Event, Funded, Settled, Traded
from hedger.venues.simulator.exchange import Exchange
from hedger.venues.simulator.instant import Instant

ORDERS_MAX = 1_000
"""Orders that an imagined exchange remembers before it is opened anew."""
PAID = (Happening.DEPOSIT, Happening.WITHDRAWAL)
DIFFERS_MAX = 30
"""Looks for which the live position may differ from the fills that told of it."""


class Shadow:
    """One shadow of one book; ``kept`` None until it has begun."""

    def __init__(
        self,
        params: BookParams,
        shadow: ShadowParams,
        terms: OrderTerms,
        *,
        interval_ms: int,
        kept: Kept | None = None,
    ) -> None:
        self.name = shadow.name
        self.kept = kept if kept is not None and kept.policy == policy_of(shadow) else None
        self._shadow = shadow
        self._params = replace(params, rules=replace(params.rules, band=shadow.band), shadows=())
        self._terms, self._interval_ms = terms, interval_ms
        self._contracts: dict[str, Instrument] = {}
        self._glimpse: Glimpse | None = None
        self._exchange: Exchange | None = None
        self._book: Imagined | None = None
        self._orders = 0
        self._differs = 0
        self._resumed = self.kept is not None
        self._last: Decision | None = None
        self._open: dict[str, tuple[Decision, int]] = {}
        self._trades: dict[str, list[Event]] = {}
        self._done: list[Decision] = []

    def look(self, glimpse: Glimpse) -> list[Decision]:
        """Go on to an instant; the hedges that have come to an end, each with what it came to."""
        before = self._glimpse
        if before is not None and glimpse.now_ms <= before.now_ms:
            return []
        if self._resumed and self.kept is not None and glimpse.now_ms < self.kept.now_ms:
            self.kept, self._resumed = None, False  # another market, from its beginning
        if not glimpse.is_whole(self._params):
            return []
        self._done = []
        if self._book is not None:  # what was still under way meets the market as it was
            self._book.deliver(glimpse.now_ms)
        self._contracts.update(glimpse.contracts)
        self._glimpse = glimpse
        kept = self._advanced(glimpse, self._hear(glimpse, self.kept or self._begun(glimpse)))
        kept = self._timed(kept, glimpse, before)
        self.kept = kept
        book = self._at(glimpse, kept)
        book.hear(glimpse.readings.signal, glimpse.readings.traffic)
        book.look(glimpse.now_ms)
        book.deliver(glimpse.now_ms + self._interval_ms)
        self.kept = self._valued(glimpse, replace(self.kept, now_ms=glimpse.now_ms))
        return self._done

    # --- the live side --------------------------------------------------------------------

    def _begun(self, glimpse: Glimpse) -> Kept:
        """The live hedges are taken over, so that both sides begin as one."""
        purse = score.opened(self._lots(glimpse), glimpse.contracts, glimpse.marks)
        return Kept(
            policy=policy_of(self._shadow),
            since_ms=glimpse.now_ms,
            now_ms=glimpse.now_ms,
            own=Score(purse=purse),
            live=Score(purse=purse),
            hedged_before=glimpse.state.memory.hedges,
        )

    def _lots(self, glimpse: Glimpse) -> dict[str, int]:
        return {name: glimpse.state.positions.get(name, 0) for name in self._params.hedges}

    def _hear(self, glimpse: Glimpse, kept: Kept) -> Kept:
        """The live hedges' fills and funding; what they do not explain is taken over in the end."""
        purse, params = kept.live.purse, self._params
        if self.kept is not None and not self._resumed:
            purse = heard(purse, glimpse, params)
        lots = self._lots(glimpse)
        differs = any(purse.lots.get(name, 0) != held for name, held in lots.items())
        self._differs = self._differs + 1 if differs and not glimpse.state.intents else 0
        if differs and (self._resumed or self._differs > DIFFERS_MAX):
            purse, self._differs = squared(purse, glimpse, params, lots), 0
        self._resumed = False
        return replace(kept, live=replace(kept.live, purse=purse))

    def _timed(self, kept: Kept, glimpse: Glimpse, before: Glimpse | None) -> Kept:
        """Both tallies with the time since the last look and what the live policy says now."""
        live, own = kept.live.tally, kept.own.tally
        if before is not None:
            for_ms = glimpse.now_ms - before.now_ms
            if before.live is not None:
                live = score.waited(live, before.live, for_ms=for_ms)
            if self._last is not None:
                own = score.waited(own, self._last, for_ms=for_ms)
        said = glimpse.live
        if said is not None:
            live = replace(
                live,
                looks=live.looks + 1,
                blocked=live.blocked + (said.action is Action.BLOCKED),
                hedges=max(glimpse.state.memory.hedges - kept.hedged_before, live.hedges),
            )
        if any(event.kind in PAID for event in glimpse.events):  # no change of the hedge's making
            live, own = replace(live, hour=0), replace(own, hour=0)
        return replace(kept, live=replace(kept.live, tally=live), own=replace(kept.own, tally=own))

    # --- the imagined side ----------------------------------------------------------------

    def _advanced(self, glimpse: Glimpse, kept: Kept) -> Kept:
        """The imagined exchange at this instant, with what its passing did to the position."""
        instant = glimpse.instant(self._params, levels=self._shadow.depth_levels)
        purse = kept.own.purse
        for event in [] if self._exchange is None else self._exchange.advance(instant):
            if isinstance(event, Funded):
                contract = glimpse.contracts[event.instrument]
                purse = score.funded(purse, contract, event.amount, index=self._index(glimpse))
            elif isinstance(event, Settled):
                contract = glimpse.contracts[event.instrument]
                purse = score.moved(purse, contract, event.lots, price=event.value)
        if self._exchange is None or self._orders >= ORDERS_MAX:
            self._exchange, self._orders = self._opened(glimpse, instant, purse), 0
        return replace(kept, own=replace(kept.own, purse=purse))

    def _opened(self, glimpse: Glimpse, instant: Instant, purse: Purse) -> Exchange:
        hedges = {name: glimpse.contracts[name] for name in self._params.hedges}
        exchange = Exchange(instruments=hedges, funding_rate_8h=self._shadow.funding_rate_8h)
        exchange.advance(instant)
        alive = {n for n, it in hedges.items() if not 0 < it.expiry_ms <= glimpse.now_ms}
        exchange.open_account(
            self._params.account,
            underlying=self._params.underlying,
            deposit=0.0,
            positions={n: lots for n, lots in purse.lots.items() if n in alive},
        )
        return exchange

    def _at(self, glimpse: Glimpse, kept: Kept) -> Imagined:
        """The imagined book with the live one's legs at this instant, and hedges of its own."""
        hedges = self._params.hedges
        legs = {n: lots for n, lots in glimpse.state.positions.items() if n not in hedges}
        held = {name: kept.own.purse.lots.get(name, 0) for name in hedges}
        state = replace(
            glimpse.state,
            seq=kept.seq,
            memory=kept.memory,
            intents=() if self._book is None else self._book.state.intents,
            positions=legs | {name: lots for name, lots in held.items() if lots},
            hold="",
            stopped=False,
            act=None,  # as a hold, what a person wants of the live book is no policy
            facts=0,
        )
        if self._book is None:
            self._book = Imagined(
                self._params,
                self._terms,
                Way(self._shadow.latency_ms, self._shadow.seed),
                World(self._market, self._place, self._answered, self._decided),
                state=state,
                contracts=self._contracts,
            )
        self._book.change(state)
        return self._book

    def _market(self) -> Market:
        """The market as the shadow's account would be told of it."""
        glimpse, kept = self._glimpse, self.kept
        assert glimpse is not None
        assert kept is not None
        name = self._params.account
        account = glimpse.market.accounts.get(name)
        if account is None:
            return glimpse.market
        own = score.value(kept.own.purse, glimpse.contracts, glimpse.marks)
        live = score.value(kept.live.purse, glimpse.contracts, glimpse.marks)
        quoted = account.quote_equity
        moved = replace(
            account,
            equity=account.equity + (own.coin - live.coin),
            quote_equity=None if quoted is None else quoted + (own.quote - live.quote),
        )
        return with_columns(glimpse.market, accounts={**glimpse.market.accounts, name: moved})

    def _place(self, order: Order, now_ms: int) -> OrderReport:
        assert self._exchange is not None
        self._orders += 1
        report, events = self._exchange.place(order, now_ms=now_ms)
        self._trades[order.client_id] = events
        return report

    def _answered(self, report: OrderReport) -> None:
        """Its fills enter the purse with the answer, as an account hears of them."""
        glimpse, kept = self._glimpse, self.kept
        assert glimpse is not None
        assert kept is not None
        purse = kept.own.purse
        for event in self._trades.pop(report.client_id, []):
            if isinstance(event, Traded):
                at = Price(event.mid, event.index)
                contract = glimpse.contracts[event.instrument]
                purse = score.traded(
                    purse, contract, event.lots, price=event.price, fee=event.fee, at=at
                )
        self.kept = replace(kept, own=replace(kept.own, purse=purse))
        decision, left = self._open.pop(report.client_id, (None, 0))
        if decision is not None:
            self._done.append(_ended(self.name, decision, report, left, purse))

    def _decided(self, decision: Decision, intents: tuple[Intent, ...]) -> None:
        kept = self.kept
        assert kept is not None
        self._last = decision
        tally = kept.own.tally
        tally = replace(
            tally,
            looks=tally.looks + 1,
            blocked=tally.blocked + (decision.action is Action.BLOCKED),
            hedges=tally.hedges + bool(intents),
        )
        for intent in intents:
            self._open[intent.id] = (decision, intent.lots)
        self.kept = replace(
            kept,
            own=replace(kept.own, tally=tally),
            seq=kept.seq + bool(intents),
            memory=decision.memory if intents else remembered(kept.memory, decision),
        )

    def _valued(self, glimpse: Glimpse, kept: Kept) -> Kept:
        """Both sides at their marks, and the hourly sample of each account."""
        index, rules = self._index(glimpse), self._params.rules
        own = score.value(kept.own.purse, glimpse.contracts, glimpse.marks)
        live = score.value(kept.live.purse, glimpse.contracts, glimpse.marks)
        found = replace(kept, worth_usd=(own.usd(index), live.usd(index)))
        account = glimpse.market.accounts.get(self._params.account)
        if account is None:
            return found
        whole = account.equity + (account.quote_equity or 0.0) / index
        whole -= 0.0 if rules.numeraire == "coin" else rules.base_coin
        unit = 1.0 if rules.numeraire == "coin" else index
        here = whole + own.coin - live.coin + (own.quote - live.quote) / index
        return replace(
            found,
            own=replace(kept.own, tally=score.sampled(kept.own.tally, glimpse.now_ms, here * unit)),
            live=replace(
                kept.live, tally=score.sampled(kept.live.tally, glimpse.now_ms, whole * unit)
            ),
        )

    def _index(self, glimpse: Glimpse) -> float:
        return glimpse.market.index[self._params.underlying].value


def _ended(name: str, decision: Decision, report: OrderReport, lots: int, purse: Purse) -> Decision:
    """A decision as its shadow's journal has it: what it would have done, and what it cost."""
    paid = sum(fill.lots * fill.price for fill in report.fills)
    price = f" at {paid / report.filled:.2f}" if report.filled else ""
    why = f" ({report.reason})" if report.reason else ""
    text = (
        f"shadow {name}: {decision.text}; filled {report.filled} of {lots} lots{price}{why}; "
        f"fees {purse.fees_usd:.2f} and spread {purse.spread_usd:.2f} so far"
    )
    return replace(decision, reason="shadow", text=text)

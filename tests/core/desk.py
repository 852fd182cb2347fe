"""A small desk for the tests of the core: instruments, a board with fresh quotes, books, rules."""

from __future__ import annotations

from dataclasses import dataclass, field

from hedger.core.book import book
from hedger.core.columns import Book
from hedger.core.market import Board
from hedger.core.model import (
    Account,
    Act,
    BandRule,
    BookState,
    DataRule,
    Decision,
    HedgeRule,
    Instrument,
    Intent,
    Kind,
    LimitRule,
    Memory,
    Quote,
    Rules,
)
from pricing import black

DAY_MS = 86_400_000
START = 1_782_409_230_000
PERPETUAL = Instrument(
    name="BTC-PERPETUAL",
    kind=Kind.PERPETUAL,
    underlying="BTC",
    quote="USD",
    settlement="BTC",
    inverse=True,
    lot=10.0,
    contract=10.0,
    tick=0.5,
)
LINEAR_PERPETUAL = Instrument(
    name="BTC_USDC-PERPETUAL",
    kind=Kind.PERPETUAL,
    underlying="BTC",
    quote="USDC",
    settlement="USDC",
    inverse=False,
    lot=0.0001,
    contract=0.0001,
    tick=0.5,
)


def option(
    strike: float, days: float, is_call: bool, *, inverse: bool = True, name: str = ""
) -> Instrument:
    letter = "C" if is_call else "P"
    return Instrument(
        name=name or f"{'BTC' if inverse else 'BTC_USDC'}-{days:g}D-{strike:g}-{letter}",
        kind=Kind.OPTION,
        underlying="BTC",
        quote="USD" if inverse else "USDC",
        settlement="BTC" if inverse else "USDC",
        inverse=inverse,
        lot=0.1,
        contract=1.0,
        tick=0.0001,
        expiry_ms=START + int(days * DAY_MS),
        strike=strike,
        is_call=is_call,
    )


def rules(
    *,
    numeraire: str = "coin",
    base_coin: float = 0.0,
    ratio: float = 1.0,
    hedge: str | HedgeRule = "BTC-PERPETUAL",
    band: BandRule | None = None,
    limits: LimitRule | None = None,
    data: DataRule | None = None,
) -> Rules:
    return Rules(
        config="test",
        numeraire=numeraire,
        base_coin=base_coin,
        hedge=HedgeRule(buy=hedge, sell=hedge, ratio=ratio) if isinstance(hedge, str) else hedge,
        band=band or BandRule(),
        limits=limits or LimitRule(first_trade_max=1000.0, order_max=1000.0, per_minute_max=1e6),
        data=data or DataRule(),
    )


@dataclass
class Desk:
    """Instruments, their market, and one book in it."""

    legs: dict[Instrument, int]
    index: float = 60_000.0
    basis: float = 1.0
    vol: float = 0.5
    hedge: Instrument = PERPETUAL
    hedge_lots: int = 0
    now: int = START
    equity: float = 0.0
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        self.instruments = {i.name: i for i in (*self.legs, self.hedge)}
        self.board = Board(self.instruments)
        self.quote_all()

    def quote_all(self) -> None:
        self.quote_hedge()
        for leg in self.legs:
            self.quote_option(leg)
        self.board.apply_account(Account(account="acc", time_ms=self.now, equity=self.equity))

    def quote_hedge(self, **change: object) -> object:
        quote = {
            "instrument": self.hedge.name,
            "time_ms": self.now,
            "bid": self.index - 0.5,
            "ask": self.index + 0.5,
            "bid_size": 1e6,
            "ask_size": 1e6,
            "mark": self.index,
            "index": self.index,
        }
        return self.board.apply(Quote(**(quote | change)))  # type: ignore[arg-type]

    def quote_option(self, leg: Instrument, **change: object) -> object:
        quote = {
            "instrument": leg.name,
            "time_ms": self.now,
            "bid": 0.01,
            "ask": 0.02,
            "vol": self.vol,
            "forward": self.index * self.basis,
            "index": self.index,
        }
        return self.board.apply(Quote(**(quote | change)))  # type: ignore[arg-type]

    def book(
        self,
        *,
        memory: Memory | None = None,
        intents: tuple[Intent, ...] = (),
        hold: str = "",
        stopped: bool = False,
        confirmed: float = 0.0,
        act: Act | None = None,
    ) -> Book:
        state = BookState(
            book="main",
            seq=7,
            digest="test",
            positions={leg.name: lots for leg, lots in self.legs.items()}
            | ({self.hedge.name: self.hedge_lots} if self.hedge_lots else {}),
            intents=intents,
            memory=memory or Memory(),
            hold=hold,
            stopped=stopped,
            confirmed=confirmed,
            act=act,
        )
        return book(state, self.instruments, account="acc", hedges={self.hedge.name})

    def coin_price(self, leg: Instrument) -> float:
        forward = self.index * self.basis
        greeks = black(
            forward=forward,
            strike=leg.strike,
            time_to_expiry=(leg.expiry_ms - self.now) / (365.0 * DAY_MS),
            vol=self.vol,
            is_call=leg.is_call,
        )
        return float(greeks.price) / forward


def rebuilt(decision: Decision) -> float:
    """Book delta added up again from the parts that a decision shows."""
    seen = decision.exposure
    assert seen is not None
    options = sum(line.delta for line in seen.expiries)
    return seen.ratio * options + seen.futures_delta + seen.hedge_delta + seen.cash_delta

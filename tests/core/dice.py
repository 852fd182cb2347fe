"""Worlds drawn from a seed: a board with its faults, and books of every kind on it."""

from __future__ import annotations

import itertools
from typing import TypeVar

import msgspec
import numpy as np

from hedger.core.bands.adaptive import ADAPTIVE
from hedger.core.book import book
from hedger.core.columns import Book, Market
from hedger.core.decide import decide
from hedger.core.joined import joined, rows
from hedger.core.market import Board
from hedger.core.model import (
    Account,
    BandRule,
    BookState,
    CongestionRule,
    DataRule,
    GridRule,
    Growth,
    HedgeRoute,
    HedgeRule,
    Instrument,
    Intent,
    KellyRule,
    Kind,
    LiquidityRule,
    MarginRule,
    Measured,
    Memory,
    Quote,
    Reading,
    Readings,
    Record,
    Rules,
    SignalRule,
    Sizing,
    StaticRule,
    TailRule,
    Traffic,
    VolRegimeRule,
    VolTargetRule,
    name_at,
)
from tests.core.desk import DAY_MS, LINEAR_PERPETUAL, PERPETUAL, START, option

_R = TypeVar("_R", bound=Record)
KINDS = ("fixed", *ADAPTIVE)
INDEX = 60_000.0
FUTURE = msgspec.structs.replace(
    PERPETUAL, name="BTC-FUTURE", kind=Kind.FUTURE, expiry_ms=START + 20 * DAY_MS
)
SETTLING = msgspec.structs.replace(FUTURE, name="BTC-SETTLING", expiry_ms=START + 900_000)
GONE = msgspec.structs.replace(FUTURE, name="BTC-GONE", expiry_ms=START - 1)
FUTURES = (PERPETUAL, LINEAR_PERPETUAL, FUTURE, SETTLING, GONE)
OPTIONS = [
    option(strike, days, is_call, inverse=inverse)
    for strike, days, is_call, inverse in itertools.product(
        (45_000.0, 60_000.0, 90_000.0), (-0.01, 0.01, 3.0, 40.0), (True, False), (True, False)
    )
]
INSTRUMENTS = {i.name: i for i in (*FUTURES, *OPTIONS)}
CLEAR = {"broken": 0.0, "open": 0.0, "odd": 0.0, "scaled": 0.0}
"""Odds of a world in which nothing is wrong."""
VOLS = ("implied", "forecast", "har", "blend")
DELTAS = ("black", "venue", "sticky_delta", "minimum_variance")


class Dice:
    """A world drawn from one seed: a board, and books on it."""

    def __init__(self, seed: int, *, kinds: tuple[str, ...] = KINDS, **odds: float) -> None:
        self.kinds = kinds
        self.rng = np.random.default_rng(seed)
        self.more = np.random.default_rng([seed, 1])
        self.odds = {"broken": 0.02, "open": 0.1, "odd": 0.2, "scaled": 0.3} | odds
        self.now = START

    def is_(self, what: str) -> bool:
        return bool(self.rng.random() < self.odds[what])

    def one(self, *choices: object) -> object:
        return choices[int(self.rng.integers(len(choices)))]

    def board(self) -> Board:
        listed = {n: i for n, i in INSTRUMENTS.items() if not self.is_("broken")}
        board = Board(listed)
        for name, instrument in sorted(listed.items(), key=lambda _: self.rng.random()):
            if not self.is_("broken"):
                board.apply(self.quote(name, instrument))
        if not self.is_("broken"):
            for instrument in (PERPETUAL, LINEAR_PERPETUAL):
                board.apply(self.quote(instrument.name, instrument, jump=self.is_("broken")))
        for name in ("a", "b"):
            if not self.is_("broken"):
                quote_equity = None if self.is_("broken") else 70_000.0
                board.apply_account(
                    Account(
                        account=name,
                        time_ms=self.now - int(self.rng.integers(4_000)),
                        equity=float(self.rng.normal(0.0, 0.2)),
                        quote_equity=quote_equity,
                    )
                )
        self.now += int(self.one(0, 0, 3, 500)) if not self.is_("broken") else 4_000
        return board

    def quote(self, name: str, instrument: Instrument, *, jump: bool = False) -> Quote:
        index = INDEX * (1.05 if jump else 1.0)
        is_option = instrument.kind is Kind.OPTION
        forward = index * float(self.rng.uniform(0.99, 1.02))
        price = 0.01 if is_option else index
        return Quote(
            instrument=name,
            time_ms=self.now - (400_000 if self.is_("broken") else 0),
            bid=None if self.is_("broken") else price * 0.9999,
            ask=None if self.is_("broken") else price * 1.0001,
            mark=None if is_option else price,
            vol=float(self.rng.uniform(0.0, 1.2)) if is_option else None,
            delta=float(self.rng.uniform(-1.0, 1.0)) if is_option and self.is_("odd") else None,
            forward=forward if is_option else None,
            index=index,
            bid_size=self.depth(),
            ask_size=self.depth(),
        )

    def depth(self) -> float | None:
        """Amount at the best price: far more than any order, or next to nothing."""
        return float(self.one(0.0, 10.0, 1e4)) if self.is_("odd") else self.one(None, 1e9)  # type: ignore[return-value]

    def rules(self) -> Rules:
        hedges = (PERPETUAL.name, LINEAR_PERPETUAL.name, FUTURE.name)
        buy = str(self.one(*hedges))
        unit = str(self.one("coin", "usd", "gross_delta"))
        width = {"coin": 1.0, "usd": INDEX, "gross_delta": 0.3}[unit]
        width *= float(self.one(1e-9, 0.1, 1.0)) * float(self.rng.uniform(0.1, 2.0))
        band = msgspec.structs.replace(
            self.adaptive(),
            kind=str(self.one(*self.kinds)),
            unit=unit,
            lower=-width,
            upper=width * float(self.rng.uniform(0.2, 1.0)),
            rehedge_to=str(self.one("edge", "centre", "target")),
            clip_min=float(self.one(0.0, 0.1, 1.0, 3.0)),
        )
        return Rules(
            config="test",
            numeraire=str(self.one("coin", "usd")),
            base_coin=float(self.one(0.0, 0.3)),
            hedge=HedgeRule(
                buy=SETTLING.name if self.is_("broken") else buy,
                sell=str(self.one(*hedges)) if self.is_("odd") else buy,
                ratio=float(self.one(1.0, 0.5)),
            ),
            band=band,
            data=DataRule(
                forward_age_ms_max=int(self.one(5_000, 2_500)),
                delta_gap=str(self.one("warn", "widen", "freeze")) if self.is_("odd") else "warn",
            ),
            sizing=self.sizing() if self.more.random() < self.odds["scaled"] else None,
        )

    def sizing(self) -> Sizing:
        """Any scalers, of dice of their own."""

        def some(rule: _R) -> _R | None:
            return rule if self.more.random() < 0.3 else None

        return Sizing(
            shift_max=0.5,
            static=some(StaticRule(target=float(self.more.normal(0.0, 0.3)))),
            signal=some(SignalRule(capital=3.0, vol_target=0.1)),
            grid=some(GridRule(step=500.0, size=0.1, total_max=0.4)),
            grid_anchor=float(INDEX * self.more.uniform(0.97, 1.03)),
            liquidity=some(LiquidityRule()),
            daily_volume=float(self.more.choice([0.0, 500.0])),
            congestion=some(CongestionRule()),
            vol_target=some(VolTargetRule(target=0.2)),
            vol_regime=some(VolRegimeRule()),
            kelly=some(KellyRule()),
            tail=some(TailRule(limit=1e4)),
            margin=some(MarginRule()),
        )

    def readings(self) -> Readings:
        """What scalers read: fresh, old, missing or no number."""

        def number(scale: float) -> float | None:
            drawn = float(self.more.choice([1.0, 1.0, 1.0, 0.0, np.nan, np.inf]))
            found = scale * drawn * float(self.more.uniform(0.2, 2.0))
            return None if self.more.random() < 0.1 else found

        aged = self.now - int(self.more.choice([0, 1_000, 700_000, -5_000, 10**8]))
        return Readings(
            signal=Reading(value=number(1.0), time_ms=aged),
            measured=Measured(
                time_ms=aged,
                risk=number(0.3),
                loss=number(1e4),
                ratio=number(0.5),
                distance=number(0.3),
                optimum=Growth(fraction=1.5, mean=0.1, shrunken_mean=0.1, std=0.2, outcomes=9),
            ),
            traffic=Traffic(latency_ms=number(800.0), error_rate=number(0.15)),
        )

    def adaptive(self) -> BandRule:
        """What an adaptive band is configured with; a fixed one looks at none of it."""
        given = str(self.one("nothing", "aversion", "daily"))
        return BandRule(
            risk_aversion=1e-3 if given == "aversion" else 0.0,
            daily_cost=20.0 if given == "daily" else 0.0,
            daily_std=400.0 if given == "daily" else 0.0,
            horizon_days=float(self.one(3.0, 30.0, 90.0)),
            delay_ms=int(self.one(0, 60_000)),
            cost_bps=float(self.one(0.0, 0.0, 3.0, 30.0)),
            order_cost=float(self.one(0.0, 0.0, 5.0)),
            interval_ms=int(self.one(60_000, 86_400_000)),
            move_pct=float(self.one(0.5, 3.0)),
            move_std=float(self.one(0.0, 1.0)),
            half_width_min=float(self.one(0.0, 0.0, 0.2)),
            half_width_max=float(self.one(0.0, 0.0, 0.5)),
            funding_excess=float(self.one(0.0, 0.0, 0.1)),
            vol=str(self.one(*VOLS)) if self.is_("odd") else "implied",
            delta=str(self.one(*DELTAS)) if self.is_("odd") else "black",
        )

    def book(self, name: str, rule: Rules, hedge_lots: int) -> Book:
        legs = self.rng.choice(len(OPTIONS), size=int(self.rng.integers(0, 8)), replace=False)
        far = START + DAY_MS
        names = [OPTIONS[i].name for i in legs if OPTIONS[i].expiry_ms > far or self.is_("odd")]
        positions = {n: int(self.rng.integers(-30, 31)) for n in names}
        if self.is_("odd"):
            held = self.one(FUTURE, SETTLING, GONE, LINEAR_PERPETUAL)
            positions[held.name] = int(self.rng.integers(-50, 51))
        positions[rule.hedge.buy] = hedge_lots
        intent = Intent(
            id="0" * 32, book=name, venue="v", account="a", instrument=rule.hedge.buy, lots=3,
            limit_ticks=1, deadline_ms=1, low=0, high=3, seq=3,
        )  # fmt: skip
        state = BookState(
            book=name,
            seq=3,
            digest="test",
            positions=positions,
            intents=(intent,) if self.is_("open") else (),
            memory=Memory(
                hedges=1,
                hedge_ms=self.now - 10,
                hedge_price=INDEX,
                risk_aversion=float(self.one(0.0, 2e-3)),
                fills=20,
                delay_ms=float(self.one(0.0, 500.0, 200_000.0)),
                slippage=float(self.one(0.0, -1e-4, 3e-4)),
            ),
            hold="by a person" if self.is_("odd") else "",
            stopped=self.is_("odd"),
        )
        hedges = {rule.hedge.buy, rule.hedge.sell}
        return book(state, INSTRUMENTS, account=str(self.one("a", "b")), hedges=hedges)

    def near_the_band(self, name: str, market: Market) -> tuple[Book, Rules]:
        """A book whose hedge leaves it near its band, on either side of either end."""
        rule = self.rules()
        mine = changed(self.book(name, rule, 0), readings=self.readings())
        seen = decide(mine, market, rule, self.now)
        if seen.exposure is None or seen.target is None:
            return mine, rule
        contract = INSTRUMENTS[rule.hedge.buy]
        unit = contract.future_delta(1, price=INDEX, index=INDEX)
        width = seen.target.trigger_high - seen.target.trigger_low
        middle = 0.5 * (seen.target.trigger_high + seen.target.trigger_low)
        aim = middle + float(self.rng.uniform(-0.7, 0.7)) * width
        lots = round((aim - seen.exposure.book_delta) / unit)
        held = tuple(
            msgspec.structs.replace(p, lots=lots) if p.instrument is contract else p
            for p in mine.hedges
        )
        return changed(mine, hedges=held), rule

    def two(self) -> tuple[Book, Market, Rules]:
        """A book that is hedged at two venues."""
        parts = (("", self.board().market()), ("west", self.board().market()))
        rule, west = self.rules(), name_at(PERPETUAL.name, "west")
        also = (HedgeRoute(buy=west, sell=west),)
        rule = msgspec.structs.replace(rule, hedge=msgspec.structs.replace(rule.hedge, also=also))
        lots = {rule.hedge.buy: int(self.rng.integers(-50, 51)), west: int(self.rng.integers(9))}
        known = INSTRUMENTS | {west: msgspec.structs.replace(PERPETUAL, name=west)}
        legs = [OPTIONS[i].name for i in self.rng.choice(len(OPTIONS), size=5, replace=False)]
        positions = {name: int(self.rng.integers(-30, 31)) for name in legs} | lots
        state = BookState(book="two", seq=3, digest="test", positions=positions)
        hedges = rule.hedge.hedges
        mine = book(state, known, account="a", hedges=hedges, accounts=("b@west",))
        return mine, joined(parts, row=rows(parts)), rule


def changed(mine: Book, **change: object) -> Book:
    return Book(**{name: getattr(mine, name) for name in Book.__slots__} | change)  # type: ignore[arg-type]

"""What hedging came to: any fills and marks add up as an exchange's own ledger has them."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.model import Order
from hedger.service import score
from hedger.service.score import HOUR_MS, Price, Purse, Tally
from hedger.venues.deribit.contracts import instrument
from hedger.venues.simulator.events import Funded, Traded
from hedger.venues.simulator.exchange import Exchange
from hedger.venues.simulator.instant import Instant, Level, Shown

NAMES = ("BTC-PERPETUAL", "BTC_USDC-PERPETUAL")
CONTRACTS = {name: instrument(name) for name in NAMES}
orders = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.integers(-3_000, 3_000).filter(bool),
        st.floats(50_000, 70_000),
    ),
    min_size=1,
    max_size=12,
)


def shown(spot: float) -> Instant:
    levels = tuple(Level(round(spot + n, 1), 1e7) for n in (1, 2))
    bids = tuple(Level(round(spot - n, 1), 1e7) for n in (1, 2))
    market = {name: Shown(bids, levels, spot) for name in NAMES}
    return Instant(0, {"BTC": spot}, market, {})


@settings(deadline=None)
@given(orders)
def test_a_purse_is_worth_what_the_exchange_says(steps: list[tuple[str, int, float]]) -> None:
    exchange = Exchange(instruments=CONTRACTS, funding_rate_8h=1e-3)
    first = steps[0][2]
    exchange.advance(shown(first)._replace(time_ms=1))
    exchange.open_account("a", underlying="BTC", deposit=0.0, positions={})
    purse, index = Purse(), first
    for number, (name, lots, index) in enumerate(steps, start=1):
        for event in exchange.advance(shown(index)._replace(time_ms=number * HOUR_MS)):
            if isinstance(event, Funded):
                contract = CONTRACTS[event.instrument]
                purse = score.funded(purse, contract, event.amount, index=index)
        order = Order(
            client_id=str(number), account="a", instrument=name, lots=lots, limit_ticks=None,
            deadline_ms=2,
        )  # fmt: skip
        for event in exchange.place(order, now_ms=1)[1]:
            if isinstance(event, Traded):
                at = Price(event.mid, event.index)
                purse = score.traded(
                    purse, CONTRACTS[name], event.lots, price=event.price, fee=event.fee, at=at
                )
    found = score.value(purse, CONTRACTS, dict.fromkeys(NAMES, index))
    coin, quote = exchange.balances("a")
    assert found.coin == pytest.approx(coin, abs=1e-9)
    assert found.quote == pytest.approx(quote, abs=1e-4)
    assert {n: lots for n, lots in purse.lots.items() if lots} == exchange.positions("a")
    assert purse.spread_usd > 0.0 < purse.turnover_usd


@settings(deadline=None)
@given(st.floats(40_000, 80_000), st.integers(-5_000, 5_000), st.floats(40_000, 80_000))
def test_what_is_taken_over_has_come_to_nothing_yet(price: float, lots: int, later: float) -> None:
    marks = dict.fromkeys(NAMES, price)
    purse = score.opened(dict.fromkeys(NAMES, lots), CONTRACTS, marks)
    assert score.value(purse, CONTRACTS, marks).usd(price) == pytest.approx(0.0, abs=1e-6)
    gain = score.value(purse, CONTRACTS, dict.fromkeys(NAMES, later)).usd(later)
    assert gain * lots * (later - price) >= 0.0 or math.isclose(gain, 0.0, abs_tol=1e-6)
    assert purse.fees_usd == purse.spread_usd == purse.fills == 0


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=40))
def test_the_hourly_noise_is_the_sample_deviation(values: list[float]) -> None:
    tally = Tally()
    for hour, value in enumerate(values, start=1):
        tally = score.sampled(tally, hour * HOUR_MS, value)
        tally = score.sampled(tally, hour * HOUR_MS + 60_000, value + 9.0)  # once an hour
    changes = [b - a for a, b in itertools.pairwise(values)]
    assert tally.samples == len(changes)
    assert tally.std == pytest.approx(statistics.stdev(changes), rel=1e-6, abs=1e-3)


def test_over_a_missed_hour_there_is_no_change() -> None:
    tally = Tally()
    for hour, value in ((1, 0.0), (2, 1.0), (4, 50.0), (5, 51.0), (6, math.nan), (7, 60.0)):
        tally = score.sampled(tally, hour * HOUR_MS, value)
    assert tally.samples == 2
    assert tally.mean == 1.0

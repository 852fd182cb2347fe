"""Margins against the venue's formulas, liquidation spots against closed forms and search."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from hedger.core.risk import Holdings
from hedger.core.risk.holdings import Future
from hedger.core.risk.margins import Collateral, GridMargin, StandardMargin, margin_measure
from pricing import black, inverse

FLAT = StandardMargin(future_maintenance=0.01, future_step=0.0)
DAYS = 30.0


def book(
    *legs: tuple[float, bool, float], futures: tuple[Future, ...] = (), inverse: bool = True
) -> Holdings:
    strike, is_call, quantity = zip(*legs, strict=True) if legs else ((), (), ())
    n = len(legs)
    return Holdings(
        book="b",
        underlying="BTC",
        numeraire="usd",
        spot=100.0,
        time_ms=5,
        names=tuple(f"leg{i}" for i in range(n)),
        strike=np.array(strike, dtype=np.float64),
        years=np.full(n, DAYS / 365.0),
        vol=np.full(n, 0.6),
        forward=np.full(n, 100.0),
        quantity=np.array(quantity, dtype=np.float64),
        is_call=np.array(is_call, dtype=np.bool_),
        inverse=np.full(n, inverse),
        group=np.zeros(n, np.int64),
        share=np.ones(n),
        futures=futures,
        equity=0.0,
        base_coin=0.0,
        smiles={},
    )


def perpetual(amount: float, *, inverse: bool, price: float = 100.0) -> Future:
    return Future("P", "hedge", inverse, amount, price, 1.0)


@pytest.mark.parametrize(
    ("amount", "is_inverse", "coin", "quote", "down", "up"),
    [
        # Q (1 + mu) / (m + Q / E), Q (1 - mu) / (Q / E - m), with E the spot at which m is told
        (1000.0, True, 2.0, 0.0, 1000 * 1.01 / 12, None),
        (-1000.0, True, 2.0, 0.0, None, 1000 * 0.99 / 8),
        (-1000.0, True, 10.0, 0.0, None, None),
        (10.0, False, 0.0, 200.0, (1000 - 200) / (10 * 0.99), None),
        (-10.0, False, 0.0, 200.0, None, (1000 + 200) / (10 * 1.01)),
    ],
)
def test_lone_futures_liquidate_where_the_formula_says(
    amount: float, is_inverse: bool, coin: float, quote: float, down: float | None, up: float | None
) -> None:
    held = book(futures=(perpetual(amount, inverse=is_inverse),))
    found = margin_measure(held, Collateral(coin, quote), FLAT)
    assert found.liquidation_down == (None if down is None else pytest.approx(down, rel=3e-4))
    assert found.liquidation_up == (None if up is None else pytest.approx(up, rel=3e-4))


def test_short_options_ask_by_the_formula() -> None:
    call = float(
        inverse(forward=100.0, strike=110.0, time_to_expiry=DAYS / 365, vol=0.6, is_call=True).price
    )
    put = float(
        inverse(
            forward=100.0, strike=180.0, time_to_expiry=DAYS / 365, vol=0.6, is_call=False
        ).price
    )
    held = book((110.0, True, -2.0), (180.0, False, -1.0), (90.0, False, 5.0))
    found = margin_measure(held, Collateral(4.0, 0.0), StandardMargin())
    keep = 2 * (0.075 + call) + 0.075 + put
    first = 2 * (max(0.15 - 0.10, 0.10) + call) + 0.15 + put
    assert found.maintenance == pytest.approx(100.0 * keep, rel=1e-9)
    assert found.initial == pytest.approx(100.0 * first, rel=1e-9)
    worth = float(held.values.sum())  # of all options: what is left is the margin balance
    assert found.ratio == pytest.approx(keep / (4.0 - worth), rel=1e-9)


def test_linear_options_ask_in_quote_currency() -> None:
    price = float(
        black(forward=100.0, strike=110.0, time_to_expiry=DAYS / 365, vol=0.6, is_call=True).price
    )
    held = book((110.0, True, -2.0), inverse=False)
    found = margin_measure(held, Collateral(0.0, 400.0), StandardMargin())
    assert found.maintenance == pytest.approx(2 * (7.5 + price), rel=1e-9)
    assert found.ratio == pytest.approx(2 * (7.5 + price) / (400.0 + 2 * price), rel=1e-9)


def test_a_grid_asks_for_its_worst_cell() -> None:
    model = GridMargin()
    held = book((100.0, True, -3.0), (100.0, False, -3.0), (130.0, True, 1.0))
    worst = 0.0
    for move in np.linspace(0.84, 1.16, 9):
        for ratio in (-0.25, 0.0, 0.5):
            vol = max(0.6 * (1 + ratio), 0.5 if ratio > 0 else 0.0)
            change = 0.0
            for strike, is_call, quantity in ((100, True, -3), (100, False, -3), (130, True, 1)):
                then, now = (
                    float(inverse(forward=f, strike=float(strike), time_to_expiry=DAYS / 365,
                                  vol=v, is_call=is_call).price)
                    for f, v in ((100 * move, vol), (100.0, 0.6))
                )  # fmt: skip
                change += quantity * (then - now)
            worst = max(worst, -change)
    found = margin_measure(held, Collateral(3.0, 0.0), model)
    assert found.maintenance == pytest.approx(100 * (worst + 0.01 * 6), rel=1e-9)
    assert found.initial == pytest.approx(1.3 * found.maintenance)


@pytest.mark.parametrize("model", [StandardMargin(), GridMargin()])
def test_liquidation_of_options_is_where_equity_meets_maintenance(
    model: StandardMargin | GridMargin,
) -> None:
    held = book((110.0, True, -2.0), (90.0, False, -2.0), futures=(perpetual(50.0, inverse=True),))
    balances = Collateral(0.6, 0.0)
    found = margin_measure(held, balances, model)
    for spot in (found.liquidation_down, found.liquidation_up):
        assert spot is not None
        for nudge, alive in ((0.999, spot > 100), (1.001, spot < 100)):
            m = spot * nudge / 100.0
            futures = tuple(f._replace(price=f.price * m) for f in held.futures)
            there = dataclasses.replace(
                held, spot=100.0 * m, forward=held.forward * m, futures=futures
            )
            paid = float(there.values.sum() - held.values.sum()) + 50.0 * (1 / 100 - 1 / (100 * m))
            after = margin_measure(there, Collateral(0.6 + paid, 0.0), model)
            assert (after.ratio < 1.0) is alive


def test_a_smaller_book_is_liquidated_later() -> None:
    held = book((110.0, True, -2.0), (90.0, False, -2.0))
    before, after = (
        margin_measure(h, Collateral(0.9, 0.0), GridMargin()) for h in (held, held.scaled(0.5))
    )
    assert after.ratio == pytest.approx(0.5 * before.ratio)
    assert before.liquidation_down is not None
    assert after.liquidation_down is not None
    assert after.liquidation_down < before.liquidation_down


def test_nothing_left_is_infinite_and_crossing_helps() -> None:
    held = book((110.0, True, -2.0))
    assert margin_measure(held, Collateral(-0.1, 100.0), StandardMargin()).ratio == math.inf
    crossed = margin_measure(held, Collateral(-0.1, 100.0, crossed=True), StandardMargin())
    assert 0.0 < crossed.ratio < 1.0
    assert margin_measure(book(), Collateral(0.0, 0.0), GridMargin()).ratio == 0.0
    with pytest.raises(ValueError, match="not finite"):
        margin_measure(held, Collateral(math.nan, 0.0), StandardMargin())

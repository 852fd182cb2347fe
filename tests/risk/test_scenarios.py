"""Scenarios of a whole book against a plain revaluation, and against the decision's own delta."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from hedger.core.columns import Smile
from hedger.core.decide import decide
from hedger.core.model import Account, Instrument, Refusal, Rules
from hedger.core.risk import Holdings, VolRule, contributions, grid, holdings, pnl
from hedger.core.risk.shocks import historical, shocks
from pricing import Svi, svi_vol
from tests.core.desk import LINEAR_PERPETUAL, PERPETUAL, START, Desk, option, rules

LEGS = {
    option(64_000, 7, True): -50,
    option(56_000, 7, False): -40,
    option(60_000, 35, True): 30,
    option(60_000, 35, False, inverse=False): 20,
    option(66_000, 80, True, inverse=False): -25,
}


def desk(hedge: Instrument = PERPETUAL, lots: int = -3_000, legs: object = None) -> Desk:
    made = Desk(LEGS if legs is None else legs, hedge=hedge, hedge_lots=lots, basis=1.01)  # type: ignore[arg-type]
    made.board.apply_account(
        Account(account="acc", time_ms=made.now, equity=12.0, quote_equity=50_000.0)
    )
    return made


def held(of: Desk, rule: Rules) -> Holdings:
    found = holdings(of.book(), of.board.market(), rule, of.now)
    assert isinstance(found, Holdings), found
    return found


def price(forward: float, strike: float, years: float, vol: float, is_call: bool) -> float:
    """Black-76 by scipy, one option."""
    side = 1.0 if is_call else -1.0
    total = vol * math.sqrt(max(years, 0.0))
    if total == 0.0:
        return max(side * (forward - strike), 0.0)
    d1 = math.log(forward / strike) / total + 0.5 * total
    return side * (forward * norm.cdf(side * d1) - strike * norm.cdf(side * (d1 - total)))


def plain(of: Desk, rule: Rules, move: float, shift: float, days: float) -> float:
    """Worth of the whole account now and then, from balances up: no formula of the library."""

    def worth(spot: float, vol: float, passed: float) -> tuple[float, float]:
        coin = quote = 0.0
        for leg, lots in of.legs.items():
            years = (leg.expiry_ms - of.now) / (365 * 86_400_000) - passed / 365
            value = price(spot * of.basis, leg.strike, years, vol, leg.is_call) * lots * leg.lot
            if leg.inverse:
                coin += value / (spot * of.basis)
            else:
                quote += value
        amount = of.hedge_lots * of.hedge.lot
        if of.hedge.inverse:
            coin += amount * (1 / of.index - 1 / spot)
        else:
            quote += amount * (spot - of.index)
        return coin, quote

    coin0, quote0 = worth(of.index, of.vol, 0.0)
    coin1, quote1 = worth(of.index * move, of.vol + shift, days)
    moved = of.index * move
    if rule.numeraire == "coin":
        balance = 50_000.0 - quote0
        return coin1 - coin0 + (balance + quote1) / moved - (balance + quote0) / of.index
    balance = 12.0 - coin0 - rule.base_coin
    return (balance + coin1) * moved - (balance + coin0) * of.index + quote1 - quote0


@pytest.mark.parametrize("numeraire", ["usd", "coin"])
@pytest.mark.parametrize("hedge", [PERPETUAL, LINEAR_PERPETUAL])
def test_every_cell_is_the_account_valued_anew(numeraire: str, hedge: Instrument) -> None:
    of = desk(hedge, -3_000 if hedge.inverse else 40_000)
    rule = rules(numeraire=numeraire, base_coin=5.0, hedge=hedge.name)
    asked = grid(moves=[0.6, 0.97, 1.0, 1.2], vol_shifts=[-0.1, 0.0, 0.3], days=[0.0, 3.0, 10.0])
    found = pnl(held(of, rule), asked)
    wanted = [
        plain(of, rule, m, v, d)
        for m, v, d in zip(asked.move, asked.vol_shift, asked.days, strict=True)
    ]
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-7)


@pytest.mark.parametrize("numeraire", ["usd", "coin"])
@pytest.mark.parametrize("hours_before", [0.0, 168.0 - 0.25])
def test_a_small_move_is_the_delta_of_the_decision(numeraire: str, hours_before: float) -> None:
    of = desk()
    of.now += int(hours_before * 3_600_000)  # in the second case inside the settlement window
    of.quote_all()
    of.board.apply_account(
        Account(account="acc", time_ms=of.now, equity=12.0, quote_equity=50_000.0)
    )
    rule = rules(numeraire=numeraire, base_coin=5.0)
    seen = decide(of.book(), of.board.market(), rule, of.now).exposure
    assert seen is not None
    up, down = pnl(held(of, rule), shocks(move=[math.exp(1e-5), math.exp(-1e-5)]))
    unit = of.index if numeraire == "usd" else 1.0
    assert (up - down) / 2e-5 / unit == pytest.approx(seen.book_delta, abs=2e-6)


@pytest.mark.parametrize("numeraire", ["usd", "coin"])
@given(
    move=st.floats(0.2, 4.0), shift=st.floats(-0.4, 2.0), ratio=st.floats(-1.0, 3.0),
    days=st.floats(0.0, 100.0), power=st.floats(0.0, 1.0),
)  # fmt: skip
@settings(max_examples=30, deadline=None, derandomize=True)
def test_parts_add_up(
    numeraire: str, move: float, shift: float, ratio: float, days: float, power: float
) -> None:
    asked = shocks(move=[move, 1.0], vol_shift=shift, vol_ratio=ratio, days=days)
    rule = VolRule(short_power=power, long_power=power / 2)
    book = held(desk(), rules(numeraire=numeraire))
    names, parts = contributions(book, asked, rule)
    assert names[-2:] == ("BTC-PERPETUAL", "cash")
    assert parts.sum(axis=0) == pytest.approx(pnl(book, asked, rule), rel=1e-9, abs=1e-8)


def test_nothing_moves_nothing() -> None:
    for numeraire in ("usd", "coin"):
        assert pnl(held(desk(), rules(numeraire=numeraire)), shocks(move=[1.0]))[0] == 0.0


def test_a_shock_reaches_each_leg_by_its_time() -> None:
    of = desk(legs={option(60_000, 120, True): 10})
    book, rule = held(of, rules()), VolRule(short_power=0.3, long_power=0.5)
    scaled = pnl(book, shocks(move=[1.0], vol_shift=0.1), rule)
    parallel = pnl(book, shocks(move=[1.0], vol_shift=0.05))
    assert scaled == pytest.approx(parallel, rel=1e-12)  # (30 / 120) ** 0.5 is a half
    relative = pnl(book, shocks(move=[1.0], vol_ratio=0.2), rule)
    assert relative == pytest.approx(parallel, rel=1e-12)  # of a vol of 0.5


def test_vols_travel_with_the_forward() -> None:
    leg = option(64_000, 30, True)
    of = desk(legs={leg: 10}, lots=0)
    svi, years = Svi(0.02, 0.05, -0.4, 0.0, 0.1), 30 / 365
    market = dataclasses.replace(
        of.board.market(), smiles={("BTC", leg.expiry_ms): Smile(tuple(svi), years, START)}
    )
    book = holdings(of.book(), market, rules(), of.now)
    assert isinstance(book, Holdings)
    forward, m = 60_600.0, 0.9
    k = math.log(64_000 / forward)
    smile = svi_vol(svi=svi, log_moneyness=[k, k - math.log(m)], time_to_expiry=years).vol
    for stickiness in (0.0, 0.5, 1.0):
        vol = 0.5 + (1.0 - stickiness) * (smile[1] - smile[0])
        after = price(forward * m, 64_000, years, vol, True) / (forward * m)
        before = price(forward, 64_000, years, 0.5, True) / forward
        found = pnl(book, shocks(move=[m]), VolRule(stickiness=stickiness))
        assert found[0] == pytest.approx(after - before, rel=1e-9)


def test_two_strikes_make_a_line() -> None:
    put, call = option(54_000, 30, False), option(66_000, 30, True)
    of = desk(legs={put: 10, call: 10}, lots=0)
    of.quote_option(put, vol=0.6)
    book, forward, m = held(of, rules()), 60_600.0, 0.9
    skew = (0.5 - 0.6) / math.log(66 / 54)
    wanted = 0.0
    for leg, vol in ((put, 0.6), (call, 0.5)):
        for weight, at, sigma in ((1, m, vol - skew * math.log(m)), (-1, 1.0, vol)):
            value = price(forward * at, leg.strike, 30 / 365, sigma, leg.is_call)
            wanted += weight * value / (forward * at)
    found = pnl(book, shocks(move=[m]), VolRule(stickiness=0.0))
    assert found[0] == pytest.approx(wanted, rel=1e-9)


def test_without_a_smile_no_vol_travels() -> None:
    with pytest.raises(ValueError, match="no fresh smile"):
        pnl(held(desk(), rules()), shocks(move=[0.9]), VolRule(stickiness=0.0))


def refusals(of: Desk, rule: Rules) -> tuple[Refusal, ...]:
    found = holdings(of.book(), of.board.market(), rule, of.now)
    assert isinstance(found, tuple)
    return found


def test_what_is_not_known_is_refused_by_name() -> None:
    of = desk()
    of.now += 301_000
    of.quote_hedge()
    of.board.apply_account(Account(account="acc", time_ms=of.now, equity=12.0))
    found = refusals(of, rules(numeraire="usd"))
    assert [f.rule for f in found] == ["stale_vol"] * 5
    assert "BTC-7D-64000-C cannot be valued: its vol is 301000 ms old" in found[0].reason
    of = desk()
    of.now += 10_000
    assert refusals(of, rules())[0].rule == "stale_hedge_quote"
    fresh = desk()
    fresh.board = type(fresh.board)(fresh.instruments)
    fresh.quote_hedge()
    fresh.board.apply_account(
        Account(account="acc", time_ms=fresh.now, equity=12.0, quote_equity=0.0)
    )
    assert {f.rule for f in refusals(fresh, rules())} == {"missing_vol"}


def test_a_book_without_options_has_scenarios_too() -> None:
    of = desk(legs={}, lots=-600)
    found = pnl(held(of, rules(numeraire="coin")), shocks(move=[0.5, 2.0]))
    assert found == pytest.approx([0.1, -0.05])  # -6,000 USD at 60,000


@pytest.mark.parametrize(
    ("spot", "vol", "said"),
    [
        ([100.0], None, "at least two"),
        ([100.0, math.nan], None, "spot number 2 is nan"),
        ([100.0, 0.0], None, "spot number 2 is 0.0"),
        ([100.0, 101.0], [0.5], "at least two values of vol"),
        ([100.0, 101.0, 99.0], [0.5, 0.6], "3 spots but 2 vols"),
        ([100.0, 101.0], [0.5, math.inf], "vol number 2 is inf"),
    ],
)
def test_a_bad_history_is_refused(spot: list[float], vol: list[float] | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        historical(spot=spot, vol=vol, days=1.0)


@pytest.mark.parametrize(
    "bad", [{"move": [0.0]}, {"move": [math.nan]}, {"move": []}, {"move": [1.0], "days": -1.0},
            {"move": [1.0], "vol_ratio": -1.1}, {"move": [1.0], "vol_shift": math.inf}],
)  # fmt: skip
def test_a_bad_scenario_is_refused(bad: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match="shocks"):
        shocks(**bad)


def test_history_is_told_in_todays_terms() -> None:
    found = historical(spot=[100.0, 110.0, 99.0], vol=[0.4, 0.5, 0.45], days=2.0)
    assert found.move == pytest.approx([1.1, 0.9])
    assert found.vol_ratio == pytest.approx([0.25, -0.1])
    assert np.all(found.days == 2.0)

"""The interval of a book in doubt holds the truth: at every vol within the width, at any ratio."""

from __future__ import annotations

import random

import pytest

from hedger.core.book import book
from hedger.core.decide import decide
from hedger.core.market import Board
from hedger.core.model import (
    Account,
    BandRule,
    BookState,
    Decision,
    Instrument,
    Quote,
    Rules,
)
from pricing import black
from tests.core.desk import DAY_MS, LINEAR_PERPETUAL, PERPETUAL, START, option, rules

INDEX = 60_000.0
WIDTH = 0.1
DAYS = (0.004, 0.0208, 0.03, 0.5, 2, 20, 200)  # the first two lie in the settlement window
STATES = ("fresh", "one-sided", "never priced")


class Scene:
    """Some legs with their forwards, positions, last good vols, and an account's two balances."""

    def __init__(self, rng: random.Random, hedge: Instrument) -> None:
        self.hedge = hedge
        self.legs = [self._leg(rng, k) for k in range(rng.randint(1, 5))]
        self.lots = {leg.name: rng.choice([-1, 1]) * rng.randint(1, 100) for leg in self.legs}
        self.basis = {leg.expiry_ms: rng.choice([1.0, 1.12, 0.97]) for leg in self.legs}
        self.state = {leg.name: rng.choice(STATES) for leg in self.legs}
        self.last = {leg.name: rng.uniform(0.05, 1.5) for leg in self.legs}
        self.true = {name: self._true(rng, name) for name in self.last}

    def _leg(self, rng: random.Random, k: int) -> Instrument:
        strike = round(INDEX * rng.choice([1.0, 1.00001, 0.3, 3.0, rng.uniform(0.8, 1.25)]), 2)
        days, is_call, inverse = rng.choice(DAYS), rng.random() < 0.5, rng.random() < 0.6
        return option(strike, days, is_call, inverse=inverse, name=f"leg-{k}")

    def _true(self, rng: random.Random, name: str) -> float:
        match self.state[name]:
            case "fresh":
                return self.last[name]
            case "one-sided":
                shift = rng.choice([-WIDTH, WIDTH, rng.uniform(-WIDTH, WIDTH)])
                return max(self.last[name] + shift, 1e-6)
            case _:
                return rng.uniform(0.01, 6.0)

    def account(self) -> Account:
        """Balances at the true vols, which the venue knows."""
        coin, quote = 3.0, 1_000.0
        for leg in self.legs:
            forward, years = INDEX * self.basis[leg.expiry_ms], leg.expiry_ms - START
            price = black(
                forward=forward,
                strike=leg.strike,
                time_to_expiry=years / (365 * DAY_MS),
                vol=self.true[leg.name],
                is_call=leg.is_call,
            ).price
            worth = self.lots[leg.name] * leg.lot * float(price)
            coin += worth / forward if leg.inverse else 0.0
            quote += 0.0 if leg.inverse else worth
        return Account(account="acc", time_ms=START, equity=coin, quote_equity=quote)

    def decision(self, rule: Rules, *, true: bool) -> Decision:
        """Decision on what is known, or on what is true."""
        instruments = {i.name: i for i in (*self.legs, self.hedge)}
        board = Board(instruments)
        sides = {"bid": INDEX - 0.5, "ask": INDEX + 0.5, "mark": INDEX}
        board.apply(Quote(instrument=self.hedge.name, time_ms=START, index=INDEX, **sides))
        for leg in self.legs:
            vols, state = (self.true, "fresh") if true else (self.last, self.state[leg.name])
            forward = {"forward": INDEX * self.basis[leg.expiry_ms], "index": INDEX}
            quote = {"instrument": leg.name, "time_ms": START} | forward
            if state != "never priced":
                board.apply(Quote(bid=0.01, ask=0.02, vol=vols[leg.name], **quote))
            if state != "fresh":
                board.apply(Quote(ask=0.02, **quote))
        board.apply_account(self.account())
        state = BookState(book="main", seq=1, digest="", positions=self.lots)
        held = book(state, instruments, account="acc", hedges={self.hedge.name})
        return decide(held, board.market(), rule, START)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("numeraire", ["usd", "coin"])
@pytest.mark.parametrize("hedge", [PERPETUAL, LINEAR_PERPETUAL], ids=["inverse", "linear"])
def test_interval_holds_the_truth(hedge: Instrument, numeraire: str, ratio: float) -> None:
    band = BandRule(lower=-1e6, upper=1e6)
    rule = rules(numeraire=numeraire, ratio=ratio, hedge=hedge.name, band=band)
    for seed in range(40):
        scene = Scene(random.Random(seed), hedge)
        seen = scene.decision(rule, true=False).exposure
        truth = scene.decision(rule, true=True).exposure
        assert seen is not None
        assert truth is not None
        assert seen.low - 1e-9 <= truth.book_delta <= seen.high + 1e-9, seed
        assert seen.low - 1e-9 <= seen.book_delta <= seen.high + 1e-9, seed


def test_a_leg_never_priced_does_not_narrow_a_relative_band() -> None:
    """Its delta may be its whole size, so that is what a band of gross delta counts."""
    scene = Scene(random.Random(1), PERPETUAL)
    rule = rules(band=BandRule(unit="gross_delta", lower=-0.1, upper=0.1))
    for name in scene.state:
        scene.state[name] = "never priced"
    size = sum(abs(lots) * 0.1 for lots in scene.lots.values())
    seen = scene.decision(rule, true=False).exposure
    assert seen is not None
    assert seen.gross_delta == pytest.approx(size)

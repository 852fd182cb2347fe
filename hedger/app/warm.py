"""Every kernel that a decision needs, compiled before anything is claimed.

Compiling takes seconds where the kernel cache is cold; under a lease that would be a worker that
looks dead.
"""

from __future__ import annotations

from hedger.core.book import book
from hedger.core.decide import decide
from hedger.core.market import Board
from hedger.core.model import (
    Account,
    BandRule,
    BookState,
    HedgeRule,
    Instrument,
    Kind,
    Quote,
    Rules,
)
from hedger.core.screen import screen
from hedger.core.shelf import Shelf
from pricing import fit_surface

_NOW = 1_700_000_000_000
_DAY_MS = 86_400_000
_BANDS = (
    BandRule(lower=-0.001, upper=0.001),
    BandRule(unit="gross_delta", lower=-0.001, upper=0.001),
    BandRule(kind="zakamouline", cost_bps=5.0),
)
"""Between them they ask for every sum of a book's legs, and for its delta at another vol."""


def warm() -> None:
    """Decide and screen a small book of each style: quoted, doubtful, inverse and linear."""
    for inverse in (True, False):
        instruments = {i.name: i for i in _instruments(inverse)}
        board = Board(instruments)
        for quote in _quotes(instruments):
            board.apply(quote)
        board.apply_account(Account(account="warm", time_ms=_NOW, equity=1.0))
        state = BookState(
            book="warm",
            seq=0,
            digest="",
            positions={name: -3 for name in instruments if name != "hedge"},
        )
        for band in _BANDS:
            rules = Rules(
                config="",
                numeraire="usd",
                hedge=HedgeRule(buy="hedge", sell="hedge"),
                band=band,
            )
            held = book(state, instruments, account="warm", hedges={"hedge"})
            decide(held, board.market(), rules, _NOW)
            shelf = Shelf()
            shelf.put(held, rules, board.market().row)
            screen(shelf, board.market(), _NOW)

    _warm_smiles()


def _warm_smiles() -> None:
    """A fit that compiled in its thread would keep all others from running."""
    moneyness = [-0.2, -0.1, 0.0, 0.1, 0.2]
    vol = [0.62, 0.55, 0.5, 0.52, 0.56]
    fit_surface(log_moneyness=moneyness, time_to_expiry=0.1, bid_vol=vol, ask_vol=vol)


def _instruments(inverse: bool) -> list[Instrument]:
    quote, settlement = ("USD", "BTC") if inverse else ("USDC", "USDC")
    hedge = Instrument(
        name="hedge",
        kind=Kind.PERPETUAL,
        underlying="BTC",
        quote=quote,
        settlement=settlement,
        inverse=inverse,
        lot=10.0 if inverse else 0.001,
        contract=10.0 if inverse else 0.001,
        tick=0.5,
    )
    options = [
        Instrument(
            name=f"option{number}",
            kind=Kind.OPTION,
            underlying="BTC",
            quote=quote,
            settlement=settlement,
            inverse=inverse,
            lot=0.1,
            contract=1.0,
            tick=0.0001,
            expiry_ms=_NOW + (1 + number) * _DAY_MS,
            strike=100.0,
            is_call=number % 2 == 0,
        )
        for number in range(3)
    ]
    return [hedge, *options]


def _quotes(instruments: dict[str, Instrument]) -> list[Quote]:
    """The last option has a vol but no bid, so that a doubt is valued too."""
    quotes = [Quote(instrument="hedge", time_ms=_NOW, bid=99.5, ask=100.0, mark=99.8, index=99.7)]
    for name in instruments.keys() - {"hedge"}:
        full = Quote(
            instrument=name, time_ms=_NOW, bid=0.01, ask=0.02, vol=0.5, forward=100.0, index=99.7
        )
        quotes.append(full)
        if name == "option2":
            quotes.append(Quote(instrument=name, time_ms=_NOW, forward=100.0, index=99.7))
    return quotes

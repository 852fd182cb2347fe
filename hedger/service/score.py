"""What hedging came to since an instant: lots and cash, what they cost, and how well it hedged.

A score is a record and changes by being made anew, so that it can be kept in the store as it is.
Amounts in quote currency are those of the instant at which they fell due.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import field
from msgspec.structs import replace

from hedger.core.model import Decision, Instrument, Record
from hedger.venues.simulator.ledger import worth

HOUR_MS = 3_600_000
GAP_MS_MAX = 600_000
"""What happened over a longer time without a look is not known."""


class Purse(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Hedge positions in lots, and the cash that they cost and brought: coin, and quote currency.

    ``gaps`` counts lots that were taken over at mid, as no fill had told of them. Everything that
    ends in ``usd`` is in quote currency; ``spread_usd`` is what fills cost beyond mid.
    """

    lots: dict[str, int] = field(default_factory=dict)
    coin: float = 0.0
    quote: float = 0.0
    fills: int = 0
    turnover_usd: float = 0.0
    fees_usd: float = 0.0
    spread_usd: float = 0.0
    funding_usd: float = 0.0
    gaps: int = 0


class Tally(Record, frozen=True, kw_only=True, omit_defaults=True):
    """How well it was hedged: time in and out of the band, and hourly changes of the account.

    ``hour`` and ``value`` are those of the last sample; ``mean`` and ``square`` (the sum of squared
    differences from it) are of so many ``samples``, in the numeraire.
    """

    looks: int = 0
    blocked: int = 0
    hedges: int = 0
    judged_ms: int = 0
    outside_ms: int = 0
    hour: int = 0
    value: float = 0.0
    samples: int = 0
    mean: float = 0.0
    square: float = 0.0

    @property
    def std(self) -> float | None:
        """Standard deviation of the hourly changes; None of less than two."""
        return math.sqrt(self.square / (self.samples - 1)) if self.samples > 1 else None

    @property
    def outside_share(self) -> float | None:
        """Share of the time that the delta spent outside the band; None before any."""
        return self.outside_ms / self.judged_ms if self.judged_ms else None


class Price(NamedTuple):
    """A hedge's market at the instant of a fill: its middle, and the underlying's index."""

    middle: float
    spot: float


class Worth(NamedTuple):
    """Value by what it settles in: coin, and quote currency."""

    coin: float
    quote: float

    def usd(self, index: float) -> float:
        """All of it in quote currency."""
        return self.coin * index + self.quote


def traded(
    purse: Purse, contract: Instrument, lots: int, *, price: float, fee: float, at: Price
) -> Purse:
    """With one fill; the fee is in the contract's settlement currency.

    Examples
    --------
    >>> from hedger.venues.deribit.contracts import instrument
    >>> perpetual = instrument("BTC-PERPETUAL")
    >>> at = Price(middle=60_000.0, spot=60_000.0)
    >>> bought = traded(Purse(), perpetual, 600, price=60_060.0, fee=5e-5, at=at)
    >>> bought.lots, bought.turnover_usd, round(bought.fees_usd, 9), round(bought.spread_usd, 4)
    ({'BTC-PERPETUAL': 600}, 6000.0, 3.0, 5.994)
    """
    paid = worth(contract, lots, price)
    unit = at.spot if _in_coin(contract) else 1.0
    amount = abs(lots) * contract.lot
    moved = _cash(purse, contract, -paid - fee)
    return replace(
        moved,
        lots={**purse.lots, contract.name: purse.lots.get(contract.name, 0) + lots},
        fills=purse.fills + 1,
        turnover_usd=purse.turnover_usd + (amount if contract.inverse else amount * price),
        fees_usd=purse.fees_usd + fee * unit,
        spread_usd=purse.spread_usd + (paid - worth(contract, lots, at.middle)) * unit,
    )


def moved(purse: Purse, contract: Instrument, lots: int, *, price: float) -> Purse:
    """With lots that changed hands without a cost: at a settlement, or unseen, at their mid."""
    after = _cash(purse, contract, -worth(contract, lots, price))
    held = purse.lots.get(contract.name, 0) + lots
    return replace(after, lots={**purse.lots, contract.name: held})


def funded(purse: Purse, contract: Instrument, amount: float, *, index: float) -> Purse:
    """With a funding payment in the contract's settlement currency."""
    unit = index if _in_coin(contract) else 1.0
    return replace(_cash(purse, contract, amount), funding_usd=purse.funding_usd + amount * unit)


def value(purse: Purse, contracts: Mapping[str, Instrument], marks: Mapping[str, float]) -> Worth:
    """What it has come to: cash, and the lots at their marks."""
    coin, quote = purse.coin, purse.quote
    for name, lots in purse.lots.items():
        if lots:
            held = worth(contracts[name], lots, marks[name])
            coin, quote = (
                (coin + held, quote) if _in_coin(contracts[name]) else (coin, quote + held)
            )
    return Worth(coin, quote)


def opened(
    lots: Mapping[str, int], contracts: Mapping[str, Instrument], marks: Mapping[str, float]
) -> Purse:
    """Lots taken over as they stand, so that they have come to nothing yet."""
    purse = Purse()
    for name, held in lots.items():
        purse = moved(purse, contracts[name], held, price=marks[name])
    return purse


def waited(tally: Tally, decision: Decision, *, for_ms: int) -> Tally:
    """With the time since a decision, which left the delta where it then was."""
    seen, band = decision.exposure, decision.target
    if seen is None or band is None or not 0 < for_ms <= GAP_MS_MAX:
        return tally
    outside = not band.lower <= seen.book_delta <= band.upper
    return replace(
        tally,
        judged_ms=tally.judged_ms + for_ms,
        outside_ms=tally.outside_ms + for_ms * outside,
    )


def sampled(tally: Tally, now_ms: int, worth_now: float) -> Tally:
    """With a change of the account, once in each hour; over a missed hour there is none.

    Examples
    --------
    >>> tally = Tally()
    >>> for hour, value in enumerate([0.0, 1.0, 3.0, 4.0], start=1):
    ...     tally = sampled(tally, hour * HOUR_MS, value)
    >>> tally.samples, round(tally.std, 4)
    (3, 0.5774)
    """
    hour = now_ms // HOUR_MS
    if hour == tally.hour or not math.isfinite(worth_now):
        return tally
    after = replace(tally, hour=hour, value=worth_now)
    if hour != tally.hour + 1 or not tally.hour:
        return after
    change, samples = worth_now - tally.value, tally.samples + 1
    mean = tally.mean + (change - tally.mean) / samples
    square = tally.square + (change - tally.mean) * (change - mean)
    return replace(after, samples=samples, mean=mean, square=square)


def _cash(purse: Purse, contract: Instrument, amount: float) -> Purse:
    if _in_coin(contract):
        return replace(purse, coin=purse.coin + amount)
    return replace(purse, quote=purse.quote + amount)


def _in_coin(contract: Instrument) -> bool:
    return contract.settlement == contract.underlying

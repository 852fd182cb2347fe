"""What the exchange asks for one position, by rules that are data."""

from __future__ import annotations

from msgspec import field

from hedger.core.model import Instrument, Kind, Record

__all__ = ["FutureMargin", "MarginRules", "OptionMargin", "asked", "pair"]


class FutureMargin(Record, frozen=True, kw_only=True):
    """Rates of futures and perpetuals of one pair, as fractions of a position's value.

    Without ``tiers`` a rate grows by ``step`` for each coin of the position. ``tiers`` are (up to,
    initial, maintenance): the part of the value [quote currency] up to there asks at those rates,
    and what is beyond the last at the last. ``liquidation_fee`` comes on top of the taker's.
    """

    initial: float = 0.0
    maintenance: float = 0.0
    step: float = 0.0
    tiers: tuple[tuple[float, float, float], ...] = ()
    liquidation_fee: float = 0.0


class OptionMargin(Record, frozen=True, kw_only=True):
    """Rates of short options of one pair, in coin per coin of the underlying."""

    initial: float
    initial_min: float
    maintenance: float
    liquidation_fee: float = 0.0


class MarginRules(Record, frozen=True, kw_only=True):
    """A venue's rules; ``futures`` and ``options`` by pair, such as ``BTC`` or ``BTC_USDC``.

    ``crossed``: balances in coin and in quote currency stand in for each other. An account in
    liquidation is closed in rounds, ``rounds_per_s`` of market time, each of at most ``round_usd``
    of a future or ``round_coin`` of an option. ``insurance`` is the fund at the beginning by
    settlement currency; what it cannot bear is taken from the other side by auto-deleveraging.
    """

    futures: dict[str, FutureMargin]
    options: dict[str, OptionMargin]
    crossed: bool = False
    rounds_per_s: float = 20.0
    round_usd: float = 2_000.0
    round_coin: float = 1.0
    insurance: dict[str, float] = field(default_factory=dict)


def pair(instrument: Instrument) -> str:
    """The name under which a contract's rules stand."""
    return instrument.name.partition("-")[0]


def asked(
    rules: MarginRules, instrument: Instrument, lots: int, *, mark: float, forward: float
) -> tuple[float, float]:
    """Initial and maintenance margin of one position, in its settlement currency.

    Parameters
    ----------
    rules : MarginRules
    instrument : Instrument
    lots : int
        Signed; long options ask for nothing, and so does what the rules do not know.
    mark : float
        In the instrument's price unit.
    forward : float
        Price of the underlying at the expiry [quote currency]; of a future its own mark.

    Notes
    -----
    Per coin of the underlying, with ``o`` the share by which an option is out of the money::

        short option  max(initial - o, initial_min) + mark;  maintenance (x max(1, mark) if a put)
                      + mark, which a put's initial margin never falls below
        future        initial + step size;  maintenance + step size,  size in coin

    A linear contract's margin is that times the forward, in quote currency.
    """
    if instrument.kind is Kind.OPTION:
        option = rules.options.get(pair(instrument))
        if option is None or lots >= 0:
            return 0.0, 0.0
        unit = 1.0 if instrument.inverse else forward
        size = -lots * instrument.lot * unit
        first, keep = _short(option, instrument, mark / unit, forward)
        return size * first, size * keep
    future = rules.futures.get(pair(instrument))
    if future is None or lots == 0:
        return 0.0, 0.0
    amount = abs(lots) * instrument.lot
    value = amount / mark if instrument.inverse else amount * mark
    if future.tiers:
        notional = amount if instrument.inverse else value
        share = value / notional
        return share * _tiered(future, notional, 1), share * _tiered(future, notional, 2)
    grown = future.step * (value if instrument.inverse else amount)
    return value * (future.initial + grown), value * (future.maintenance + grown)


def _short(
    option: OptionMargin, instrument: Instrument, mark: float, forward: float
) -> tuple[float, float]:
    """Per coin of a short option; ``mark`` as a fraction of the forward."""
    sign = 1.0 if instrument.is_call else -1.0
    out = max(0.0, sign * (instrument.strike - forward) / forward)
    first = max(option.initial - out, option.initial_min) + mark
    least = option.maintenance
    if not instrument.is_call:
        least *= max(1.0, mark)
        first = max(first, least + mark)
    return first, least + mark


def _tiered(future: FutureMargin, notional: float, which: int) -> float:
    """What the parts of a position's value ask for, each at the rate of its tier."""
    total, since = 0.0, 0.0
    last = len(future.tiers) - 1
    for number, tier in enumerate(future.tiers):
        until = notional if number == last else min(notional, tier[0])
        total += max(until - since, 0.0) * tier[which]
        since = max(since, until)
    return total

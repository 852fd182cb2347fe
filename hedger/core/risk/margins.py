"""What a venue asks for a book, by models that are configuration, and the spots that liquidate it.

Rates, grids and add-ons change: nothing here knows them but as fields of the two models. Both are
asked on moved markets, so a liquidation spot is that of a full revaluation, options and all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hedger.core.columns import Floats
from hedger.core.model import Record
from hedger.core.risk.holdings import Holdings
from hedger.core.risk.revaluation import by_currency, changes, futures_by_currency
from hedger.core.risk.shocks import PARALLEL, Shocks, VolRule, shocks

REACH = (0.1, 5.0)
"""Where a liquidation is looked for, as ratios of spot."""
_RUNGS, _FINE = 60, 24


class StandardMargin(Record, frozen=True, kw_only=True):
    """Each short option and each future by itself, in coin per coin; long options ask for nothing.

    Maintenance of a short call is ``option_maintenance`` + mark, of a short put the larger of that
    rate and that rate times mark, + mark; initial is the larger of ``option_initial`` less how far
    it is out of the money and ``option_initial_min``, + mark, a put's not below its maintenance.
    A future's rate grows by ``future_step`` for each coin of it.
    """

    option_initial: float = 0.15
    option_initial_min: float = 0.10
    option_maintenance: float = 0.075
    future_initial: float = 0.02
    future_maintenance: float = 0.01
    future_step: float = 0.00005


class GridMargin(Record, frozen=True, kw_only=True):
    """The largest loss on a grid of spot and vol, plus add-ons in coin; initial is a multiple.

    Vols move relatively, at d days by (30 / d) ** power times that; a shock upwards ends at
    ``vol_up_min`` at least. ``short_option`` is added for each coin of options short net per
    strike and expiry, ``futures`` for each coin of futures that offset one another.
    """

    price_range: float = 0.16
    price_steps: int = 4
    vol_up: float = 0.5
    vol_down: float = 0.25
    vol_up_min: float = 0.5
    short_power: float = 0.30
    long_power: float = 0.13
    short_option: float = 0.01
    futures: float = 0.006
    initial: float = 1.3


MarginModel = StandardMargin | GridMargin


@dataclass(frozen=True, slots=True)
class Collateral:
    """Balances that stand behind a book; ``crossed`` where each covers the other's losses."""

    coin: float
    quote: float
    crossed: bool = False


class MarginMeasure(Record, frozen=True, kw_only=True):
    """Equity and what the venue asks, in quote currency, and where it would be liquidated.

    ``ratio`` is maintenance over margin balance, of the worse currency where they are apart;
    infinite where nothing is left. A liquidation spot is None where there is none within `REACH`.
    The margin balance is the equity less, under the standard model, the options' value: a short
    option's mark is part of what is asked, and would count twice.
    """

    equity: float
    initial: float
    maintenance: float
    ratio: float
    initial_ratio: float
    liquidation_down: float | None
    liquidation_up: float | None
    spot: float
    time_ms: int


def margin_measure(held: Holdings, balances: Collateral, model: MarginModel) -> MarginMeasure:
    """Margins of a book now, and its liquidation spots down and up.

    Parameters
    ----------
    held : Holdings
    balances : Collateral
        Equity settled in coin and in quote currency, options at mark, as the venue tells it.
    model : StandardMargin or GridMargin

    Raises
    ------
    ValueError
        For balances that are not finite.

    Notes
    -----
    With B(m) the margin balance and M(m) the maintenance at spot m S, a liquidation spot is the
    nearest m S on either side where ``M(m) >= B(m)``: first on 60 rungs, then finer between two.
    """
    if not (math.isfinite(balances.coin) and math.isfinite(balances.quote)):
        raise ValueError(f"balances are {balances.coin:g} and {balances.quote:g}: not finite")
    here = np.ones(1)
    balance = _balance(held, balances, model, here)
    initial, maintenance = _asked(held, model, here)
    ratio = _ratio(balance, maintenance, balances.crossed, held.spot * here)
    first = _ratio(balance, initial, balances.crossed, held.spot * here)
    return MarginMeasure(
        equity=balances.quote + balances.coin * held.spot,
        initial=float((initial[0] + initial[1] * held.spot)[0]),
        maintenance=float((maintenance[0] + maintenance[1] * held.spot)[0]),
        ratio=float(ratio[0]),
        initial_ratio=float(first[0]),
        liquidation_down=_crossing(held, balances, model, REACH[0]),
        liquidation_up=_crossing(held, balances, model, REACH[1]),
        spot=held.spot,
        time_ms=held.time_ms,
    )


_Pair = tuple[Floats, Floats]  # quote currency, coin


def _balance(held: Holdings, balances: Collateral, model: MarginModel, move: Floats) -> _Pair:
    """Margin balance at each moved spot, by currency."""
    if isinstance(model, StandardMargin):
        quote, coin = futures_by_currency(held, move)
        worth = held.values
        quote, coin = quote - worth[~held.inverse].sum(), coin - worth[held.inverse].sum()
    else:
        quote, coin = by_currency(held, shocks(move=move), PARALLEL)
    return balances.quote + quote, balances.coin + coin


def _ratio(balance: _Pair, asked: _Pair, crossed: bool, spot: Floats) -> Floats:
    """Asked over balance; infinite where something is asked and nothing is there."""
    if crossed:
        return _over(asked[0] + asked[1] * spot, balance[0] + balance[1] * spot)
    return np.maximum(_over(asked[0], balance[0]), _over(asked[1], balance[1]))


def _over(asked: Floats, balance: Floats) -> Floats:
    none = (asked <= 0.0) & (balance >= 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(balance > 0.0, asked / balance, np.inf)
    return np.where(none, 0.0, found)


def _crossing(held: Holdings, balances: Collateral, model: MarginModel, end: float) -> float | None:
    """Nearest spot between here and ``end`` times here where maintenance eats all the balance."""
    low, high, count = 0.0, math.log(end), _RUNGS
    for _ in range(3):
        move = np.exp(np.linspace(low, high, count))
        balance, (_, asked) = _balance(held, balances, model, move), _asked(held, model, move)
        broke = _ratio(balance, asked, balances.crossed, held.spot * move) >= 1.0
        if not broke.any():
            return None
        first = int(np.argmax(broke))
        if not first:
            return float(held.spot * move[0])
        low, high, count = math.log(move[first - 1]), math.log(move[first]), _FINE
    return float(held.spot * math.exp(0.5 * (low + high)))


def margin_under(
    held: Holdings,
    balances: Collateral,
    model: MarginModel,
    asked: Shocks,
    rule: VolRule = PARALLEL,
) -> tuple[_Pair, _Pair, _Pair]:
    """Margin balance, initial and maintenance margin in each scenario, by currency.

    A grid's own vol shocks start from the vols of now: it asks for what it would have asked at the
    moved spot.
    """
    if isinstance(model, StandardMargin):
        balance = _balance(held, balances, model, asked.move)
        return balance, *_standard(held, model, asked, rule)
    quote, coin = by_currency(held, asked, rule)
    found = _on_grid(held, model, asked.move)
    return (balances.quote + quote, balances.coin + coin), *found


def _asked(held: Holdings, model: MarginModel, move: Floats) -> tuple[_Pair, _Pair]:
    """Initial and maintenance margin at each moved spot, by currency."""
    if isinstance(model, StandardMargin):
        return _standard(held, model, shocks(move=move), PARALLEL)
    return _on_grid(held, model, move)


def _standard(
    held: Holdings, model: StandardMargin, asked: Shocks, rule: VolRule
) -> tuple[_Pair, _Pair]:
    move = asked.move
    initial, maintenance = _zeros(move), _zeros(move)
    for legs, change in changes(held, asked, rule):
        for i in range(change.shape[0]):
            at = legs.start + i
            short = -float(held.quantity[at])
            if short <= 0.0:
                continue
            forward = held.forward[at] * move
            scale = np.ones(move.size) if held.inverse[at] else forward
            mark = (held.values[at] + change[i]) / -short / scale
            out = (held.strike[at] - forward) * (1.0 if held.is_call[at] else -1.0) / forward
            least = model.option_maintenance * np.ones(move.size)
            if not held.is_call[at]:
                least = np.maximum(least, model.option_maintenance * mark)
            keep = least + mark
            first = mark + np.maximum(
                model.option_initial - np.maximum(out, 0.0), model.option_initial_min
            )
            place = int(held.inverse[at])
            maintenance[place][:] += short * scale * keep
            initial[place][:] += short * scale * np.maximum(first, keep)
    for future in held.futures:
        price = future.price * move
        size = abs(future.amount) / price if future.inverse else abs(future.amount)
        scale = 1.0 if future.inverse else price
        for sums, rate in (
            (initial, model.future_initial),
            (maintenance, model.future_maintenance),
        ):
            sums[int(future.inverse)][:] += size * scale * (rate + model.future_step * size)
    return initial, maintenance


def _on_grid(held: Holdings, model: GridMargin, move: Floats) -> tuple[_Pair, _Pair]:
    rule = VolRule(
        short_power=model.short_power,
        long_power=model.long_power,
        shocked_up_min=model.vol_up_min,
    )
    prices = np.linspace(-model.price_range, model.price_range, 2 * model.price_steps + 1)
    vols = np.array([-model.vol_down, 0.0, model.vol_up])
    across, up = (part.ravel() for part in np.meshgrid(1.0 + prices, vols, indexing="ij"))
    cells = Shocks(
        np.outer(move, across).ravel(),
        np.zeros(move.size * across.size),
        np.tile(up, move.size),
        np.zeros(move.size * across.size),
    )
    shape = (move.size, across.size)
    here, there = by_currency(held, shocks(move=move), PARALLEL), by_currency(held, cells, rule)
    extra = _add_ons(held, model, move)
    asked = tuple(
        np.maximum(0.0, -(then.reshape(shape) - now[:, None]).min(axis=1)) + more
        for now, then, more in zip(here, there, extra, strict=True)
    )
    maintenance = (asked[0], asked[1])
    return (model.initial * asked[0], model.initial * asked[1]), maintenance


def _add_ons(held: Holdings, model: GridMargin, move: Floats) -> _Pair:
    """For options short net per strike, and for futures that offset one another."""
    extra = _zeros(move)
    net: dict[tuple[int, float, bool], float] = {}
    for at in range(len(held.names)):
        key = (int(held.group[at]), float(held.strike[at]), bool(held.inverse[at]))
        net[key] = net.get(key, 0.0) + float(held.quantity[at])
    for (_, _, inverse), quantity in net.items():
        scale = np.ones(move.size) if inverse else held.spot * move
        extra[int(inverse)][:] += model.short_option * max(-quantity, 0.0) * scale
    for inverse in (False, True):
        sizes = [
            future.amount / (future.price if inverse else 1.0)
            for future in held.futures
            if future.inverse is inverse
        ]
        offset = min(sum(s for s in sizes if s > 0.0), -sum(s for s in sizes if s < 0.0))
        scale = np.ones(move.size) if inverse else held.spot * move
        extra[int(inverse)][:] += model.futures * offset * scale
    return extra


def _zeros(move: Floats) -> _Pair:
    return np.zeros(move.size), np.zeros(move.size)

"""Holdings x Shocks -> profit and loss in the numeraire: every leg and future valued anew.

Signs and units are those of `exposure`: what a small move of spot does here is its delta.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hedger.core.columns import Floats
from hedger.core.model import DAYS_PER_YEAR
from hedger.core.risk.holdings import Future, Holdings
from hedger.core.risk.shocks import PARALLEL, Shocks, VolRule
from pricing import Svi, scenario_pnl, svi_vol

REFERENCE_DAYS = 30.0
_LEGS = 128  # at a time, where each leg has its own vols
_DAYS_LEAST = 0.25  # a shock of 30 days' vol has no meaning for an option of its last hours


def pnl(held: Holdings, shocks: Shocks, rule: VolRule = PARALLEL) -> Floats:
    """Profit and loss of the whole book in each scenario, futures, hedges and cash included.

    Parameters
    ----------
    held : Holdings
    shocks : Shocks
    rule : VolRule
        A stickiness other than 1 needs the smile of each leg's expiry, or two strikes of it: a
        straight line is drawn through the vols of the legs where no smile was fitted.

    Returns
    -------
    (scenarios,) float64
        [quote currency for numeraire usd, coin for numeraire coin]

    Raises
    ------
    ValueError
        Where neither smile nor skew is known to a rule that needs it: `smileless` names the legs.

    Notes
    -----
    With m the ratio of moved to present spot, S1 = m S, c the sum over inverse legs in coin, v
    that over linear legs in quote currency and A a future's amount::

        usd:  (equity - base_coin) (S1 - S) + (dc + sum A (1/P - 1/P1)) S1 + dv + sum A (P1 - P)
        coin: dc + sum A (1/P - 1/P1) + (equity + dv + sum A (P1 - P)) / S1 - equity / S

    All forwards move by m; inside a settlement window only by the share that is still to run.
    """
    spot, moved = held.spot, held.spot * shocks.move
    in_quote, in_coin = by_currency(held, shocks, rule)
    if held.coin:
        return np.asarray(in_coin + (held.equity + in_quote) / moved - held.equity / spot)
    cash = (held.equity - held.base_coin) * (moved - spot)
    return np.asarray(cash + in_coin * moved + in_quote)


def by_currency(held: Holdings, shocks: Shocks, rule: VolRule) -> tuple[Floats, Floats]:
    """Profit of options and futures in what they settle in: quote currency, coin."""
    in_quote, in_coin = _of_options(held, shocks, rule)
    of_quote, of_coin = futures_by_currency(held, shocks.move)
    return in_quote + of_quote, in_coin + of_coin


def futures_by_currency(held: Holdings, move: Floats) -> tuple[Floats, Floats]:
    """Profit of the futures alone in what they settle in: quote currency, coin."""
    found = (np.zeros(move.size), np.zeros(move.size))
    for future in held.futures:
        found[int(future.inverse)][:] += _of_future(future, move)
    return found


def contributions(
    held: Holdings, shocks: Shocks, rule: VolRule = PARALLEL
) -> tuple[tuple[str, ...], Floats]:
    """Names and profit of each leg, each future and the cash; their sum is `pnl`.

    Returns
    -------
    names : tuple of str
        Legs, futures, and at the end ``cash``.
    profit : (parts, scenarios) float64
        [as `pnl`]

    Notes
    -----
    A leg that does not settle in the numeraire brings what its settled value does when the two
    currencies move against each other; cash is the equity without it, so that parts add up.
    """
    spot, moved = held.spot, held.spot * shocks.move
    rows = [np.empty((0, len(shocks)))]
    rows += [part for _, part in changes(held, shocks, rule)]
    change, value = np.concatenate(rows), held.values[:, None]
    own = held.inverse[:, None] != held.coin  # settles in what the numeraire is not
    if held.coin:
        legs = np.where(own, (value + change) / moved - value / spot, change)
        cash = (held.equity - value[own].sum()) * (1.0 / moved - 1.0 / spot)
    else:
        legs = np.where(own, (value + change) * moved - value * spot, change)
        cash = (held.equity - value[own].sum() - held.base_coin) * (moved - spot)
    futures = [_in_numeraire(future, held, shocks) for future in held.futures]
    names = (*held.names, *(future.name for future in held.futures), "cash")
    return names, np.vstack([legs, *futures, cash])


def smileless(held: Holdings) -> tuple[str, ...]:
    """Legs whose expiry has no smile and no skew: no rule can say where their vols would go."""
    known = held.smiles.keys() | held.skews.keys()
    return tuple(
        name for name, group in zip(held.names, held.group.tolist(), strict=True)
        if group not in known
    )  # fmt: skip


def changes(held: Holdings, shocks: Shocks, rule: VolRule) -> Iterator[tuple[slice, Floats]]:
    """Change in value of each leg in what it settles in: (legs, scenarios), some legs at a time."""
    time = shocks.days / DAYS_PER_YEAR
    for first in range(0, len(held.names), _LEGS):
        legs = slice(first, min(first + _LEGS, len(held.names)))
        yield (
            legs,
            scenario_pnl(
                held.part(legs),
                held.forward[legs],
                move=_forward_moves(held, shocks.move, legs),
                vol_shift=_vol_shifts(held, shocks, rule, legs),
                time_step=time,
                by_group=True,
            ),
        )


def _of_options(held: Holdings, shocks: Shocks, rule: VolRule) -> tuple[Floats, Floats]:
    """Change in value of all legs, in quote currency and in coin; (scenarios,) each."""
    if not held.names:
        return np.zeros(len(shocks)), np.zeros(len(shocks))
    if rule.parallel and not shocks.vol_ratio.any():
        found = scenario_pnl(
            held.by_style,
            held.forward,
            move=_forward_moves(held, shocks.move, slice(None)),
            vol_shift=shocks.vol_shift,
            time_step=shocks.days / DAYS_PER_YEAR,
            by_group=True,
        )
        return found[0], found[1]
    in_quote, in_coin = np.zeros(len(shocks)), np.zeros(len(shocks))
    for legs, found in changes(held, shocks, rule):
        is_coin = held.inverse[legs].astype(np.float64)
        in_coin += is_coin @ found
        in_quote += (1.0 - is_coin) @ found
    return in_quote, in_coin


def _forward_moves(held: Holdings, move: Floats, legs: slice) -> Floats:
    """One row for all, or one for each leg where a part of its mean is already known."""
    share = held.share[legs]
    if (share == 1.0).all():
        return move
    return np.asarray(1.0 + share[:, None] * (move - 1.0))


def _vol_shifts(held: Holdings, shocks: Shocks, rule: VolRule, legs: slice) -> Floats:
    """What each scenario adds to each leg's vol, (legs, scenarios) or one row for all."""
    if rule.parallel and not shocks.vol_ratio.any():
        return shocks.vol_shift
    vol = held.vol[legs, None]
    days = np.maximum(held.years[legs] * DAYS_PER_YEAR, _DAYS_LEAST)
    power = np.where(days < REFERENCE_DAYS, rule.short_power, rule.long_power)
    reach = ((REFERENCE_DAYS / days) ** power)[:, None]
    shift = reach * (vol * shocks.vol_ratio + shocks.vol_shift)
    if rule.shocked_up_min:
        least = np.where(shocks.vol_ratio > 0.0, rule.shocked_up_min, 0.0)
        shift = np.maximum(shift, least - vol)
    if rule.stickiness != 1.0:
        shift = shift + (1.0 - rule.stickiness) * _smile_moves(held, shocks.move, legs)
    return np.asarray(shift)


def _smile_moves(held: Holdings, move: Floats, legs: slice) -> Floats:
    """By how much a smile that travels with the forward changes each leg's vol."""
    group = held.group[legs]
    found = np.empty((group.size, move.size))
    moneyness = np.log(held.strike[legs] / held.forward[legs])
    log_move = np.log(1.0 + held.share[legs][:, None] * (move - 1.0))
    for number in np.unique(group):
        smile = held.smiles.get(int(number))
        here = group == number
        if smile is None and int(number) in held.skews:
            found[here] = -held.skews[int(number)] * log_move[here]
            continue
        if smile is None:
            name = held.names[legs][int(np.flatnonzero(here)[0])]
            raise ValueError(f"{name} has no fresh smile to travel with the forward")
        svi, at = Svi(*smile.svi), moneyness[here][:, None]
        there = svi_vol(svi=svi, log_moneyness=at - log_move[here], time_to_expiry=smile.years)
        now = svi_vol(svi=svi, log_moneyness=at, time_to_expiry=smile.years)
        found[here] = there.vol - now.vol
    return found


def _of_future(future: Future, move: Floats) -> Floats:
    """Profit of a future, in coin if inverse, else in quote currency."""
    moved = future.price * (1.0 + future.share * (move - 1.0))
    if future.inverse:
        return np.asarray(future.amount * (1.0 / future.price - 1.0 / moved))
    return np.asarray(future.amount * (moved - future.price))


def _in_numeraire(future: Future, held: Holdings, shocks: Shocks) -> Floats:
    moved, profit = held.spot * shocks.move, _of_future(future, shocks.move)
    if future.inverse is held.coin:
        return profit
    return profit / moved if held.coin else profit * moved

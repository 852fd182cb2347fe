"""A book on every cell of its configured grid: what is lost there, and what each limit leaves.

Profit is linear in size, so the room for more of anything follows from the cells in closed form:
of x units that bring q in a cell, with s left there, ``x <= s / -q`` where q is below zero.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hedger.core.book import widened
from hedger.core.columns import Book, Floats, Market
from hedger.core.model import Refusal, Room, Rules, ScenarioRule
from hedger.core.risk.holdings import Holdings, holdings
from hedger.core.risk.margins import (
    Collateral,
    GridMargin,
    MarginModel,
    StandardMargin,
    margin_under,
)
from hedger.core.risk.refresh import collateral
from hedger.core.risk.revaluation import pnl
from hedger.core.risk.shocks import Shocks, VolRule, shocks

LOSS, MARGIN = "scenario_loss", "scenario_margin"
VOLS = VolRule(short_power=0.30, long_power=0.13)
"""How a shock of 30 days' vol reaches other expiries: as in the exchanges' own grids."""
MODELS: Mapping[str, MarginModel] = {"standard": StandardMargin(), "grid": GridMargin()}


class Limit(NamedTuple):
    """What one limit leaves in each cell, (cells,) [numeraire], below zero where it is broken.

    ``used`` and ``most`` are the numbers that are compared, in ``words``.
    """

    name: str
    left: Floats
    used: Floats
    most: float
    words: str


class Stress(NamedTuple):
    """A book on its grid; ``profit`` (cells,) [numeraire]."""

    cells: Shocks
    profit: Floats
    limits: tuple[Limit, ...]
    coin: bool
    spot: float

    @property
    def left(self) -> Floats:
        """The least of all limits, (cells,)."""
        return np.asarray(np.min([limit.left for limit in self.limits], axis=0))

    @property
    def worst(self) -> float:
        """What the tightest cell of the tightest limit leaves [numeraire]."""
        return float(self.left.min())

    def of_delta(self, delta: float) -> Floats:
        """What so much delta brings in each cell, in the numeraire."""
        if self.coin:
            return np.asarray(delta * (1.0 - 1.0 / self.cells.move))
        return np.asarray(delta * self.spot * (self.cells.move - 1.0))


def stress(
    book: Book,
    market: Market,
    rules: Rules,
    now: int,
    *,
    lots: Mapping[str, int] | None = None,
) -> Stress | Refusal:
    """The book on its grid, or why that cannot be told: what is not known leaves no room.

    Parameters
    ----------
    book, market, rules, now
        As for `decide`; ``rules.scenario`` has the grid and its limits.
    lots : mapping of str to int
        Option legs as they would be held, by name; others stay. Their premium is paid at the mark.
    """
    held = holdings(widened(book, lots) if lots else book, market, rules, now)
    if isinstance(held, tuple):
        return held[0]
    balances = collateral(book, market, crossed=rules.scenario.crossed)
    if isinstance(balances, str):
        return Refusal(rule="no_equity", wanted=0.0, allowed=0.0, reason=balances)
    if lots:
        quantity = [
            lots[name] * book.instruments[name].lot if name in lots else size
            for name, size in zip(held.names, held.quantity.tolist(), strict=True)
        ]
        held = dataclasses.replace(held, quantity=np.array(quantity))
    return stressed(held, rules.scenario, balances)


def stressed(held: Holdings, rule: ScenarioRule, balances: Collateral) -> Stress:
    """Holdings on a grid, with what each limit of the rule leaves."""
    moves = 1.0 + np.repeat(np.asarray(rule.moves), len(rule.vols))
    cells = shocks(move=moves, vol_ratio=np.tile(np.asarray(rule.vols), len(rule.moves)))
    profit, model = pnl(held, cells, VOLS), MODELS[rule.margin]
    here = shocks(move=[1.0])
    now, _, _ = margin_under(held, balances, model, here, VOLS)
    balance = float((now[0] + now[1] * held.spot)[0]) / (held.spot if held.coin else 1.0)
    limits = []
    if rule.loss_max:
        limits.append(Limit(LOSS, rule.loss_max + profit, -profit, rule.loss_max, "the loss"))
    if rule.share_max:
        most = rule.share_max * max(balance, 0.0)
        words = f"the loss, limited to {rule.share_max:.0%} of a margin balance of {balance:,.4g},"
        limits.append(Limit(LOSS, most + profit, -profit, most, words))
    if rule.ratio_max:
        limits.append(_maintained(held, rule, balances, cells))
    return Stress(cells, profit, tuple(limits), held.coin, held.spot)


def room(found: Stress, profit: Floats) -> Room:
    """How many units of what brings ``profit`` in each cell may be taken, and by which limit."""
    best = Room(limit=LOSS, size=math.inf, reason="no scenario of the grid is made worse by it")
    for limit in found.limits:
        adverse = profit < 0.0
        if not adverse.any():
            continue
        units = np.full(profit.size, math.inf)
        units[adverse] = np.maximum(limit.left[adverse], 0.0) / -profit[adverse]
        at = int(np.argmin(units))
        if units[at] < best.size:
            best = Room(limit=limit.name, size=float(units[at]), reason=told(found, limit, at))
    return best


def worsened(before: Stress, after: Stress) -> Room | None:
    """The limit that a changed book breaks and leaves less of than before; None where none."""
    for was, limit in zip(before.limits, after.limits, strict=True):
        at = int(np.argmin(limit.left))
        if limit.left[at] < 0.0 and limit.left[at] < float(was.left.min()):
            return Room(limit=limit.name, size=0.0, reason=told(after, limit, at))
    return None


def growth(
    book: Book, market: Market, rules: Rules, now: int, lots: Mapping[str, int]
) -> Room | None:
    """Why these legs may not be held at so many lots; None where they may, or nothing limits it."""
    if not rules.scenario.stresses:
        return None
    before = stress(book, market, rules, now)
    after = stress(book, market, rules, now, lots=lots)
    for found in (before, after):
        if isinstance(found, Refusal):
            return unknown(found)
    assert isinstance(before, Stress)
    assert isinstance(after, Stress)
    return worsened(before, after)


def unknown(why: Refusal) -> Room:
    """No room, as the book cannot be valued."""
    return Room(limit=LOSS, size=0.0, reason=f"no scenario can be told: {why.reason}")


def allowed(found: Stress, delta: float) -> Room | None:
    """How much of a trade [coin] the limits let through, None where all of it.

    A trade after which the worst cell is better than before is always let through.
    """
    profit = found.of_delta(delta)
    after = float((found.left + profit).min())
    if after >= 0.0 or after > found.worst:
        return None
    most = room(found, profit)
    return Room(limit=most.limit, size=abs(delta) * min(most.size, 1.0), reason=most.reason)


def told(found: Stress, limit: Limit, at: int) -> str:
    """One cell of one limit in words, with its numbers."""
    move, vol = found.cells.move[at] - 1.0, found.cells.vol_ratio[at]
    cell = f"at spot {100.0 * move:+g} % and vol {100.0 * vol:+g} %"
    used, most = limit.used[at], limit.most
    if limit.name == MARGIN:
        return f"{cell} {limit.words} would be {used:.1%}, at most {most:.1%}"
    unit = "coin" if found.coin else "quote currency"
    return f"{cell} {limit.words} would be {used:,.4g} {unit}, at most {most:,.4g}"


def _maintained(held: Holdings, rule: ScenarioRule, balances: Collateral, cells: Shocks) -> Limit:
    """Maintenance in each cell against the balance that is left there, in the tighter currency."""
    balance, _, asked = margin_under(held, balances, MODELS[rule.margin], cells, VOLS)
    moved = held.spot * cells.move
    pairs = [(balance[0], asked[0]), (balance[1] * moved, asked[1] * moved)]
    if rule.crossed:
        pairs = [(pairs[0][0] + pairs[1][0], pairs[0][1] + pairs[1][1])]
    left = np.min([has - wants / rule.ratio_max for has, wants in pairs], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [
            np.where(has > 0.0, wants / has, np.where(wants > 0.0, np.inf, 0.0))
            for has, wants in pairs
        ]
    used = np.max(parts, axis=0)
    words = "maintenance over the margin balance"
    return Limit(MARGIN, left / (moved if held.coin else 1.0), used, rule.ratio_max, words)

"""What the scenario limit and the venue's initial margin leave for new delta.

Of the risk only its delta is known: it is taken to fall with spot before its hedge is made, and to
be hedged with a future whose margin is asked for. What the venue asks for the risk itself is not.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from hedger.core.capacity.question import Question
from hedger.core.freshness import hedge_quote
from hedger.core.model import Refusal, Room
from hedger.core.risk.holdings import Future, Holdings, holdings
from hedger.core.risk.margins import Collateral, margin_under
from hedger.core.risk.refresh import collateral
from hedger.core.risk.shocks import shocks
from hedger.core.risk.stress import MODELS, room, stress, unknown

INITIAL = "initial_margin"
_HALVINGS = 30


def scenario_rooms(question: Question) -> tuple[Room, ...]:
    """A room for each limit of the rules that is set; without any, nothing is valued."""
    rule, rooms = question.rules.scenario, []
    if rule.stresses:
        found = stress(question.book, question.market, question.rules, question.now)
        if isinstance(found, Refusal):
            rooms.append(unknown(found))
        else:
            unit = math.copysign(1.0, question.delta)
            rooms.append(room(found, found.of_delta(unit)))
    if rule.initial_max:
        rooms.append(_initial(question))
    return tuple(rooms)


def _initial(question: Question) -> Room:
    """How much more future of the hedge the venue lets the account open."""
    rules, market, now = question.rules, question.market, question.now
    held = holdings(question.book, market, rules, now)
    if isinstance(held, tuple):
        return Room(limit=INITIAL, size=0.0, reason=f"margin is not known: {held[0].reason}")
    balances = collateral(question.book, market, crossed=rules.scenario.crossed)
    if isinstance(balances, str):
        return Room(limit=INITIAL, size=0.0, reason=balances)
    name = rules.hedge.sell if question.sells else rules.hedge.buy
    quote = hedge_quote(market, name, now)
    if not (quote.bid and quote.ask):
        return Room(limit=INITIAL, size=0.0, reason=f"{name} has no price")
    contract, price = question.book.instruments[name], 0.5 * (quote.bid + quote.ask)
    side = -1.0 if question.sells else 1.0

    def used(size: float) -> float:
        amount = side * size * (question.seen.index if contract.inverse else 1.0)
        more = Future(name, "hedge", contract.inverse, amount, price, 1.0)
        return _used(held, balances, more, rules.scenario.margin)

    most = rules.scenario.initial_max
    size = _largest(used, most, 2.0 * rules.limits.position_max)
    reason = f"initial margin is {used(0.0):.1%} of the balance, at most {most:.0%} with the hedge"
    return Room(limit=INITIAL, size=max(size - question.need, 0.0), reason=reason)


def _used(held: Holdings, balances: Collateral, more: Future, model: str) -> float:
    """Initial margin over the margin balance, of the worse currency, with so much more future."""
    same = [f for f in held.futures if f.name == more.name]
    total = more._replace(amount=more.amount + sum(f.amount for f in same))
    others = tuple(f for f in held.futures if f.name != more.name)
    changed = dataclasses.replace(held, futures=(*others, total))
    balance, asked, _ = margin_under(changed, balances, MODELS[model], shocks(move=[1.0]))
    pairs = [(float(has[0]), float(wants[0])) for has, wants in zip(balance, asked, strict=True)]
    if balances.crossed:
        (quote, wants), (coin, more_wants) = pairs
        pairs = [(quote + coin * held.spot, wants + more_wants * held.spot)]
    return max(_over(has, wants) for has, wants in pairs)


def _over(has: float, wants: float) -> float:
    if wants <= 0.0:
        return 0.0
    return wants / has if has > 0.0 else math.inf


def _largest(used: Callable[[float], float], most: float, end: float) -> float:
    """Largest size up to ``end`` at which no more than ``most`` is used; 0 if it is already.

    What is used falls while a future is closed and then rises: what fits is one interval from 0.
    """
    if used(0.0) > most:
        return 0.0
    if used(end) <= most:
        return end
    low, high = 0.0, end
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if used(middle) <= most else (low, middle)
    return low

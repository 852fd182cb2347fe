"""The next option leg to be traded, how much of it, and at which price; or why it must wait.

Whoever closes buys back short legs before long ones go; whoever grows buys the long ones before
more is sold short. No sale leaves a side shorter of cover than it is at its goal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from hedger.core.acts.portions import uncovered
from hedger.core.acts.prices import Price, price
from hedger.core.book import widened
from hedger.core.columns import Book, Market
from hedger.core.exposure import moves
from hedger.core.model import Exposure, Instrument, PlanLine, Refusal, Rules, Target
from hedger.core.plan import bounds, limit_ticks

ROOM = 0.75
"""Share of the way to the hard band that a step may use up: the market moves while it is sent."""


class Leg(NamedTuple):
    """An option leg that is not at its ``goal``; ``lots`` is what may be traded now.

    ``lots`` is signed as the trade is; 0 where none may be for now.
    """

    instrument: Instrument
    held: int
    goal: int
    lots: int
    move: float

    @property
    def is_sale(self) -> bool:
        """Whether lots of it are to be sold."""
        return self.goal < self.held


class Step(NamedTuple):
    """One order, or none; ``refusals`` tell of each leg that cannot go now.

    ``left`` counts the legs that are not at their goal. ``cramped`` says that one could go, were
    the delta at its centre.
    """

    line: PlanLine | None
    refusals: tuple[Refusal, ...]
    left: int
    cramped: bool


class _Span(NamedTuple):
    """Where the delta may lie before the step, and where it may not lie after it [coin]."""

    low: float
    high: float
    floor: float
    ceiling: float

    def room(self, move: float) -> float:
        """How far a trade that moves the delta this way may go."""
        return self.low - self.floor if move < 0.0 else self.ceiling - self.high


def remaining_legs(
    book: Book, now: int, goals: Mapping[str, int] | None = None
) -> tuple[tuple[str, int, int], ...]:
    """(name, lots held, lots to stay) of the living legs that are not where they are wanted.

    Without ``goals`` the book's act says what is to stay, and makes no leg larger.
    """
    if goals is None:
        keep = {} if book.act is None else dict(book.act.keep)
        wanted = {
            name: _goal(book.legs.lots(book.instruments[name]), keep.get(name, 0))
            for name in book.legs.names
        }
    else:
        wanted = dict(goals)
    found = []
    for name, goal in wanted.items():
        contract = book.instruments[name]
        held = book.legs.lots(contract)
        if held != goal and contract.expiry_ms > now:
            found.append((name, held, goal))
    return tuple(found)


def next_leg(
    book: Book,
    market: Market,
    rules: Rules,
    now: int,
    *,
    seen: Exposure,
    band: Target,
    goals: Mapping[str, int] | None = None,
    towards: float = 0.0,
) -> Step:
    """The next order of an act that trades legs; call it with nothing open.

    Parameters
    ----------
    book, market, rules, now
        As for `decide`; ``book.act`` says what is to stay.
    seen : Exposure
        The book's delta as an interval.
    band : Target
        Its hard band is what no step may leave, on either reading of the order.
    goals : mapping of str to int
        Lots of the legs that are to be traded; without, the book's act says what is to stay.
    towards : float
        Where the delta is to go, by its sign: only short legs that take it there as they are
        bought back, which frees margin. 0: any leg.
    """
    legs = _legs(book, market, rules, now, goals)
    if towards:
        legs = tuple(leg for leg in legs if leg.lots > 0 and leg.move * towards > 0.0)
    refusals: list[Refusal] = []
    line, cramped = None, False
    for leg in legs:
        found = price(market, rules, now, leg.instrument, buy=not leg.is_sale, index=seen.index)
        if isinstance(found, Refusal):
            refusals.append(found)
        elif line is None:  # the others wait for their turn, which is nothing to be told of
            fault, lots = _size(leg, found, rules, seen, band)
            cramped = cramped or fault == "cramped"
            if lots:
                line = _line(book, leg, lots, found)
            else:
                refusals.append(_refusal(leg, fault, band))
    return Step(line, tuple(refusals), len(legs), cramped)


class Prospect(NamedTuple):
    """A leg as a person is shown it before anything is asked for; ``reason`` says why it waits."""

    instrument: str
    held: int
    goal: int
    price: float | None
    shown: str
    reason: str


def prospects(
    book: Book, market: Market, rules: Rules, now: int, goals: Mapping[str, int] | None = None
) -> tuple[Prospect, ...]:
    """Every leg that is not at its goal, with the price that it could be traded at now."""
    index = market.index.get(book.underlying)
    if index is None:
        return tuple(
            Prospect(name, held, goal, None, "", "not traded now: no index was ever seen")
            for name, held, goal in remaining_legs(book, now, goals)
        )
    made = []
    for leg in _legs(book, market, rules, now, goals):
        name, buy = leg.instrument.name, not leg.is_sale
        found = price(market, rules, now, leg.instrument, buy=buy, index=index.value)
        if isinstance(found, Refusal):
            made.append(Prospect(name, leg.held, leg.goal, None, "", found.reason))
        else:
            shown = f"{found.lots} lots shown" if found.is_shown else "no size shown"
            made.append(Prospect(name, leg.held, leg.goal, found.price, shown, ""))
    return tuple(made)


def _legs(
    book: Book, market: Market, rules: Rules, now: int, goals: Mapping[str, int] | None
) -> tuple[Leg, ...]:
    """Legs not at their goal: what is bought first, then by expiry."""
    wanted = remaining_legs(book, now, goals)
    if not wanted:
        return ()
    wide = widened(book, [name for name, _, _ in wanted])
    each = dict(zip(wide.legs.names, moves(wide, market, rules, now).tolist(), strict=True))
    spare = _spare(wide, now, {name: goal for name, _, goal in wanted})
    found = []
    for name, held, goal in wanted:
        contract = book.instruments[name]
        lots = goal - held
        if lots < 0:  # cover stays while as much is short of its side
            lots = -min(-lots, math.floor(spare[contract.is_call] / contract.lot + 1e-9))
        found.append(Leg(contract, held, goal, lots, each[name] * contract.lot))
    found.sort(key=lambda leg: (leg.is_sale, leg.instrument.expiry_ms, leg.instrument.name))
    return tuple(found)


def _spare(book: Book, now: int, goals: Mapping[str, int]) -> dict[bool, float]:
    """What may be sold of calls and of puts [coin] with no more uncovered than at the goals."""
    legs, found = book.legs, {}
    ends = {name: goals.get(name, legs.lots(book.instruments[name])) for name in legs.names}
    for is_call in (True, False):
        side = (legs.is_call == is_call) & (legs.expiry_ms > now)
        room = float(legs.quantity[side].sum()) + uncovered(ends, book, now, is_call=is_call)
        found[is_call] = max(room, 0.0)
    return found


def _goal(held: int, keep: int) -> int:
    """What stays of a leg: no act turns one round or makes one larger."""
    return max(min(keep, held), 0) if held > 0 else min(max(keep, held), 0)


def _size(leg: Leg, found: Price, rules: Rules, seen: Exposure, band: Target) -> tuple[str, int]:
    """Why nothing can go, and the signed lots that can."""
    least = max(leg.instrument.min_lots, 1)
    if leg.lots == 0:
        return "covers", 0
    if not math.isfinite(leg.move):
        return "unknown", 0
    sign = 1 if leg.lots > 0 else -1
    most = min(abs(leg.lots), found.lots, int(rules.limits.order_max / leg.instrument.lot + 1e-9))
    if most < least:
        return "too_few" if abs(leg.lots) < least else "too_small", 0
    move = sign * leg.move
    now, centre = _span(seen, band, ROOM), _at_centre(band, ROOM)
    fits = min(most, _fitting(now.room(move), move))
    if fits >= least:
        return "", sign * fits
    if least * abs(move) <= _span(seen, band, 1.0).room(move):
        return "", sign * least
    fits_there = least * abs(move) <= max(centre.room(move), _at_centre(band, 1.0).room(move))
    return "cramped" if fits_there else "hard_band", 0


def _fitting(room: float, move: float) -> int:
    """Lots that fit into a room [coin]; as many as wanted of what has no delta."""
    if move == 0.0:
        return 1 << 53
    return max(math.floor(min(room / abs(move), float(1 << 53))), 0)


def _span(seen: Exposure, band: Target, share: float) -> _Span:
    down, up = band.centre - band.hard_low, band.hard_high - band.centre
    return _Span(seen.low, seen.high, band.centre - share * down, band.centre + share * up)


def _at_centre(band: Target, share: float) -> _Span:
    down, up = band.centre - band.hard_low, band.hard_high - band.centre
    return _Span(band.centre, band.centre, band.centre - share * down, band.centre + share * up)


def _line(book: Book, leg: Leg, lots: int, found: Price) -> PlanLine:
    ticks = limit_ticks(leg.instrument, found.price, bps=0.0, buy=lots > 0)
    low, high = bounds(book, leg.instrument, lots)
    return PlanLine(
        instrument=leg.instrument.name,
        lots=lots,
        limit_ticks=ticks,
        limit_price=ticks * leg.instrument.tick,
        delta=lots * leg.move,
        low=low,
        high=high,
    )


def _refusal(leg: Leg, fault: str, band: Target) -> Refusal:
    name, least = leg.instrument.name, max(leg.instrument.min_lots, 1)
    step = least * abs(leg.move)
    text = {
        "covers": "not sold for now: as much is short of its side, and would stand uncovered",
        "unknown": "its delta is not known: no vol was ever seen beside a two-sided quote",
        "too_few": f"{abs(leg.lots)} lots are fewer than the venue's least order, {least}",
        "too_small": f"fewer than {least} lots are shown, or order_max allows fewer",
        "cramped": f"{least} lots move the delta by {step:.4f}: the hedge must follow first",
        "hard_band": (
            f"{least} lots move the delta by {step:.4f}, beyond the hard band "
            f"[{band.hard_low:+.4f}, {band.hard_high:+.4f}] from its centre"
        ),
    }[fault]
    return Refusal(rule=f"close_{fault}", wanted=0.0, allowed=0.0, reason=text, instrument=name)

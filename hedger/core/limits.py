"""Hard limits: how much of a wanted trade is allowed, every cut with its rule and reason.

A block (nothing allowed) and a cut (less allowed) are both `Refusal` records, never exceptions.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from hedger.core import ladder
from hedger.core.columns import Book
from hedger.core.model import BandRule, LimitRule, Memory, Refusal

MINUTE_MS = 60_000
BUCKET_MS = 1_000


class Allowance(NamedTuple):
    """Signed trade that every limit allows, what was refused, and the least of the limits [coin].

    ``room`` is at least the size of the trade: rounding to lots may not go beyond it.
    """

    size: float
    refusals: tuple[Refusal, ...]
    room: float


def patience(
    band: BandRule,
    memory: Memory,
    *,
    wanted: float,
    index: float,
    now: int,
    hard: bool,
    move: float = 0.0,
) -> Refusal | None:
    """Cooldown, interval and minimum move since the last hedge; none applies beyond the hard band.

    ``move`` is the least relative move of a band that waits for one.
    """
    if hard or not memory.hedges:
        return None
    since = now - memory.hedge_ms
    if abs(since) < band.cooldown_ms:
        return Refusal(
            rule="cooldown",
            wanted=wanted,
            allowed=0.0,
            reason=f"last hedge {since} ms ago, cooldown {band.cooldown_ms} ms",
        )
    if band.interval_ms and now // band.interval_ms == memory.hedge_ms // band.interval_ms:
        return Refusal(
            rule="interval",
            wanted=wanted,
            allowed=0.0,
            reason=f"hedged already in this interval of {band.interval_ms} ms",
        )
    moved = 100.0 * abs(index / memory.hedge_price - 1.0)
    least = max(band.min_move_pct, 100.0 * move)
    if moved < least:
        return Refusal(
            rule="min_move",
            wanted=wanted,
            allowed=0.0,
            reason=f"moved {moved:.3f} % since the last hedge, minimum {least:g} %",
        )
    return None


def allowed(
    rule: LimitRule,
    book: Book,
    *,
    wanted: float,
    held: tuple[float, float],
    reduces: bool,
    now: int,
) -> Allowance:
    """Signed trade [coin] that every limit allows, and what was refused on the way.

    Parameters
    ----------
    rule : LimitRule
        The limits, in coin.
    book : Book
        Gives memory (what was traded in the last minute), hold and confirmation.
    wanted : float
        Signed trade [coin].
    held : (float, float)
        Delta of the hedges [coin] on every reading of what is open, for the position limit.
    reduces : bool
        Whether the trade lowers |delta| on every reading.
    now : int
        The instant of the decision [ms].
    """
    if blocked := _blocked(rule, book, wanted, reduces):
        return Allowance(0.0, (blocked,), 0.0)
    size, sign, refusals = abs(wanted), 1.0 if wanted > 0 else -1.0, []
    caps = most(rule, book, buys=wanted > 0, held=held, now=now)
    for name, cap, reason in caps:
        fits = min(size, max(cap, 0.0))
        if fits < size:
            refusals.append(
                Refusal(rule=name, wanted=sign * size, allowed=sign * fits, reason=reason)
            )
            size = fits
    return Allowance(sign * size, tuple(refusals), min(cap for _, cap, _ in caps))


def most(
    rule: LimitRule, book: Book, *, buys: bool, held: tuple[float, float], now: int
) -> tuple[tuple[str, float, str], ...]:
    """Largest trade that each limit allows in one direction [coin], by name and with its reason."""
    spent = sum(abs(q) for ms, q in book.memory.recent if abs(now - ms) < MINUTE_MS)
    sign = 1.0 if buys else -1.0
    stands = held[1] if buys else -held[0]
    return (
        ("order_max", rule.order_max, f"one order is at most {rule.order_max:g}"),
        (
            "per_minute_max",
            rule.per_minute_max - spent,
            f"{spent:.4f} of {rule.per_minute_max:g} a minute is used",
        ),
        (
            "position_max",
            rule.position_max - stands,
            f"hedges may stand at {sign * stands:+.4f}, at most {rule.position_max:g}",
        ),
    )


def first_most(rule: LimitRule, book: Book) -> float:
    """Largest first trade, as configured or as a person has confirmed [coin]; later ones: any."""
    return math.inf if book.memory.hedges else max(rule.first_trade_max, book.confirmed)


def recent(memory: Memory, now: int, traded: float) -> tuple[tuple[int, float], ...]:
    """Trades of the last minute with one more, summed by the second: at most 61 entries.

    A sum counts as traded at its newest instant, so it leaves the minute no earlier than any part.
    """
    kept = tuple((ms, q) for ms, q in memory.recent if abs(now - ms) < MINUTE_MS)
    if kept and now // BUCKET_MS == kept[-1][0] // BUCKET_MS:
        return (*kept[:-1], (now, kept[-1][1] + traded))
    return (*kept, (now, traded))


def restraint(hold: str, *, stopped: bool) -> str:
    """What a hold or a stop means, and why it is there; empty where neither is.

    Examples
    --------
    >>> restraint("positions differ", stopped=True), restraint("", stopped=False)
    ('stopped: positions differ', '')
    """
    if stopped:
        return f"stopped: {hold}"
    return f"on hold: {hold}" if hold else ""


def hold(book: Book) -> str:
    """Why a hedge may only reduce |delta|: a hold of the book, else what its ladder says."""
    return book.hold or ladder.restraint(book.memory.ladder)


def no_more(book: Book) -> Refusal | None:
    """Why a book may be made no larger at all; a hold, a stop, or a rung that adds nothing."""
    if held := restraint(book.hold, stopped=book.stopped):
        return _block("stopped" if book.stopped else "hold", 0.0, held)
    if barred := ladder.barred(book.memory.ladder):
        return _block("ladder", 0.0, barred)
    return None


def held_back(book: Book, wanted: float, *, reduces: bool, why: str) -> Refusal | None:
    """What a stop says of a trade [coin], or a hold for the reason ``why``; empty: none."""
    if book.stopped:
        return _block("stopped", wanted, f"stopped by a person: {book.hold}")
    if why and not reduces:
        return _block("hold", wanted, f"on hold ({why}) and |delta| might grow")
    return None


def _blocked(rule: LimitRule, book: Book, wanted: float, reduces: bool) -> Refusal | None:
    if back := held_back(book, wanted, reduces=reduces, why=hold(book)):
        return back
    first = first_most(rule, book)
    if abs(wanted) > first:
        return _block(
            "first_trade_max",
            wanted,
            f"a first trade of {wanted:+.4f} exceeds {first:g}: check numeraire and base_coin, "
            f"then confirm with: hedger resume {book.name} --confirm {_at_least(wanted)}",
        )
    return None


def _at_least(size: float) -> str:
    """A size in four decimals, rounded up, so that confirming it is enough."""
    return f"{math.ceil(abs(size) * 1e4) / 1e4:.4f}"


def _block(rule: str, wanted: float, reason: str) -> Refusal:
    return Refusal(rule=rule, wanted=wanted, allowed=0.0, reason=reason)

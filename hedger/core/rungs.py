"""What follows from a rung: the measures that it is climbed by, the peak, and the act asked for.

Pure, and the one place for live service and crash runs alike.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

import msgspec

from hedger.core.ladder import Rung, Standing, drawdown, presses
from hedger.core.model import (
    Account,
    Act,
    ActKind,
    BookState,
    LadderRule,
    LadderState,
    Measure,
    Measured,
    Rules,
)

WHO = "the ladder"
DRAWDOWN = "drawdown"
PEAK_STEP = 1e-3
"""A new peak is written down once it is so much above the last, not with every tick."""


def measures(found: Measured, *, loss_max: float) -> tuple[Measure, ...]:
    """What was measured of a book's risk, as a ladder reads it; what could not be is not known.

    A distance is told as a move of spot, by the nearer side: 1 - exp(-distance); a tail loss over
    the limit, which is 0 where there is none.
    """
    away, loss = found.distance, found.loss
    values = {
        "margin_ratio": found.ratio,
        "liquidation_distance": None if away is None else -math.expm1(-away),
        "scenario_loss": None if loss is None or not loss_max else loss / loss_max,
    }
    return tuple(
        Measure(name=name, value=value, time_ms=found.time_ms) for name, value in values.items()
    )


def equity(accounts: Iterable[Account], *, index: float, rules: Rules, paid_in: float) -> float:
    """Equity of a book in its numeraire, without the coin that its owner paid in since.

    Of a holding that is not hedged the coins count, whatever they are worth.
    """
    found = tuple(accounts)
    coin = sum(account.equity for account in found) - paid_in
    coin += sum(account.quote_equity or 0.0 for account in found) / index
    in_coin = rules.numeraire == "coin" or rules.base_coin + paid_in > 0.0
    return coin if in_coin else coin * index


def peaked(before: LadderState, now_equity: float, time_ms: int) -> tuple[LadderState, Measure]:
    """The state with a higher peak where there is one, and the drawdown from it."""
    peak = max(before.peak, now_equity)
    fall = Measure(name=DRAWDOWN, value=drawdown(peak, now_equity), time_ms=time_ms)
    if now_equity <= before.peak * (1.0 + PEAK_STEP):
        return before, fall
    return msgspec.structs.replace(before, peak=now_equity), fall


def wanted(
    rule: LadderRule,
    state: BookState,
    standing: Standing,
    now: int,
    *,
    hedges: Collection[str],
    wall_ms: int,
) -> Act | None:
    """The act that a rung asks for now; None where none is, or one is under way.

    A reduction goes before a change of scale, which has no end of its own while a leg waits.

    Parameters
    ----------
    rule, state, standing
        The ladder, the book as stored, and where it stands after this look.
    now : int
        Market time of the look [ms].
    hedges : collection of str
        Hedge instruments: these are no part of what is reduced.
    wall_ms : int
        When the act counts as asked for, by the wall clock [ms].
    """
    rung, reason = standing.rung, "; ".join(standing.reasons)
    kind = None if state.act is None else state.act.kind
    if rung is Rung.CLOSE and kind is not ActKind.CLOSE:
        return _act(ActKind.CLOSE, reason, wall_ms)
    if kind is not None and not (rung is Rung.REDUCE and kind is ActKind.SCALE):
        return None
    if rung is Rung.STOP_ADDING and state.intents and _just_entered(state, rung):
        return _act(ActKind.CANCEL, reason, wall_ms)
    last = standing.state.reduced_ms
    waited = not last or now - last >= rule.hold_ms
    if rung is Rung.REDUCE and waited and presses(standing.state):
        keep = tuple(
            (name, int(lots * rule.reduce_to))
            for name, lots in sorted(state.positions.items())
            if name not in hedges
        )
        return _act(ActKind.REDUCE, reason, wall_ms, keep)
    return None


def outlived(state: BookState, standing: Standing) -> bool:
    """Whether a reduction of the ladder's is under way that it does not want any more."""
    act = state.act
    return (
        act is not None
        and act.kind is ActKind.REDUCE
        and act.who == WHO
        and standing.rung < Rung.REDUCE
        and not standing.blind
    )


def _just_entered(state: BookState, rung: Rung) -> bool:
    before = state.memory.ladder
    return before is None or before.rung < rung


def _act(kind: ActKind, reason: str, wall_ms: int, keep: tuple[tuple[str, int], ...] = ()) -> Act:
    return Act(kind=kind, who=WHO, reason=reason, asked_ms=wall_ms, keep=keep)

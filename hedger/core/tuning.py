"""Self-tuning: cost and vol of a band follow what is measured, slowly and within hard limits.

Nothing else is touched; the risk aversion is its owner's. A change is made once a day at most, it
widens the band by at most a tenth, and never while vol rises or is not known to fall. What was
tuned is a factor on what is found, so that everything found still counts at once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from msgspec.structs import replace

from hedger.core.bands.adaptive import WIDTHS, half_widths
from hedger.core.columns import Book
from hedger.core.model import BandRule, Decision, Tuning

DAY_MS = 86_400_000
WIDER_MAX = 1.1
COST_MAX, VOL_MAX = 4.0, 2.0
"""Factors stay between these and their inverses."""
SHARES = (1.0, 0.75, 0.5, 0.25, 0.1, 0.05)
"""Parts of the way to what is measured, the largest that fits is taken."""
LEAST = 0.01
"""A smaller change is not worth a journal entry."""
FILLS_MIN = 5
"""Own fills behind a measured cost."""


class Evidence(NamedTuple):
    """What was measured: one-way cost rate and vol, 0 where unknown, and the vol an hour before."""

    cost: float
    vol: float
    vol_before: float

    @property
    def vol_rises(self) -> bool:
        """Whether vol rises, or is not known not to."""
        return not 0.0 < self.vol <= self.vol_before


def measured_cost(book: Book, decision: Decision) -> float:
    """Fee, half-spread and the mean slippage of own fills at the dearer hedge; 0 if unknown."""
    memory, rates = decision.memory, []
    for quote in decision.quotes:
        if not (quote.bid and quote.ask):
            return 0.0
        half = (quote.ask - quote.bid) / (quote.ask + quote.bid)
        rates.append(max(book.instruments[quote.instrument].fees.taker, 0.0) + half)
    if memory.fills < FILLS_MIN or not rates:
        return 0.0
    return max(rates) + max(memory.slippage, 0.0)


def tuned(
    rule: BandRule, decision: Decision, evidence: Evidence, *, lot_delta: float
) -> Tuning | None:
    """The next tuning of a band; None where it stays as it is.

    Parameters
    ----------
    rule : BandRule
        Must allow it, and have a width.
    decision : Decision
        The newest of the book: its band's inputs and the tuning that is in force.
    evidence : Evidence
        What was measured.
    lot_delta : float
        Delta of one lot of the hedge [coin].

    Notes
    -----
    The target is cost measured over cost given (where ``cost_bps`` gives one; else it is measured
    anyway) and forecast over implied vol (where implied is used). Of the way there, in logarithms,
    the largest share is taken whose half-width, at the inputs of this instant, is not above the
    present one times what is allowed.
    """
    terms = decision.target.inputs if decision.target is not None else None
    seen, now = decision.exposure, decision.memory.tuning
    if rule.tuning != "on" or rule.kind not in WIDTHS or terms is None or seen is None:
        return None
    if decision.time_ms - now.changed_ms < DAY_MS or not (terms.cost > 0.0 < terms.vol):
        return None
    cost, vol = terms.cost / terms.tuned_cost, terms.vol / terms.tuned_vol
    goal = _goal(rule, evidence, cost=cost, vol=vol)

    def width(candidate: Tuning) -> float:
        moved = replace(terms, cost=cost * candidate.cost, vol=vol * candidate.vol)
        return half_widths(rule, moved, seen.curve, index=seen.index, lot_delta=lot_delta).edge

    most = (1.0 if evidence.vol_rises else WIDER_MAX) * width(now)
    for share in SHARES:
        candidate = Tuning(
            cost=now.cost * (goal.cost / now.cost) ** share,
            vol=now.vol * (goal.vol / now.vol) ** share,
            changed_ms=decision.time_ms,
        )
        if max(abs(candidate.cost / now.cost - 1.0), abs(candidate.vol / now.vol - 1.0)) < LEAST:
            return None
        if width(candidate) <= most:
            return candidate
    return None


def _goal(rule: BandRule, evidence: Evidence, *, cost: float, vol: float) -> Tuning:
    """Where cost and vol should be; 1 where there is nothing to tune, or nothing known."""
    by_cost = by_vol = 1.0
    if rule.cost_bps and math.isfinite(evidence.cost) and evidence.cost > 0.0:
        by_cost = min(max(evidence.cost / cost, 1.0 / COST_MAX), COST_MAX)
    if rule.vol == "implied" and math.isfinite(evidence.vol) and evidence.vol > 0.0:
        by_vol = min(max(evidence.vol / vol, 1.0 / VOL_MAX), VOL_MAX)
    return Tuning(cost=by_cost, vol=by_vol)

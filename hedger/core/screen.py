"""A shelf of books, market, now -> which of them surely need no decision; pure, without branches.

A screen is `decide` for the commonest case alone: every input there and fresh, nothing open,
nothing in doubt, the delta inside the triggers. Then `decide` would say "no trade" with the reason
``inside_band``. Whatever else it might say, and whatever cannot be judged, is flagged: comparisons
with an unknown number are false, and only what passes all of them is not flagged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hedger.core.columns import Bools, Floats, Ints, Market, index_name
from hedger.core.exposure import Deltas, Layout, deltas, layout, triggers
from hedger.core.freshness import FUTURE_MS_MAX
from hedger.core.shelf import NEVER_MS, UNITS, Shelf

REASON = "inside_band"
"""The reason that `decide` gives for every book that is not flagged."""


@dataclass(frozen=True, slots=True)
class Screened:
    """Per slot: whether nothing is to be done, and the instant at which an input becomes too old.

    ``limit_ms`` is that of `hedger.service.scheduler.data_limit_ms`, and never for a flagged book.
    """

    quiet: Bools
    limit_ms: Ints
    laid_out: Layout


def screen(shelf: Shelf, market: Market, now: int, *, laid_out: Layout | None = None) -> Screened:
    """Which books of a shelf are surely inside their bands at one instant.

    Parameters
    ----------
    shelf : Shelf
        Books of this market.
    market : Market
        Snapshot of the board.
    now : int
        Market time [ms].
    laid_out : Layout, optional
        That of an earlier screen of this shelf; used while the positions are the same.

    Returns
    -------
    Screened
        (slots,) each; free slots are flagged.
    """
    if laid_out is None or laid_out.version != shelf.version:
        laid_out = layout(shelf)
    if not market.row or not shelf.held:
        nothing = np.zeros(laid_out.slots, dtype=np.bool_)
        return Screened(nothing, np.full(laid_out.slots, NEVER_MS), laid_out)
    with np.errstate(all="ignore"):  # what is unknown is NaN, and flagged for it
        seen = deltas(shelf, laid_out, market, now)
        low, high = _triggers(shelf.cards, seen)
        if (follows := shelf.cards["kind"] >= 0).any():
            bent = triggers(shelf.cards, laid_out, market, now, seen)
            low = np.where(follows, bent.low + bent.error, low)
            high = np.where(follows, bent.high - bent.error, high)
        inside = (seen.delta - seen.error >= low) & (seen.delta + seen.error <= high)
    quiet = shelf.cards["judged"] & inside & ~seen.doubtful & np.isfinite(seen.delta)
    fresh, limit_ms = _fresh(shelf.cards, seen, market, now)
    quiet &= fresh & ~_unpriced(shelf.cards, laid_out, market, now)
    quiet &= ~_suspected(shelf, laid_out, market)
    return Screened(quiet, np.where(quiet, limit_ms, NEVER_MS), laid_out)


def _triggers(cards: NDArray[Any], seen: Deltas) -> tuple[Floats, Floats]:
    """Where a fixed band asks for a trade, as `hedger.core.policy` says; drawn in by rounding."""
    scales = [np.ones_like(seen.index), 1.0 / seen.index, seen.gross]
    unit = cards["unit"]
    scale = np.select([unit == n for n in range(len(UNITS))], scales, np.nan)
    lower, upper = cards["lower"] * scale, cards["upper"] * scale
    middle, narrow = 0.5 * (lower + upper), upper - lower < seen.lot_delta
    lower = np.where(narrow, middle - 0.5 * seen.lot_delta, lower)
    upper = np.where(narrow, middle + 0.5 * seen.lot_delta, upper)
    half = 0.5 * (upper - lower)
    clip = np.minimum(0.5 * np.maximum(cards["clip_min"] * half, seen.lot_delta), half)
    clip = np.where(cards["edge"], clip, 0.0)
    error = 1e-9 * (np.abs(lower) + np.abs(upper) + seen.lot_delta)
    return lower - clip + error, upper + clip - error


def _fresh(cards: NDArray[Any], seen: Deltas, market: Market, now: int) -> tuple[Bools, Ints]:
    """Whether hedge quotes, index and account are there and fresh, and when one will not be."""
    fresh = _within(now - seen.index_ms, cards["forward_age"]) & (seen.index_ms >= 0)
    limit_ms = seen.index_ms + cards["forward_age"] + 1
    uses_account = ~cards["coin"] | cards["linear"]
    fresh &= ~uses_account | _within(now - seen.account_ms, cards["forward_age"])
    for hedge in (cards["buy"], cards["sell"]):
        quote_ms = market.quote_ms[hedge["row"]]
        fresh &= _within(now - quote_ms, cards["quote_age"]) & (quote_ms >= 0)
        fresh &= np.isfinite(market.bid[hedge["row"]]) & np.isfinite(market.ask[hedge["row"]])
        fresh &= now < hedge["settles_ms"]
        limit_ms = np.minimum(limit_ms, quote_ms + cards["quote_age"] + 1)
    return fresh, limit_ms


def _within(age_ms: Ints, limit_ms: Ints) -> Bools:
    """Whether ages are within their limits, and of no instant that is yet to come."""
    return np.asarray((age_ms <= limit_ms) & (age_ms >= -FUTURE_MS_MAX))


def _unpriced(cards: NDArray[Any], laid_out: Layout, market: Market, now: int) -> Bools:
    """Which books hold a living future without a fresh price."""
    slot, row, expiry_ms = laid_out.futures.slot, laid_out.futures.row, laid_out.futures.expiry_ms
    priced = np.isfinite(market.ratio[row])
    priced &= _within(now - market.ratio_ms[row], cards["vol_age"][slot])
    wrong = slot[~priced & (expiry_ms > now)]
    return np.bincount(wrong, minlength=laid_out.slots) > 0


def _suspected(shelf: Shelf, laid_out: Layout, market: Market) -> Bools:
    """Which books would be decided on a price that jumped and that nothing confirms yet."""
    cards = shelf.cards
    found = np.zeros(laid_out.slots, dtype=np.bool_)
    for number, underlying in enumerate(shelf.underlyings):
        if index_name(underlying) in market.suspects:
            found |= cards["underlying"] == number
    for row in (market.row[name] for name in market.suspects if name in market.row):
        found |= (cards["buy"]["row"] == row) | (cards["sell"]["row"] == row)
        found[laid_out.futures.slot[laid_out.futures.row == row]] = True
    return found

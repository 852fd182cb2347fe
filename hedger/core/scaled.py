"""A book's configured scalers at one instant: what they say, joined, and what they must remember.

Models of the book and the centre speak before the band is made, those of the trade once a trade is
wanted. A model of the book gives a scale, which is shown; nothing here lets it touch a hedge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from hedger.core.columns import Book, Market
from hedger.core.freshness import forecast_vol
from hedger.core.model import (
    MS_PER_DAY,
    BandRule,
    Decision,
    Exposure,
    Measured,
    Memory,
    Refusal,
    Rules,
    Scales,
    Scaling,
    Sizing,
    Traffic,
    VolRegimeRule,
)
from hedger.core.sizing.combine import Scaled, combine
from hedger.core.sizing.congestion import clip, congestion
from hedger.core.sizing.grid import MODEL as GRID
from hedger.core.sizing.grid import grid
from hedger.core.sizing.kelly import kelly
from hedger.core.sizing.margin import margin
from hedger.core.sizing.signal import signal
from hedger.core.sizing.static import static
from hedger.core.sizing.value_at_risk import value_at_risk
from hedger.core.sizing.vol_regime import vol_regime
from hedger.core.sizing.vol_target import vol_target

LONG_VOL, LONG_VOL_MS = "long_vol", "long_vol_ms"
"""What the regime remembers: the mean vol, and the instant up to which it was taken."""
LONG_STEP_MS = 3_600_000
_NOTHING = Measured(time_ms=0)


class Scalings(msgspec.Struct, frozen=True, kw_only=True):
    """All that was said and what it comes to; ``scales`` is to be remembered."""

    scaled: Scaled
    scales: tuple[tuple[str, float], ...]
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...]

    @property
    def scale(self) -> float | None:
        """The scale of the book; None where no model speaks of it."""
        speaks = any(one.what == Scales.BOOK for one in self.scaled.parts)
        return self.scaled.book if speaks else None


def scalings(book: Book, market: Market, rules: Rules, now: int, seen: Exposure) -> Scalings | None:
    """What the models of book and centre say now; None for a book without scalers.

    One that cannot judge holds what it said before: of the book it says so, of the centre a refusal
    with its reason is added, as delta is then held where nobody asks for it any more.
    """
    sizing = rules.sizing
    if sizing is None:
        return None
    before = dict(book.memory.scales)
    now_said = dict(before)
    parts = [
        *_book(sizing, book, market, now, before, now_said),
        *_centre(sizing, book, market, rules, now, seen, before, now_said),
    ]
    if sizing.congestion is not None:
        parts.append(clip(sizing.congestion, _traffic(book, seen)))
    total = combine(parts, shift_max=sizing.shift_max)
    asked = sum(one.shift for one in parts)
    notes = (
        (f"the centre's shifts come to {asked:+.4f}, held at {total.shift:+.4f}",)
        if abs(asked - total.shift) > 1e-12
        else ()
    )
    return Scalings(
        scaled=total,
        scales=tuple(sorted(now_said.items())) if now_said != before else book.memory.scales,
        refusals=tuple(
            Refusal(rule=one.model, wanted=0.0, allowed=0.0, reason=one.reason)
            for one in parts
            if one.what == Scales.CENTRE and not one.is_known
        ),
        notes=notes,
    )


def remembered(memory: Memory, found: Scalings | None) -> Memory:
    """Memory with what the models said; the same where they said nothing new."""
    if found is None or found.scales == memory.scales:
        return memory
    return msgspec.structs.replace(memory, scales=found.scales)


def kept(memory: Memory, decision: Decision) -> Memory:
    """What is to be kept of a decision that sends nothing: what scalers said, if that is new.

    A level of a grid is passed once, whether or not that led to a trade, and a wish for another
    scale is as old as it is.
    """
    scales, resized = decision.memory.scales, decision.memory.resized
    if (scales, resized) == (memory.scales, memory.resized):
        return memory
    return msgspec.structs.replace(memory, scales=scales, resized=resized)


def widened(band: BandRule, found: Scalings | None) -> BandRule:
    """The band with the least order that the models ask for; a clip is a half-width at most."""
    if found is None or found.scaled.clip == 1.0:
        return band
    return msgspec.structs.replace(
        band, clip_min=max(band.clip_min, min(band.clip_min * found.scaled.clip, 1.0))
    )


def waiting(
    book: Book, rules: Rules, seen: Exposure, *, wanted: float, urgent: bool
) -> tuple[Scaling | None, Refusal | None]:
    """What congestion says of a trade, and why it waits if it does; an urgent one never does."""
    rule = rules.sizing.congestion if rules.sizing is not None else None
    if rule is None:
        return None, None
    said = congestion(rule, _traffic(book, seen), urgent=urgent)
    if said.factor > 0.0:
        return said, None
    return said, Refusal(rule=said.model, wanted=wanted, allowed=0.0, reason=said.reason)


# --- models of the book -------------------------------------------------------------------------


def _book(
    sizing: Sizing,
    book: Book,
    market: Market,
    now: int,
    before: dict[str, float],
    now_said: dict[str, float],
) -> Sequence[Scaling]:
    """All that are on; each remembers its factor, once that is not 1."""
    measured = book.readings.measured or _NOTHING
    age_ms = None if book.readings.measured is None else now - measured.time_ms
    found = []
    if (target := sizing.vol_target) is not None:
        last = before.get("vol_target", 1.0)
        risk = _base(measured.risk, measured)
        found.append(vol_target(target, risk=risk, age_ms=age_ms, before=last))
    if (regime := sizing.vol_regime) is not None:
        found.append(_regime(regime, book, market, now, before, now_said))
    if (optimum := sizing.kelly) is not None:
        last = before.get("kelly", optimum.cap)
        found.append(kelly(optimum, optimum=measured.optimum, age_ms=age_ms, before=last))
    if (tail := sizing.tail) is not None:
        found.append(
            value_at_risk(
                tail,
                loss=_base(measured.loss, measured),
                age_ms=age_ms,
                before=before.get("value_at_risk", tail.cap),
                measured=measured.loss_of,
            )
        )
    if (rule := sizing.margin) is not None:
        found.append(
            margin(
                rule,
                ratio=measured.ratio,
                distance=measured.distance,
                age_ms=age_ms,
                held=measured.scale,
                before=before.get("margin", 1.0),
            )
        )
    for one in found:
        if one.is_known and (one.factor != 1.0 or one.model in before):
            now_said[one.model] = one.factor
    if not measured.reason:
        return found
    return [one if one.is_known else _because(one, measured.reason) for one in found]


def _base(value: float | None, measured: Measured) -> float | None:
    """A measure of the base book, which is linear in size."""
    return None if value is None or not measured.scale > 0.0 else value / measured.scale


def _because(one: Scaling, reason: str) -> Scaling:
    return msgspec.structs.replace(one, reason=f"{one.reason} ({reason})")


def _regime(
    rule: VolRegimeRule,
    book: Book,
    market: Market,
    now: int,
    before: dict[str, float],
    now_said: dict[str, float],
) -> Scaling:
    """Vol now against its own mean, an exponential one that is taken on once an hour."""
    short = forecast_vol(market, book.underlying, now)
    mean, since = before.get(LONG_VOL), before.get(LONG_VOL_MS)
    if short > 0.0:
        if mean is None or since is None or now < since:
            mean = short
            now_said |= {LONG_VOL: short, LONG_VOL_MS: float(now)}
        elif now - since >= LONG_STEP_MS:
            kept = math.exp(-(now - since) / (rule.long_days * MS_PER_DAY))
            mean = math.sqrt(kept * mean * mean + (1.0 - kept) * short * short)
            now_said |= {LONG_VOL: mean, LONG_VOL_MS: float(now)}
    reading = book.readings.signal
    fresh = reading.time_ms is not None and 0 <= now - reading.time_ms <= rule.age_ms_max
    return vol_regime(
        rule,
        short_vol=short if short > 0.0 else None,
        long_vol=mean,
        signal=reading.value if fresh else None,
        age_ms=0 if short > 0.0 else None,
        before=before.get("vol_regime", 1.0),
    )


# --- models of the centre -----------------------------------------------------------------------


def _centre(
    sizing: Sizing,
    book: Book,
    market: Market,
    rules: Rules,
    now: int,
    seen: Exposure,
    before: dict[str, float],
    now_said: dict[str, float],
) -> Sequence[Scaling]:
    """All that are on; the signal remembers its shift, the grid its level."""
    found = []
    if sizing.static is not None:
        found.append(static(sizing.static, spot=seen.index, before=0.0))
    if sizing.signal is not None:
        reading = book.readings.signal
        vol = forecast_vol(market, book.underlying, now) or _implied(book, market, rules, now)
        said = signal(
            sizing.signal,
            value=reading.value,
            age_ms=None if reading.time_ms is None else now - reading.time_ms,
            vol=vol,
            before=before.get("signal", 0.0),
        )
        found.append(
            said if said.is_known or not reading.reason else _because(said, reading.reason)
        )
        if said.shift != before.get("signal", 0.0):
            now_said["signal"] = said.shift
    if sizing.grid is not None:
        last = round(before.get(GRID, 0.0))
        said, level = grid(sizing.grid, spot=seen.index, anchor=sizing.grid_anchor, before=last)
        found.append(said)
        if level != last:
            now_said[GRID] = float(level)
    return found


def _implied(book: Book, market: Market, rules: Rules, now: int) -> float | None:
    """Mean vol of the living legs by size, of those that are fresh; None where none is."""
    rows, size = book.legs.places(market).rows, np.abs(book.legs.quantity)
    age_ms = now - market.vol_ms[rows]
    fresh = (rows >= 0) & (book.legs.expiry_ms > now) & (market.vol[rows] > 0.0)
    fresh &= (age_ms >= 0) & (age_ms <= rules.data.vol_age_ms_max)
    total = float(size[fresh].sum())
    return float(size[fresh] @ market.vol[rows][fresh]) / total if total > 0.0 else None


def _traffic(book: Book, seen: Exposure) -> Traffic:
    """How it goes at the venue, with the share of legs that are stale here."""
    if not seen.legs:
        return book.readings.traffic
    stale = 1.0 - seen.fresh_legs / seen.legs
    return msgspec.structs.replace(book.readings.traffic, stale_share=stale)

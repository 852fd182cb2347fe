"""A journal entry as bytes: everything that explains a decision, written once.

The bytes are JSON that begins with its version. What stands elsewhere in the entry is left out and
put back when it is read: zeros, sums over the expiries, the ends of an interval that is a point,
the fields that an order shares with its line of the plan. Expiries are a table under one row of
names. Amounts are rounded to 1e-9 coin or at least eight digits, far below any lot, and the ladder
of spots, from which nothing was decided, is not written: fifty legs take less than 2 kB.
"""

from __future__ import annotations

from itertools import repeat
from operator import attrgetter
from typing import TypeVar

import msgspec
from msgspec.structs import asdict

from hedger.core.model import (
    UNTUNED,
    Action,
    Curve,
    Decision,
    Doubt,
    Exposure,
    HedgeQuote,
    Intent,
    Memory,
    Plan,
    PlanLine,
    Record,
    Reference,
    Refusal,
    Resize,
    Resized,
    Scaling,
    Target,
    Tuning,
)
from hedger.service.entry import Timings

VERSION = 2
"""Of what is written; entries of version 1, which say no version, are read too."""
_DIGITS = 9
SUMMED = ("gamma", "vega", "theta")
"""Of the whole book the sums of these columns."""
_ALWAYS: tuple[str, ...] = ("expiry_ms", "legs", "forward", "delta", "value_coin", *SUMMED)
_FORMATS = dict.fromkeys(_ALWAYS, "%.10g") | {
    **dict.fromkeys(SUMMED, "%.8g"),
    **dict.fromkeys(("delta", "delta_low", "delta_high", "delta_black"), "%.12g"),
    **dict.fromkeys(("expiry_ms", "legs", "inverse"), "%d"),
}
"""Digits of each column; those of the delta are enough for its lines to add up."""
POINTS = ("delta_low", "delta_high", "delta_black")
"""Columns that mostly repeat the delta: written where they do not."""


_STRAIGHT = Curve()
_R = TypeVar("_R", bound=Record)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What an intent has beside its line of the plan."""

    id: str
    deadline_ms: int
    venue: str
    account: str


class Table(msgspec.Struct, frozen=True):
    """Expiry lines under one row of names."""

    columns: list[str]
    rows: msgspec.Raw


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An exposure; what is left out is 0, of an interval the point itself, of the ratio 1."""

    numeraire: str
    index: float
    book_delta: float
    ratio: float | None = None
    options_delta: float | None = None
    futures_delta: float | None = None
    hedge_delta: float | None = None
    cash_delta: float | None = None
    equity: float | None = None
    base_coin: float | None = None
    options_value: float | None = None
    gross_delta: float | None = None
    low: float | None = None
    high: float | None = None
    hedge_low: float | None = None
    hedge_high: float | None = None
    expiries: Table | None = None
    doubts: tuple[Doubt, ...] = ()
    curve: Curve = _STRAIGHT


class Planned(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A plan; all is allowed, and what is expected is one number, where the second is left out."""

    wanted: float
    allowed: float | None = None
    slippage_bps: float
    reduces: bool
    expected: float
    expected_high: float | None = None
    lines: tuple[PlanLine, ...] = ()


class Remembered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A memory; the hedges of the last minute are one sum, at the time of the newest.

    The last hedge is this one where its time and price are left out.
    """

    hedges: int = 0
    hedge_ms: int | None = None
    hedge_price: float | None = None
    stage: int = 0
    recent: tuple[tuple[int, float], ...] = ()
    avoid: tuple[tuple[str, int], ...] = ()
    risk_aversion: float | None = None
    fills: int = 0
    delay_ms: float | None = None
    slippage: float | None = None
    tuning: Tuning = UNTUNED
    scales: tuple[tuple[str, float], ...] = ()
    resized: Resized | None = None


class Written(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry as it is written, at the instant in its id; ``orders`` are the plan's intents."""

    v: int
    id: str
    book: str
    time_ms: int
    seq: int
    config: str
    action: Action
    reason: str
    text: str
    worker: str
    epoch: int
    quotes: tuple[HedgeQuote, ...] = ()
    index_age_ms: int | None = None
    positions: tuple[tuple[str, int], ...] = ()
    open_intents: int = 0
    exposure: Seen | None = None
    target: Target | None = None
    scalings: tuple[Scaling, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    plan: Planned | None = None
    memory: Remembered | None = None
    hold: str = ""
    act: str = ""
    rung: str = ""
    scale: float | None = None
    reference: Reference | None = None
    resize: Resize | None = None
    intents: tuple[Intent, ...] = ()
    orders: tuple[Order, ...] = ()
    timings: Timings | None = None
    repeats: int = 1


_SHORTER = ("exposure", "target", "plan", "memory")
"""Fields of a decision that are written in another form; the others are written as they are."""
_ALIKE = tuple(name for name in Decision.__struct_fields__ if name not in _SHORTER)
_alike = attrgetter(*_ALIKE)
NOTHING = Memory()
_encode = msgspec.json.Encoder().encode


def encoded(
    decision: Decision,
    *,
    entry_id: str,
    worker: str,
    epoch: int,
    intents: tuple[Intent, ...] = (),
    timings: Timings | None = None,
    repeats: int = 1,
) -> bytes:
    """A decision, and what `Entry` has beside it, as the bytes of a journal entry."""
    orders = _orders(decision, intents, entry_id)
    return _encode(
        Written(
            v=VERSION,
            id=entry_id,
            worker=worker,
            epoch=epoch,
            **dict(zip(_ALIKE, _alike(decision), strict=True)),
            exposure=None if decision.exposure is None else _seen(decision.exposure),
            target=None if decision.target is None else _short(decision.target),
            plan=None if decision.plan is None else _plan(decision.plan),
            memory=None if decision.memory == NOTHING else _memory(decision),
            intents=() if orders else intents,
            orders=orders,
            timings=timings,
            repeats=repeats,
        )
    )


def _orders(decision: Decision, intents: tuple[Intent, ...], entry_id: str) -> tuple[Order, ...]:
    """The intents in short, where this decision's plan made them; else nothing."""
    lines = decision.plan.lines if decision.plan is not None else ()
    if len(lines) != len(intents) or not all(map(_made, intents, lines, repeat(entry_id))):
        return ()
    return tuple(
        Order(id=i.id, deadline_ms=i.deadline_ms, venue=i.venue, account=i.account) for i in intents
    )


def _made(intent: Intent, line: PlanLine, entry_id: str) -> bool:
    """Whether an intent is a line of the plan of the decision with this id."""
    return (
        intent.decision == entry_id
        and intent.instrument == line.instrument
        and intent.lots == line.lots
        and (intent.low, intent.high) == (line.low, line.high)
    )


def _seen(exposure: Exposure) -> Seen:
    delta, hedge = exposure.book_delta, exposure.hedge_delta
    return Seen(
        numeraire=exposure.numeraire,
        index=exposure.index,
        book_delta=_coin(delta),
        ratio=None if exposure.ratio == 1.0 else exposure.ratio,
        options_delta=_coin(exposure.options_delta) or None,
        futures_delta=_coin(exposure.futures_delta) or None,
        hedge_delta=_coin(hedge) or None,
        cash_delta=_coin(exposure.cash_delta) or None,
        equity=_coin(exposure.equity) or None,
        base_coin=exposure.base_coin or None,
        options_value=_coin(exposure.options_value) or None,
        gross_delta=_coin(exposure.gross_delta) or None,
        low=_end(exposure.low, delta),
        high=_end(exposure.high, delta),
        hedge_low=_end(exposure.hedge_low, hedge),
        hedge_high=_end(exposure.hedge_high, hedge),
        expiries=_table(exposure) if exposure.expiries else None,
        doubts=exposure.doubts,
        curve=_STRAIGHT if exposure.curve == _STRAIGHT else _digits(exposure.curve, 8),
    )


def _table(exposure: Exposure) -> Table:
    """All lines under one row of names; rounded at once, as there are many numbers."""
    lines, names = exposure.expiries, _ALWAYS
    if exposure.doubts:
        names += ("delta_low", "delta_high")
    if not all(abs(line.delta_black - line.delta) <= 1e-10 for line in lines):
        names += ("delta_black",)
    if not all(line.inverse for line in lines):
        names += ("inverse",)
    row, cells = f"[{','.join([_FORMATS[name] for name in names])}]", attrgetter(*names)
    text = ",".join([row % cells(line) for line in lines])
    if "n" in text:  # a number that is none
        text = text.replace("nan", "null").replace("-inf", "null").replace("inf", "null")
    return Table(list(names), msgspec.Raw(f"[{text}]".encode()))


def _plan(plan: Plan) -> Planned:
    low, high = plan.expected
    return Planned(
        wanted=_coin(plan.wanted),
        allowed=_end(plan.allowed, plan.wanted),
        slippage_bps=plan.slippage_bps,
        reduces=plan.reduces,
        expected=_coin(low),
        expected_high=_end(high, low),
        lines=tuple(msgspec.structs.replace(line, delta=_coin(line.delta)) for line in plan.lines),
    )


def _memory(decision: Decision) -> Remembered:
    memory, seen = decision.memory, decision.exposure
    spent = sum(size for _, size in memory.recent)
    now = seen is not None and (memory.hedge_ms, memory.hedge_price) == (
        decision.time_ms,
        seen.index,
    )
    return Remembered(
        hedges=memory.hedges,
        hedge_ms=None if now else memory.hedge_ms,
        hedge_price=None if now else memory.hedge_price,
        stage=memory.stage,
        recent=((memory.recent[-1][0], _coin(spent)),) if memory.recent else (),
        avoid=memory.avoid,
        risk_aversion=memory.risk_aversion or None,
        fills=memory.fills,
        delay_ms=round(memory.delay_ms, 3) or None,
        slippage=_coin(memory.slippage) or None,
        tuning=memory.tuning,
        scales=memory.scales,
        resized=memory.resized,
    )


def _short(target: Target) -> Target:
    rounded = {n: _coin(v) for n, v in asdict(target).items() if isinstance(v, float) and v}
    if target.inputs is None:
        return msgspec.structs.replace(target, **rounded)
    paid = None if target.inputs.paid is None else _digits(target.inputs.paid, 6)
    inputs = msgspec.structs.replace(_digits(target.inputs, 8), paid=paid)
    return msgspec.structs.replace(target, **rounded, inputs=inputs)


def _digits(record: _R, digits: int) -> _R:
    """The record with so many digits of each of its floats."""
    rounded = {n: float(f"%.{digits}g" % v) for n, v in asdict(record).items() if type(v) is float}
    return msgspec.structs.replace(record, **rounded)


def _coin(value: float) -> float:
    return round(value, _DIGITS)


def _end(value: float, point: float) -> float | None:
    return None if value == point else _coin(value)

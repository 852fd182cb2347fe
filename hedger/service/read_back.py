"""Journal entries back from their bytes; the other half of `hedger.service.written`."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from msgspec.structs import asdict

from hedger.core.model import Decision, ExpiryLine, Exposure, Intent, Memory, Plan
from hedger.errors import UnknownVersion
from hedger.service.entry import Entry
from hedger.service.written import (
    NOTHING,
    POINTS,
    SUMMED,
    VERSION,
    Order,
    Planned,
    Remembered,
    Seen,
    Table,
    Written,
)
from hedger.store.keys import entry_ms


class _Version(msgspec.Struct, frozen=True):
    """What tells the version of an entry."""

    v: int = 1


_version = msgspec.json.Decoder(_Version).decode
_written = msgspec.json.Decoder(Written).decode
_rows = msgspec.json.Decoder(list[list[int | float | None]]).decode
_first = msgspec.json.Decoder(Entry).decode


def decoded(payload: bytes) -> Entry:
    """An entry back from its payload; raises msgspec.ValidationError, or `UnknownVersion`."""
    version = _version(payload).v
    if version == 1:
        return _first(payload)
    if version != VERSION:
        raise UnknownVersion(f"journal entry has version {version}, expected 1 or {VERSION}")
    written = _written(payload)
    fields: dict[str, Any] = {
        name: getattr(written, name) for name in Entry.__struct_fields__ if name not in _MADE
    }
    entry = Entry(
        **fields,
        wall_ms=entry_ms(written.id),
        exposure=None if written.exposure is None else _exposure(written.exposure),
        plan=None if written.plan is None else _planned(written.plan),
        memory=NOTHING if written.memory is None else _remembered(written, written.memory),
    )
    if not written.orders:
        return entry
    intents = _intents(entry, written.orders, written.id, written.epoch)
    return msgspec.structs.replace(entry, intents=intents)


_MADE = ("exposure", "plan", "memory", "wall_ms")


def _planned(plan: Planned) -> Plan:
    high = plan.expected if plan.expected_high is None else plan.expected_high
    return Plan(
        wanted=plan.wanted,
        allowed=plan.wanted if plan.allowed is None else plan.allowed,
        slippage_bps=plan.slippage_bps,
        reduces=plan.reduces,
        expected=(plan.expected, high),
        lines=plan.lines,
    )


def _remembered(written: Written, memory: Remembered) -> Memory:
    fields = asdict(memory)
    fields |= {n: fields[n] or 0.0 for n in ("risk_aversion", "delay_ms", "slippage")}
    if memory.hedge_ms is None and written.exposure is not None:
        fields |= {"hedge_ms": written.time_ms, "hedge_price": written.exposure.index}
    return Memory(**fields)


def _intents(
    decision: Decision, orders: tuple[Order, ...], entry_id: str, epoch: int
) -> tuple[Intent, ...]:
    """The intents of a plan's lines; of as many as there are orders."""
    lines = decision.plan.lines if decision.plan is not None else ()
    return tuple(
        Intent(
            id=order.id,
            book=decision.book,
            venue=order.venue,
            account=order.account,
            instrument=line.instrument,
            lots=line.lots,
            limit_ticks=line.limit_ticks,
            deadline_ms=order.deadline_ms,
            low=line.low,
            high=line.high,
            seq=decision.seq + 1,
            epoch=epoch,
            decision=entry_id,
            market_ms=decision.time_ms,
        )
        for order, line in zip(orders, lines, strict=False)
    )


def _exposure(seen: Seen) -> Exposure:
    fields: dict[str, Any] = {n: 0.0 if v is None else v for n, v in asdict(seen).items()}
    fields["ratio"] = 1.0 if seen.ratio is None else seen.ratio
    for end, point in _ENDS:
        if getattr(seen, end) is None:
            fields[end] = fields[point]
    lines = () if seen.expiries is None else _lines(seen.expiries)
    legs = sum(line.legs for line in lines)
    fields |= {name: sum(getattr(line, name) for line in lines) for name in SUMMED}
    fields |= {"expiries": lines, "legs": legs, "fresh_legs": legs - len(seen.doubts)}
    return Exposure(**fields, ladder=())


_ENDS = (
    ("low", "book_delta"),
    ("high", "book_delta"),
    ("hedge_low", "hedge_delta"),
    ("hedge_high", "hedge_delta"),
)


_WHOLE = ("expiry_ms", "legs")


def _lines(table: Table) -> tuple[ExpiryLine, ...]:
    made = []
    for row in _rows(table.rows):
        fields: dict[str, Any] = {
            name: value if name in _WHOLE else math.nan if value is None else float(value)
            for name, value in zip(table.columns, row, strict=True)
        }
        for name in POINTS:
            fields.setdefault(name, fields["delta"])
        fields["inverse"] = bool(fields.get("inverse", True))
        made.append(ExpiryLine(**fields))
    return tuple(made)

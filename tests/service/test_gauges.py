"""Readings in a room: signals move the centre, risk is measured beside the steps."""

from __future__ import annotations

import asyncio
import threading
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from msgspec.structs import replace

from hedger.app.signals import registered
from hedger.core.model import (
    BandRule,
    CongestionRule,
    LimitRule,
    ScaleRule,
    SignalRule,
    Sizing,
    VolTargetRule,
)
from hedger.core.risk.readings import MeasureRule
from hedger.core.risk.refresh import RiskRule
from hedger.errors import ConfigError
from hedger.service import gauges
from hedger.service.entry import Entry
from hedger.service.ladder import Ladders
from hedger.service.params import BookParams, ReadingParams, WorkerParams
from hedger.service.traffic import SAMPLES_MIN, WINDOW_S, TrafficMeter
from tests.service.room import PERPETUAL, Room, book_params, book_rules, in_room

RISK = MeasureRule(risk=RiskRule(capital=10.0, scenarios=64))
SIGNAL = Sizing(signal=SignalRule(capital=20.0, vol_target=0.1, shift_max=3.0, age_ms_max=5_000))
TARGET = Sizing(vol_target=VolTargetRule(target=0.01, age_ms_max=60_000))


def book(sizing: Sizing | None, readings: ReadingParams | None) -> BookParams:
    rules = book_rules()
    return book_params(rules=type(rules)(**{**_fields(rules), "sizing": sizing}), readings=readings)


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


async def _told(room: Room, value: float) -> None:
    """Somebody writes a signal, again and again."""
    while True:
        time_ms = str(room.clock.market_ms()).encode()
        room.server.signals["trend"] = (str(value).encode(), time_ms)
        await asyncio.sleep(0.5)


def _newest(room: Room) -> Entry:
    return room.journal()[-1]


def _coins(room: Room) -> float:
    return room.venue.held.get(PERPETUAL.name, 0) * PERPETUAL.lot / room.venue.index


def test_a_signal_moves_the_hedge_and_is_held_and_refused_once_it_is_old() -> None:
    async def body(room: Room) -> None:
        teller = asyncio.create_task(_told(room, 0.5))
        await room.start(books=(book(SIGNAL, ReadingParams(signal="key:trend")),))
        await room.until(lambda: dict(room.row().memory.scales).get("signal", 0.0) > 0.0)
        shift = dict(room.row().memory.scales)["signal"]
        assert 1.0 < shift <= 3.0
        await room.until(room.agrees)
        await asyncio.sleep(2)
        held = _coins(room)
        teller.cancel()
        await room.until(lambda: any(r.rule == "signal" for r in _newest(room).refusals))
        assert "5000 ms" in _newest(room).refusals[-1].reason
        assert dict(room.row().memory.scales)["signal"] == shift
        assert _coins(room) == held

    in_room(body)


def test_the_hedge_with_a_signal_stands_so_much_higher() -> None:
    found: list[float] = []
    for value in (0.0, 0.5):

        async def body(room: Room, value: float = value) -> None:
            teller = asyncio.create_task(_told(room, value))
            await room.start(books=(book(SIGNAL, ReadingParams(signal="key:trend")),))
            await room.hedged()
            await asyncio.sleep(20)
            await room.until(room.agrees)
            teller.cancel()
            found.append(_coins(room))

        in_room(body)
    assert found[1] - found[0] > 1.0


def test_risk_is_measured_on_its_cadence_and_only_shown() -> None:
    held: list[dict[str, int]] = []

    async def measured(room: Room) -> None:
        await room.start(books=(book(TARGET, ReadingParams(every_ms=5_000, measure=RISK)),))
        await room.until(lambda: dict(room.row().memory.scales).get("vol_target", 1.0) < 1.0)
        await room.until(lambda: any((e.scale or 1.0) < 1.0 for e in room.journal()))
        entry = next(e for e in reversed(room.journal()) if (e.scale or 1.0) < 1.0)
        (one,) = [s for s in entry.scalings if s.model == "vol_target"]
        assert one.is_known
        assert one.factor == entry.scale == dict(room.row().memory.scales)["vol_target"]
        assert dict(one.inputs)["risk"] == pytest.approx(0.01 / one.factor)
        await room.until(room.agrees)
        held.append(dict(room.venue.held))

    async def plain(room: Room) -> None:
        await room.start(books=(book(None, None),))
        await room.hedged()
        held.append(dict(room.venue.held))

    in_room(measured)
    in_room(plain)
    assert held[0] == held[1]


def test_of_a_book_that_stands_at_half_its_base_the_base_is_measured() -> None:
    """Else the models would ask for it to be made whole again, and then for half of it again."""
    found: list[float] = []
    for times in (1, 2):

        async def body(room: Room, times: int = times) -> None:
            one = book(TARGET, ReadingParams(every_ms=5_000, measure=RISK))
            base = tuple((name, times * lots) for name, lots in (one.positions or {}).items())
            rules = replace(one.rules, scale=ScaleRule(base=base))
            await room.start(books=(replace(one, rules=rules),))
            await room.until(lambda: dict(room.row().memory.scales).get("vol_target", 1.0) < 1.0)
            found.append(dict(room.row().memory.scales)["vol_target"])

        in_room(body)
    assert found[1] == pytest.approx(0.5 * found[0], rel=0.02)


def test_a_measure_that_fails_says_so_and_delays_no_hedge(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("singular")

    monkeypatch.setattr(gauges, "measured", broken)

    async def body(room: Room) -> None:
        await room.start(books=(book(TARGET, ReadingParams(every_ms=1_000, measure=RISK)),))
        await room.hedged()
        await asyncio.sleep(15)
        one = next(s for s in _newest(room).scalings if s.model == "vol_target")
        assert not one.is_known
        assert one.factor == 1.0
        assert "could not be measured: singular" in one.reason

    in_room(body)


def test_a_defect_beside_the_measure_does_not_end_the_worker(
    monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Ladders, "measured", broken)

    async def body(room: Room) -> None:
        await room.start(books=(book(TARGET, ReadingParams(every_ms=1_000, measure=RISK)),))
        await room.hedged()
        await asyncio.sleep(5)
        assert not room.tasks["w1"].done()
        assert any(s.is_known for s in _newest(room).scalings), "what was measured is kept"

    in_room(body)
    assert any(line["event"] == "defect" and line["during"] == "measures" for line in logs)


def test_a_store_that_does_not_tell_keeps_the_last_signal_until_it_is_old() -> None:
    async def body(room: Room) -> None:
        teller = asyncio.create_task(_told(room, 0.5))
        await room.start(books=(book(SIGNAL, ReadingParams(signal="key:trend")),))
        await room.until(lambda: dict(room.row().memory.scales).get("signal", 0.0) > 0.0)
        teller.cancel()
        room.server.signals.clear()
        await asyncio.sleep(3)
        assert dict(room.row().memory.scales)["signal"] > 0.0
        await room.until(lambda: any(r.rule == "signal" for r in _newest(room).refusals))
        assert "there is no such key" in _newest(room).refusals[-1].reason

    in_room(body)


def test_a_routine_hedge_waits_while_the_venue_tells_that_few_credits_are_left() -> None:
    sizing = Sizing(congestion=CongestionRule(credits_min=0.2))
    limits = LimitRule(
        order_max=100.0, per_minute_max=1e3, first_trade_max=100.0, hard_band=1_000.0
    )

    async def body(room: Room) -> None:
        room.venue.left = 0.9
        rules = book_rules(band=BandRule(cooldown_ms=0), limits=limits)
        rules = type(rules)(**{**_fields(rules), "sizing": sizing})
        params = book_params(rules=rules, readings=ReadingParams(traffic=True))
        await room.start(books=(params,))
        await room.hedged()
        sent = len(room.venue.received)
        room.venue.left = 0.15
        await asyncio.sleep(2)
        room.venue.index *= 1.03
        await room.until(lambda: _newest(room).reason == "congestion")
        assert _newest(room).text == "credits at 106% of its limit: a routine hedge waits"
        await asyncio.sleep(3)
        assert len(room.venue.received) == sent
        room.venue.left = 0.9
        await room.until(lambda: len(room.venue.received) > sent)

    in_room(body)


# --- parts --------------------------------------------------------------------------------------


def test_traffic_is_the_worst_of_the_venues_within_a_minute() -> None:
    now = [100.0]
    meter = TrafficMeter(lambda: now[0])
    assert meter.of(["a", "b"]).latency_ms is None
    for n in range(SAMPLES_MIN):
        meter.see("a", 100.0, answered=True)
        meter.see("b", 10.0 * (n + 1), answered=n > 0)
    found = meter.of(["a", "b"])
    assert (found.latency_ms, found.error_rate) == (100.0, 1.0 / SAMPLES_MIN)
    assert meter.of(["b"]).latency_ms == 20.0
    now[0] += WINDOW_S + 1.0
    assert meter.of(["a", "b"]).error_rate is None


def _params(signal: str) -> WorkerParams:
    return WorkerParams(
        worker="w", deployment="d", books=(book(SIGNAL, ReadingParams(signal=signal)),)
    )


def test_a_registered_signal_is_an_entry_point() -> None:
    point = EntryPoint("cosine", "math:cos", "hedger.signals")
    assert set(registered(_params("call:cosine"), [point])) == {"cosine"}
    assert registered(_params("key:cosine"), [point]) == {}
    for wrong, why in (
        ([], "expected an entry point"),
        ([EntryPoint("cosine", "math:none", "hedger.signals")], "cannot be loaded"),
        ([EntryPoint("cosine", "math:pi", "hedger.signals")], "expected a callable"),
    ):
        with pytest.raises(ConfigError, match=why) as said:
            registered(_params("call:cosine"), wrong)
        assert "\n" not in str(said.value)


def test_a_callable_runs_apart_and_whatever_it_does_is_a_reading() -> None:
    threads: list[str] = []

    def good(underlying: str, now_ms: int) -> float:
        threads.append(threading.current_thread().name)
        return 0.5

    def bad(underlying: str, now_ms: int) -> float:
        raise RuntimeError("no data")

    async def body() -> None:
        found = await gauges._asked(good, "BTC", 7)
        assert (found.value, found.time_ms) == (0.5, 7)
        assert threads == ["signal"]
        assert "RuntimeError: no data" in (await gauges._asked(bad, "BTC", 7)).reason
        none = await gauges._asked(lambda u, n: None, "BTC", 7)
        assert (none.value, none.reason) == (None, "no signal now")

    asyncio.run(body())

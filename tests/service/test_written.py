"""Journal entries as bytes: they come back, they are short, and older ones are still read."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import msgspec
import pytest

from benchmarks.decide import desk as benchmark_desk
from benchmarks.loopback import RULES, one_book
from hedger.cli.explained import explained
from hedger.clock import wall_ms
from hedger.core.decide import decide
from hedger.core.model import (
    Action,
    BandRule,
    Decision,
    Intent,
    LimitRule,
    Measured,
    Memory,
    Reading,
    Readings,
    ReferenceUse,
    SignalRule,
    Sizing,
    Source,
    TailRule,
    VolTargetRule,
)
from hedger.errors import UnknownVersion
from hedger.service.entry import Entry, Timings
from hedger.service.intents import intents_of
from hedger.service.read_back import decoded
from hedger.service.written import encoded
from tests.core.desk import START, Desk, option, rules

ID = f"main.{START}.0"
CALL, PUT = option(62_000.0, 8.0, True), option(56_000.0, 8.0, False)
NOW = wall_ms()
TIMINGS = Timings(quote_us=120, load_us=9, decide_us=250)


def entry(decision: Decision, intents: tuple[Intent, ...] = (), repeats: int = 1) -> Entry:
    """What is to come back."""
    more = {"worker": "w", "epoch": 7, "wall_ms": START, "timings": TIMINGS}
    made = msgspec.structs.asdict(decision) | more
    return Entry(**made, id=ID, intents=intents, repeats=repeats)


def written(decision: Decision, intents: tuple[Intent, ...] = (), repeats: int = 1) -> bytes:
    return encoded(
        decision,
        entry_id=ID,
        worker="w",
        epoch=7,
        intents=intents,
        timings=TIMINGS,
        repeats=repeats,
    )


def ordered(decision: Decision, decision_id: str = ID) -> tuple[Intent, ...]:
    """The intents of a decision's plan."""
    return intents_of(
        decision,
        one_book(decision.book, account="a", legs=()),
        namespace="00c0ffee",
        epoch=7,
        decision_id=decision_id,
        deadlines_ms={"loop": START + 500},
    )


def same(found: object, wanted: object) -> None:
    """Equal, amounts to what they are rounded to; ladders, and single hedges, are not written."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict)
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            if name == "recent":
                sums = [sum(size for _, size in recent) for recent in (found[name], value)]
                assert sums[0] == pytest.approx(sums[1], abs=1e-8)
                assert [ms for ms, _ in found[name]] == [ms for ms, _ in value][-1:]
            elif name != "ladder":
                same(found[name], value)
    elif isinstance(wanted, (list, tuple)):
        assert isinstance(found, (list, tuple))
        for one, other in zip(found, wanted, strict=True):
            same(one, other)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, abs=1e-8, rel=1e-6)
    else:
        assert found == wanted


def comes_back(
    decision: Decision, intents: tuple[Intent, ...] = (), repeats: int = 1
) -> dict[str, object]:
    """Check that an entry is read as it was written; returns what was written."""
    payload = written(decision, intents, repeats)
    wanted = msgspec.to_builtins(entry(decision, intents, repeats))
    same(msgspec.to_builtins(decoded(payload)), wanted)
    raw: dict[str, object] = json.loads(payload)
    return raw


def test_fifty_legs_are_less_than_two_kilobytes_and_come_back() -> None:
    book, market = benchmark_desk(50, NOW)
    market.ratio[:] *= 1.0123456789
    decision = decide(book, market, RULES, NOW)
    assert decision.action is Action.HEDGE
    assert decision.exposure is not None
    assert len(decision.exposure.expiries) == 7
    payload = written(decision, ordered(decision))
    assert len(payload) <= 2_000
    comes_back(decision, ordered(decision))
    (intent,) = decoded(payload).intents
    assert intent == ordered(decision)[0]


def test_what_an_adaptive_band_was_made_of_comes_back() -> None:
    adaptive = msgspec.structs.replace(RULES, band=BandRule(kind="cubic", risk_aversion=0.01))
    decision = decide(*benchmark_desk(50, NOW), adaptive, NOW)
    assert decision.target is not None
    assert decision.target.inputs is not None
    memory = msgspec.structs.replace(decision.memory, risk_aversion=0.02)
    comes_back(msgspec.structs.replace(decision, memory=memory))


def test_a_minute_full_of_hedges_makes_an_entry_no_longer() -> None:
    decision = decide(*benchmark_desk(50, NOW), RULES, NOW)
    few = Memory(hedges=1, recent=((START, 1.0),))
    many = Memory(hedges=61, recent=tuple((START - 1_000 * n, 0.1) for n in range(60, -1, -1)))
    sizes = [
        len(written(msgspec.structs.replace(decision, memory=memory))) for memory in (few, many)
    ]
    assert abs(sizes[1] - sizes[0]) < 20
    comes_back(msgspec.structs.replace(decision, memory=many))


@pytest.mark.parametrize("numeraire", ["usd", "coin"])
def test_doubts_and_open_ends_come_back(numeraire: str) -> None:
    desk = Desk(legs={CALL: -100, PUT: -100}, hedge_lots=7_000)
    desk.now += 2_000
    desk.quote_hedge()
    desk.quote_option(CALL)
    desk.quote_option(PUT, bid=None)
    decision = decide(desk.book(), desk.board.market(), rules(numeraire=numeraire), desk.now)
    assert decision.exposure is not None
    assert decision.exposure.doubts
    assert decision.exposure.low < decision.exposure.high
    comes_back(decision, repeats=3)


def test_a_cut_and_a_band_in_dollars_come_back() -> None:
    desk = Desk(legs={CALL: -100})
    decision = decide(
        desk.book(),
        desk.board.market(),
        rules(
            band=BandRule(lower=-777.0, upper=777.0, unit="usd"),
            limits=LimitRule(order_max=0.123, first_trade_max=99.0),
        ),
        desk.now,
    )
    assert decision.plan is not None
    assert decision.plan.allowed != decision.plan.wanted
    comes_back(decision, ordered(decision))


def test_nothing_known_comes_back() -> None:
    desk = Desk(legs={CALL: -100})
    desk.now += 10_000
    decision = decide(desk.book(), desk.board.market(), rules(), desk.now)
    assert decision.exposure is None
    raw = comes_back(decision)
    assert raw.keys().isdisjoint(("plan", "target", "orders", "intents", "memory"))


def test_an_order_of_another_decision_is_written_in_full() -> None:
    decision = decide(*benchmark_desk(50, NOW), RULES, NOW)
    raw = comes_back(decision, ordered(decision, "main.1.0"))
    assert "orders" not in raw
    assert "intents" in raw


def test_entries_of_the_first_version_are_read_and_others_refused() -> None:
    decision = decide(*benchmark_desk(50, NOW), RULES, NOW)
    first = entry(decision, ordered(decision))
    assert decoded(msgspec.json.encode(first)) == first
    with pytest.raises(UnknownVersion, match="version 3"):
        decoded(written(decision).replace(b'"v":2', b'"v":3'))


def test_what_scalers_said_comes_back() -> None:
    sizing = Sizing(
        signal=SignalRule(capital=10.0, vol_target=0.1),
        vol_target=VolTargetRule(target=0.2),
        tail=TailRule(limit=1e4),
    )
    readings = Readings(
        signal=Reading(value=math.nan, time_ms=START),
        measured=Measured(time_ms=START, risk=0.4, loss=math.inf, reason="no vols"),
    )
    desk = Desk({CALL: 30})
    rule = msgspec.structs.replace(rules(), sizing=sizing)
    made = decide(replace(desk.book(), readings=readings), desk.board.market(), rule, desk.now)
    found = decoded(written(made))
    assert [one.is_known for one in made.scalings] == [True, False, False]
    assert found.scalings == made.scalings
    assert found.scale == made.scale == 0.5
    assert found.memory.scales == made.memory.scales == (("vol_target", 0.5),)
    text = "\n".join(explained(found))
    assert "book x 0.5 by vol_target: target 0.2 a year over risk 0.4" in text
    assert "centre +0.000000 coin by signal: unknown, signal: is nan" in text
    assert "book x 1 by value_at_risk (a cap): unknown," in text
    assert "0.5 of its base: a proposal" in text


def test_the_reference_that_a_decision_was_held_to_comes_back_with_its_sources() -> None:
    use = ReferenceUse(name="btc", venue="paper")
    rule = msgspec.structs.replace(rules(), reference=use)
    desk = Desk({CALL: 30})
    prices = {"P@paper": 60_000.0, "P@west": 60_012.0, "P@east": 60_006.0, "P@north": 90_000.0}
    rows = [Source(n, p, START, None, "USD", n.partition("@")[2]) for n, p in prices.items()]
    rows += [Source(f"U{n}", 62_000.0, START, None, "USDC", "far") for n in range(2)]
    rows.append(Source("P@south", math.nan, START))
    market = replace(desk.board.market(), sources=tuple(rows))
    made = decide(desk.book(), market, rule, desk.now)
    found = decoded(written(made))
    assert made.reference is not None
    assert found.reference == made.reference
    text = "\n".join(explained(found))
    assert "reference btc 60,006.00, 0 ms old, of P@east 60,006.00, P@paper" in text
    assert "left out: P@north +" in text
    assert "left out: P@south nan is no price" in text
    assert "off its peg: USDC at 0.9" in text
    short = decide(desk.book(), replace(market, sources=()), rule, desk.now)
    text = "\n".join(explained(decoded(written(short))))
    assert "reference btc: unknown, 0 sources agree, expected at least 3" in text
    assert decoded(written(decide(desk.book(), market, rules(), desk.now))).reference is None

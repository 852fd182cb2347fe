"""A decision held to the price of several sources: valuation, jumps, guard, and none at all."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.columns import Market
from hedger.core.decide import decide
from hedger.core.model import (
    Action,
    Decision,
    HedgeRule,
    ReferenceRule,
    ReferenceUse,
    Rules,
    Source,
    SourceFeed,
)
from hedger.core.sources import told
from tests.core.desk import LINEAR_PERPETUAL, PERPETUAL, START, Desk, option, rules

CALL = option(64_000.0, 8, True)
AT = 60_000.0
USE = ReferenceUse(name="btc", venue="paper")
LATER_MS = 400


def three(*prices: float, time_ms: int = START, quote: str = "USD") -> tuple[Source, ...]:
    """One source each at the own venue and at two others."""
    venues = ("paper", "west", "east", "north", "south")
    return tuple(
        Source(f"P@{venue}", price, time_ms, None, quote, venue)
        for venue, price in zip(venues, prices, strict=False)
    )


class Held:
    """A book short of calls, deep inside nothing: it has to buy; and its reference."""

    def __init__(self, index: float = AT, **use: Any) -> None:
        self.desk = Desk({CALL: -100}, index=index)
        self.use = msgspec.structs.replace(USE, **use)

    @property
    def rules(self) -> Rules:
        return msgspec.structs.replace(rules(), reference=self.use)

    def market(self, sources: tuple[Source, ...]) -> Market:
        return replace(self.desk.board.market(), sources=sources)

    def decide(self, sources: tuple[Source, ...]) -> Decision:
        return decide(self.desk.book(), self.market(sources), self.rules, self.desk.now)

    def alone(self) -> Decision:
        return decide(self.desk.book(), self.desk.board.market(), rules(), self.desk.now)

    def jump(self, to: float, *, ms: int = LATER_MS) -> None:
        """The venue's index jumps, alone; the hedge is quoted where it was."""
        self.desk.now += 2_000
        self.desk.quote_all()
        self.desk.now += 1_000
        self.desk.quote_hedge(index=to)
        self.desk.now += ms


def plain(decision: Decision) -> Decision:
    """Without what only speaks of the reference."""
    return msgspec.structs.replace(decision, reference=None, warnings=())


def test_three_that_agree_change_nothing_but_the_record() -> None:
    held = Held()
    decision = held.decide(three(AT, AT + 6.0, AT - 6.0))
    assert decision.action is Action.HEDGE
    assert plain(decision) == plain(held.alone())
    found = decision.reference
    assert found is not None
    assert (found.name, found.price, found.time_ms) == ("btc", AT, START)
    assert found.used == ("P@east", "P@paper", "P@west")
    assert decision.warnings == held.alone().warnings


def test_a_book_may_be_valued_at_it() -> None:
    decision = Held(is_index=True).decide(three(AT, AT + 90.0, AT + 60.0))
    assert decision.exposure is not None
    assert decision.exposure.index == AT + 60.0
    other = Held().decide(three(AT, AT + 90.0, AT + 60.0))
    assert other.exposure is not None
    assert other.exposure.index == AT


def test_a_venue_whose_index_stands_still_is_valued_by_the_others() -> None:
    held = Held(is_index=True)
    held.desk.now += 6_000
    for leg in held.desk.legs:
        held.desk.quote_option(leg, index=None, forward=None)
    held.desk.quote_hedge(index=None)
    fresh = three(AT, AT, AT + 30.0, time_ms=held.desk.now - 50)
    assert held.alone().reason == "stale_forward"
    found = held.decide(fresh)
    assert found.reason != "stale_forward"
    assert found.index_age_ms == 50
    held.use = msgspec.structs.replace(held.use, is_index=False)
    assert held.decide(fresh).reason == "stale_forward"


# --- jumps ----------------------------------------------------------------------------------------


def test_a_jump_that_others_show_too_is_believed_and_one_they_do_not_is_refused() -> None:
    held = Held(guard="off")
    held.jump(AT * 0.95)
    now = held.desk.now
    assert held.alone().reason == "unconfirmed_jump"
    confirmed = held.decide(three(AT, AT * 0.95, AT * 0.951, AT * 0.949, time_ms=now))
    assert confirmed.reason not in ("unconfirmed_jump", "jump_refused"), confirmed.text
    assert confirmed.warnings[-1] == (
        "BTC index: jump of -5.13 % confirmed by P@east, P@north, P@west"
    )
    refused = held.decide(three(AT, AT, AT + 12.0, time_ms=now))
    assert (refused.action, refused.reason) == (Action.BLOCKED, "jump_refused")
    assert refused.text == (
        "moved -5.13 % (limit 0.08 %), refused by the reference 60000 (P@east, P@paper, P@west)"
    )
    short = held.decide(three(AT, AT * 0.95, time_ms=now))
    assert short.reason == "unconfirmed_jump"


def test_a_venue_does_not_confirm_itself() -> None:
    held = Held(guard="off", rule=ReferenceRule(sources_min=2))
    held.jump(AT * 0.95)
    own = [Source(f"{n}@paper", AT * 0.95, held.desk.now, None, "USD", "paper") for n in "abc"]
    assert held.decide(tuple(own)).reason == "jump_refused"
    west = Source("P@west", AT * 0.95, held.desk.now, None, "USD", "west")
    assert held.decide((*own, west)).reason not in ("jump_refused", "unconfirmed_jump")


def test_the_hedges_own_jump_is_judged_alike() -> None:
    held = Held()
    held.desk.now += 3_000
    held.desk.quote_all()
    held.desk.now += 1_000
    held.desk.quote_hedge(bid=57_000.0, ask=57_001.0, mark=AT)
    held.desk.now += LATER_MS
    there = held.decide(three(AT, AT, AT, time_ms=held.desk.now))
    assert {r.rule for r in there.refusals} == {"doubtful_mark", "jump_refused"}
    moved = three(57_000.0, 57_001.0, 57_010.0, time_ms=held.desk.now)
    found = held.decide(moved)
    assert found.reason == "doubtful_index", "the hedge moved with the others: the index did not"
    assert [r.rule for r in found.refusals] == ["doubtful_index"]


def test_all_agree_on_a_crash() -> None:
    held = Held(is_index=True)
    held.jump(AT * 0.7)
    now = held.desk.now
    held.desk.quote_hedge(bid=42_000.0, ask=42_001.0, mark=AT, index=42_000.0, time_ms=now)
    found = held.decide(three(42_000.0, 42_003.0, 42_001.0, time_ms=now))
    assert found.exposure is not None, found.text
    assert found.exposure.index == 42_001.0


# --- guard ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("guard", ["refuse", "warn", "off"])
def test_an_index_far_from_it(guard: str) -> None:
    held = Held(index=63_000.0, guard=guard)
    decision = held.decide(three(AT, AT, AT + 1.0))
    said = "BTC index: 63000 is +5.00% from the reference 60000"
    if guard == "refuse":
        assert decision.action is Action.BLOCKED
        refused = {refusal.rule: refusal.reason for refusal in decision.refusals}
        assert refused.keys() == {"doubtful_index", "doubtful_mark"}
        assert refused["doubtful_index"] == said
    else:
        assert plain(decision) == plain(held.alone())
        assert (said in decision.warnings) is (guard == "warn")


def test_a_hedge_in_a_currency_off_its_peg_is_compared_at_its_rate() -> None:
    held = Held()
    held.desk = Desk({CALL: -100}, hedge=LINEAR_PERPETUAL)
    name = LINEAR_PERPETUAL.name
    held.desk.quote_hedge(bid=AT / 0.96, ask=AT / 0.96 + 1.0, mark=AT / 0.96)
    dear = [
        Source(f"L@{venue}", AT / 0.96, START, None, "USDC", venue) for venue in ("west", "east")
    ]
    sources = (*three(AT, AT, AT + 2.0), *dear)
    linear = msgspec.structs.replace(
        rules(hedge=HedgeRule(buy=name, sell=name)), reference=held.use
    )
    decision = decide(held.desk.book(), held.market(sources), linear, START)
    assert "USDC is worth 0.9600 USD, known by 2 prices in it" in decision.warnings
    assert not any(refusal.rule.startswith("doubtful") for refusal in decision.refusals)
    unnoticed = decide(held.desk.book(), held.market(three(AT, AT, AT)), linear, START)
    assert unnoticed.reason == "doubtful_mark", "without a rate it is just too far away"


# --- none -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "why"),
    [
        ((), "0 sources agree"),
        (three(AT, AT), "2 sources agree"),
        (three(AT, math.nan, AT), "P@west nan is no price"),
        (three(AT, AT, AT, time_ms=START - 5_001), "P@east 5001 ms old"),
        (three(AT, AT * 1.1, AT * 0.9), "P@east -10.00% from the median"),
    ],
)
def test_without_one_the_venue_is_believed_alone_or_nothing_is_decided(
    sources: tuple[Source, ...], why: str
) -> None:
    decision = Held(is_index=True).decide(sources)
    assert plain(decision) == plain(Held().alone())
    assert decision.warnings[-1].startswith("no reference btc: ")
    assert decision.warnings[-1].endswith("; the venue's own index is used")
    assert why in decision.warnings[-1]
    assert decision.reference is not None
    assert decision.reference.price is None
    needed = Held(is_required=True).decide(sources)
    assert (needed.action, needed.reason) == (Action.BLOCKED, "no_reference")
    assert why in needed.text


levels = st.one_of(
    st.floats(AT * 0.9995, AT * 1.0005),
    st.floats(AT * 0.5, AT * 2.0),
    st.floats(allow_nan=True, allow_infinity=True),
)
anything = st.lists(
    st.builds(
        Source,
        st.sampled_from(["a", "b", "c", "d", "e"]),
        levels,
        st.integers(-1, 5).map(lambda n: START - 2_000 * n if n >= 0 else -1),
        st.none() | st.floats(allow_nan=True),
        st.sampled_from(["USD", "USD", "USDC"]),
        st.sampled_from(["paper", "west", "east"]),
    ),
    max_size=6,
)


@settings(max_examples=150)
@given(anything, st.booleans(), st.booleans(), st.sampled_from(["off", "warn", "refuse"]))
def test_whatever_sources_say_it_decides_as_without_or_by_a_believed_number_or_not(
    sources: list[Source], is_index: bool, is_required: bool, guard: str
) -> None:
    held = Held(is_index=is_index, is_required=is_required, guard=guard)
    decision = held.decide(tuple(sources))
    found = decision.reference
    assert found is not None
    if found.price is None:
        expected = "no_reference" if is_required else held.alone().reason
        assert decision.reason == expected
    elif decision.exposure is not None:
        assert decision.exposure.index == (found.price if is_index else AT)
        assert guard != "refuse" or abs(AT / found.price - 1.0) <= held.use.rule.guard_max
    else:
        assert decision.reason in ("doubtful_index", "doubtful_mark")


@settings(max_examples=60)
@given(
    st.lists(st.floats(-3e-4, 3e-4), min_size=2, max_size=4),
    st.one_of(st.floats(AT * 0.3, AT * 3.0), st.floats(allow_nan=True)),
    st.floats(0.0, 1e9),
)
def test_one_liar_moves_no_valuation_further_than_the_honest_are_apart(
    honest: list[float], lie: float, volume: float
) -> None:
    rows = [Source(f"h{n}", AT * (1 + x), START, 1.0, "USD", "w") for n, x in enumerate(honest)]
    liar = Source("liar", lie, START, volume, "USD", "x")
    held = Held(is_index=True, guard="off", rule=ReferenceRule(sources_min=2))
    decision = held.decide((*rows, liar))
    assert decision.exposure is not None, decision.text
    low, high = min(r.price for r in rows), max(r.price for r in rows)
    reach = ReferenceRule().deviation_max * AT if abs(lie / AT - 1.0) <= 0.0107 else 0.0
    assert low - reach <= decision.exposure.index <= high + reach


# --- what boards tell -----------------------------------------------------------------------------


def test_sources_of_boards_are_middles_or_the_index_and_never_a_number_of_nothing() -> None:
    desk = Desk({}, index=AT)
    feed = SourceFeed(
        name="P@west", instrument=PERPETUAL.name, venue="west", underlying="BTC", weight=2.0
    )
    beside = msgspec.structs.replace(feed, name="P@west/index", is_index=True, quote="USDC")
    unheard = msgspec.structs.replace(feed, name="P@east", venue="east")
    desk.quote_hedge(bid=59_990.0, ask=60_030.0)
    markets = {"west": desk.board.market()}
    middle, index, nothing = told((feed, beside, unheard), markets)
    assert middle == Source("P@west", 60_010.0, START, 2.0, "USD", "west")
    assert index == Source("P@west/index", AT, START, 2.0, "USDC", "west")
    assert math.isnan(nothing.price)
    assert nothing.time_ms < 0
    desk.quote_hedge(ask=None)
    (one_sided,) = told((feed,), {"west": desk.board.market()})
    assert math.isnan(one_sided.price)

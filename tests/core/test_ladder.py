"""The laws of the ladder: worse is never lower, between two levels nothing moves, stale stops."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.ladder import Rung, climbed, drawdown, released, restraint, said
from hedger.core.model import Climb, LadderRule, LadderState, Level, Measure, Trigger

T0, HOLD = 1_000_000, 60_000
MARGIN = Trigger(
    name="margin_ratio",
    steps=(
        Level(enter=0.5, leave=0.4),
        Level(enter=0.6, leave=0.5),
        Level(enter=0.8, leave=0.6),
        Level(enter=0.9, leave=0.7),
    ),
)
DISTANCE = Trigger(
    name="liquidation_distance",
    steps=(
        Level(enter=0.30, leave=0.35),
        Level(enter=0.20, leave=0.25),
        Level(enter=0.10, leave=0.15),
        Level(),
    ),
    falls=True,
)
RULE = LadderRule(triggers=(MARGIN,), hold_ms=HOLD, age_ms_max=10_000)
BOTH = LadderRule(triggers=(MARGIN, DISTANCE), hold_ms=HOLD, age_ms_max=10_000)
FREE = LadderState()
values = st.one_of(
    st.floats(0.0, 1.2), st.sampled_from([0.4, 0.5, 0.6, 0.7, 0.8, 0.9]), st.just(math.nan)
)


def look(state: LadderState, value: float | None, now: int, *, rule=RULE, age=0, **more):
    measures = {"margin_ratio": Measure(name="margin_ratio", value=value, time_ms=now - age)}
    more = {"closing": state.closed} | more
    return climbed(rule, state, measures, now, **more)


def walked(path: Sequence[float], *, every_ms: int = 20_000, age: int = 0) -> list[Rung]:
    state, found = FREE, []
    for step, value in enumerate(path):
        standing = look(state, value, T0 + step * every_ms, age=age, closing=False)
        state = standing.state
        found.append(standing.rung)
    return found


def test_up_at_once_down_after_the_hold_time() -> None:
    up = walked([0.3, 0.55, 0.65, 0.85, 0.95])
    assert up == [Rung.FREE, Rung.WARN, Rung.STOP_ADDING, Rung.REDUCE, Rung.CLOSE]
    assert walked([0.85, 0.65, 0.61]) == [Rung.REDUCE] * 3, "between the levels it stands"
    down = walked([0.85, 0.55, 0.55, 0.55, 0.55])
    assert down == [Rung.REDUCE] * 4 + [Rung.STOP_ADDING], "one minute at or below 0.6"
    broken = walked([0.85, 0.55, 0.61, 0.55, 0.55, 0.55, 0.55])
    assert broken == [Rung.REDUCE] * 6 + [Rung.STOP_ADDING], "a break begins the hold anew"
    assert walked([0.85, 0.1, 0.1, 0.1, 0.1])[-1] is Rung.FREE, "what is well for all leaves all"


def test_a_falling_measure_is_worse_the_smaller_and_a_rung_may_be_missing() -> None:
    def at(distance: float) -> Rung:
        measures = {
            "margin_ratio": Measure(name="margin_ratio", value=0.1, time_ms=T0),
            "liquidation_distance": Measure(
                name="liquidation_distance", value=distance, time_ms=T0
            ),
        }
        return climbed(BOTH, FREE, measures, T0, closing=False).rung

    assert [at(d) for d in (0.5, 0.3, 0.2, 0.1, 0.0)] == [
        Rung.FREE,
        Rung.WARN,
        Rung.STOP_ADDING,
        Rung.REDUCE,
        Rung.REDUCE,
    ]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_only_stops_adding_and_is_named(value: float | None) -> None:
    standing = look(FREE, value, T0)
    assert (standing.rung, standing.blind) == (Rung.STOP_ADDING, ("margin_ratio",))
    assert standing.reasons == ("stop_adding: margin_ratio is not known",)
    assert restraint(standing.state) == "ladder: stop_adding: margin_ratio is not known"
    missing = climbed(RULE, FREE, {}, T0, closing=False)
    assert missing.rung is Rung.STOP_ADDING


def test_a_reduction_pauses_while_its_measure_is_stale_and_goes_on_when_it_is_known() -> None:
    first = look(FREE, 0.85, T0)
    stale = look(first.state, 0.85, T0 + 11_000, age=11_000)
    again = look(stale.state, 0.75, T0 + 12_000)
    assert [s.rung for s in (first, stale, again)] == [
        Rung.REDUCE,
        Rung.STOP_ADDING,
        Rung.REDUCE,
    ]


def test_close_lasts_until_a_person_releases_and_then_needs_its_own_reason() -> None:
    first = look(FREE, 0.95, T0, closing=False)
    assert first.rung is Rung.CLOSE
    latched = look(first.state, 0.95, T0 + 1, closing=True).state
    for step in range(2, 500):
        standing = look(latched, 0.0, T0 + step * 60_000, closing=True)
        assert standing.rung is Rung.CLOSE
        latched = standing.state
    assert look(latched, None, T0, closing=True).rung is Rung.CLOSE, "asked for while it was known"
    assert look(latched, 0.75, T0, closing=False).rung is Rung.STOP_ADDING, "released"
    assert look(latched, 0.91, T0, closing=False).rung is Rung.CLOSE, "and closed anew"
    assert released(FREE) == FREE


def test_an_override_caps_what_is_done_and_hides_nothing() -> None:
    standing = look(FREE, 0.95, T0, allowed=Rung.WARN)
    assert (standing.rung, standing.wanted) == (Rung.WARN, Rung.CLOSE)
    assert said(standing.state).startswith("ladder at warn (close: margin_ratio is 0.95")
    assert look(standing.state, 0.95, T0 + 1).rung is Rung.CLOSE, "its expiry ends it"


def test_no_trigger_no_ladder_and_numbers_alone_are_no_news() -> None:
    assert climbed(LadderRule(), FREE, {}, T0, closing=False).state == FREE
    first = look(FREE, 0.55, T0).state
    assert look(first, 0.57, T0 + 5_000).state == first


states = st.builds(
    lambda rung, well, closed: LadderState(
        climbs=(Climb(trigger="margin_ratio", rung=rung, well_ms=well),), rung=rung, closed=closed
    ),
    st.integers(0, 4),
    st.one_of(st.just(0), st.integers(T0 - 2 * HOLD, T0)),
    st.booleans(),
)


@settings(deadline=None)
@given(states, st.floats(0.0, 1.2), st.floats(0.0, 1.2), st.booleans(), st.integers(0, 4))
def test_worse_is_never_lower(state, one, other, closing, allowed) -> None:
    better, worse = sorted((one, other))
    more = {"closing": closing, "allowed": Rung(allowed)}
    assert look(state, better, T0, **more).rung <= look(state, worse, T0, **more).rung
    assert look(state, better, T0, **more).wanted <= look(state, worse, T0, **more).wanted


@settings(deadline=None)
@given(st.lists(values, max_size=40), st.integers(0, 30_000))
def test_stale_never_reduces_and_the_path_obeys_both_levels(path, age) -> None:
    state, now = FREE, T0
    for value in path:
        before = state.climbs[0].rung if state.climbs else 0
        standing = look(state, value, now, age=age, closing=False)
        if age > RULE.age_ms_max or not math.isfinite(value):
            assert standing.rung is Rung.STOP_ADDING
            assert standing.state.climbs[0].rung == before, "it proves nothing either way"
        else:
            here = standing.state.climbs[0].rung
            if here > before:
                assert value >= MARGIN.steps[here - 1].enter
            if here < before:
                assert all(value <= step.leave for step in MARGIN.steps[here:before])
        state, now = standing.state, now + 7_000


def test_drawdown_of_nothing_is_none() -> None:
    assert (drawdown(0.0, 5.0), drawdown(10.0, 12.0), drawdown(10.0, 2.5)) == (0.0, 0.0, 0.75)

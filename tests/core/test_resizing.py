"""A book that scales itself: when it asks, when it must not; no tape sends it to and fro."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.acts.portions import share
from hedger.core.decide import decide
from hedger.core.model import (
    MS_PER_DAY,
    Act,
    Action,
    ActKind,
    LadderState,
    Memory,
    Resizing,
    ScaleRule,
    Sizing,
    VolTargetRule,
)
from tests.core.life import (
    BASE,
    CALL,
    CALL_WING,
    HOLD_MS,
    LIMIT,
    MINUTE_MS,
    PUT,
    PUT_WING,
    Life,
    by_itself,
)

# --- when, and how far ---------------------------------------------------------------------------


def test_off_by_default_nothing_is_asked_for_and_nothing_is_remembered() -> None:
    life = Life(by_itself(shrink="off", grow="off"))
    life.run(600, risk=0.8)
    assert (life.asked, life.memory.resized) == ([], None)
    assert life.last is not None
    assert (life.last.resize, life.last.scale) == (None, 0.25)


def test_a_wish_that_lasts_is_made_by_stages_and_given_back_when_it_is_over() -> None:
    life = Life()
    life.run(60, risk=0.2)
    life.run(60, risk=0.4)
    assert life.asked == [], "an hour is not over yet"
    assert life.last is not None
    assert life.last.resize is not None
    assert life.last.resize.state is Resizing.WAITS
    life.run(10, risk=0.4)
    assert life.ways == ["out"]
    assert (life.held, life.resized.top, life.resized.left) == (0.5, 1.0, 0.5)
    assert life.desk.legs == {leg: share(lots, 0.5) for leg, lots in BASE.items()}
    life.run(600, risk=0.4)
    assert life.ways == ["out"], "risk is of the base book: half of it held is what was wanted"
    life.run(90, risk=0.2)
    assert life.ways == ["out", "in"]
    assert life.held == 1.0
    assert life.resized.top == 0.0, "all is given back"


def test_without_the_second_switch_nothing_is_bought_back() -> None:
    life = Life(by_itself(grow="off"))
    life.run(90, risk=0.4)
    life.run(3_000, risk=0.1)
    assert (life.ways, life.held) == (["out"], 0.5)


def test_a_wish_that_moves_begins_its_time_anew_and_a_flicker_does_nothing() -> None:
    life = Life()
    for k in range(20):
        life.run(50, risk=0.4 if k % 2 else 0.2)
    assert life.asked == []
    for k in range(9):  # 30 % more each half hour: never about the same for an hour
        life.run(30, risk=0.3 * 1.3**k)
    assert life.asked == []
    life.run(70, risk=0.3 * 1.3**8)
    assert life.ways == ["out"]


@pytest.mark.parametrize("lacks", [{"risk": None}, {"loss": None}, {"age_ms": 600_001}])
def test_a_model_that_is_not_known_asks_for_nothing_and_breaks_patience_off(
    lacks: dict[str, Any],
) -> None:
    life = Life()
    life.run(55, risk=0.4)
    life.run(5, **({"risk": 0.4} | lacks))
    assert life.last is not None
    assert life.last.resize is not None
    assert life.last.resize.state is Resizing.HELD_BACK
    life.run(55, risk=0.4)
    assert life.asked == []
    life.run(3_000, **({"risk": 0.4, "loss": 3 * LIMIT} | lacks))
    assert life.asked == [], "not even a cap's"


def test_what_cannot_be_looked_at_breaks_patience_off_too() -> None:
    life = Life()
    life.run(55, risk=0.4)
    life.desk.now += 10 * MINUTE_MS
    book = life.desk.book(memory=life.memory)
    made = decide(book, life.desk.board.market(), life.rule, life.desk.now)
    assert made.action is Action.BLOCKED, "nothing was quoted for ten minutes"
    assert made.memory.resized is not None
    assert made.memory.resized.calm.since_ms == 0


def test_what_is_not_worth_its_cost_is_told_and_looked_at_again_later() -> None:
    life = Life(by_itself(sharpe=0.001))
    life.run(600, risk=0.4)
    assert life.asked == []
    assert life.last is not None
    assert life.last.resize is not None
    assert life.last.resize.state is Resizing.NOT_WORTH
    assert "both ways and is worth" in life.last.resize.text
    life.rule = by_itself(sharpe=10.0)
    life.run(90, risk=0.4)
    assert life.ways == ["out"]


def test_a_cap_of_risk_is_not_weighed_and_not_waited_for() -> None:
    life = Life(by_itself(sharpe=0.001))
    life.run(5, loss=2 * LIMIT, each_ms=20_000)
    assert life.ways == ["out"]
    assert (life.asked[0].cause, life.held) == ("cap", 0.5)
    life.run(60, loss=4 * LIMIT, each_ms=20_000)
    assert life.held == 0.25, "it asks as often as it must"


def test_once_made_smaller_only_a_week_later_and_for_half_of_it_again() -> None:
    life = Life()
    life.run(90, risk=0.4)
    life.run(24 * 60, risk=1.6)
    assert life.ways == ["out"]
    for _ in range(7):
        life.run(24 * 60, risk=0.6)
    assert life.ways == ["out"]
    life.run(5 * 60, risk=0.9)
    assert (life.ways, life.held) == (["out", "out"], pytest.approx(0.2 / 0.9, abs=0.03))


def test_small_changes_are_none() -> None:
    life = Life()
    for risk in (0.21, 0.25, 0.19, 0.26):
        life.run(200, risk=risk)
    assert life.asked == []


# --- growing -----------------------------------------------------------------------------------


def test_a_day_adds_no_more_than_its_cap_and_the_next_day_goes_on() -> None:
    life = Life(by_itself(grow_day_max=0.25))
    life.desk.now += MS_PER_DAY - life.desk.now % MS_PER_DAY  # midnight
    life.run(90, risk=0.4)
    life.run(20 * 60, risk=0.2)
    assert life.ways == ["out", "in"]
    assert life.held == pytest.approx(0.75, abs=0.03)
    assert life.resized.grown <= 0.25 + 1e-12
    assert life.resized.grows_on
    before = msgspec.json.decode(msgspec.json.encode(life.memory), type=Memory)
    life.memory = before  # another worker goes on with what is stored
    life.run(6 * 60, risk=0.2)
    assert life.ways == ["out", "in", "in"]
    assert life.held == pytest.approx(1.0, abs=0.03)


def test_nothing_is_bought_but_what_was_taken_by_itself() -> None:
    life = Life(held=0.5)
    life.run(3_000, risk=0.05)
    assert life.asked == [], "a book that somebody made small stays small"


def test_never_beyond_the_owners_scale_nor_beyond_what_was_held() -> None:
    rich = Sizing(vol_target=VolTargetRule(target=0.2, cap=3.0))
    for scale in (1.0, 3.0):
        life = Life(by_itself(rich, scale=scale))
        life.run(90, risk=0.4)
        life.run(300, risk=0.05)
        assert life.ways == ["out", "in"]
        assert life.held == pytest.approx(1.0, abs=0.03)


# --- who goes first ------------------------------------------------------------------------------


def test_what_a_person_scaled_stands_until_the_models_change_their_mind() -> None:
    life = Life()
    life.run(90, risk=0.4)
    life.person(ActKind.SCALE, 1.0)
    life.run(10, risk=0.4)
    assert life.held == 1.0
    assert life.resized.stands == 0.5
    life.run(3_000, risk=0.42)
    assert life.ways == ["out"], "the person has heard that before"
    life.run(100, risk=0.8)
    assert life.ways == ["out", "out"]
    assert life.held == 0.25


def test_what_the_ladder_took_is_not_given_back() -> None:
    life = Life()
    life.run(90, risk=0.4)
    keep = tuple((leg.name, share(lots, 0.25)) for leg, lots in BASE.items())
    life.act = Act(kind=ActKind.REDUCE, who="the ladder", reason="margin", asked_ms=9, keep=keep)
    life.run(10, risk=0.4)
    assert life.held == 0.25
    life.run(3_000, risk=0.1)
    assert life.ways == ["out"]


@pytest.mark.parametrize("why", ["hold", "ladder"])
def test_a_hold_and_a_rung_go_first_and_an_act_under_way_is_taken_back(why: str) -> None:
    life = Life()
    if why == "hold":
        life.hold = "lunch"
    else:
        life.memory = Memory(ladder=LadderState(rung=2, text="stop_adding"))
    life.run(300, risk=0.4, loss=3 * LIMIT)
    assert life.asked == []
    life.hold, life.memory = "", Memory()
    life.run(5, risk=0.4, each_ms=HOLD_MS)
    for _ in range(3):
        life.desk.now += HOLD_MS // 2 + 1
        life.look(risk=0.4)
    assert life.act is not None
    life.look(risk=0.4)
    begun = life.held
    if why == "hold":
        life.hold = "lunch"
    else:
        life.memory = msgspec.structs.replace(
            life.memory, ladder=LadderState(rung=2, text="stop_adding")
        )
    made = life.look(risk=0.4)
    assert made.resize is not None
    assert made.resize.state is Resizing.WITHDRAWS
    assert life.act is None
    assert life.held == begun
    assert life.resized.left == 0.0


def test_under_way_it_trades_no_option_while_a_model_is_not_known() -> None:
    life = Life()
    for _ in range(3):
        life.desk.now += HOLD_MS // 2 + 1
        life.look(risk=0.4)
    assert life.act is not None
    for lacks in ({"risk": None}, {"age_ms": 700_000}):
        made = life.look(**({"risk": 0.4} | lacks))
        assert (made.action, made.reason) == (Action.BLOCKED, "scale_waits")
        assert life.act is not None
    assert life.held == 1.0
    life.run(5, risk=0.4)
    assert life.held == 0.5, "and goes on once it is known again"
    assert len(life.asked) == 1


def test_an_act_that_nobody_wants_any_more_is_taken_back() -> None:
    life = Life()
    for _ in range(3):
        life.desk.now += HOLD_MS // 2 + 1
        life.look(risk=0.4)
    assert life.act is not None
    assert life.look(risk=0.2).reason == "scale_waits"
    life.desk.now += HOLD_MS
    life.look(risk=0.2)
    assert (life.act, life.held) == (None, 1.0)
    life.rule = by_itself(shrink="off", grow="off")
    life.person(ActKind.SCALE, 0.5, cause="models")
    made = life.look(risk=0.4)
    assert made.resize is not None
    assert made.resize.state is Resizing.WITHDRAWS, "switched off meanwhile"
    assert made.plan is None


# --- no tape sends it to and fro -----------------------------------------------------------------


def tape(seed: int) -> list[float]:
    """Risk of the base book every half hour: calm, storm, calm, as an estimate would have it.

    Vol is a forecast's: returns squared and forgotten by one in a hundred every five minutes, so
    that it rises within hours, falls within a day, and is noisy all the time.
    """
    dice = np.random.default_rng(seed)
    calm_days, storm_days = dice.uniform(0.5, 2.0, 2)
    strength = dice.uniform(1.8, 4.0)
    power = dice.choice([1.0, 2.0])  # one model, or two that read the same vol
    parts = [(calm_days, 1.0), (storm_days, strength), (2.0, 1.0)]
    true = np.concatenate([np.full(int(288 * days), vol) for days, vol in parts])
    variance, found = 1.0, []
    for shock in (true * dice.standard_normal(true.size)) ** 2:
        variance = 0.99 * variance + 0.01 * shock
        found.append(0.15 * variance ** (0.5 * power))
    return found[::6]


@pytest.mark.parametrize("seed", range(12))
def test_calm_storm_calm_is_at_most_once_out_and_once_in(seed: int) -> None:
    rule = by_itself(Sizing(vol_target=VolTargetRule(target=0.2)), hold_ms=ScaleRule().hold_ms)
    life = Life(rule)
    for risk in tape(seed):
        life.run(30, each_ms=30 * MINUTE_MS, risk=risk)
        _left_enough(life)
    assert life.ways in ([], ["out"], ["out", "in"]), [a.reason for a in life.asked]
    assert life.held <= 1.0


def _left_enough(life: Life) -> None:
    """Nothing is ever short of what its side's long legs cover."""
    calls = life.desk.legs[CALL] + life.desk.legs[CALL_WING]
    assert calls >= 0 <= life.desk.legs[PUT] + life.desk.legs[PUT_WING]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.floats(0.02, 3.0), st.integers(1, 5)), min_size=1, max_size=8))
def test_whatever_is_wanted_no_change_is_small_and_none_goes_beyond_what_was_held(
    wishes: list[tuple[float, int]],
) -> None:
    life = Life(by_itself(grow_day_max=0.3))
    for risk, hours in wishes:
        life.run(60 * hours, each_ms=30 * MINUTE_MS, risk=risk)
        assert life.held <= 1.0 + 1e-9
        assert life.resized.grown <= 0.3 + 1e-9
    left, out_of = 1.0, None
    for act in life.asked:
        if act.grows:
            assert act.scale > left
        else:
            assert act.scale <= (1.0 - 0.25) * left + 0.02, "far enough away"
            assert out_of is None, "and back in between"
        left, out_of = act.scale, None if act.scale >= 0.9 else act.scale

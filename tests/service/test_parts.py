"""The parts by themselves: arithmetic that needs no room."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedger.core.model import Action, Decision, HedgeQuote
from hedger.errors import ConfigError
from hedger.service.election import owner_of
from hedger.service.intents import Acks
from hedger.service.journal import Journal
from hedger.service.params import WorkerParams
from hedger.service.read_back import decoded
from hedger.service.scheduler import Scheduler, Trigger, data_limit_ms
from hedger.store.keys import entry_ms, entry_parts
from hedger.telemetry import Histogram, Metrics, Throttle
from tests.service.room import book_params, book_rules

# --- scheduler ------------------------------------------------------------------------------


def scheduler() -> Scheduler:
    made = Scheduler(min_interval_s=0.1, time_trigger_s=5.0)
    made.add("a", now_s=0.0)
    assert [due.book for due in made.take(now_s=0.0, market_ms=0, limit=9)] == ["a"]
    made.done("a")
    return made


def test_the_newest_quote_wins_and_a_book_under_way_is_due_once_more_after() -> None:
    s = scheduler()
    s.quoted("a", 1.0)
    s.quoted("a", 1.5)
    assert s.take(now_s=2.0, market_ms=0, limit=9) == [("a", 1.5, True)]
    s.quoted("a", 2.1)
    s.quoted("a", 2.2)
    assert s.take(now_s=3.0, market_ms=0, limit=9) == []
    s.done("a")
    assert s.take(now_s=3.0, market_ms=0, limit=9) == [("a", 2.2, True)]


def test_a_step_knows_whether_anything_but_quotes_asked_for_it() -> None:
    s = scheduler()
    s.quoted("a", 1.0)
    s.mark("a")
    s.quoted("a", 1.5)
    assert s.take(now_s=2.0, market_ms=0, limit=9) == [("a", 1.5, False)]
    s.quoted("a", 2.1)
    s.done("a")
    assert s.take(now_s=3.0, market_ms=0, limit=9) == [("a", 2.1, True)]


def test_the_minimum_interval_delays_and_does_not_forget() -> None:
    s = scheduler()
    s.quoted("a", 0.02)
    assert s.take(now_s=0.05, market_ms=0, limit=9) == []
    assert s.wait_s(0.05, longest_s=1.0) == pytest.approx(0.05)
    assert len(s.take(now_s=0.1001, market_ms=0, limit=9)) == 1


def test_time_and_market_timers_make_a_book_due() -> None:
    s = scheduler()
    s.mark_at("a", 500)
    s.mark_at("a", 700)
    assert s.take(now_s=1.0, market_ms=699, limit=9) == []
    (due,) = s.take(now_s=1.0, market_ms=700, limit=9)
    assert math.isnan(due.arrival_s)
    s.done("a")
    assert s.take(now_s=4.9, market_ms=700, limit=9) == []
    assert len(s.take(now_s=5.0, market_ms=700, limit=9)) == 1


def test_timers_that_were_replaced_do_not_pile_up() -> None:
    s = scheduler()
    for number in range(10_000):
        s.mark_at("a", 86_400_000 - number)
    assert len(s._market) <= 2 + 64
    assert s.take(now_s=1.0, market_ms=86_390_000, limit=9) == []
    assert len(s.take(now_s=1.0, market_ms=86_390_001, limit=9)) == 1


def test_backing_off_outlasts_quotes_and_is_quiet_for_a_replay() -> None:
    s = scheduler()
    s.back_off("a", 3.0)
    s.quoted("a", 1.0)
    assert s.quiet(frozenset({"a"}))
    assert s.take(now_s=2.9, market_ms=0, limit=9) == []
    assert len(s.take(now_s=3.0, market_ms=0, limit=9)) == 1
    assert not s.quiet(frozenset({"a"}))


def test_a_removed_book_rings_no_more_and_the_limit_holds() -> None:
    s = scheduler()
    s.mark_at("a", 1)
    s.mark("a")
    s.remove("a")
    s.mark("a")
    s.done("a")
    assert s.take(now_s=99.0, market_ms=99, limit=9) == []
    for name in "bcd":
        s.add(name, now_s=99.0)
    assert len(s.take(now_s=99.0, market_ms=99, limit=2)) == 2


def test_what_a_screen_passes_over_is_not_due_until_something_moves_again() -> None:
    s = scheduler()
    s.add("b", now_s=1.0)
    assert len(s.take(now_s=1.0, market_ms=0, limit=9)) == 1
    s.done("b")
    for name in "ab":
        s.quoted(name, 2.0)
    assert s.unsure == 2
    assert s.take(now_s=2.0, market_ms=0, limit=9, unsure=False) == []
    assert s.undecided(now_s=2.0, market_ms=0) == ["a", "b"]
    s.passed(["a"], now_s=2.0)
    s.flagged(["b"])
    assert s.take(now_s=2.0, market_ms=0, limit=9) == [("b", 2.0, True)]
    s.mark("a", Trigger.TIMER)
    assert s.undecided(now_s=2.05, market_ms=0) == []  # too soon after the last look
    assert s.undecided(now_s=2.1, market_ms=0) == ["a"]


def test_a_book_whose_state_may_have_changed_is_never_left_to_a_screen() -> None:
    s = scheduler()
    s.mark("a", Trigger.TIMER)
    s.mark("a")
    s.quoted("a", 1.0)
    assert s.undecided(now_s=1.0, market_ms=0) == []
    assert s.take(now_s=1.0, market_ms=0, limit=9, unsure=False) == [("a", 1.0, False)]
    s.mark("a")  # while it is stepped
    s.done("a")
    assert s.undecided(now_s=2.0, market_ms=0) == []
    assert len(s.take(now_s=2.0, market_ms=0, limit=9, unsure=False)) == 1


def test_timers_of_removed_books_are_dropped_when_they_ring() -> None:
    s = Scheduler(min_interval_s=0.0, time_trigger_s=1.0)
    for turn in range(50):
        s.add("a", now_s=0.01 * turn)
        s.mark_at("a", turn)
        s.remove("a")
    s.add("a", now_s=0.5)
    assert s.timers == 101
    assert len(s.take(now_s=1.5, market_ms=100, limit=9)) == 1
    assert s.timers == 1


def blocked(**change: Any) -> Decision:
    made = Decision(
        book="main",
        time_ms=10_000,
        seq=1,
        config="v1",
        action=Action.BLOCKED,
        reason="hold",
        text="",
    )
    return msgspec.structs.replace(made, **change)


def test_the_next_look_is_when_the_first_fresh_input_grows_old() -> None:
    fresh = HedgeQuote(instrument="x", bid=1.0, ask=2.0, age_ms=500)
    unseen = HedgeQuote(instrument="y", bid=None, ask=None, age_ms=None)
    decision = blocked(quotes=(fresh, unseen), index_age_ms=6_000)
    assert data_limit_ms(decision, book_rules()) == 10_000 + 1_500 + 1
    assert data_limit_ms(blocked(quotes=(unseen,)), book_rules()) is None


# --- journal --------------------------------------------------------------------------------


def test_a_refusal_is_written_at_once_when_it_changes_and_once_a_second_when_not() -> None:
    now = [0.0]
    journal = Journal(worker="w", wall_ms=lambda: 7, now_s=lambda: now[0])
    kept = []
    for tick in range(50):
        now[0] = tick * 0.1
        decision = blocked(reason="hold" if tick < 30 else "stopped", text=str(tick))
        if repeats := journal.repeats(decision):
            kept.append((decision.text, repeats))
            journal.written(decision)
    assert kept == [("0", 1), ("10", 10), ("20", 10), ("30", 1), ("40", 10)]


def test_entry_ids_never_repeat_and_never_fall_even_if_the_clock_does() -> None:
    times = iter([5, 5, 6, 4, 4, 7])
    journal = Journal(worker="w", wall_ms=lambda: next(times), now_s=lambda: 0.0)
    ids = [journal.next_id("main", epoch) for epoch in (5, 5, 5, 5, 6, 6)]
    assert ids == ["main.5.0", "main.5.1", "main.5.1000", "main.5.1001", "main.6.2", "main.6.1000"]
    assert [entry_ms(one) for one in ids] == [5, 5, 6, 6, 6, 7]


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 4)), max_size=40),
)
def test_two_workers_whose_clocks_are_set_never_give_one_id_to_two_entries(
    turns: list[tuple[int, int, int]],
) -> None:
    """A book changes hands with each new epoch; each clock says whatever it likes."""
    clocks = [0, 0]
    workers = [
        Journal(worker=f"w{n}", wall_ms=lambda n=n: clocks[n], now_s=lambda: 0.0)  # type: ignore[misc]
        for n in range(2)
    ]
    ids = []
    for epoch, (worker, clocks[worker], entries) in enumerate(turns, start=1):
        ids += [workers[worker].next_id("main", epoch) for _ in range(entries)]
    assert len(set(ids)) == len(ids)
    places = [entry_parts(one)[1:] for one in ids]
    assert places == sorted(places), "and each has its place in the stream after those before"


def test_an_entry_comes_back_as_it_was() -> None:
    journal = Journal(worker="w", wall_ms=lambda: 7, now_s=lambda: 0.0)
    entry = journal.entry(blocked(), entry_id="main.7.0", epoch=3, repeats=4)
    back = decoded(entry.payload)
    assert (back.id, back.worker, back.epoch, back.repeats, back.reason) == (
        "main.7.0",
        "w",
        3,
        4,
        "hold",
    )


# --- orders ---------------------------------------------------------------------------------


def test_deadlines_follow_the_recent_acknowledgements_within_bounds() -> None:
    acks = Acks()
    assert acks.timeout_ms(least=500, largest=3_000) == 3_000
    for _ in range(200):
        acks.see(2.0)
    assert acks.timeout_ms(least=500, largest=3_000) == 500
    for _ in range(10):
        acks.see(300.0)
    assert acks.timeout_ms(least=500, largest=3_000) == 1_200
    for _ in range(10):
        acks.see(9_000.0)
    assert acks.timeout_ms(least=500, largest=3_000) == 3_000


# --- owners ---------------------------------------------------------------------------------


def test_shares_are_even_and_a_join_moves_only_its_own() -> None:
    three, four = ["w1", "w2", "w3"], ["w1", "w2", "w3", "w4"]
    before = {shard: owner_of(shard, three) for shard in range(256)}
    after = {shard: owner_of(shard, four) for shard in range(256)}
    assert min(Counter(before.values()).values()) > 256 / 3 * 0.7
    moved = [shard for shard in before if before[shard] != after[shard]]
    assert {after[shard] for shard in moved} == {"w4"}


def test_a_worker_that_could_not_work_is_not_made() -> None:
    book = book_params()
    with pytest.raises(ConfigError, match="named twice: main"):
        WorkerParams(worker="w", deployment="d", books=(book, book))
    with pytest.raises(ConfigError, match="two books"):
        WorkerParams(worker="w", deployment="d", books=(book, book_params("other")))
    with pytest.raises(ConfigError, match="lease_ms is 100"):
        WorkerParams(worker="w", deployment="d", books=(book,), lease_ms=100)


# --- telemetry ------------------------------------------------------------------------------


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=200), st.integers(1, 100))
def test_percentiles_are_right_to_two_percent(values: list[float], percent: int) -> None:
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    exact = sorted(values)[math.ceil(len(values) * percent / 100) - 1]
    assert histogram.percentile(percent) == pytest.approx(exact, rel=0.021)


def test_what_was_never_measured_is_not_zero() -> None:
    histogram = Histogram()
    histogram.observe(math.nan)
    assert math.isnan(histogram.percentile(50))
    metrics = Metrics()
    metrics.count("a", 2)
    metrics.observe("b_ms", 4.0)
    flat = metrics.snapshot()
    assert (flat["a"], flat["b_ms_count"], flat["b_ms_largest"]) == (2, 1, 4.0)


def test_a_flood_is_one_line_a_second_with_the_number_swallowed() -> None:
    now = [0.0]
    throttle = Throttle(1.0, lambda: now[0], size=2)
    assert throttle.passes("a") == 1
    assert [throttle.passes("a") for _ in range(9)] == [None] * 9
    now[0] = 1.0
    assert throttle.passes("a") == 10
    for key in "bcdef":
        assert throttle.passes(key) == 1
    assert len(throttle._seen) == 2

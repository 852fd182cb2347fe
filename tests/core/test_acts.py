"""The three acts as pure plans: what each sends, what it refuses, and that no step leaves naked."""

from __future__ import annotations

import math

import msgspec
import pytest

from hedger.core.acts import finished
from hedger.core.acts.acting import AGAIN_MS
from hedger.core.acts.unwinding import next_hedge
from hedger.core.decide import decide
from hedger.core.exposure import moves
from hedger.core.model import (
    Account,
    Act,
    Action,
    ActKind,
    BandRule,
    Decision,
    Intent,
    LadderState,
    LimitRule,
    Memory,
)
from tests.core.desk import (
    DAY_MS,
    LINEAR_PERPETUAL,
    PERPETUAL,
    START,
    Desk,
    option,
    rules,
)

CALL = option(64_000.0, 8, True)
PUT = option(56_000.0, 8, False)
WING = option(70_000.0, 8, True)
BAND = BandRule(lower=-0.25, upper=0.25, cooldown_ms=60_000)
RULES = rules(band=BAND)
HARD = 0.75
DID = Memory(hedges=3, hedge_ms=START - 1, hedge_price=60_000.0)


def act(kind: str, **keep: int) -> Act:
    kept = tuple((name.replace("_", "-"), lots) for name, lots in keep.items())
    return Act(kind=ActKind(kind), who="anna", reason="a drill", asked_ms=1, keep=kept)


def at(desk: Desk, kind: str = "close", rule=RULES, **book) -> Decision:
    the_book = desk.book(memory=book.pop("memory", DID), act=book.pop("act", act(kind)), **book)
    return decide(the_book, desk.board.market(), rule, desk.now)


def filled(desk: Desk, made: Decision) -> None:
    """What was planned, executed whole; the market stands still."""
    for line in made.plan.lines if made.plan else ():
        if line.instrument == PERPETUAL.name:
            desk.hedge_lots += line.lots
        else:
            leg = desk.instruments[line.instrument]
            desk.legs[leg] += line.lots


def working(desk: Desk, name: str, lots: int, **change) -> Intent:
    fields = {
        "id": "0" * 32, "book": "main", "venue": "paper", "account": "acc", "instrument": name,
        "lots": lots, "limit_ticks": 1, "deadline_ms": desk.now, "low": min(lots, 0),
        "high": max(lots, 0), "seq": 7,
    }  # fmt: skip
    return Intent(**(fields | change))


@pytest.mark.parametrize("numeraire", ["coin", "usd"])
@pytest.mark.parametrize("inverse", [True, False])
@pytest.mark.parametrize("ratio", [1.0, 0.7])
def test_what_a_lot_moves_is_what_the_exposure_changes_by(numeraire, inverse, ratio) -> None:
    """Oracle: the exposure of the book with one lot less, its account settled at value."""
    hedge = PERPETUAL if inverse else LINEAR_PERPETUAL
    call, put = (option(k, 8, c, inverse=inverse) for k, c in ((64_000.0, True), (56_000.0, False)))
    rule = rules(numeraire=numeraire, ratio=ratio, hedge=hedge.name, band=BAND)

    def delta(calls: int, puts: int) -> float:
        desk = Desk({call: calls, put: puts}, hedge=hedge, basis=1.02)
        desk.board.apply_account(
            Account(account="acc", time_ms=desk.now, equity=0.0, quote_equity=0.0)
        )
        return at(desk, act=None, rule=rule).exposure.book_delta

    desk = Desk({call: -50, put: 30}, hedge=hedge, basis=1.02)
    found = moves(desk.book(), desk.board.market(), rule, desk.now)
    for i, (leg, less) in enumerate(((call, (-49, 30)), (put, (-50, 31)))):
        changed = delta(*less) - delta(-50, 30)
        assert found[i] * leg.lot == pytest.approx(changed, abs=1e-9)


# --- cancel -----------------------------------------------------------------------------------


def test_cancel_needs_no_market_and_is_done_when_nothing_is_open() -> None:
    desk = Desk({CALL: -100}, now=START)
    desk.now += 3_600_000  # everything is stale
    waits = at(desk, "cancel", intents=(working(desk, PERPETUAL.name, 5),))
    assert (waits.action, waits.reason) == (Action.NO_TRADE, "cancelling")
    assert not finished(act("cancel"), waits)
    done = at(desk, "cancel")
    assert finished(act("cancel"), done)
    assert done.act == "cancel, asked by anna: a drill"


# --- neutral ----------------------------------------------------------------------------------


def test_neutral_trades_to_the_centre_whatever_band_and_patience_say() -> None:
    desk = Desk({CALL: -10})
    still = at(desk, act=None)
    assert (still.action, still.reason) == (Action.NO_TRADE, "inside_band")
    made = at(desk, "neutral")
    assert made.action is Action.HEDGE
    low, high = made.plan.expected
    lot = PERPETUAL.lot / desk.index
    assert max(abs(low), abs(high)) <= lot
    filled(desk, made)
    done = at(desk, "neutral", memory=made.memory)
    assert finished(act("neutral"), done), done.text


@pytest.mark.parametrize("wrong", ["stale", "one_sided", "no_index"])
def test_neutral_refuses_what_any_hedge_refuses_with_its_reason(wrong: str) -> None:
    desk = Desk({CALL: -10})
    if wrong == "stale":
        desk.now += 2_001
    elif wrong == "one_sided":
        desk.quote_hedge(bid=None)
    else:
        desk.now += 6_000
        desk.quote_hedge(index=None)
    made = at(desk, "neutral")
    assert made.action is Action.BLOCKED
    assert made.plan is None
    assert made.reason in ("stale_hedge_quote", "missing_hedge_quote", "stale_forward")


# --- close ------------------------------------------------------------------------------------


def played(desk: Desk, rule=RULES, *, kind="close", steps_max: int = 200) -> list[Decision]:
    """All decisions of an act whose orders all fill, until it sends no more."""
    made, memory = [], DID
    for _ in range(steps_max):
        made.append(at(desk, kind, rule, memory=memory))
        if made[-1].action is not Action.HEDGE:
            return made
        memory = made[-1].memory
        filled(desk, made[-1])
        desk.now += 100
        desk.quote_all()
    raise AssertionError(f"not done after {steps_max} steps: {made[-1].text}")


@pytest.mark.parametrize("numeraire", ["coin", "usd"])
@pytest.mark.parametrize(
    "legs",
    [{CALL: -100}, {PUT: 30}, {CALL: -50, PUT: -50}, {CALL: -40, WING: 40}, {PUT: -7, CALL: 5}],
    ids=str,
)
def test_close_ends_flat_and_is_never_beyond_the_hard_band(legs, numeraire: str) -> None:
    desk = Desk(dict(legs), equity=0.0)
    start = at(desk, "neutral", rules(band=BAND, numeraire=numeraire))
    filled(desk, start)  # hedged to begin with
    made = played(desk, rules(band=BAND, numeraire=numeraire))
    assert made[-1].reason == "closed", made[-1].text
    assert desk.hedge_lots == 0
    assert not any(desk.legs.values())
    held = dict(legs)
    for one in made[:-1]:
        low, high = one.plan.expected
        assert -HARD <= low <= high <= HARD, one.text
        (line,) = one.plan.lines
        if one.reason == "close_hedge":
            assert not any(held.values()), "a hedge went while an option remained"
        elif line.instrument != PERPETUAL.name:
            held[desk.instruments[line.instrument]] += line.lots


def test_close_buys_at_the_offer_sells_at_the_bid_and_takes_what_is_shown() -> None:
    desk = Desk({CALL: -100})
    filled(desk, at(desk, "neutral"))
    desk.quote_option(CALL, bid=0.012, ask=0.0155, ask_size=0.3)
    (line,) = at(desk).plan.lines
    assert (line.lots, line.limit_price) == (3, pytest.approx(0.0155))
    assert (line.low, line.high) == (-100, -97)
    desk = Desk({CALL: 100})
    filled(desk, at(desk, "neutral"))
    desk.quote_option(CALL, bid=0.012, ask=0.0155, bid_size=0.2)
    (line,) = at(desk).plan.lines
    assert (line.lots, line.limit_price) == (-2, pytest.approx(0.012))
    assert (line.low, line.high) == (98, 100)


def test_short_legs_go_first_and_a_long_one_stays_while_it_covers() -> None:
    desk = Desk({CALL: -40, WING: 40})
    filled(desk, at(desk, "neutral"))
    order = [
        line.instrument
        for one in played(desk)
        for line in (one.plan.lines if one.plan else ())
        if line.instrument != PERPETUAL.name
    ]
    assert order == sorted(order, key=[CALL.name, WING.name].index)
    desk = Desk({CALL: -40, WING: 40})
    filled(desk, at(desk, "neutral"))
    desk.quote_option(CALL, ask=None)  # the short one cannot be bought back
    made = at(desk)
    assert (made.action, made.reason) == (Action.BLOCKED, "close_waits")
    rules_of = {r.instrument: r.rule for r in made.refusals}
    assert rules_of == {CALL.name: "close_missing_quote", WING.name: "close_covers"}


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"ask": None}, "close_missing_quote"),
        ({"ask": 0.2}, "close_wide_market"),
        ({"bid": 0.03, "ask": 0.02}, "close_bad_quote"),
        ({"ask": math.nan}, "close_bad_quote"),
        ({"ask_size": 0.0}, "close_too_small"),
    ],
)
def test_an_option_without_a_market_is_not_closed_and_its_hedge_stays(wrong, rule: str) -> None:
    desk = Desk({CALL: -100})
    filled(desk, at(desk, "neutral"))
    desk.quote_option(CALL, **wrong)
    made = at(desk)
    assert (made.action, made.reason) == (Action.BLOCKED, "close_waits")
    assert [(r.rule, r.instrument) for r in made.refusals] == [(rule, CALL.name)]
    assert CALL.name in made.text
    assert made.plan is None


def test_a_stale_option_waits_is_hedged_on_and_named_with_its_age() -> None:
    desk = Desk({CALL: -100, PUT: -20})
    filled(desk, at(desk, "neutral"))
    desk.now += 10_001
    desk.quote_hedge()
    desk.quote_option(PUT)
    made = at(desk)
    assert made.action is Action.HEDGE
    assert [line.instrument for line in made.plan.lines] == [PUT.name]
    (stale,) = made.refusals
    assert (stale.rule, stale.instrument, stale.age_ms) == ("close_stale_quote", CALL.name, 10_001)
    desk.legs[PUT] = 0
    desk.index *= 1.05  # the stale leg's delta grows past the band: the hedge goes on
    desk.quote_hedge()
    made = at(desk)
    assert [line.instrument for line in made.plan.lines] == [PERPETUAL.name]


def test_a_step_that_one_lot_takes_beyond_the_hard_band_is_refused_in_words() -> None:
    desk = Desk({CALL: -100})
    narrow = rules(
        band=BandRule(lower=-0.001, upper=0.001),
        limits=LimitRule(first_trade_max=1e3, order_max=1e3, per_minute_max=1e6, hard_band=1.0),
    )
    filled(desk, at(desk, "neutral", narrow))
    made = at(desk, rule=narrow)
    assert (made.action, made.reason) == (Action.BLOCKED, "close_waits")
    assert made.refusals[0].rule == "close_hard_band"


def test_while_an_option_order_is_open_both_outcomes_count() -> None:
    desk = Desk({CALL: -100})
    filled(desk, at(desk, "neutral"))
    step = at(desk).plan.lines[0]
    open_ = working(desk, CALL.name, step.lots, low=step.low, high=step.high)
    made = at(desk, intents=(open_,))
    assert (made.action, made.reason) == (Action.NO_TRADE, "in_flight")
    seen = made.exposure
    assert seen.high - seen.low == pytest.approx(abs(step.delta))


def test_hold_and_stop_restrain_an_act() -> None:
    desk = Desk({CALL: -100})
    filled(desk, at(desk, "neutral"))
    held = at(desk, hold="lunch")
    assert (held.action, held.reason) == (Action.BLOCKED, "hold")
    stopped = at(desk, hold="fire", stopped=True)
    assert (stopped.action, stopped.reason) == (Action.BLOCKED, "stopped")
    desk.hedge_lots += 6_000  # ten cents of a coin too long: neutral reduces
    assert at(desk, "neutral", hold="lunch").action is Action.HEDGE


def test_a_ladder_that_adds_nothing_stops_hedges_that_add_and_no_act_that_makes_smaller() -> None:
    """Else a close, or the ladder's own reduction, waits for ever on a measure that went stale."""
    desk = Desk({CALL: -100})
    filled(desk, at(desk, "neutral"))
    blind = LadderState(rung=2, text="stop_adding: margin_ratio is not known")
    memory = msgspec.structs.replace(DID, ladder=blind)
    keep = act("reduce", **{CALL.name.replace("-", "_"): -60})
    for wish, reason in ((act("close"), "close_leg"), (keep, "close_leg")):
        made = at(desk, act=wish, memory=memory)
        assert (made.action, made.reason) == (Action.HEDGE, reason), made.text
        assert made.plan.lines[0].lots > 0
        assert made.hold == f"on hold: ladder: {blind.text}"
        held = at(desk, act=wish, memory=memory, hold="lunch")
        assert (held.action, held.reason) == (Action.BLOCKED, "hold"), "a person's word does"
    quiet = at(desk, act=None, memory=memory, rule=rules(band=BandRule(lower=0.5, upper=1.0)))
    assert (quiet.action, quiet.reason) == (Action.BLOCKED, "hold"), quiet.text


def test_reduce_goes_down_to_what_is_to_be_kept_and_hedges_it() -> None:
    desk = Desk({CALL: -100})
    filled(desk, at(desk, "neutral"))
    wish = Act(
        kind=ActKind.REDUCE, who="ladder", reason="margin", asked_ms=1, keep=((CALL.name, -60),)
    )
    memory = DID
    for _ in range(60):
        made = at(desk, act=wish, memory=memory)
        if made.action is not Action.HEDGE:
            break
        filled(desk, made)
        memory = made.memory
        desk.now += 100
        desk.quote_all()
    assert finished(wish, made), made.text
    assert desk.legs[CALL] == -60
    assert desk.hedge_lots > 0
    larger = msgspec.structs.replace(wish, keep=((CALL.name, -600),))
    assert finished(larger, at(desk, act=larger)), "no act makes a leg larger"


@pytest.mark.parametrize("age_ms", [0, 2_001, -1_001, None])
def test_a_hedge_goes_on_a_fresh_market_alone_and_none_is_of_a_time_to_come(age_ms) -> None:
    desk = Desk({CALL: 0}, hedge_lots=1_000)
    made, market = at(desk, "neutral"), desk.board.market()
    row = market.row[PERPETUAL.name]
    market.quote_ms[row] = -1 if age_ms is None else desk.now - age_ms
    found = next_hedge(
        desk.book(memory=DID), market, RULES, desk.now, seen=made.exposure, band=made.target
    )
    assert found.left == 1
    assert (found.line is not None) is (age_ms == 0)
    assert [r.rule for r in found.refusals] == ([] if found.line else ["close_stale_hedge"])


def test_a_closed_book_stays_closed_and_what_expired_is_waited_for() -> None:
    desk = Desk({CALL: 0})
    assert at(desk).reason == "closed"
    desk.equity = 5.0
    desk.quote_all()
    made = at(desk, rule=rules(band=BAND, numeraire="usd"))
    assert (made.action, made.reason) == (Action.NO_TRADE, "closed"), "a balance is no position"
    desk = Desk({CALL: -10})
    desk.now += 9 * DAY_MS
    desk.quote_hedge()
    assert "1 expired legs await their settlement" in at(desk).text


def test_where_the_hedge_does_not_get_on_a_short_leg_that_takes_delta_home_goes() -> None:
    """An account without margin is refused every hedge: buying the leg back frees some."""
    desk = Desk({CALL: -100})
    filled(desk, at(desk, "neutral"))
    desk.hedge_lots = 0  # far too short now, as after a gap
    first = at(desk, memory=Memory())
    assert first.plan.lines[0].instrument == PERPETUAL.name  # the hedge goes first
    tried = Memory(hedges=1, hedge_ms=desk.now - 1_000, hedge_price=60_000.0)
    (line,) = at(desk, memory=tried).plan.lines
    assert (line.instrument, line.lots > 0) == (CALL.name, True)
    assert line.delta > 0.0
    old = Memory(hedges=1, hedge_ms=desk.now - AGAIN_MS, hedge_price=60_000.0)
    assert at(desk, memory=old).plan.lines[0].instrument == PERPETUAL.name  # its turn again
    spent = Memory(hedges=1, hedge_ms=1, hedge_price=1.0, recent=((desk.now, 1e9),))
    assert at(desk, memory=spent).plan.lines[0].instrument == CALL.name  # no hedge can be sent
    for kind in ("neutral", "cancel"):
        made = at(desk, kind, memory=tried)
        assert CALL.name not in [it.instrument for it in (made.plan.lines if made.plan else ())]
    long = Desk({CALL: 100})
    assert at(long, memory=tried).plan.lines[0].instrument == PERPETUAL.name  # frees no margin

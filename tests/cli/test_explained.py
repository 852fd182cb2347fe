"""The text of decisions that a running market seldom makes: doubts, cuts, refusals, rejections."""

from __future__ import annotations

import msgspec
import pytest

from hedger.cli.explained import explained
from hedger.core.decide import decide
from hedger.core.model import Action, BandRule, Decision, LimitRule, Memory
from hedger.service.entry import Entry
from tests.cli.test_live import sums
from tests.core.desk import START, Desk, option, rules

CALL = option(62_000.0, 8.0, True)
PUT = option(56_000.0, 8.0, False)


def entry(decision: Decision) -> Entry:
    more = {"id": "main.1.0", "worker": "w1", "epoch": 7, "wall_ms": START}
    return msgspec.json.decode(
        msgspec.json.encode(Entry(**msgspec.structs.asdict(decision), **more)), type=Entry
    )


def decided(desk: Desk, **change: object) -> Entry:
    memory = change.pop("memory", None)
    book = desk.book(memory=memory)  # type: ignore[arg-type]
    return entry(decide(book, desk.board.market(), rules(**change), desk.now))  # type: ignore[arg-type]


def check_sums(text: list[str], blocks: int) -> None:
    found = sums(text)
    assert len(found) == blocks
    for parts, total in found:
        assert sum(parts) == pytest.approx(total, abs=1e-8 * len(parts))


def test_a_doubt_shows_instrument_interval_age_and_reason() -> None:
    desk = Desk(legs={CALL: -100, PUT: -100}, hedge_lots=7_000)
    desk.now += 2_000
    desk.quote_hedge()
    desk.quote_option(CALL)
    desk.quote_option(PUT, bid=None)
    made = decided(desk, band=BandRule(lower=-0.05, upper=0.05, rehedge_to="centre"))
    assert made.exposure is not None
    assert made.exposure.fresh_legs == 1
    text = explained(made)
    check_sums(text, 1 if made.plan is None else 3)
    doubt = made.exposure.doubts[0]
    line = next(line for line in text if line.startswith("  in doubt: "))
    for part in (PUT.name, f"{doubt.low:+.6f}", f"{doubt.high:+.6f}", "2000 ms old", "no bid"):
        assert part in line
    assert "greeks of the options, 1/2 legs fresh" in text
    assert any("on every reading of doubts" in line for line in text)


def test_nothing_known_shows_the_reason_and_no_numbers() -> None:
    desk = Desk(legs={CALL: -100})
    desk.now += 10_000
    made = decided(desk)
    assert made.action is Action.BLOCKED
    text = "\n".join(explained(made))
    assert "BLOCKED, stale_hedge_quote" in text
    assert "refused by stale_hedge_quote: BTC-PERPETUAL, quote of BTC-PERPETUAL is 10000 ms" in text
    assert "delta in coin" not in text
    assert "nothing is sent: stale_hedge_quote" in text


def test_a_cut_shows_what_was_wanted_and_what_is_allowed() -> None:
    made = decided(
        Desk(legs={CALL: -100}), limits=LimitRule(order_max=0.5, first_trade_max=1_000.0)
    )
    assert made.action is Action.HEDGE
    text = explained(made)
    check_sums(text, 3)
    assert any("refused by order_max" in line and "allowed +0.500000" in line for line in text)
    assert any(line.strip().startswith("allowed by the limits") for line in text)


def test_a_cooldown_is_a_reason_for_no_trade() -> None:
    memory = Memory(hedges=1, hedge_ms=START - 1_000, hedge_price=60_000.0)
    desk = Desk(legs={CALL: -10, PUT: -9}, hedge_lots=0)
    made = decided(desk, band=BandRule(lower=-0.1, upper=0.1), memory=memory)
    assert made.reason == "cooldown", made.text
    text = explained(made)
    check_sums(text, 1)
    assert any("refused by cooldown: last hedge 1000 ms ago" in line for line in text)


def test_a_rejection_shows_the_venues_words() -> None:
    made = decided(Desk(legs={CALL: -100}))
    said = msgspec.structs.replace(
        made, action=Action.BLOCKED, reason="venue_rejected", text="too late", repeats=3
    )
    text = explained(said)
    assert text[0] == "decision main.1.0: BLOCKED, venue_rejected"
    assert text[1] == "  too late"
    assert "  stands for 3 decisions alike" in text

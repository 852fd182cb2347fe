"""The judge on evidence made by hand: each kind of wrong is seen, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from hedger.core.model import Action, Curve, Decision, Exposure, Intent, Order, Target
from hedger.service.written import encoded
from tests.simulation.checker import judged
from tests.simulation.evidence import BookFacts, End, Evidence
from tests.simulation.exchange import Executed, Seen
from tests.simulation.faults import drawn
from tests.simulation.server import Published

HEDGE = "BTC-PERPETUAL"
BOOK = BookFacts("b0", "alpha", "acc", ((0.0, 0.0), (10.0, 1.0)))
"""From second 10 on a coin too much: 5,000 lots to sell, or 3,700 and a bit to reach the band."""


ZEROS: dict[str, Any] = dict.fromkeys(Exposure.__struct_fields__, 0.0)
NOTHING: dict[str, Any] = {
    "numeraire": "usd",
    "expiries": (),
    "ladder": (),
    "doubts": (),
    "curve": Curve(),
}
TARGET = Target(
    lower=-0.25,
    centre=0.0,
    upper=0.25,
    trigger_low=-0.2625,
    trigger_high=0.2625,
    to_low=-0.2375,
    to_high=0.2375,
    hard_low=-0.75,
    hard_high=0.75,
)


def decided(at_s: float, one: str, lots: int, low: int, high: int, rest: float = 1.0) -> Published:
    decision = Decision(
        book="b0",
        time_ms=0,
        seq=0,
        config="",
        action=Action.HEDGE,
        reason="above_band",
        text="",
        exposure=Exposure(**{**ZEROS, **NOTHING, "book_delta": rest}),
        target=TARGET,
    )
    intent = Intent(
        id=one,
        book="b0",
        venue="",
        account="",
        instrument=HEDGE,
        lots=lots,
        limit_ticks=0,
        deadline_ms=0,
        low=low,
        high=high,
        seq=1,
    )
    payload = encoded(decision, entry_id="b0.0.0", worker="w", epoch=1, intents=(intent,))
    return Published(at_s, payload)


def filled(at_s: float, one: str, lots: int, position: int, number: int = 1) -> Executed:
    return Executed(at_s, 0, "acc", one, number, f"t{at_s}", HEDGE, lots, position)


def seen(at_s: float, one: str, lots: int) -> Seen:
    order = Order(
        client_id=one,
        account="acc",
        instrument=HEDGE,
        lots=lots,
        limit_ticks=None,
        deadline_ms=0,
    )
    return Seen(at_s, 1, order, "accepted")


def sound() -> Evidence:
    """One hedge, as it should be."""
    lots = -3_800
    return Evidence(
        plan=drawn(0),
        books=[BOOK],
        executed=[filled(11.1, "x", lots, lots)],
        seen=[seen(11.05, "x", lots)],
        published=[decided(11.0, "x", lots, lots, 0)],
        ends={"b0": End({HEDGE: lots}, {HEDGE: lots}, 0, "")},
        settled_s=1.0,
        end_s=60.0,
    )


def test_a_hedge_as_it_should_be_is_not_wrong() -> None:
    verdict = judged(sound())
    assert verdict.wrong == []
    naked = verdict.naked["b0"]
    assert naked.longest_s == pytest.approx(1.1)
    assert naked.coin_s == pytest.approx(1.1 * (1.0 - 0.2625))


def twice(found: Evidence) -> None:
    found.executed.append(filled(11.2, "x", -3_800, -7_600, number=2))


def another_id(found: Evidence) -> None:
    found.seen.append(seen(11.2, "y", -3_800))


def another_size(found: Evidence) -> None:
    found.seen.append(seen(11.2, "x", -3_801))


def too_early(found: Evidence) -> None:
    found.seen[0] = seen(10.9, "x", -3_800)


def same_id(found: Evidence) -> None:
    """Decided, forgotten by the server, and its number given to the next; only one was sent."""
    found.published.insert(0, decided(10.9, "x", -3_800, -3_800, 0))


def across(found: Evidence) -> None:
    found.published = [decided(11.0, "x", -6_500, -6_500, 0)]
    found.executed = [filled(11.1, "x", -6_500, -6_500)]


def out_of_bound(found: Evidence) -> None:
    found.published.append(decided(11.01, "z", -10, -100, 0))


def naked_at_the_end(found: Evidence) -> None:
    found.ends = {"b0": End({}, {}, 0, "")}


def not_recorded(found: Evidence) -> None:
    found.ends = {"b0": End({HEDGE: -3_799}, {HEDGE: -3_800}, 0, "")}


def left_open(found: Evidence) -> None:
    found.ends = {"b0": End({HEDGE: -3_800}, {HEDGE: -3_800}, 1, "")}


def given_up(found: Evidence) -> None:
    found.ends = {"b0": End({HEDGE: -3_800}, {HEDGE: -3_800}, 0, "positions differ")}


def restless(found: Evidence) -> None:
    found.settled_s = None


def crashed(found: Evidence) -> None:
    found.defects.append("a worker ended")


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (twice, {"over", "twice"}),
        (another_id, {"twice"}),
        (another_size, {"twice"}),
        (too_early, {"twice"}),
        (same_id, {"twice"}),
        (across, {"over", "twice"}),
        (out_of_bound, {"over"}),
        (naked_at_the_end, {"lost"}),
        (not_recorded, {"lost"}),
        (left_open, {"lost"}),
        (given_up, {"lost"}),
        (restless, {"lost"}),
        (crashed, {"defects"}),
    ],
)
def test_what_is_wrong_is_seen(change: Any, kinds: set[str]) -> None:
    found = sound()
    change(found)
    assert judged(found).kinds == kinds


def test_an_order_that_the_newest_decision_counted_is_not_across() -> None:
    """Open while the market turned: the newest decision could only trade what was certain."""
    found = sound()
    found.published.append(decided(11.05, "z", 500, -3_800, 500, rest=-0.2))
    found.executed = [filled(11.1, "z", 500, 500), filled(11.2, "x", -3_800, -3_300)]
    found.seen.append(seen(11.06, "z", 500))
    assert not judged(found).over

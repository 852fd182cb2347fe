"""Crashes with the ladder and without: the short form of what ``hedger crash --ladder both`` shows.

Without it books are liquidated, or these tests could not fail.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from hedger.app.trial import laddered, trial_of
from hedger.backtest.crash_runs import Subject, played, story_name
from hedger.backtest.crash_stage import Crash
from hedger.backtest.crashes import crashed
from hedger.core.ladder import Rung
from hedger.core.model import ScenarioRule
from hedger.errors import ConfigError
from hedger.settings import load

COARSE = 10_000
RATIO = 0.58
"""Below the rung that reduces: the crash, not the start, sets the ladder off. From here a ramp up
breaks nobody yet, so that one starts higher."""


@pytest.fixture(scope="module")
def subject() -> Subject:
    config = load(None)
    trial = trial_of(config)
    return Subject(trial.params, trial.book, laddered(config), trial.terms)


def crash(kind: str, *, ladder: bool, **more: object) -> Crash:
    fields = {"seed": 3, "deposit": 100.0, "ratio": RATIO, "step_ms": COARSE}
    return Crash(kind=kind, ladder=ladder, **(fields | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "ratio"), [("ramp-down", RATIO), ("ramp-up", 0.65), ("v", RATIO)])
def test_a_ladder_keeps_a_book_from_liquidation(subject: Subject, kind: str, ratio: float) -> None:
    both = [crash(kind, ladder=on, ratio=ratio) for on in (False, True)]
    without, with_it = played(subject, both)
    assert not without.has_survived
    assert without.liquidated > 0
    assert with_it.has_survived
    assert (with_it.rung, with_it.scale) == (Rung.REDUCE, 1.0)
    assert with_it.acts >= 1
    assert with_it.ratio == pytest.approx(without.ratio) == pytest.approx(ratio)
    assert with_it.ratio_worst < 0.75
    assert with_it.loss_usd < 0.6 * without.loss_usd


def test_before_a_gap_the_limit_keeps_the_book_small_enough(subject: Subject) -> None:
    large = {"ratio": 0.7}
    without, with_it = played(subject, [crash("gap", ladder=on, **large) for on in (False, True)])
    assert not without.has_survived
    assert with_it.has_survived
    assert 0.0 < with_it.scale < 1.0
    assert with_it.ratio < without.ratio


def test_a_book_that_no_share_of_fits_is_refused(subject: Subject) -> None:
    tight = ScenarioRule(loss_max=1e-6)
    book = subject.laddered
    rules = msgspec.structs.replace(book.rules, scenario=tight)
    none = msgspec.structs.replace(book, rules=rules)
    story: list[tuple[str, str]] = []
    found = crashed(
        subject.params,
        none,
        subject.terms,
        crash("gap", ladder=True),
        tell=lambda _, kind, text: story.append((kind, text)),
    )
    assert (found.scale, found.loss_usd, found.has_survived) == (0.0, 0.0, True)
    ((kind, text),) = story
    assert kind == "limit"
    assert text.startswith("the book is refused: at spot ")


def test_each_story_is_a_file_and_says_what_happened(subject: Subject, tmp_path: Path) -> None:
    both = [crash("v", ladder=on) for on in (False, True)]
    first = played(subject, both, keep=tmp_path)
    off, on = (
        [json.loads(line) for line in (tmp_path / story_name(it)).read_text().splitlines()]
        for it in both
    )
    kinds = [line["kind"] for line in on]
    assert kinds.index("ladder") < kinds.index("act") < kinds.index("close_leg")
    assert kinds.index("close_leg") < kinds.index("done") < kinds.index("end")
    act = next(line for line in on if line["kind"] == "act")
    assert "reduce, asked by the ladder: reduce: margin_ratio is 0." in act["text"]
    assert on[-1]["text"].startswith("survived: margin ratio 58.0% at the start")
    assert [line["ms"] for line in on] == sorted(line["ms"] for line in on)
    assert sum(line["kind"] == "liquidation" for line in off) == first[0].liquidated > 0
    assert off[-1]["text"].startswith("liquidated: ")
    assert played(subject, both, keep=tmp_path) == first  # the same again


def test_the_books_own_ladder_goes_before_the_one_that_is_lent(tmp_path: Path) -> None:
    text = Path("config/default.toml").read_text()
    (tmp_path / "example_positions.csv").write_text(
        Path("config/example_positions.csv").read_text()
    )
    own = tmp_path / "own.toml"
    own.write_text(
        text + '\n[book.ladder]\ndrawdown = "0.1/0.05 - - 0.9/0.8"\n'
        "[book.scenario]\nloss_max = 5.0\n"
    )
    rules = laddered(load(own)).rules
    assert [trigger.name for trigger in rules.ladder.triggers] == ["drawdown"]
    assert (rules.scenario.loss_max, rules.scenario.ratio_max) == (5.0, 0.0)
    lent = laddered(load(None)).rules
    assert [trigger.name for trigger in lent.ladder.triggers] == ["margin_ratio"]
    assert lent.scenario.ratio_max > 0.0


def test_without_a_ladder_there_is_nothing_to_climb(subject: Subject) -> None:
    bare = crash("ramp-down", ladder=True)
    with pytest.raises(ConfigError, match="has no ladder"):
        crashed(subject.params, subject.book, subject.terms, bare)

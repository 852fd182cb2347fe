"""The ladder's table: what it reads as, and what it refuses in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hedger.app.translate import book_params
from hedger.errors import ConfigError
from hedger.settings import load
from tests.settings.desk import ENVIRON, right, write

LEVELS = "0.05/0.04 0.1/0.08 - 0.3/0.25"


def with_ladder(folder: Path, **ladder: object) -> Path:
    raw = right()
    raw["book"][0]["ladder"] = ladder
    if "liquidation_distance" in ladder:
        raw["book"][0]["scaling"] = {"capital": 1e6}
    return write(folder, raw)


def test_levels_become_triggers_and_no_table_changes_nothing(tmp_path: Path) -> None:
    plain = load(write(tmp_path, right()), environ=ENVIRON)
    assert book_params(plain)[0].rules.ladder.triggers == ()
    same = load(with_ladder(tmp_path, hold_s=300.0), environ=ENVIRON)
    assert same.digests == plain.digests
    falling = "0.3/0.35 0.2/0.25 0.1/0.15 0.05/0.08"
    path = with_ladder(
        tmp_path, drawdown=LEVELS, liquidation_distance=falling, hold_s=60.0, age_s_max=5.0
    )
    config = load(path, environ=ENVIRON)
    assert config.digests != plain.digests
    rule = book_params(config)[0].rules.ladder
    assert (rule.hold_ms, rule.age_ms_max, rule.reduce_to) == (60_000, 5_000, 0.5)
    drawdown, distance = rule.triggers
    assert (drawdown.name, drawdown.falls) == ("drawdown", False)
    assert [step.enter for step in drawdown.steps] == [0.05, 0.1, None, 0.3]
    assert [step.leave for step in drawdown.steps] == [0.04, 0.08, None, 0.25]
    assert (distance.name, distance.falls) == ("liquidation_distance", True)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("drawdown", "0.1/0.05", "expected ENTER/LEAVE of four rungs"),
        ("drawdown", "0.1/0.05 - - nan/0.1", "expected ENTER/LEAVE of four rungs"),
        ("drawdown", "0.1/0.2 - - -", "warn is entered at 0.1 and left at 0.2"),
        ("drawdown", "0.1/0.05 - 0.08/0.07 -", "reduce is entered at 0.08, expected above"),
        ("liquidation_distance", "0.1/0.05 - - -", "expected to be entered below"),
        ("liquidation_distance", "0.1/0.2 - 0.3/0.4 -", "expected below warn's 0.1"),
        ("reduce_to", 1.0, "reduce_to"),
        ("hold_s", 0.0, "hold_s"),
    ],
)
def test_what_cannot_be_climbed_is_refused(
    tmp_path: Path, key: str, value: object, said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        load(with_ladder(tmp_path, **{key: value}), environ=ENVIRON)

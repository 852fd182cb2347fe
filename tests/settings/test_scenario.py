"""The scenario limit's table: what it reads as, what it refuses, and that none changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hedger.app.translate import book_params
from hedger.errors import ConfigError
from hedger.settings import load
from tests.settings.desk import ENVIRON, right, write


def with_limit(folder: Path, **limit: object) -> Path:
    raw = right()
    raw["book"][0]["scenario"] = limit
    return write(folder, raw)


def test_a_limit_asks_and_none_keeps_the_digest(tmp_path: Path) -> None:
    plain = load(write(tmp_path, right()), environ=ENVIRON)
    assert not book_params(plain)[0].rules.scenario.asks
    assert load(with_limit(tmp_path), environ=ENVIRON).digests == plain.digests
    path = with_limit(tmp_path, share_max=0.25)
    config = load(path, environ=ENVIRON)
    assert config.digests != plain.digests
    assert book_params(config)[0].rules.scenario.asks


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("moves", "", "1 to 21 relative changes"),
        ("moves", "0.1 nan", "1 to 21 relative changes"),
        ("moves", "-1", "moves: -1 is no change, expected above -1"),
        ("vols", "0 11", "vols: 11 is no change"),
        ("loss_max", -1.0, "loss_max"),
        ("share_max", 11.0, "share_max"),
        ("ratio_max", 1.5, "ratio_max"),
        ("initial_max", "1", "initial_max"),
        ("collateral", "both", "collateral"),
    ],
)
def test_what_is_no_limit_is_refused_in_one_line(
    tmp_path: Path, key: str, value: object, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(with_limit(tmp_path, **{key: value}), environ=ENVIRON)
    assert said in str(caught.value)

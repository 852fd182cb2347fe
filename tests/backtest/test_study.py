"""Every bad study is one line that names the key; good ones are read as written."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.backtest.study import load, study
from hedger.errors import ConfigError
from tests.backtest.desk import ROOT, document

NUMBERS = [
    ("market", "spot"),
    ("market", "vol"),
    ("market", "horizon_days"),
    ("market", "steps"),
    ("market", "paths"),
    ("market", "seed"),
    ("cost", "proportional"),
    ("cost", "fixed"),
    ("utility", "risk_aversion"),
    ("book", "quantity"),
    ("book", "strike"),
    ("book", "days_to_expiry"),
    ("policy", "clip"),
]
BAD = st.one_of(
    st.sampled_from([float("nan"), float("inf"), float("-inf"), -1e300, 1e300, True, None]),
    st.text(max_size=80),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def put(place: str, key: str, value: Any) -> dict[str, Any]:
    made = copy.deepcopy(document())
    table = made[place]
    (table[1] if place == "policy" else table[0] if isinstance(table, list) else table)[key] = value
    return made


def refusal(made: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        study(made, "bad.toml")
    text = str(caught.value)
    assert text.startswith("bad.toml: ")
    assert len(text.splitlines()) == 1
    return text


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "studies").glob("*.toml")), ids=str)
def test_shipped_studies_are_read(path: Path) -> None:
    assert load(path).policies


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NUMBERS), BAD)
def test_a_bad_number_is_named(where: tuple[str, str], value: Any) -> None:
    text = refusal(put(*where, value))
    assert where[1] in text
    assert "expected" in text


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["market", "cost", "utility", "book", "policy"]), st.text(max_size=30))
def test_an_unknown_key_is_named(place: str, key: str) -> None:
    table = document()[place]
    known = table[1] if place == "policy" else table[0] if isinstance(table, list) else table
    if key not in known:
        assert "unknown key" in refusal(put(place, key, 1.0))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["market", "cost", "utility", "book", "policy"]), BAD)
def test_a_table_that_is_none_is_named(place: str, value: Any) -> None:
    assert place in refusal({**document(), place: value}) or value == {}


@pytest.mark.parametrize("key", ["spot", "vol", "horizon_days", "steps", "paths", "kind"])
def test_a_missing_key_is_named(key: str) -> None:
    made = document()
    del made["market"][key]
    assert f"{key}: is missing" in refusal(made)


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        ([{"kind": "cubic", "half_width": 1.0}], "unknown key 'half_width'"),
        ([{"kind": "fixed"}], "half_width: is missing"),
        ([{"kind": "interval", "every_steps": 61}], "at most the market's 60 steps"),
        ([{"kind": "cubic"}, {"kind": "cubic"}], "'cubic' is given twice"),
        ([{"kind": "cubic", "name": "a\nb"}], "name"),
        ([], "at least one table"),
    ],
)
def test_bad_policies(policies: list[dict[str, Any]], said: str) -> None:
    assert said in refusal({**document(), "policy": policies})


def test_leland_without_a_solution_is_refused() -> None:
    made = document() | {"policy": [{"kind": "leland", "every_steps": 1}]}
    made["cost"]["proportional"] = 0.02
    assert study(made, "short calls have one").policies
    made["book"] = [{**made["book"][0], "quantity": 1.0}]
    assert "has no solution" in refusal(made)


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"a = [", b"[market]\nspot = 1e999", b"x = " * 9])
def test_a_bad_file_is_one_line(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1

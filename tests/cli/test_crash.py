"""``hedger crash`` on the command line: one document, the same twice, bad input in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hedger.cli.entry import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["crash", *arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_crash_is_told_as_one_document_and_again_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ("--kind", "gap", "--seeds", "2", "--ratio", "0.9", "--json")
    status, out, _ = run(capsys, *asked)
    assert status == 0
    found = json.loads(out)
    assert [row["seed"] for row in found["crashes"]] == [1, 2]
    assert all(row["ratio"] == pytest.approx(0.9) for row in found["crashes"])
    (summary,) = found["summary"]
    assert summary["crashes"] == 2
    assert summary["liquidated"] == sum(not row["survived"] for row in found["crashes"])
    assert summary["loss_usd_worst"] == max(row["loss_usd"] for row in found["crashes"])
    assert run(capsys, *asked)[1] == out


def test_a_table_says_who_was_liquidated(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--kind", "gap")
    assert status == 0
    assert "gap: 0 of 1 liquidated, 0 bankrupt, 0 deleveraged, loss" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "boom"), "boom"),
        (("--ratio", "1"), "--ratio"),
        (("--ratio", "nan"), "--ratio"),
        (("--spreads", "inf"), "--spreads"),
        (("--seeds", "0"), "--seeds"),
        (("--seeds", "1.5"), "1.5"),
        (("--funding", "nan"), "--funding"),
        (("--ladder", "maybe"), "--ladder"),
        (("--jobs", "0"), "--jobs"),
        (("--keep", "."), "not empty"),
    ],
)
def test_bad_input_ends_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert said in err


def test_a_crash_with_and_without_the_ladder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "stories"
    asked = ("--kind", "gap", "--ratio", "0.7", "--ladder", "both", "--keep", str(folder))
    status, out, _ = run(capsys, *asked, "--json")
    assert status == 0  # without it the book is liquidated, which says nothing against it
    found = json.loads(out)
    assert [(row["ladder"], row["survived"]) for row in found["crashes"]] == [
        (False, False),
        (True, True),
    ]
    assert [row["ladder"] for row in found["summary"]] == [False, True]
    assert found["summary"][1]["scale_least"] < 1.0
    assert sorted(path.name for path in folder.iterdir()) == [
        "gap-1-ladder-off.jsonl",
        "gap-1-ladder-on.jsonl",
    ]


def test_a_ladder_that_fails_is_an_exit_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ladder that would only ever warn, and a limit that lets all through."""
    monkeypatch.setenv("HEDGER__BOOK__BTC_MAIN__LADDER__DRAWDOWN", "0.1/0.05 - - -")
    monkeypatch.setenv("HEDGER__BOOK__BTC_MAIN__SCENARIO__LOSS_MAX", "1e12")
    status, out, _ = run(capsys, "--kind", "gap", "--ratio", "0.7", "--ladder", "on")
    assert status == 1
    assert "gap, with the ladder: 1 of 1 liquidated" in out

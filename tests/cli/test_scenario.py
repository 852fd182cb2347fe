"""``hedger scenario`` on a book of its own, beside no running deployment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.cli.place import COIN, HEDGED, Place

BAD = [
    (["--moves", "0,five"], "--moves '0,five': expected numbers with commas between"),
    (["--moves", "0,0"], "rising numbers"),
    (["--moves=-100,0"], "each from -99"),
    (["--vols", "nan"], "--vols 'nan'"),
    (["--days=-1,0"], "--days '-1,0'"),
    (["--vol-power", "nan"], "--vol-power nan: expected a number from 0 to 1"),
    (["--horizon-days", "0"], "--horizon-days 0"),
    (["--smile", "sticky_hand"], "sticky_hand"),
    (["--plot", "/"], "--plot /: is a folder"),
    (["--plot", "/nowhere/at/all.html"], "its folder does not exist"),
]


@pytest.mark.parametrize(("arguments", "named"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_arguments_are_one_line(
    hedger: Call, place: Place, arguments: list[str], named: str
) -> None:
    said = hedger(place, "scenario", "btc-main", *arguments)
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1, said.err
    assert named in said.err


def test_grid_history_and_page(hedger: Call, place: Place) -> None:
    place.write(HEDGED, COIN)
    history, page = place.folder / "history.csv", place.folder / "page.html"
    rows = ["time_ms,spot,vol"]
    rows += [
        f"{i * 86_400_000},{100 + (i % 7) * (-1) ** i},{0.5 + 0.01 * (i % 5)}" for i in range(26)
    ]
    history.write_text("\n".join(rows) + "\n")
    said = hedger(
        place, "scenario", "btc-coin", "--moves=-20,0,20", "--vols=0,10", "--days=0,1", "--json",
        "--history", str(history), "--plot", str(page),
    )  # fmt: skip
    assert said.status == 0, said.err
    found = json.loads(said.out)
    assert found["unit"] == "BTC"
    cube = found["pnl"]
    assert [len(cube), len(cube[0]), len(cube[0][0])] == [2, 3, 2]
    assert cube[0][1][0] == 0.0  # nothing moves
    assert cube[0][1][1] < 0.0 < cube[1][1][0]  # short options: vol hurts, time pays
    lowest = min(v for plane in cube for row in plane for v in row)
    assert found["worst"][0]["pnl"] == lowest
    for cell in (*found["worst"], *found["history"]["worst"]):
        assert sum(part["pnl"] for part in cell["parts"]) == pytest.approx(cell["pnl"])
    assert found["history"]["scenarios"] == 25
    assert [tail["level"] for tail in found["history"]["tails"]] == [0.95]  # 99 needs a hundred
    for tail in found["history"]["tails"]:
        parts = sum(part["pnl"] for part in tail["parts"])
        assert parts == pytest.approx(-tail["expected_shortfall"])
        assert tail["expected_shortfall"] >= tail["value_at_risk"]
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert "http" not in text
    assert text.count("<td style") == 12
    shown = hedger(place, "scenario", "btc-main", "--days", "0")
    assert shown.status == 0, shown.err
    assert all(word in shown.out for word in ("USD after 0 days", "hedges", "worst cells"))
    said = hedger(place, "scenario", "btc-main", "--smile", "sticky_moneyness")
    assert said.status == 0, said.err
    assert "2 expiries have a straight line for their smile" in said.err
    # One strike has no slope: refused, never silently sticky by strike.
    (place.folder / "positions.csv").write_text("instrument,quantity\nBTC-3JUL26-64000-C,-10\n")
    said = hedger(place, "scenario", "btc-main", "--smile", "sticky_moneyness")
    assert (said.status, said.out) == (1, "")
    assert "one strike alone of the expiry of BTC-3JUL26-64000-C is held" in said.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time_ms,spot\n0,1\n", "expected 2 to"),
        ("time,price\n0,1\n1,1\n", "with the columns time_ms"),
        ("time_ms,spot\n0,1\n86400000,x\n", "spot is not a number"),
        ("time_ms,spot\n0,1\n86400000,-1\n", "not above 0"),
        ("time_ms,spot\n0,1\n86400000,2\n86400001,2\n", "same step"),
        ("time_ms,spot\n0,1\n5000,2\n12000,2\n", "same step"),
        ("time_ms,spot\n0,1\n90000000,2\n", "multiple"),
        ("time_ms,spot\n-86400000,1\n0,2\n", "since the epoch"),
        ("time_ms,spot\n1e300,1\n2e300,2\n", "since the epoch"),
        ("time_ms,spot\n0,1\nnan,2\n", "same step"),
        ("time_ms,spot\n0\n86400000,2\n", "spot is not a number"),
    ],
)
def test_a_bad_history_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    from hedger.app.recorded import history
    from hedger.errors import ConfigError

    path = tmp_path / "h.csv"
    path.write_text(text)
    with pytest.raises((ConfigError, ValueError), match=said):
        history(path, 1.0)


def test_a_file_of_bars_is_a_history_too(tmp_path: Path) -> None:
    import gzip

    from hedger.app.recorded import history

    path = tmp_path / "bars.csv.gz"
    rows = "".join(f"{i * 43_200_000},{100.0 + i}\n" for i in range(5))
    with gzip.open(path, "wt") as file:
        file.write("open_time_ms,close\n" + rows)
    asked, labels, has_vol = history(path, 1.0)
    assert asked.move == pytest.approx([102 / 100, 104 / 102])  # every second row is a day
    assert labels == ["1970-01-01 00:00", "1970-01-02 00:00"]
    assert not has_vol

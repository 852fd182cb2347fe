"""Bars that are wrong: each fault is one clear line, or a repair that is stated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hedger.backtest.programme import Part, friday, legs, programme
from hedger.backtest.repriced import Repriced
from hedger.errors import ConfigError
from hedger.venues.paper.depth import Depth
from tests.backtest.recording import DAY, MINUTE, START, Row, perpetual, recorded

DEPTH = Depth(0.5, 5, 1e6)
Change = Callable[[list[Row]], list[Row]]


def market(folder: Path, change: Change) -> Repriced:
    return Repriced(recorded(folder, change(perpetual())), "BTC", DEPTH)


def replaced(at: int, column: int, value: str) -> Change:
    def change(rows: list[Row]) -> list[Row]:
        rows[at][column] = value
        return rows

    return change


def shuffled(rows: list[Row]) -> list[Row]:
    return rows[700:] + rows[:700]


def test_good_bars_need_no_repair(tmp_path: Path) -> None:
    made = market(tmp_path, lambda rows: rows)
    assert made.start_ms == START + MINUTE + DAY
    assert len(made.notes()) == 5
    assert made.funding(START, made.end_ms) == [0.0001]


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda rows: rows[:1500] + rows[1530:], "30 minute bars are missing"),
        (lambda rows: [*rows, *rows[40:45]], "5 repeated bars dropped"),
        (shuffled, "not in order of time and have been sorted"),
        (replaced(1500, 5, "0"), "1 bars without volume left out"),
        (replaced(1500, 4, "-95000"), "1 absurd rows left out"),
        (replaced(1500, 4, "nan"), "1 absurd rows left out"),
        (replaced(1500, 4, "950000"), "1 absurd rows left out"),
        (replaced(1920, 6, ""), "1 of 1 funding prints are missing"),
    ],
)
def test_repaired_and_said(tmp_path: Path, change: Change, note: str) -> None:
    made = market(tmp_path, change)
    assert any(note in line for line in made.notes())
    closes = [now.index["BTC"] for now in made.instants()]
    assert all(80_000 < close < 110_000 for close in closes)
    assert [now.time_ms for now in made.instants()] == sorted({n.time_ms for n in made.instants()})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows[:1000] + rows[1500:], "expected gaps of at most 360 minutes"),
        (lambda rows: [*rows, [*rows[5][:4], "96000.0", *rows[5][5:]]], "close contradicts"),
        (lambda rows: [[*r[:4], "-1", *r[5:]] for r in rows], "a close of 1e-12 to 1e+12"),
        (replaced(7, 4, "dear"), "close = 'dear': expected a number"),
        (replaced(7, 6, "0.5"), "funding_rate is 0.5, expected -0.05 to 0.05"),
        (replaced(7, 0, str(START + 7 * MINUTE + 5)), "open on a whole minute"),
        (lambda rows: [[*r[:5], "0", r[6]] for r in rows], "0 bars with volume"),
        (lambda rows: rows[:1], "1 usable bars"),
        (lambda rows: rows[:900], "expected more than the day"),
    ],
)
def test_refused_in_one_line(tmp_path: Path, change: Change, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        market(tmp_path, change)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "btc_perp_1m.csv").write_text("open_time_ms,close,volume\n1,2,3\n")
    with pytest.raises(ConfigError, match="expected column 'funding_rate'"):
        Repriced(tmp_path, "BTC", DEPTH)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "leg"),
        ("leg = []", "expected one or more"),
        ('[[leg]]\nkind = "swap"\ndays = 7\ncoin = -1.0', "kind is 'swap'"),
        ('[[leg]]\nkind = "straddle"\ndays = 0\ncoin = -1.0', "days is 0"),
        ('[[leg]]\nkind = "straddle"\ndays = 7\ncoin = 0', "coin is 0"),
        ('[[leg]]\nkind = "straddle"\ndays = 7\ncoin = nan', "coin is nan"),
        ('[[leg]]\nkind = "strangle"\ndays = 7\ncoin = 1\ndelta = 0.6', "delta is 0.6"),
        ('[[leg]]\nkind = "straddle"\ndays = 7\ncoin = 1\nsize = 2', "size"),
        ("[[leg", "programme"),
    ],
)
def test_a_bad_programme_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "programme.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        programme(path)
    assert words in str(caught.value)


def test_a_programme_deals_fridays_and_strikes_of_the_moment() -> None:
    monday = START
    assert friday(monday, 8.0) == monday + 11 * DAY + 8 * 3_600_000
    assert friday(monday, 4.0) == monday + 4 * DAY + 8 * 3_600_000
    held = legs(
        Part(kind="straddle", days=4, coin=-5.0), "BTC", now_ms=monday, forward=95_400.0, vol=0.5
    )
    assert held == {"BTC-9MAY25-95000-P": -50, "BTC-9MAY25-95000-C": -50}
    wide = legs(
        Part(kind="strangle", days=30, coin=1.0), "BTC", now_ms=monday, forward=95_400.0, vol=0.5
    )
    put, call = (float(name.split("-")[2]) for name in wide)
    assert put < 91_000 < 101_000 < call

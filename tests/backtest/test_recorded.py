"""Recorded bars as a study's paths: whole windows, scaled, read as a tape reads them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from hedger.backtest.compare import compared
from hedger.backtest.paths import rows
from hedger.backtest.recorded import START_EVERY, Recorded
from hedger.backtest.study import DAYS, Market
from hedger.errors import ConfigError
from tests.backtest.desk import made
from tests.backtest.recording import MINUTE, START

HOURS = 4
MARKET = Market("recorded", 100.0, 0.6, HOURS / 24.0, HOURS, 10_000)
Line = tuple[int, float]


def lines(minutes: int = 1_440, *, start_ms: int = START, seed: int = 1) -> list[Line]:
    moves = np.random.default_rng(seed).normal(0, 6e-4, minutes)
    closes = (95_000 * np.exp(np.cumsum(moves))).round(1).tolist()
    return [(start_ms + n * MINUTE, close) for n, close in enumerate(closes)]


def source(folder: Path, *files: list[Line]) -> Recorded:
    for number, bars in enumerate(files):
        with (folder / f"bars[{number}].csv").open("w", newline="") as file:
            csv.writer(file).writerows([("open_time_ms", "close"), *bars])
    return Recorded(MARKET, rows(MARKET, (HOURS / 24.0 / DAYS,)), folder)


def test_windows_are_pieces_of_the_recording_scaled_to_spot(tmp_path: Path) -> None:
    bars = lines()
    found = source(tmp_path, bars)
    close = np.array([close for _, close in bars])
    starts = range(0, 1_440 - HOURS * 60, START_EVERY)
    block = found.block(0)
    assert found.count == len(starts) == block.shape[1]
    for column, start in enumerate(starts):
        piece = close[start : start + HOURS * 60 + 1 : 60]
        assert block[:, column] == pytest.approx(100.0 * piece / piece[0], rel=1e-12)


def test_no_window_spans_a_gap_or_two_files(tmp_path: Path) -> None:
    bars = lines()
    other = [(ms, 10.0 * close) for ms, close in lines(seed=2, start_ms=START + 1_440 * MINUTE)]
    found = source(tmp_path, bars[:600] + bars[900:], other)
    ends = np.concatenate([found.block(n)[-1] for n in range(-(-found.count // found.width))])
    assert np.all(np.abs(ends - 100.0) < 20.0)
    starts = (600 - HOURS * 60 + 10, 540 - HOURS * 60, 1_440 - HOURS * 60)  # ten minutes may miss
    assert found.count == sum(len(range(0, count, START_EVERY)) for count in starts)


def test_order_repeats_and_spikes_are_repaired_and_said(tmp_path: Path) -> None:
    bars = lines()
    wild = [*bars[700:], *bars[:700], *bars[40:45]]
    wild[100] = (wild[100][0], 10.0 * wild[100][1])
    for folder in ("calm", "wild"):
        (tmp_path / folder).mkdir()
    calm, found = source(tmp_path / "calm", bars), source(tmp_path / "wild", wild)
    assert np.max(np.abs(found.block(0) / calm.block(0)[:, : found.count] - 1.0)) < 0.1
    said = " ".join(found.notes)
    for words in ("sorted", "5 repeated bars dropped", "1 absurd rows left out", "bars[0].csv"):
        assert words in said
    study = made([{"kind": "cubic"}, {"kind": "none"}])._replace(market=MARKET)
    assert set(found.notes) <= set(compared(study, recorded=lambda _: found).notes)


def test_a_contradiction_is_refused(tmp_path: Path) -> None:
    bars = lines()
    with pytest.raises(ConfigError, match="close contradicts"):
        source(tmp_path, [*bars, (bars[5][0], 96_000.0)])

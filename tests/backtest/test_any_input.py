"""Whatever stands in a file: one clear line and status 2, or a market and figures that are finite.

Rows and bytes are generated; the examples below them are those that once got through.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hedger.backtest.compare import compared
from hedger.backtest.recorded import read
from hedger.backtest.repriced import Repriced
from hedger.backtest.study import study
from hedger.cli.entry import main
from hedger.errors import ConfigError
from hedger.venues.paper.depth import Depth
from hedger.venues.paper.tape import Tape
from tests.backtest.recording import HEADER, MINUTE, perpetual, recorded
from tests.cli.test_backtest import CONFIG, PROGRAMME
from tests.venues import paper_desk

BARS = perpetual(1_440 + 8)
CELLS = st.sampled_from(
    ["", "nan", "inf", "-1", "0", "1e999", "1e308", "1e-308", "abc", "\0", "½", "9" * 20, "1.5",
     "0x10", '"', '"a', "1746403200001", "+5", "x" * 500]
)  # fmt: skip
Rows = list[list[str]]
ANY = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def damages(draw: st.DrawFn) -> Callable[[str, Rows], bytes]:
    """Up to three faults of rows, then perhaps one of bytes, plain or gzipped."""
    kinds = st.sampled_from(["cell", "column", "cut", "repeat", "turn", "short", "long", "head"])
    faults = [
        (draw(kinds), draw(st.integers(0, 2_000)), draw(st.integers(0, 10)), draw(CELLS))
        for _ in range(draw(st.integers(0, 3)))
    ]
    torn = draw(st.sampled_from(["", "", "empty", "half", "mark", "noise"]))
    where = draw(st.floats(0.0, 1.0))

    def damage(header: str, rows: Rows) -> bytes:
        for kind, row, column, cell in faults:
            header, rows = _worse(header, rows, kind, row % max(len(rows), 1), column, cell)
        text = io.StringIO(newline="")
        text.write(f"{header}\n")
        csv.writer(text).writerows(rows)
        return _torn(text.getvalue().encode(), torn, where)

    return damage


def _worse(
    header: str, rows: Rows, kind: str, row: int, column: int, cell: str
) -> tuple[str, Rows]:
    if not rows or not rows[row]:
        return header, rows
    column %= len(rows[row])
    match kind:
        case "cell":
            rows[row][column] = cell
        case "column":
            rows = [[*r[:column], cell, *r[column + 1 :]] for r in rows]
        case "cut":
            rows = rows[:row] + rows[row + 50 * column :]
        case "repeat":
            rows = rows + rows[row : row + 20]
        case "turn":
            rows = rows[row:] + rows[:row]
        case "short":
            rows[row] = rows[row][:column]
        case "long":
            rows[row] = [*rows[row], cell]
        case "head":
            names = header.split(",")
            names[column % len(names)] = "close"
            header = ",".join(names)
    return header, rows


def _torn(raw: bytes, how: str, where: float) -> bytes:
    at = int(where * (len(raw) - 1))
    match how:
        case "empty":
            return b""
        case "half":
            return raw[:at]
        case "mark":
            return b"\xef\xbb\xbf" + raw
        case "noise":
            return raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :]
        case _:
            return raw


def refused(error: ConfigError, where: object) -> None:
    text = str(error)
    assert "\n" not in text
    assert len(text) < 600
    assert str(where) in text


def strings(rows: list[list[Any]]) -> Rows:
    return [[str(cell) for cell in row] for row in rows]


@ANY
@given(damages(), st.booleans())
def test_any_perpetual_is_a_market_or_one_line(
    tmp_path: Path, damage: Callable[[str, Rows], bytes], packed: bool
) -> None:
    raw = damage(HEADER, strings(BARS))
    for path in tmp_path.iterdir():
        path.unlink()
    path = tmp_path / ("btc_perp_1m.csv.gz" if packed else "btc_perp_1m.csv")
    path.write_bytes(gzip.compress(raw, 1) if packed else raw)
    try:
        market = Repriced(tmp_path, "BTC", Depth(0.5, 5, 1e6))
    except ConfigError as error:
        refused(error, tmp_path)
        return
    instants = list(market.instants())
    times = [now.time_ms for now in instants]
    assert times == sorted(set(times))
    assert all(ms % MINUTE == 0 for ms in times)
    assert all(0.0 < now.index["BTC"] < 1e12 for now in instants)
    assert all(0.1 <= market.level(ms)[1] <= 3.0 for ms in times)


@ANY
@given(damages(), st.booleans())
def test_any_chain_is_a_market_or_one_line(
    tmp_path: Path, damage: Callable[[str, Rows], bytes], of_options: bool
) -> None:
    for path in tmp_path.iterdir():
        path.unlink()
    paper_desk.write(tmp_path, paper_desk.chain(), paper_desk.bars(200))
    if of_options:
        raw = damage(paper_desk.CHAIN_HEADER, strings(paper_desk.chain()))
        (tmp_path / "btc_options_chain_x.csv.gz").write_bytes(gzip.compress(raw, 1))
    else:
        raw = damage(paper_desk.BARS_HEADER, strings(paper_desk.bars(200)))
        (tmp_path / "btcusdt_spot_1m_x.csv.gz").write_bytes(gzip.compress(raw, 1))
    try:
        market = Tape(tmp_path)
        instants = list(market.instants())
    except ConfigError as error:
        refused(error, tmp_path)
        return
    assert all(math.isfinite(now.index[market.underlying]) for now in instants)
    assert all(now.index[market.underlying] > 0.0 for now in instants)


@ANY
@given(damages(), st.binary(max_size=4))
def test_any_recording_of_a_study_is_bars_or_one_line(
    tmp_path: Path, damage: Callable[[str, Rows], bytes], tail: bytes
) -> None:
    path = tmp_path / "bars.csv.gz"
    packed = gzip.compress(damage(HEADER, strings(BARS[:300])), 1)
    path.write_bytes(packed[: len(packed) - 3 * len(tail)] + tail)
    try:
        found = read(path, [])
    except ConfigError as error:
        refused(error, path)
        return
    assert (found.close > 0.0).all()
    assert (found.ms[1:] > found.ms[:-1]).all()


@pytest.mark.parametrize("flipped", range(60, 160, 7))
def test_a_packed_file_with_a_flipped_bit_is_one_line(
    tmp_path: Path, flipped: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """What zlib says of it is no OSError."""
    recorded(tmp_path / "data", BARS)
    (path,) = (tmp_path / "data").iterdir()
    raw = bytearray(path.read_bytes())
    raw[flipped] ^= 0x10
    path.write_bytes(raw)
    (tmp_path / "b.toml").write_text(CONFIG.format(latency=""))
    (tmp_path / "p.toml").write_text(PROGRAMME)
    files = {"--config": "b.toml", "--data": "data", "--programme": "p.toml"}
    assert main(["backtest", *(w for k, n in files.items() for w in (k, str(tmp_path / n)))]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert "Traceback" not in told.err


LOG = st.floats(-300.0, 9.0).map(lambda power: 10.0**power)


@st.composite
def studies(draw: st.DrawFn) -> dict[str, Any]:
    """Every key within what it may be, however absurd together."""
    steps = draw(st.integers(1, 12))
    spot = draw(st.one_of(st.just(100.0), st.floats(1e-6, 1e9)))
    kinds = draw(
        st.lists(
            st.sampled_from(
                ["cubic", "whalley_wilmott", "zakamouline", "fixed", "interval", "leland", "none"]
            ),
            min_size=1,
            unique=True,
        )
    )
    more: dict[str, dict[str, Any]] = {
        "fixed": {"half_width": draw(st.floats(1e-6, 1e6))},
        "interval": {"every_steps": draw(st.integers(1, steps))},
        "leland": {"every_steps": draw(st.integers(1, steps))},
    }
    return {
        "market": {
            "kind": "gbm",
            "spot": spot,
            "vol": draw(st.floats(0.01, 10.0)),
            "horizon_days": draw(st.floats(0.01, 3_650.0)),
            "steps": steps,
            "paths": draw(st.sampled_from([2, 16])),
            "seed": draw(st.integers(0, 2**53)),
        },
        "cost": {
            "proportional": draw(st.floats(0.0, 0.5)),
            "fixed": draw(st.sampled_from([0.0, 1e-9, 1.0, 1e9])),
            "liquidate": draw(st.booleans()),
        },
        "utility": {"risk_aversion": draw(st.one_of(st.just(0.2), LOG.filter(lambda x: x < 1e6)))},
        "book": [
            {
                "quantity": draw(st.sampled_from([-1.0, 1.0, 1e9, -1e9, 1e-9])),
                "strike": draw(st.one_of(st.just(spot), LOG)),
                "days_to_expiry": draw(st.floats(1e-6, 3_650.0)),
                "is_call": draw(st.booleans()),
            }
            for _ in range(draw(st.integers(1, 3)))
        ],
        "policy": [{"name": kind, "kind": kind, **more.get(kind, {})} for kind in kinds],
    }


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(studies())
def test_any_study_has_figures_or_one_line(made: dict[str, Any]) -> None:
    try:
        done = compared(study(made, "any.toml"))
    except ConfigError as error:
        refused(error, "any.toml")
        return
    told = json.dumps([found.exchanged() for found in done.findings], allow_nan=False)
    assert told.count('"name"') == len(made["policy"])


def test_an_optimum_beyond_its_grid_is_one_line() -> None:
    made = {
        "market": {"kind": "gbm", "spot": 1e-6, "vol": 10.0, "horizon_days": 3_650.0, "steps": 2,
                   "paths": 3, "seed": 1},
        "cost": {"proportional": 0.5, "fixed": 0.0, "liquidate": True},
        "utility": {"risk_aversion": 1e6},
        "book": [{"quantity": -1.0, "strike": 1e-6, "days_to_expiry": 3_650.0, "is_call": False}],
        "policy": [{"name": "best", "kind": "numerical"}],
    }  # fmt: skip
    with pytest.raises(ConfigError, match="beyond its grid"):
        compared(study(made, "far.toml"))

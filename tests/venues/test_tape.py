"""The recorded market: what it shows, that it knows no future, and what it refuses."""

from __future__ import annotations

import bisect
import itertools
import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.errors import ConfigError
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.tape import Tape
from hedger.venues.simulator.instant import Instant
from tests.venues.paper_desk import (
    DATA,
    FAR,
    MINUTE,
    NEAR,
    PERP,
    START,
    STRIKES,
    Row,
    bars,
    black,
    chain,
    write,
)

NAMES = [f"BTC-{day}-{k}-{s}" for day, _ in (NEAR, FAR) for k in STRIKES for s in "CP"]
WANTED = {name: instrument(name) for name in [*NAMES, PERP, "BTC-27JUN26", "BTC_USDC-PERPETUAL"]}
DAY = 86_400_000
YEAR = 365 * DAY


def tape(
    folder: Path, chain_rows: list[Row] | None = None, bar_rows: list[Row] | None = None
) -> Tape:
    made = Tape(write(folder, chain_rows or chain(), bar_rows or bars()))
    made.want(WANTED)
    return made


def test_index_is_the_bar_times_the_last_snapshots_ratio(tmp_path: Path) -> None:
    rows, opened = bars(), chain()
    instants = list(tape(tmp_path).instants())
    close = {row[0] + MINUTE: row[4] for row in rows}
    snapshots = sorted({row[0] for row in opened})
    for now in instants:
        last = snapshots[bisect.bisect_right(snapshots, now.time_ms) - 1]
        before, after = last // MINUTE * MINUTE, last // MINUTE * MINUTE + MINUTE
        weight = (last - before) / MINUTE
        spot = close[before] * (1 - weight) + close[after] * weight
        front = min((row[2], row[9]) for row in opened if row[0] == last)[1]
        assert now.index["BTC"] == pytest.approx(close[now.time_ms] * front / spot, rel=1e-12)
        assert now.shown[PERP].mark == now.index["BTC"]
    assert instants[0].time_ms == START + 2 * MINUTE
    assert [b.time_ms - a.time_ms for a, b in itertools.pairwise(instants)] == (
        [MINUTE] * (len(instants) - 1)
    )


def test_vols_stay_per_strike_at_the_current_forward(tmp_path: Path) -> None:
    opened, name = chain(), "BTC-27JUN26-60000-P"
    for now in list(tape(tmp_path).instants())[::37]:
        last = max(row[0] for row in opened if row[0] <= now.time_ms)
        row = next(row for row in opened if row[0] == last and row[1] == name)
        front = min((r[2], r[9]) for r in opened if r[0] == last)[1]
        shown = now.shown[name]
        assert shown.vol == pytest.approx(row[8] / 100)
        assert shown.forward == pytest.approx(now.index["BTC"] * row[9] / front, rel=1e-12)
        assert shown.forward is not None
        assert shown.vol is not None
        years = (FAR[1] - now.time_ms) / YEAR
        own = black(shown.forward, 60_000, shown.vol, years, False)
        assert shown.mark == pytest.approx(own, rel=1e-9)


@settings(max_examples=10, deadline=None)
@given(cut=st.integers(2, 540), seed=st.integers(0, 99))
def test_altered_future_rows_alter_nothing_shown(
    tmp_path_factory: pytest.TempPathFactory, cut: int, seed: int
) -> None:
    """No look-ahead: every row after the cut is replaced, all that was shown up to it stays."""
    folder = tmp_path_factory.mktemp("tape")
    now_ms = START + cut * MINUTE
    late_bars = [row for row in bars(seed=seed + 1000) if row[0] + MINUTE > now_ms]
    late_chain = [row for row in chain(seed=seed + 1000) if row[0] > now_ms]
    altered_bars = [row for row in bars() if row[0] + MINUTE <= now_ms] + late_bars
    altered_chain = [row for row in chain() if row[0] <= now_ms] + late_chain
    one = past(tape(folder / "a"), now_ms)
    other = past(tape(folder / "b", altered_chain, altered_bars), now_ms)
    for left, right in zip(one, other, strict=True):
        assert left.shown == right.shown
        assert left.index == right.index
    if late_chain:
        differs = [a.valued != b.valued for a, b in zip(one, other, strict=True)]
        assert any(differs), "the altered rows were not even close enough to matter"


def past(made: Tape, now_ms: int) -> list[Instant]:
    """Every seventh instant up to now, and the very last."""
    times = [*range(made.start_ms, now_ms, 7 * MINUTE), now_ms]
    return [made.at(time_ms) for time_ms in times]


def test_marks_for_profit_and_loss_lie_between_the_snapshots(tmp_path: Path) -> None:
    name = "BTC-27JUN26-62000-C"
    rows = [row for row in chain() if row[1] == name]
    made = tape(tmp_path)
    now = made.at(START + 30 * MINUTE)
    weight = (now.time_ms - rows[0][0]) / (rows[1][0] - rows[0][0])
    expected = (rows[0][8] * (1 - weight) + rows[1][8] * weight) / 100
    assert now.valued[name].vol == pytest.approx(expected, rel=1e-12)
    assert now.shown[name].vol == pytest.approx(rows[0][8] / 100)
    assert now.valued[PERP].mark == now.shown[PERP].mark


def test_quotes_only_where_both_sides_were_recorded(tmp_path: Path) -> None:
    now = tape(tmp_path).at(START + 90 * MINUTE)
    assert now.shown["BTC-27JUN26-58000-C"].bids == ()
    assert now.shown["BTC-27JUN26-58000-C"].asks == ()
    shown = now.shown["BTC-27JUN26-60000-C"]
    bid, ask = shown.bids[0].price, shown.asks[0].price
    assert ask - bid == pytest.approx(0.002, abs=0.00025 + 1e-9)  # recorded, then put on tick
    assert bid < shown.mark < ask
    for price in (bid, ask):
        tick = 0.0005 if price >= 0.005 else 0.0001
        assert price / tick == pytest.approx(round(price / tick))


def test_an_option_missing_from_the_last_snapshot_keeps_its_vol_without_a_quote(
    tmp_path: Path,
) -> None:
    name, gone_ms = "BTC-27JUN26-60000-C", START + 3_700_000
    rows = [row for row in chain() if not (row[1] == name and row[0] == gone_ms)]
    made = tape(tmp_path, rows)
    before, after = (
        made.at(START + 60 * MINUTE).shown[name],
        made.at(START + 63 * MINUTE).shown[name],
    )
    assert before.bids
    assert not after.bids
    assert not after.asks
    assert after.vol == before.vol
    assert name not in [row.instrument for row in made.chain(START + 63 * MINUTE)]


def test_expired_instruments_vanish_and_futures_carry_their_forward(tmp_path: Path) -> None:
    made = tape(tmp_path)
    last, after = made.at(NEAR[1] - MINUTE), made.at(NEAR[1])
    assert "BTC-26JUN26-60000-C" in last.shown
    assert not [name for name in after.shown if "26JUN26" in name]
    assert not [name for name in after.valued if "26JUN26" in name]
    future = after.shown["BTC-27JUN26"]
    assert future.mark == future.forward == after.shown["BTC-27JUN26-60000-C"].forward
    assert after.shown["BTC_USDC-PERPETUAL"].mark == after.index["BTC"]


def test_the_perpetuals_ladder_is_on_tick_and_as_wide_as_configured(tmp_path: Path) -> None:
    for now in list(tape(tmp_path).instants())[::50]:
        bids, asks, mid = *now.shown[PERP][:2], now.index["BTC"]
        assert bids[0].price <= mid - mid * 0.5e-4 < mid + mid * 0.5e-4 <= asks[0].price
        assert asks[0].price - bids[0].price <= 2 * mid * 0.5e-4 + 1.0
        for side, sign in ((bids, -1), (asks, 1)):
            prices = [level.price for level in side]
            assert all(price % 0.5 == 0 for price in prices)
            assert all(sign * (b - a) > 0 for a, b in itertools.pairwise(prices))
            assert all(level.amount == 250_000 for level in side)


def test_chain_has_the_deltas_to_choose_legs_by(tmp_path: Path) -> None:
    made = tape(tmp_path)
    rows = made.chain(made.start_ms)
    assert [row.instrument for row in rows] == sorted(
        NAMES, key=lambda n: (instrument(n).expiry_ms, instrument(n).strike, n.endswith("P"))
    )
    for call, put in zip(rows[::2], rows[1::2], strict=True):
        if call.vol == put.vol:
            assert call.delta - put.delta == pytest.approx(1.0)
        assert 0 < call.delta < 1
        assert -1 < put.delta < 0


Damage = Callable[[list[Row], list[Row]], object]


def _set(rows: list[Row], number: int, column: int, value: object) -> Row:
    rows[number][column] = value
    return rows[number]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            lambda c, b: _set(c, 4, 8, "abc"),
            "chain_x.csv.gz:6: mark_iv_pct = 'abc': expected a num",
        ),
        (lambda c, b: _set(c, 4, 8, ""), "chain_x.csv.gz:6: expected an option row"),
        (lambda c, b: _set(c, 4, 9, "nan"), "chain_x.csv.gz:6: expected an option row"),
        (lambda c, b: _set(c, 4, 9, 590_000), "within a factor 2"),
        (lambda c, b: _set(c, 4, 0, START // 1000), "a time in milliseconds"),
        (lambda c, b: _set(c, 4, 4, "C"), "expected an option row"),
        (lambda c, b: _set(c, 4, 1, "BTC-26JUN26-60000-X"), "not a Deribit name"),
        (lambda c, b: _set(c, 0, 3, 57_000), "changes its strike or expiry"),
        (lambda c, b: [_set(c, i, 3, 57_000) for i in range(0, len(c))], "strike, call = "),
        (lambda c, b: c.append([*c[3][:8], 99.0, *c[3][9:]]), "mark_iv_pct contradicts"),
        (lambda c, b: c[4].pop(), "10 fields: expected 11"),
        (lambda c, b: c.clear(), "no usable rows"),
        (lambda c, b: b.clear(), "0 usable bars"),
        (lambda c, b: [_set(b, i, 4, -1) for i in range(9)], "1m_x.csv.gz:2: expected a bar with"),
        (lambda c, b: _set(b, 5, 0, START + 5 * MINUTE + 1), "open on a whole minute"),
        (lambda c, b: b.__delitem__(slice(30, 500)), "471 minutes after the bar before"),
        (
            lambda c, b: [_set(b, i, 0, r[0] + 6 * 10**9) for i, r in enumerate(b)],
            "snapshots lie in",
        ),
        (lambda c, b: c.append([c[0][0], "ETH-26JUN26-3000-C", NEAR[1], 3000.0, *c[0][4:]]), "ETH"),
    ],
)
def test_bad_recordings_are_refused_with_one_line(
    tmp_path: Path, damage: Damage, says: str
) -> None:
    chain_rows, bar_rows = chain(), bars()
    damage(chain_rows, bar_rows)
    with pytest.raises(ConfigError) as refusal:
        Tape(write(tmp_path, chain_rows, bar_rows))
    assert says in str(refusal.value)
    assert str(tmp_path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_missing_folders_files_and_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a folder"):
        Tape(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"no file \*spot_1m\*"):
        Tape(tmp_path)
    folder = write(tmp_path / "x", chain(), bars())
    (folder / "btcusdt_spot_1m_x.csv.gz").write_bytes(b"not gzip")
    with pytest.raises(ConfigError, match="cannot be read"):
        Tape(folder)
    (folder / "btcusdt_spot_1m_x.csv.gz").unlink()
    (folder / "btcusdt_spot_1m_x.csv").write_text("open_time_ms,last\n1,2\n")
    with pytest.raises(ConfigError, match="expected column 'close'"):
        Tape(folder)


def test_repairs_change_nothing_and_are_told(tmp_path: Path) -> None:
    good = tape(tmp_path / "good")
    chain_rows, bar_rows = chain(), bars()
    chain_rows = [*reversed(chain_rows), chain_rows[0]]
    bar_rows[300], bar_rows[301] = bar_rows[301], bar_rows[300]
    mended = tape(tmp_path / "mended", chain_rows, [*bar_rows, bar_rows[7]])
    assert list(mended.instants()) == list(good.instants())
    told = " ".join(mended.notes())
    assert "option rows were not in order" in told
    assert "bars were not in order" in told
    assert "1 repeated option rows dropped" in told
    assert "1 repeated bars dropped" in told
    assert "repeated" not in " ".join(good.notes())


def test_gaps_and_spikes_are_jumped_over_and_told(tmp_path: Path) -> None:
    bar_rows = bars()
    bar_rows[200][4] *= 2
    del bar_rows[100:110]
    made = tape(tmp_path, None, bar_rows)
    times = [instant.time_ms for instant in made.instants()]
    assert START + 201 * MINUTE not in times
    assert not set(range(START + 101 * MINUTE, START + 111 * MINUTE, MINUTE)) & set(times)
    told = " ".join(made.notes())
    assert "11 minute bars are missing (longest gap 11 minutes)" in told
    assert "1 absurd rows left out, the first at" in told


def test_several_files_are_one_recording(tmp_path: Path) -> None:
    whole = tape(tmp_path / "whole")
    folder = write(tmp_path / "parts", chain()[:20], bars()[:100])
    (folder / "btc_options_chain_x.csv.gz").rename(folder / "btc_options_chain_1.csv.gz")
    (folder / "btcusdt_spot_1m_x.csv.gz").rename(folder / "btcusdt_spot_1m_1.csv.gz")
    write(folder, chain()[20:], bars()[90:])
    parts = Tape(folder)
    parts.want(WANTED)
    assert list(parts.instants()) == list(whole.instants())


@pytest.mark.skipif(not DATA.is_dir(), reason="no recorded data beside the checkout")
def test_the_recorded_week_loads_fast_and_says_what_it_makes_up() -> None:
    began = time.process_time()
    made = Tape(DATA)
    loaded_s = time.process_time() - began
    rows = made.chain(made.start_ms)
    legs = [row.instrument for row in rows if 0.05 < abs(row.delta) < 0.95][-9:]
    made.want({name: instrument(name) for name in (*legs, PERP)})
    began = time.process_time()
    few = itertools.islice(made.instants(), 3_000)
    count = sum(1 for instant in few if len(instant.shown) == 10)
    each_us = (time.process_time() - began) / count * 1e6
    assert count == 3_000
    assert loaded_s < 2.0
    assert each_us < 300
    expected = {25: 0.25, 50: 0.5}
    for july in (3, 10):
        deltas = [row.delta for row in rows if row.instrument.startswith(f"BTC-{july}JUL26")]
        for wanted in expected.values():
            assert min(abs(delta - wanted) for delta in deltas) < 0.06
    assert len(made.snapshot_times) == 65
    assert any("sticky strike" in note for note in made.notes())
    assert not math.isnan(made.at(made.end_ms).index["BTC"])

"""The trade log: whole batches only, one writer, and a broken line is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hedger.errors import ConfigError
from hedger.venues.paper.tradelog import TradeLog, TradeLogBrokenError, read_events
from hedger.venues.simulator.events import Bar, Event, Funded


def bar(ms: int) -> Bar:
    return Bar(ms=ms, index={"BTC": 60_000.0}, marks={}, equity={"a": 1.0})


def funded(ms: int) -> Funded:
    return Funded(ms=ms, account="a", instrument="BTC-PERPETUAL", amount=-0.5)


BATCHES: list[list[Event]] = [[bar(60)], [funded(120), bar(120)], [funded(120)]]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    log = TradeLog(tmp_path / "new" / "log")
    for batch in BATCHES:
        log.append(batch)
    assert list(log.events()) == [event for batch in BATCHES for event in batch]
    log.close()
    again = TradeLog(tmp_path / "new" / "log")
    assert again.dropped == 0
    again.append([bar(180)])
    assert [event.ms for event in again.events()] == [60, 120, 120, 120, 180]
    again.close()


def test_a_batch_cut_short_anywhere_is_dropped_whole(tmp_path: Path) -> None:
    """Every length that a crash of the machine could leave opens to whole batches."""
    path = tmp_path / "log"
    log = TradeLog(path)
    log.append([bar(60)])
    first = path.stat().st_size
    log.append([funded(120), bar(120)])
    log.close()
    whole = path.read_bytes()
    for size in range(first, len(whole)):
        path.write_bytes(whole[:size])
        cut = TradeLog(path)
        assert list(cut.events()) == [bar(60)]
        assert cut.dropped == size - first
        assert path.stat().st_size == first
        cut.close()


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    log = TradeLog(tmp_path / "log")
    with pytest.raises(ConfigError, match="another exchange writes"):
        TradeLog(tmp_path / "log")
    log.close()
    TradeLog(tmp_path / "log").close()


@pytest.mark.parametrize("line", [b"{}", b'{"event":"Bar","ms":"x"}', b"rubbish", b'{"event":"?"}'])
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "log"
    log = TradeLog(path)
    log.append([bar(60), bar(120)])
    log.close()
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(ConfigError, match=r"log:3: not an event"):
        list(read_events(path))
    with pytest.raises(ConfigError, match=r"log:3: not an event"):
        TradeLog(path)


def test_a_log_that_cannot_be_written_stays_broken(tmp_path: Path) -> None:
    log = TradeLog(tmp_path / "log")
    os.close(log._file)
    with pytest.raises(TradeLogBrokenError, match="cannot write events"):
        log.append([bar(60)])
    log._file = os.open(tmp_path / "log", os.O_RDWR | os.O_APPEND)
    with pytest.raises(TradeLogBrokenError):
        log.append([bar(60)])
    log.close()
    assert (tmp_path / "log").stat().st_size == 0

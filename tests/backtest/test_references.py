"""A replay held to a reference: the same trades where venues agree, none on what one shows."""

from __future__ import annotations

from dataclasses import replace as columns
from pathlib import Path

import pytest
from msgspec.structs import replace

from hedger.backtest import replay
from hedger.backtest.trial import Tried, tried
from hedger.core.columns import Market
from hedger.core.market import Board
from hedger.core.model import ReferenceRule, ReferenceUse, SourceFeed
from hedger.core.sources import told
from tests.backtest.recording import perpetual, recorded, trial

FEEDS = tuple(
    SourceFeed(name=f"P@{venue}", instrument="BTC-PERPETUAL", venue=venue, underlying="BTC")
    for venue in ("paper", "west", "east")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("bars"), perpetual())


class Sourced(Board):
    """The board of the replay, with two venues beside it that show the same, times ``away``."""

    away = 1.0

    def market(self) -> Market:
        seen = super().market()
        other = columns(seen, bid=seen.bid * self.away, ask=seen.ask * self.away)
        boards = {"paper": seen, "west": other, "east": other}
        return columns(seen, sources=told(FEEDS, boards))


def held(
    folder: Path, monkeypatch: pytest.MonkeyPatch, use: ReferenceUse, away: float = 1.0
) -> Tried:
    monkeypatch.setattr(replay, "Board", Sourced)
    monkeypatch.setattr(Sourced, "away", away)
    plain = trial(folder)
    rules = replace(plain.book.rules, reference=use)
    return tried(replace(plain, book=replace(plain.book, rules=rules)))


USE = ReferenceUse(name="btc", venue="paper", rule=ReferenceRule(sources_min=2))


@pytest.mark.parametrize("guard", ["refuse", "warn"])
def test_venues_that_agree_leave_every_trade_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    alone = tried(trial(folder)).run
    beside = held(folder, monkeypatch, replace(USE, guard=guard, is_required=True)).run
    assert len(alone.hedges) > 5
    assert beside.hedges == alone.hedges
    assert beside.events == alone.events
    assert beside.actions == alone.actions


def test_a_venue_that_two_others_contradict_throughout_trades_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = held(folder, monkeypatch, USE, away=1.05).run
    assert found.hedges == []
    assert found.blocked.keys() <= {"doubtful_mark", "doubtful_index", "jump_refused"} | set(
        tried(trial(folder)).run.blocked
    )
    assert found.blocked["doubtful_mark"] > 0

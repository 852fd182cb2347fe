"""Two paper exchanges and a real worker: a reference of four sources, and of one venue's two."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from hedger.app.deployment import deployment
from hedger.app.doctor import examined
from hedger.app.standing import Standing, standing
from hedger.service.entry import Entry
from hedger.service.read_back import decoded
from hedger.settings import load
from hedger.store.health import Finding
from hedger.venues.paper.adapter import PaperVenue

CONFIG = """\
config_version = 1
deployment = "story"

[venues.paper]
kind = "paper"
seed = 11
deposit = 20.0

[venues.west]
kind = "paper"
seed = 11

[worker]
reconcile_s = 2.0

[reference.btc]
sources = '''BTC-PERPETUAL@paper, BTC-PERPETUAL@west'''
sources_min = 2
age_s_max = 3.0

[[book]]
name = "main"
venue = "paper"
underlying = "BTC"
numeraire = "usd"
base_coin = 20.0
positions = "main.csv"
hedge = { buy = "BTC-PERPETUAL", sell = "BTC-PERPETUAL" }
band = { lower = -0.25, upper = 0.25, cooldown_s = 0.0 }
reference = { name = "btc", index = "reference" }
"""
LEGS = "instrument,quantity\nBTC-3JUL26-61500-C,-12\n"


async def told(folder: Path) -> tuple[list[Entry], Standing, list[Finding]]:
    """Eight seconds with both exchanges, and eight without the second."""
    config = load(folder / "desk.toml", environ={"HOME": str(folder)})
    log = folder / "workers.log"
    async with deployment(
        config, workers=1, temporary=True, restarts=False, worker_log=log
    ) as running:
        await asyncio.sleep(8.0)
        found = await standing(running.config, running.store)
        (other,) = running.others
        west = PaperVenue(other.name, other.socket, client="story")
        await west.stop()
        await west.close()
        await asyncio.sleep(14.0)
        entries = await running.store.journal(book="main", count=2_000)
        said = [decoded(entry.payload) for entry in reversed(entries)]
        seen = await examined(running.config, asyncio.get_running_loop().time)
        await running.crew.stop()
    return said, found, seen


def test_two_exchanges_make_a_reference_and_one_alone_does_not(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(CONFIG)
    (tmp_path / "main.csv").write_text(LEGS)
    said, found, seen = asyncio.run(told(tmp_path))
    whole = [e for e in said if e.reference is not None and e.reference.price is not None]
    assert whole
    for entry in whole:
        assert entry.reference is not None
        assert entry.reference.used == ("BTC-PERPETUAL@paper", "BTC-PERPETUAL@west")
        if entry.exposure is not None:
            assert entry.exposure.index == entry.reference.price
    (book,) = found.books
    assert book.last is not None
    assert book.last.reference is not None
    assert found.venue == "paper, west"
    last = said[-1]
    assert last.exposure is not None, "the book goes on by its own venue's index"
    assert any(text.startswith("no reference btc: 1 sources agree") for text in last.warnings)
    assert _finding(seen)["state"] == "warn"


def _finding(seen: list[Finding]) -> dict[str, Any]:
    (found,) = [one for one in seen if one.what == "reference of main"]
    return found._asdict()

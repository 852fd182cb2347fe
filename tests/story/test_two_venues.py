"""Two paper exchanges, a real worker, one book: one line goes dead with an order on it.

Issue 4, shown by 6. The order is as large as one order may be, so that some of the delta is outside
the band whether it filled or not: that much is hedged at the other venue at once, the rest as soon
as it is known what the order did. The judge adds both exchanges' logs up.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from hedger.app.deployment import Deployment, deployment
from hedger.clock import wall_ms
from hedger.service.read_back import decoded
from hedger.settings import load
from hedger.venues.paper.adapter import PaperVenue
from hedger.venues.paper.params import PaperParams
from tests.oracle import judged, read_lines
from tests.oracle.joint import joint, renamed
from tests.story.silent_line import SilentLine

CONFIG = """\
config_version = 1
deployment = "story"

[venues.paper]
kind = "paper"
speed = 1
seed = 11
deposit = 20.0
depth_usd = 20_000_000.0

[venues.west]
kind = "paper"
speed = 1
seed = 11
deposit = 5.0
half_spread_bps = 0.1
depth_usd = 20_000_000.0

[worker]
lease_s = 3.0
order_timeout_s_min = 0.5
order_timeout_s_max = 1.0
reconcile_s = 2.0
request_timeout_s = 1.0

[[book]]
name = "main"
venue = "paper"
underlying = "BTC"
numeraire = "{numeraire}"
base_coin = 25.0
positions = "main.csv"
hedge = {{ buy = "BTC-PERPETUAL", sell = "BTC-PERPETUAL", also = "BTC-PERPETUAL@west/side" }}
band = {{ lower = -0.25, upper = 0.25, cooldown_s = 0.0 }}
limits = {{ order_max = 2.0, per_minute_max = 60.0, first_trade_max = 20.0 }}
"""
LEGS = ["BTC-3JUL26-57000-P,-4", "BTC-3JUL26-61500-C,-12", "BTC-10JUL26-60000-C,-6"]
ACCOUNTS = {"": "main", "west": "side"}
BAND = {"lower": -0.25, "upper": 0.25, "base_coin": 25.0}
SILENT_S, CALM_S = 3.5, 3.0


class Story(NamedTuple):
    logs: dict[str, list[dict[str, Any]]]
    decisions: list[dict[str, Any]]
    stored: dict[str, int]
    traded: dict[str, int]
    open: int
    healed_ms: int


async def told(folder: Path, path: Path, *, accepted: bool) -> Story:
    config = load(path, environ={"HOME": str(folder)})
    lines: list[SilentLine] = []
    opening: list[asyncio.Task[None]] = []

    def behind_a_line(params: PaperParams) -> PaperParams:
        if params.name != "west":
            return params
        far = msgspec.structs.replace(params, socket=f"{params.socket}.x")
        lines.append(SilentLine(params.socket, far.socket, accepted=accepted))
        opening.append(asyncio.create_task(lines[0].open()))
        return far

    log = folder / "workers.log"
    async with deployment(
        config, workers=1, temporary=True, restarts=False, worker_log=log, adjust=behind_a_line
    ) as running:
        (line,) = lines
        await asyncio.wait_for(line.silenced.wait(), 15.0)
        await asyncio.sleep(SILENT_S)
        line.heal()
        healed_ms = wall_ms()
        await asyncio.sleep(CALM_S)
        await running.crew.stop()
        story = await _left(running, healed_ms)
        await line.close()
    return story


async def _left(running: Deployment, healed_ms: int) -> Story:
    state = await running.store.load("main")
    assert state is not None
    entries = await running.store.journal(book="main", count=2_000)
    traded: dict[str, int] = {}
    logs = {}
    for mark, params in (("", running.paper), ("west", running.others[0])):
        venue = PaperVenue(params.name, params.socket, client="story")
        try:
            held = await venue.positions(ACCOUNTS[mark])
        finally:
            await venue.close()
        traded |= {f"{name}@{mark}" if mark else name: lots for name, lots in held.items()}
        logs[mark] = read_lines(params.log)
    return Story(
        logs,
        [msgspec.to_builtins(decoded(entry.payload)) for entry in reversed(entries)],
        {name: lots for name, lots in state.positions.items() if lots},
        traded,
        len(state.intents),
        healed_ms,
    )


def verdict(story: Story, numeraire: str) -> dict[str, Any]:
    """Each exchange's books are right, and the accounts together were never hedged too far."""
    for lines in story.logs.values():
        alone = judged(lines, rules={"*": BAND | {"hedges": []}})
        assert alone["violations"] == []
    hedges = ["BTC-PERPETUAL", "BTC-PERPETUAL@west"]
    rules = {"main": BAND | {"hedges": hedges, "numeraire": numeraire}}
    return judged(
        joint(story.logs, ACCOUNTS), rules=rules, decisions=renamed(story.decisions, "main")
    )


def orders(story: Story, mark: str) -> list[dict[str, Any]]:
    seen = (line for line in story.logs[mark] if line["event"] == "OrderSeen")
    return [line for line in seen if line.get("filled")]


@pytest.mark.parametrize(
    ("accepted", "numeraire"),
    [
        pytest.param(True, "usd", id="accepted", marks=pytest.mark.long),
        pytest.param(False, "coin", id="lost before"),
    ],
)
def test_one_venue_dead_with_an_order_on_it(tmp_path: Path, accepted: bool, numeraire: str) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(CONFIG.format(numeraire=numeraire))
    (tmp_path / "main.csv").write_text("instrument,quantity\n" + "\n".join(LEGS) + "\n")
    story = asyncio.run(told(tmp_path, path, accepted=accepted))
    found = verdict(story, numeraire)
    assert found["violations"] == []
    west, home = orders(story, "west"), orders(story, "")
    meanwhile = [order for order in home if order["real_ms"] < story.healed_ms]
    after = [order for order in home if order["real_ms"] >= story.healed_ms]
    print(
        f"\naccepted {accepted}, {numeraire}: {len(west)} orders at the silent venue,"
        f" {len(meanwhile)} at the other meanwhile, {len(after)} once it answered;"
        f" {found['accounts']['main']}"
    )
    assert len(west) == accepted, "never sent again"
    assert meanwhile, "what both readings allow is hedged at once"
    late = sum(order["lots"] for order in after)
    assert (late < 600) if accepted else (late > 11_000), "the rest once its fate is known"
    assert story.stored == story.traded
    assert story.open == 0
    assert found["accounts"]["main"].get("over_hedged", 0) == 0


def test_the_judge_sees_a_hedge_done_twice_at_two_venues(tmp_path: Path) -> None:
    """A second hedge of the same delta at the other venue, which either log alone would allow."""
    leg = ["BTC-3JUL26-61500-C", -100, 60_000.0, 0.5, 0.02]

    def opened(account: str, positions: dict[str, int]) -> dict[str, Any]:
        marks = dict.fromkeys(positions, 0.02)
        return {
            "event": "Opened", "ms": 0, "account": account, "deposit": 1.0,
            "positions": positions, "marks": marks,
        }  # fmt: skip

    def hedge(client: str, account: str, legs: list[Any], real_ms: int) -> list[dict[str, Any]]:
        both = {
            "ms": 1_782_409_230_000, "account": account, "client_id": client,
            "instrument": "BTC-PERPETUAL", "real_ms": real_ms, "lots": 18_000,
        }  # fmt: skip
        trade = {"event": "Traded", "trade_id": "t", "price": 60_000.0, "fee": 0.0, "mid": 60_000.0}
        own = [*legs, ["BTC-PERPETUAL", 18_000, None, None, 60_000.0]]
        seen = {"event": "OrderSeen", "status": "filled", "filled": 18_000}
        return [both | trade | {"legs": own, "equity": None}, both | seen]

    logs = {
        "": [opened("main", {leg[0]: -100}), *hedge("a", "main", [leg], 1)],
        "west": [opened("side", {}), *hedge("b", "side", [], 2)],
    }
    rules = {"main": {"numeraire": "coin", "lower": -1.0, "upper": 1.0,
                      "hedges": ["BTC-PERPETUAL", "BTC-PERPETUAL@west"]}}  # fmt: skip
    once = judged(joint({"": logs[""], "west": logs["west"][:1]}, ACCOUNTS), rules=rules)
    twice = judged(joint(logs, ACCOUNTS), rules=rules)
    assert once["violations"] == []
    assert len(twice["violations"]) == 1

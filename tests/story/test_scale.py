"""Four legs on the paper exchange scaled 1.0, 0.5, 0.8: in parts, refused at times, a SIGKILL."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

from hedger.app.deployment import Deployment, deployment
from hedger.clock import wall_ms
from hedger.core.acts.portions import share
from hedger.core.model import Act, ActKind
from hedger.settings import load
from tests.oracle import read_lines
from tests.story.fleet import BOOK, HEAD
from tests.story.test_acts import CLOSED, DRIFT, HARD, Told, judged, kill_owner, said, until

BASE = {
    "BTC-3JUL26-57000-P": -80,
    "BTC-3JUL26-53000-P": 80,
    "BTC-3JUL26-63000-C": -80,
    "BTC-3JUL26-67000-C": 80,
}
STEP = 0.25
STAGES = 2 + 2
"""Of half the book away, and of 0.3 of it back."""


def wish(scale: float) -> Act:
    return Act(
        kind=ActKind.SCALE,
        who="story",
        reason="a drill",
        asked_ms=wall_ms(),
        scale=scale,
        grows=True,
    )


def written(folder: Path) -> Path:
    """One book of four legs; the market's clock runs at a tenth of a fleet's."""
    text = HEAD.format(latency_ms=60.0, lease_s=2.0, order_timeout_s=1.5)
    # Less is shown at a time than a leg wants, and of orders in a row some are turned away.
    limits = "seed = 11\norder_rate = 5.0\norder_burst = 1"
    text = text.replace("speed = 600", "speed = 60").replace("seed = 11", limits)
    text = text.replace("20_000_000.0", "90_000.0") + BOOK.format(name=CLOSED)
    text += f"scale = {{ step = {STEP} }}\n"
    rows = [f"{name},{lots / 10:g}" for name, lots in BASE.items()]
    (folder / f"{CLOSED}.csv").write_text("instrument,quantity\n" + "\n".join(rows) + "\n")
    path = folder / "one.toml"
    path.write_text(text)
    return path


async def held(running: Deployment) -> dict[str, int]:
    state = await running.store.load(CLOSED)
    assert state is not None
    return {name: state.positions.get(name, 0) for name in BASE}


async def scaled(running: Deployment, scale: float) -> None:
    async def there() -> bool:
        state = await running.store.load(CLOSED)
        return state is not None and state.act is None and not state.intents

    await until(there, f"scaled to {scale}")
    assert await held(running) == {name: share(lots, scale) for name, lots in BASE.items()}


async def told(folder: Path) -> tuple[list[dict[str, Any]], bool]:
    config = load(written(folder), environ={"HOME": str(folder)})
    async with deployment(
        config, workers=2, temporary=True, restarts=False, worker_log=folder / "workers.log"
    ) as running:
        await until(lambda: said(running, CLOSED, "inside_band"), "hedged")
        assert await running.store.ask(CLOSED, wish(0.5)) == "ok"

        async def begun() -> bool:
            now = await held(running)
            return sum(map(abs, now.values())) < 0.8 * sum(map(abs, BASE.values()))

        await until(begun, "the first legs gone")
        await kill_owner(running, CLOSED)
        now = await held(running)
        in_the_middle = now != {name: share(lots, 0.5) for name, lots in BASE.items()}
        await scaled(running, 0.5)
        assert await running.store.ask(CLOSED, wish(0.8)) == "ok"
        await scaled(running, 0.8)
        return read_lines(running.paper.log), in_the_middle


def test_four_legs_to_half_and_to_eight_tenths_with_a_kill_in_the_middle(tmp_path: Path) -> None:
    lines, in_the_middle = asyncio.run(told(tmp_path))
    assert in_the_middle
    lots = dict(BASE)
    options = 0
    for event in lines:
        if event["event"] != "Traded" or event["account"] != CLOSED:
            continue
        stood = {leg[0]: leg[1] for leg in event["legs"] if leg[1]}
        lots = {name: stood.get(name, 0) for name in BASE}
        options += event["instrument"] in BASE
        for right in "CP":
            net = sum(n for name, n in lots.items() if name.endswith(right))
            assert net >= 0, (event, "more is short of a side than its long legs cover")
        scales = [lots[name] / base for name, base in BASE.items()]
        assert max(scales) - min(scales) <= STEP + 2 / 80, "a leg ran ahead of the others"
    assert lots == {name: share(base, 0.8) for name, base in BASE.items()}, "the exchange's own"
    known = [d for _, d, _ in judged(Told(lines, {}, {}, {}, 0, 0, 0)) if not math.isnan(d)]
    worst = max(map(abs, known))
    print(f"\n{options} option fills, worst delta {worst:.3f}")
    assert worst <= HARD + DRIFT
    orders = [
        e["client_id"] for e in lines if e["event"] == "OrderSeen" and e.get("account") == CLOSED
    ]
    assert options > 4 * STAGES, "a leg goes in parts, as less is shown than a stage asks for"
    turned_away = [
        entry["instrument"]
        for entry in map(json.loads, (tmp_path / "workers.log").read_text().splitlines())
        if entry.get("status") == "rejected"
    ]
    assert set(turned_away) & set(BASE), "an order of a leg was to be turned away"
    assert len(orders) == len(set(orders)), "an id was sent twice"

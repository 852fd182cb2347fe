"""A storm: the way to the exchange gets twenty times slower, and the books are still hedged."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hedger.app.deployment import deployment
from hedger.clock import wall_ms
from hedger.settings import load
from hedger.venues.paper.params import PaperParams
from tests.chaos.proxy import Proxy
from tests.story.aftermath import Aftermath
from tests.story.fleet import fleet

RULES = {"*": {"base_coin": 20.0}}
BOOKS = 4
CALM_S, SETTLE_S, STORM_S, NAKED_S = 3.0, 3.0, 12.0, 6.0
ONE_WAY_S = 0.030
TIMES = 20


async def stormy(folder: Path, path: Path) -> tuple[Aftermath, dict[str, Any]]:
    config = load(path, environ={"HOME": str(folder)})
    lines: list[Proxy] = []
    seen: dict[str, Any] = {}

    def behind_a_line(params: PaperParams) -> PaperParams:
        far = msgspec.structs.replace(params, socket=f"{params.socket}.x")
        lines.append(Proxy(params.socket, far.socket))
        opening.append(asyncio.create_task(lines[0].open()))
        return far

    opening: list[asyncio.Task[None]] = []
    log = folder / "workers.log"
    async with deployment(
        config, workers=1, temporary=True, restarts=False, worker_log=log, adjust=behind_a_line
    ) as running:
        (line,) = lines
        line.slow(ONE_WAY_S)
        await asyncio.sleep(CALM_S)
        line.slow(ONE_WAY_S * TIMES)
        seen["storm_ms"] = wall_ms()
        await asyncio.sleep(SETTLE_S)
        seen["settled_ms"] = wall_ms()
        await asyncio.sleep(STORM_S)
        seen["calm_ms"] = wall_ms()
        line.slow(ONE_WAY_S)
        await asyncio.sleep(2.0)
        await running.crew.stop()
        found = await Aftermath.of(running)
        await line.close()
    texts = log.read_text().splitlines()
    seen["log"] = [json.loads(text) for text in texts if text.startswith("{")]
    return found, seen


def play(folder: Path, *, adapts: bool) -> tuple[Aftermath, dict[str, Any]]:
    path = fleet(folder, books=BOOKS, lease_s=5.0, latency_ms=0.0)
    text = path.read_text().replace("speed = 600", "speed = 300")
    text = text.replace("[worker]\n", f"[worker]\nnaked_s_max = {NAKED_S}\n")
    longest = "3.0" if adapts else "0.5"
    text = text.replace("order_timeout_s_max = 1.5", f"order_timeout_s_max = {longest}")
    assert f"order_timeout_s_max = {longest}" in text
    path.write_text(text)
    return asyncio.run(stormy(folder, path))


@pytest.mark.long
@pytest.mark.parametrize("adapts", [True, False])
def test_in_a_storm_the_deadline_grows_with_the_acknowledgements(
    tmp_path: Path, adapts: bool
) -> None:
    found, seen = play(tmp_path, adapts=adapts)
    on_the_way = found.hedges(seen["storm_ms"], seen["calm_ms"] + 1_000)
    verdict = found.check(RULES, late=[order["client_id"] for order in on_the_way])
    calm = found.hedges(0, seen["storm_ms"])
    storm = found.hedges(seen["settled_ms"], seen["calm_ms"])
    orders = [
        line
        for line in found.lines
        if line["event"] == "OrderSeen" and seen["storm_ms"] < line["real_ms"] < seen["calm_ms"]
    ]
    rejected = [order["real_ms"] for order in orders if order["status"] == "rejected"]
    naked = [line for line in seen["log"] if line.get("alarm") == "naked"]
    books = {order["account"] for order in storm}
    print(
        f"\nadapts {adapts}: hedges in the calm {len(calm)}, in the storm {len(storm)} of"
        f" {len(books)} books, too late {len(rejected)}; {verdict['decisions']}"
    )
    assert len(calm) >= 4
    assert len({order["client_id"] for order in orders}) == len(orders), "an order twice"
    if adapts:
        assert len(storm) >= 2
        assert max(rejected, default=0) < seen["settled_ms"], "it learns from the first"
        assert naked == [], f"outside its band for more than {NAKED_S} s"
    else:  # the guard of this test: a fixed half second is refused when it matters
        assert storm == []
        assert rejected

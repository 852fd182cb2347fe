"""The books of a long run: many small ones, short gamma, in narrow bands, so that orders flow."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hedger.venues.paper.launch import COMMAND

LEASE_S, DEADLINE_S, MARGIN_MS = 1.0, 0.3, 100
DEPOSIT = 20.0
BAND = 0.05
DEPLOYMENT = "chaos"
VENUE = "paper"

HEAD = """\
config_version = 1
deployment = "{deployment}"

[store]
url = "{url}"
shards = {shards}
timeout_s = 0.3

[venues.paper]
kind = "paper"
speed = {speed}
seed = {seed}
deposit = {deposit}
depth_usd = {depth_usd!r}
latency_ms = {latency_ms!r}
loss = {loss!r}

[worker]
lease_s = {lease_s!r}
margin_ms = {margin_ms}
order_timeout_s_min = {deadline_s!r}
order_timeout_s_max = {deadline_s!r}
request_timeout_s = 0.5
min_interval_ms = 2
reconcile_s = 5.0
"""
BOOK = """
[[book]]
name = "{name}"
venue = "paper"
underlying = "BTC"
numeraire = "usd"
base_coin = {deposit}
positions = "{name}.csv"
hedge = {{ buy = "BTC-PERPETUAL", sell = "BTC-PERPETUAL" }}
band = {{ lower = -{band}, upper = {band}, cooldown_s = 0.0 }}
limits = {{ order_max = 20.0, per_minute_max = 200.0, first_trade_max = 20.0 }}
"""


@dataclass(frozen=True)
class Setting:
    """What a run wants of its rig.

    ``depth_usd`` is the depth of the market's one side; ``worker_env`` are further variables of
    every worker, ``patch`` a function (``module:name``)
    that a worker process calls before it starts: how a piece of the protocol is taken out.
    """

    workers: int = 4
    books: int = 32
    shards: int = 32
    speed: float = 600.0
    latency_ms: float = 4.0
    loss: float = 0.0
    depth_usd: float = 20_000_000.0
    appendfsync: str = "everysec"
    patch: str = ""
    worker_env: dict[str, str] = field(default_factory=dict)
    exchange: tuple[str, ...] = COMMAND
    """What runs the exchange."""
    serve: Callable[[Any], AbstractContextManager[None]] | None = None
    """Starts another store than one server, for a rig, and tells the rig of it."""
    lines: Callable[[Any], AbstractAsyncContextManager[None]] | None = None
    """Stands between the workers of a rig and what they connect to."""


def names(setting: Setting) -> list[str]:
    return [f"b{number:02d}" for number in range(setting.books)]


def write(folder: Path, setting: Setting, *, url: str, seed: int) -> Path:
    """Configuration and positions; every book has strikes and sizes of its own."""
    text = HEAD.format(
        deployment=DEPLOYMENT,
        url=url,
        shards=setting.shards,
        speed=setting.speed,
        seed=seed,
        deposit=DEPOSIT,
        latency_ms=setting.latency_ms,
        loss=setting.loss,
        depth_usd=setting.depth_usd,
        lease_s=LEASE_S,
        deadline_s=DEADLINE_S,
        margin_ms=MARGIN_MS,
    )
    for number, name in enumerate(names(setting)):
        text += BOOK.format(name=name, deposit=DEPOSIT, band=BAND)
        middle, size = 54_000 + 1_000 * (number % 13), 4 + number % 5
        rows = [
            f"BTC-31JUL26-{middle}-P,{-size}",
            f"BTC-31JUL26-{middle + 4_000}-C,{-size}",
            f"BTC-28AUG26-{middle - 2_000}-P,{-size}",
            f"BTC-28AUG26-{middle + 6_000}-C,{-size}",
        ]
        (folder / f"{name}.csv").write_text("instrument,quantity\n" + "\n".join(rows) + "\n")
    path = folder / "chaos.toml"
    path.write_text(text)
    return path

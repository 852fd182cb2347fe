"""A configuration of many books on one simulated market, for runs with several workers."""

from __future__ import annotations

from pathlib import Path

HEAD = """\
config_version = 1
deployment = "story"

[venues.paper]
kind = "paper"
speed = 600
seed = 11
deposit = 20.0
depth_usd = 20_000_000.0
latency_ms = {latency_ms!r}
funding_rate_8h = 0.0001

[worker]
lease_s = {lease_s!r}
order_timeout_s_min = 0.5
order_timeout_s_max = {order_timeout_s!r}
min_interval_ms = 2
"""
BOOK = """
[[book]]
name = "{name}"
venue = "paper"
underlying = "BTC"
numeraire = "usd"
base_coin = 20.0
positions = "{name}.csv"
hedge = {{ buy = "BTC-PERPETUAL", sell = "BTC-PERPETUAL" }}
band = {{ lower = -0.25, upper = 0.25 }}
limits = {{ order_max = 20.0, per_minute_max = 60.0, first_trade_max = 20.0 }}
"""


def fleet(folder: Path, *, books: int, lease_s: float, latency_ms: float) -> Path:
    """Write configuration and positions of so many books, each with strikes and sizes its own."""
    order_timeout_s = min(1.5, lease_s - 0.5)
    text = HEAD.format(latency_ms=latency_ms, lease_s=lease_s, order_timeout_s=order_timeout_s)
    for number in range(books):
        name = f"book-{number:02d}"
        text += BOOK.format(name=name)
        put, call = 57_000 + 500 * (number % 5), 61_500 + 500 * (number % 7)
        size = 8 + number % 5
        rows = [
            f"BTC-3JUL26-{put}-P,{-size}",
            f"BTC-3JUL26-{call}-C,{-size}",
            f"BTC-10JUL26-{put - 1_000}-P,{-size}",
            f"BTC-28JUN26-60000-C,{-(1 + number % 3)}",
        ]
        (folder / f"{name}.csv").write_text("instrument,quantity\n" + "\n".join(rows) + "\n")
    path = folder / "fleet.toml"
    path.write_text(text)
    return path

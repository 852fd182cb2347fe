"""``hedger doctor``: whether everything that the hedging rests on is as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hedger.cli.options import Common
from hedger.cli.output import print_json, print_table, print_text, run_async, table

if TYPE_CHECKING:
    from hedger.store.health import Finding


def doctor(*, common: Common | None = None) -> int:
    """Server, persistence, replication, clocks, latency, scripts, venue, configurations."""
    common = common or Common()
    import time

    from hedger.app.doctor import examined

    config = common.load()

    async def look() -> list[Finding]:
        return await examined(config, time.monotonic)

    found = run_async(look)
    bad = [finding for finding in found if finding.state == "fail"]
    if common.json:
        print_json({"findings": [finding._asdict() for finding in found], "fit": not bad})
    else:
        _print(found)
        print_text("not fit to trade" if bad else "fit to trade")
    return 1 if bad else 0


def _print(found: list[Finding]) -> None:
    rows = table("doctor", "what", "state", "found", "~what to do")
    for finding in found:
        rows.add_row(*(text.replace("[", "\\[") for text in finding))
    print_table(rows)

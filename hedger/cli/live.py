"""The demo on standard error: a live table at a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from hedger.cli.output import instant, say
from hedger.cli.watch import Glimpse

LINE_S = 2.0


class Display:
    """Shows glimpses; ``bars`` is how many the run will have, None if it ends by time."""

    def __init__(self, *, plain: bool, bars: int | None, seconds: float | None) -> None:
        self._bars, self._seconds = bars, seconds
        self._begun_s = self._said_s = time.monotonic()
        self._live: Live | None = None
        if not plain and sys.stderr.isatty():
            console = Console(file=sys.stderr, highlight=False)
            self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, seen: Glimpse) -> None:
        """Show the newest state; plain lines come every other second."""
        if self._live is not None:
            self._live.update(table(seen, self._left(seen)))
        elif time.monotonic() - self._said_s >= LINE_S:
            self._said_s = time.monotonic()
            say(line(seen, self._left(seen)))

    def _left(self, seen: Glimpse) -> str:
        """How long it will go on, as well as one can tell."""
        gone_s = time.monotonic() - self._begun_s
        left_s = None if self._seconds is None else self._seconds - gone_s
        if self._bars is not None and seen.bars > 0:
            by_bars_s = gone_s / seen.bars * max(self._bars - seen.bars, 0)
            left_s = by_bars_s if left_s is None else min(left_s, by_bars_s)
        return "" if left_s is None else f"{max(left_s, 0.0):.0f} s left"


def rows(seen: Glimpse) -> list[tuple[str, str]]:
    """What is shown, name and value."""
    made = seen.decision
    exposure, band = (made.exposure, made.target) if made else (None, None)
    unit = exposure.numeraire if exposure else "-"
    return [
        ("market", instant(seen.market_ms)),
        ("index", _number(seen.spot, ",.2f")),
        ("delta, coin", _number(exposure.book_delta if exposure else None, "+.4f")),
        ("band, coin", f"{band.lower:+.4f} to {band.upper:+.4f}" if band else "-"),
        ("hedge position, coin", _number(seen.hedge_coin, "+.4f")),
        ("hedges", f"{seen.hedges:,}"),
        (f"P&L hedged, {unit}", _number(seen.pnl, "+,.2f")),
        (f"P&L unhedged, {unit}", _number(seen.pnl_unhedged, "+,.2f")),
        ("owner", made.worker if made else "-"),
        ("last decision", f"{made.action} {made.reason}" if made else "-"),
    ]


def table(seen: Glimpse, left: str) -> Table:
    """The live table."""
    made = Table(title=f"hedger demo  {left}", title_justify="left", box=None, pad_edge=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(no_wrap=True, min_width=28)
    for name, value in rows(seen):
        made.add_row(name, value)
    return made


def line(seen: Glimpse, left: str) -> str:
    """One line of progress."""
    parts = [f"{name} {value}" for name, value in rows(seen)[:-1]]
    return "; ".join([*parts, left] if left else parts)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)

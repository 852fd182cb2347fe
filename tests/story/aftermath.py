"""What a run left behind, read from the exchange and from the store, and judged by the oracle."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec

from hedger.app.deployment import Deployment
from hedger.service.read_back import decoded
from hedger.venues.paper.adapter import PaperVenue
from tests.oracle import judged, read_lines

ENTRIES_MAX = 2_000


class Aftermath(NamedTuple):
    """The exchange's log, the published decisions, and the positions on both sides."""

    lines: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    stored: dict[str, dict[str, int]]
    traded: dict[str, dict[str, int]]
    open: dict[str, int]

    @classmethod
    async def of(cls, running: Deployment) -> Aftermath:
        """Read everything; the workers must have been stopped."""
        names = [book.name for book in running.config.settings.book]
        stored, open_ = {}, {}
        decisions: list[dict[str, Any]] = []
        for name in names:
            state = await running.store.load(name)
            assert state is not None
            stored[name] = {n: lots for n, lots in state.positions.items() if lots}
            open_[name] = len(state.intents)
            entries = await running.store.journal(book=name, count=ENTRIES_MAX)
            assert len(entries) < ENTRIES_MAX, "the journal may have forgotten entries"
            decisions += [
                msgspec.to_builtins(decoded(entry.payload)) for entry in reversed(entries)
            ]
        venue = PaperVenue(running.paper.name, running.paper.socket, client="story")
        try:
            traded = {name: await venue.positions(name) for name in names}
        finally:
            await venue.close()
        return cls(read_lines(running.paper.log), decisions, stored, traded, open_)

    def hedges(self, since_ms: int = 0, until_ms: int = 1 << 60) -> list[dict[str, Any]]:
        """Orders that filled within a span of the exchange's own clock."""
        return filled(self.lines, since_ms, until_ms)

    def check(
        self, rules: dict[str, dict[str, Any]], *, late: Collection[str] = ()
    ) -> dict[str, Any]:
        """Nothing twice, nothing lost; returns the oracle's summary.

        Orders that were ``late`` may end outside the band, as the market moved on while they were
        on their way; across it, or beyond the position that their decision allowed, none may.
        """
        verdict = judged(self.lines, rules=rules, decisions=self.decisions)
        moved = tuple(f"order {client_id}: " for client_id in late)
        wrong = [
            text
            for text in verdict["violations"]
            if not (text.endswith(", outside the band") and any(one in text for one in moved))
        ]
        assert wrong == [], wrong[:5]
        assert self.stored == self.traded, "positions in Redis differ from the exchange"
        assert not any(self.open.values()), f"intents left open: {self.open}"
        return verdict


def filled(
    lines: list[dict[str, Any]], since_ms: int = 0, until_ms: int = 1 << 60
) -> list[dict[str, Any]]:
    """Orders that filled within a span of the exchange's own clock."""
    orders = (line for line in lines if line["event"] == "OrderSeen" and line.get("filled", 0))
    return [order for order in orders if since_ms <= order["real_ms"] < until_ms]

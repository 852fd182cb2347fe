"""What a book hears of its account that its own orders did not cause, and the pause it makes.

Nothing here moves a position. It is kept so that a difference between store and venue can be given
its name, and so that nothing is hedged between the event and the next look at the venue.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from hedger.core.model import Fill

KEPT_MAX = 2_000


class Pause:
    """Why a book begins nothing new: something has moved that the store has not been told of.

    Each event counts up; a comparison with the venue ends the pause only for those events that
    came before it began.
    """

    def __init__(self) -> None:
        self.events = 0
        self.reason = ""
        self._compared = 0
        self._newest: dict[str, int] = {}

    def __bool__(self) -> bool:
        return self.events > self._compared

    def begin(self, reason: str, *marks: str) -> None:
        """Something happened: pause until the venue has been looked at after this.

        ``marks`` say at which venues, if not at the book's own.
        """
        self.events += 1
        self.reason = reason
        for mark in marks or ("",):
            self._newest[mark] = self.events

    def end(self, events: int, *, silent: Collection[str] = ()) -> None:
        """Store and venues agree, as of a comparison that began after so many events.

        Of venues that were ``silent`` (by mark) nothing was compared: what happened there waits.
        """
        if all(self._newest.get(mark, 0) <= self._compared for mark in silent):
            self._compared = max(self._compared, events)


class Foreign:
    """Fills of one account that no order of this book caused, oldest first; the newest are kept."""

    def __init__(self) -> None:
        self._fills: OrderedDict[str, Fill | None] = OrderedDict()

    def add(self, fill: Fill) -> bool:
        """Take a fill in; False if it was heard before, explained by now or not."""
        key = f"{fill.client_id}/{fill.trade_id}"
        if key in self._fills:
            return False
        self._fills[key] = fill
        if len(self._fills) > KEPT_MAX:
            self._fills.popitem(last=False)
        return True

    def explaining(self, instrument: str, lots: int) -> tuple[Fill, ...]:
        """The newest fills of an instrument that together are so many lots; empty if none are."""
        found: list[Fill] = []
        for fill in reversed(self._fills.values()):
            if fill is None or fill.instrument != instrument:
                continue
            found.append(fill)
            lots -= fill.lots
            if lots == 0:
                return tuple(reversed(found))
        return ()

    def legs(self, block: str) -> tuple[Fill, ...]:
        """The fills heard of one block or combo, explained by now or not."""
        return tuple(f for f in self._fills.values() if f is not None and f.block == block)

    def explained(self, fills: tuple[Fill, ...]) -> None:
        """These are in the store now: remember that they came, and explain nothing by them."""
        for fill in fills:
            self._fills[f"{fill.client_id}/{fill.trade_id}"] = None

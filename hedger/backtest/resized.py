"""The scale of a replayed book, changed by the acts that the service would ask for itself.

`decide` says when, how far and why, and makes the orders; here an act is only put beside the book
and taken away again once it is done, as a worker does with the store.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from hedger.core.acts import finished
from hedger.core.acts.portions import share
from hedger.core.model import Act, ActKind, Decision, Instrument, Resize, Resizing
from hedger.service.imagined import Imagined

WHO = "the scalers"


class Resized:
    """The acts of one replay, in the order of time."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self._known = 1.0

    @property
    def asked(self) -> int:
        """How many there were."""
        return len(self.acts)

    def follow(self, book: Imagined, decision: Decision) -> None:
        """Ask for an act that is wanted, and end one that is done or not wanted any more."""
        act, told = book.state.act, decision.resize
        if decision.scale is not None and all(one.is_known for one in decision.scalings):
            self._known = decision.scale
        if act is None:
            if told is not None and told.ask is not None:
                self._ask(book, told, told.ask, decision.time_ms)
            return
        if act.who != WHO:  # the ladder's ends with what stands beside
            return
        withdraws = told is not None and told.state is Resizing.WITHDRAWS
        is_done = finished(act, decision) and not book.state.intents
        if is_done or (bool(act.cause) and withdraws):
            book.change(replace(book.state, act=None))

    def _ask(self, book: Imagined, told: Resize, scale: float, now_ms: int) -> None:
        wish = Act(
            kind=ActKind.SCALE,
            who=WHO,
            reason=told.text,
            asked_ms=now_ms,
            scale=scale,
            grows=told.grows,
            cause=told.cause,
        )
        self.acts.append(wish)
        book.change(replace(book.state, act=wish))

    def dealt(self, book: Imagined, whole: Mapping[str, int]) -> dict[str, int]:
        """Lots of new positions at the scale that is wanted; all of them where none is followed.

        Nobody sells at full size what is to be bought back at once.
        """
        rule = book.rules.scale
        if rule.shrink != "on":
            return dict(whole)
        scale = min(self._known, rule.scale)
        return {name: share(lots, scale) for name, lots in whole.items()}


def based(
    book: Imagined, whole: Mapping[str, int], contracts: Mapping[str, Instrument], now_ms: int
) -> None:
    """What is dealt at scale 1 is the base of the book's scale, for as long as it is alive."""
    rule = book.rules.scale
    alive = {name: lots for name, lots in rule.base if contracts[name].expiry_ms > now_ms}
    for name, lots in whole.items():
        alive[name] = alive.get(name, 0) + lots
    scale = replace(rule, base=tuple(sorted(alive.items())))
    book.declare(replace(book.rules, scale=scale))

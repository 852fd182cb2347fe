"""What a person, or the ladder, wants done with a book: one of the named acts."""

from __future__ import annotations

from enum import StrEnum

from hedger.core.model.record import Record


class ActKind(StrEnum):
    """``cancel`` what works, go ``neutral``, or ``close`` options and hedges together.

    ``reduce`` is the ladder's alone: `close`, down to what `Act.keep` names. ``scale`` takes all
    option legs in proportion to `Act.scale` times the book's base.
    """

    CANCEL = "cancel"
    NEUTRAL = "neutral"
    REDUCE = "reduce"
    SCALE = "scale"
    CLOSE = "close"


class Act(Record, frozen=True, kw_only=True):
    """An act as it was asked for: what, by whom, why and when (wall clock).

    ``keep`` has the signed lots of each option leg that are to stay; those not named are to go.
    ``scale`` is the one that is wanted; without ``grows`` no leg is made larger for it.
    ``cause`` says what the service asks by itself for: its ``models``, or a ``cap`` of risk; empty
    where a person or the ladder asks. Such an act takes no other's place.
    """

    kind: ActKind
    who: str
    reason: str
    asked_ms: int
    keep: tuple[tuple[str, int], ...] = ()
    scale: float = 1.0
    grows: bool = False
    cause: str = ""

    @property
    def trades(self) -> bool:
        """Whether it sends orders; a cancel sends none."""
        return self.kind is not ActKind.CANCEL

    @property
    def text(self) -> str:
        """In words.

        Examples
        --------
        >>> Act(kind=ActKind.CLOSE, who="anna", reason="leaving", asked_ms=0).text
        'close, asked by anna: leaving'
        """
        what = f"{self.kind} to {self.scale:g}" if self.kind is ActKind.SCALE else self.kind
        return f"{what}, asked by {self.who}: {self.reason}"

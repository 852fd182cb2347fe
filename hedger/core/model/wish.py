"""What a person, or the ladder, wants done with a book: one of three named acts."""

from __future__ import annotations

from enum import StrEnum

from hedger.core.model.record import Record


class ActKind(StrEnum):
    """``cancel`` what works, go ``neutral``, or ``close`` options and hedges together.

    ``reduce`` is the ladder's alone: `close`, down to what `Act.keep` names.
    """

    CANCEL = "cancel"
    NEUTRAL = "neutral"
    REDUCE = "reduce"
    CLOSE = "close"


class Act(Record, frozen=True, kw_only=True):
    """An act as it was asked for: what, by whom, why and when (wall clock).

    ``keep`` has the signed lots of each option leg that are to stay; those not named are to go.
    """

    kind: ActKind
    who: str
    reason: str
    asked_ms: int
    keep: tuple[tuple[str, int], ...] = ()

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
        return f"{self.kind}, asked by {self.who}: {self.reason}"

"""From due to fill, and at which price: samples of one book, until a decision takes them in.

They live in this worker alone, as losing one does no harm; the means that they lead to are the
book's memory. An order without an answer gives none: what became of it is known too late to tell
how long it took.
"""

from __future__ import annotations

from collections import deque

from hedger.core.model import Action, Decision, FillKind, Intent, OrderReport, Sample

SAMPLES_MAX = 20
_INSIDE = "inside_band"


class Measuring:
    """Samples of one book's orders."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_MAX)
        self._since_ms = 0
        self._judged = False

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What no decision has taken in yet, the oldest first."""
        return tuple(self._samples)

    def see(self, decision: Decision) -> None:
        """Note when the delta was last seen inside its band.

        It fell due somewhere between that check and the next: counted from the former, so that the
        time between two checks is part of the measure. Of what was not judged nothing is known.
        """
        if decision.action is Action.NO_TRADE and decision.reason == _INSIDE:
            self.inside(decision.time_ms)
        elif decision.exposure is None:
            self._judged = False
        elif not self._judged:
            self._since_ms, self._judged = decision.time_ms, True

    def inside(self, market_ms: int) -> None:
        """A decision or a screen found the delta inside its band at this instant."""
        self._since_ms, self._judged = market_ms, True

    def filled(self, intent: Intent, decision: Decision, report: OrderReport) -> None:
        """Take the fills of one order as a sample; without a fill there is none."""
        fills = [f for f in report.fills if f.kind == FillKind.TRADE and f.lots]
        lots = sum(fill.lots for fill in fills)
        quote = next((q for q in decision.quotes if q.instrument == intent.instrument), None)
        if not lots or quote is None or not (quote.bid and quote.ask):
            return
        due_ms = self._since_ms if self._judged else decision.time_ms
        last_ms = max(fill.time_ms for fill in fills)
        paid = sum(fill.lots * fill.price for fill in fills) / lots
        middle, half = 0.5 * (quote.bid + quote.ask), 0.5 * (quote.ask - quote.bid)
        beyond = (paid - middle if lots > 0 else middle - paid) - half
        self._samples.append(
            Sample(delay_ms=float(max(last_ms - due_ms, 0)), slippage=beyond / middle)
        )

    def taken(self, samples: tuple[Sample, ...]) -> None:
        """A decision that is in the store has these in its memory."""
        for sample in samples:
            if self._samples and self._samples[0] is sample:
                self._samples.popleft()

    def forget(self) -> None:
        """The book is another worker's now."""
        self._samples.clear()
        self._judged = False

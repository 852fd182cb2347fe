"""The market as last published: index, depth, marks; what an instant leaves out keeps its mark."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isfinite

from hedger.core.model import Instrument
from hedger.errors import DataError, MissingQuote
from hedger.venues.simulator.instant import Instant, Shown, Valued
from hedger.venues.simulator.matching import Depth
from hedger.venues.simulator.settlement import IndexPath, value_on_mean

__all__ = ["Published"]


class Published:
    """Last market instant, the remaining depth of its quotes, and the recent indices."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self.time_ms = 0
        self.is_open = False
        self.index: dict[str, float] = {}
        self._instruments = instruments
        self._paths: dict[str, IndexPath] = {}
        self._shown: dict[str, Shown] = {}
        self._valued: dict[str, Valued] = {}
        self._now_shown: Mapping[str, Shown] = {}
        self._depths: dict[str, Depth] = {}
        self._valued_marks: dict[str, float] = {}

    def publish(self, instant: Instant) -> None:
        """Take over an instant; raises `DataError` for numbers that cannot be traded on."""
        if instant.time_ms < self.time_ms:
            raise DataError(f"instant {instant.time_ms} is before the last one, {self.time_ms}")
        _check(instant)
        self.walk(instant.time_ms, instant.index)
        self._shown.update(instant.shown)
        self._valued.update(instant.valued)
        self._now_shown = instant.shown
        self._depths = {}
        self.is_open = True

    def walk(self, time_ms: int, index: Mapping[str, float]) -> None:
        """Move market time and index alone, as when replaying a log."""
        self.time_ms = time_ms
        self.index.update(index)
        self._valued_marks = {}
        for underlying, price in index.items():
            self._paths.setdefault(underlying, IndexPath()).step(time_ms, price)

    def is_shown(self, name: str) -> bool:
        """Whether the last instant shows the instrument at all."""
        return name in self._now_shown

    def is_marked(self, name: str) -> bool:
        """Whether the instrument was ever shown or valued."""
        return name in self._valued or name in self._shown

    def depth(self, instrument: Instrument) -> Depth:
        """Remaining depth of an instrument within the last instant; empty if it is not shown."""
        if instrument.name not in self._depths:
            shown = self._now_shown.get(instrument.name, Shown((), (), 0.0))
            self._depths[instrument.name] = Depth(instrument, shown)
        return self._depths[instrument.name]

    def shown(self, name: str) -> Shown:
        """The instrument as last shown; raises `MissingQuote` if it never was."""
        if name not in self._shown:
            raise MissingQuote(f"{name}: the exchange has shown no market for it yet")
        return self._shown[name]

    def shown_mark(self, name: str) -> float:
        """Mark as last shown; raises `MissingQuote`."""
        return self.shown(name).mark

    def index_of(self, underlying: str) -> float:
        """Last index of an underlying; raises `MissingQuote`."""
        if underlying not in self.index:
            raise MissingQuote(f"{underlying}: the exchange has shown no index for it yet")
        return self.index[underlying]

    def valued(self, name: str) -> Valued:
        """The instrument as last valued (as shown, if it never was); raises `MissingQuote`."""
        found = self._valued.get(name)
        if found is not None:
            return found
        shown = self.shown(name)
        return Valued(shown.mark, shown.vol, shown.forward)

    def valued_mark(self, name: str) -> float:
        """Mark for profit and loss, on the known part of the settlement mean; `MissingQuote`."""
        if name not in self._valued_marks:
            self._valued_marks[name] = self._on_mean(self._instruments[name], self.valued(name))
        return self._valued_marks[name]

    def _on_mean(self, instrument: Instrument, valued: Valued) -> float:
        path = self._paths.get(instrument.underlying)
        if path is None or not instrument.expiry_ms:
            return valued.mark
        return value_on_mean(
            instrument,
            mark=valued.mark,
            vol=valued.vol,
            forward=valued.forward,
            left_ms=instrument.expiry_ms - self.time_ms,
            known=path.known(instrument.expiry_ms),
        )

    def delivery(self, instrument: Instrument) -> float:
        """Mean of the index that an expired instrument settles on."""
        return self._paths[instrument.underlying].known(instrument.expiry_ms).mean


def _check(instant: Instant) -> None:
    for underlying, price in instant.index.items():
        if not (isfinite(price) and price > 0.0):
            raise DataError(
                f"instant {instant.time_ms}: index of {underlying} is {price}, expected above zero"
            )
    for what, rows in (("shown", instant.shown), ("valued", instant.valued)):
        for name, row in rows.items():
            if not (isfinite(row.mark) and row.mark >= 0.0):
                raise DataError(
                    f"instant {instant.time_ms}: {what} mark of {name} is {row.mark}, "
                    "expected a number not below zero"
                )
            if not (_absent_or_above_zero(row.vol) and _absent_or_above_zero(row.forward)):
                raise DataError(
                    f"instant {instant.time_ms}: {what} vol {row.vol} and forward {row.forward} "
                    f"of {name}, expected numbers above zero or none"
                )
    for name, shown in instant.shown.items():
        for level in (*shown.bids, *shown.asks):
            if not (0.0 < level.price < inf and 0.0 <= level.amount < inf):
                raise DataError(
                    f"instant {instant.time_ms}: {name} shows {level.amount} at {level.price}, "
                    "expected a price above zero and an amount not below zero"
                )


def _absent_or_above_zero(number: float | None) -> bool:
    return number is None or 0.0 < number < inf

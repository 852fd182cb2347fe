"""What a process says about itself: JSON log lines on stderr, counters, latency histograms.

Nothing here leaves the process through the shared store: an alarm must be heard when the store is
what broke. Measurements live in one `Metrics` object that its owner passes around; there is no
global registry.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import math
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO, cast

import structlog

# Buckets grow by 2 %: a percentile is read to 1 % of its value, in a fixed amount of memory.
_GROWTH = math.log(1.02)
_BUCKETS = 1_200
_FLOOR = 1e-3

# Local variables may hold credentials and whole books: a traceback names lines only.
_TRACEBACK = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


class _Listeners:
    """Standard error; that nobody reads it any more must not stop the hedging."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


class Spool:
    """Lines on their way to a reader that may have stopped reading: nobody ever waits for it.

    A thread writes them. Beyond `lines_max` they are dropped and counted, and the count is the next
    line that gets through.
    """

    def __init__(self, write: Callable[[bytes], object], *, lines_max: int = 5_000) -> None:
        self.dropped = 0
        self._write = write
        self._lines: queue.Queue[str | None] = queue.Queue(lines_max)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Take one line."""
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            self.dropped += 1
        return len(text)

    def flush(self) -> None:
        """Nothing to wait for: that is the point."""

    def close(self, longest_s: float = 1.0) -> None:
        """Let what is here be written, if it is read within that time."""
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=longest_s)
            self._thread.join(longest_s)

    def _run(self) -> None:
        told = 0
        while (text := self._lines.get()) is not None:
            self._write(text.encode("utf-8", "replace"))
            if self.dropped > told:
                lost, told = self.dropped - told, self.dropped
                self._write(b'{"event": "log_dropped", "level": "error", "lines": %d}\n' % lost)


def _spool() -> Spool:
    """To the file behind standard error, past its buffer, whose lock a stuck reader would keep."""
    target = sys.stderr.fileno()

    def write(data: bytes) -> None:
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(target, data) :]

    spool = Spool(write)
    atexit.register(spool.close)
    return spool


def start_logging(*, level: str = "info", detached: bool = False, **facts: Any) -> None:
    """Send JSON lines to stderr; every line of this process carries `facts` (worker, ...).

    With ``detached`` a line that nobody reads delays nothing: it waits in a `Spool`.
    """
    file = _spool() if detached else _Listeners()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_TRACEBACK),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, file)),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**facts)


def logger(**facts: Any) -> structlog.stdlib.BoundLogger:
    """A logger whose lines carry `facts`: book, worker, epoch, decision."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger().bind(**facts)
    return bound


class Histogram:
    """Counts of positive values in logarithmic buckets.

    Examples
    --------
    >>> latency = Histogram()
    >>> for value in range(1, 101):
    ...     latency.observe(value)
    >>> latency.count, round(latency.percentile(50))
    (100, 50)
    """

    def __init__(self) -> None:
        self.count = 0
        self.largest = 0.0
        self._buckets = [0] * _BUCKETS

    def observe(self, value: float) -> None:
        """Count one value; values that are not finite are nobody's latency and are dropped."""
        if not math.isfinite(value):
            return
        slot = int(math.log(max(value, _FLOOR) / _FLOOR) / _GROWTH)
        self._buckets[min(slot, _BUCKETS - 1)] += 1
        self.count += 1
        self.largest = max(self.largest, value)

    def percentile(self, percent: float) -> float:
        """Value that `percent` % of the observations do not exceed; NaN when there are none."""
        if not self.count:
            return math.nan
        wanted, seen = math.ceil(self.count * percent / 100), 0
        for slot, number in enumerate(self._buckets):
            seen += number
            if seen >= wanted:
                return min(_FLOOR * math.exp((slot + 0.5) * _GROWTH), self.largest)
        return self.largest


class Metrics:
    """The counters and histograms of one process, by name."""

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}
        self.histograms: dict[str, Histogram] = {}

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        self.counters[name] = self.counters.get(name, 0) + by

    def observe(self, name: str, value: float) -> None:
        """Add a value to a histogram; the unit is the last part of the name."""
        histogram = self.histograms.get(name)
        if histogram is None:
            histogram = self.histograms[name] = Histogram()
        histogram.observe(value)

    def snapshot(self) -> dict[str, float]:
        """Every counter, and count, p50, p99 and largest of every histogram, as one flat map."""
        flat: dict[str, float] = dict(self.counters)
        for name, histogram in self.histograms.items():
            flat[f"{name}_count"] = histogram.count
            flat[f"{name}_p50"] = round(histogram.percentile(50), 4)
            flat[f"{name}_p99"] = round(histogram.percentile(99), 4)
            flat[f"{name}_largest"] = round(histogram.largest, 4)
        return flat


class Throttle:
    """Lets one of many like events through per interval and says how many it swallowed.

    The keys are few by construction (an event name and a book); the oldest are forgotten beyond
    `size` so that a flood of new keys cannot grow the process.
    """

    def __init__(self, interval_s: float, now_s: Callable[[], float], *, size: int = 1_000) -> None:
        self._interval_s = interval_s
        self._now_s = now_s
        self._size = size
        self._seen: dict[str, tuple[float, int]] = {}

    def passes(self, key: str) -> int | None:
        """Number of events this one stands for, or None when it should not be shown."""
        now_s = self._now_s()
        last_s, swallowed = self._seen.get(key, (-math.inf, 0))
        if now_s - last_s < self._interval_s:
            self._seen[key] = (last_s, swallowed + 1)
            return None
        self._seen.pop(key, None)
        self._seen[key] = (now_s, 0)
        if len(self._seen) > self._size:
            self._seen.pop(next(iter(self._seen)))
        return swallowed + 1

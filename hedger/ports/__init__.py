"""The four ports through which the service meets the world: `Feed`, `Venue`, `Store`, `Clock`.

Each port has one contract-test suite that every adapter passes. All waits have a deadline inside
the adapter; what an adapter may raise is named on each method.
"""

from hedger.ports.market import Batch, Clock, ClockReading, Feed, Venue
from hedger.ports.store import (
    BookSeed,
    Changes,
    CloseOutcome,
    JournalEntry,
    Lease,
    ShardInfo,
    Store,
    WorkerInfo,
)

__all__ = [
    "Batch",
    "BookSeed",
    "Changes",
    "Clock",
    "ClockReading",
    "CloseOutcome",
    "Feed",
    "JournalEntry",
    "Lease",
    "ShardInfo",
    "Store",
    "Venue",
    "WorkerInfo",
]

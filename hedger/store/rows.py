"""What the store in one process keeps of a lease and of a book."""

from __future__ import annotations

import msgspec

from hedger.core.model import Intent, Memory


class LeaseRow(msgspec.Struct):
    """One shard's lease; expiry in the server's time."""

    owner: str = ""
    epoch: int = 0
    expiry: int = 0
    run_id: str = ""
    reconciled: str = ""


class BookRow(msgspec.Struct):
    """One book, as the hashes of a server hold it."""

    digest: str
    positions: dict[str, int]
    seq: int = 0
    intents: dict[str, Intent] = {}
    memory: Memory = Memory()
    hold: str = ""
    stopped: bool = False
    confirmed: float = 0.0
    since_ms: int = 0

"""The root of all records."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True):
    """Root of all records: frozen and compared by value; each is keyword-only (not inherited)."""

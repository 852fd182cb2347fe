"""Reservations in one process: the same answers as the scripts `reserve` and `consume`."""

from __future__ import annotations

from hedger.reservations import LINGER_MS, LIVE_MAX, Grant, Reserve
from hedger.store import keys
from hedger.store.reserving import checked, checked_end
from hedger.store.rows import LeaseRow, ReservedRow
from hedger.store.shelved import Shelved


class SettingAside(Shelved):
    """The half of `hedger.store.memory.MemoryStore` that clients use."""

    async def reserve(self, wish: Reserve) -> Grant:
        """Set aside what is left of the capacity, at most the amount."""
        checked(wish)
        server, row = self._server, self._row(wish.book)
        row.check(wish.book, wish.seq, wish.facts)
        lease = server.leases.get(keys.shard_of(wish.book, server.shards), LeaseRow())
        now = server.now_ms()
        if (lease.epoch, lease.run_id) != (wish.epoch, server.run_id) or now >= lease.expiry:
            return Grant("unkept")
        row.reserved = {n: one for n, one in row.reserved.items() if one.until_ms > now}
        if mine := row.reserved.get(wish.id):
            return Grant("ok", mine.amount, 0, mine.until_ms)
        others = sum(one.amount for one in row.reserved.values() if one.sells == wish.sells)
        granted = max(0, min(wish.amount, wish.capacity - others))
        if granted < min(wish.amount, wish.least):
            granted = 0
        if wish.keep and granted:
            if len(row.reserved) >= LIVE_MAX:
                return Grant("full", others=others)
            row.reserved[wish.id] = ReservedRow(wish.sells, granted, now + wish.valid_ms)
        return Grant("ok", granted, others, now + wish.valid_ms)

    async def consume(self, book: str, reservation: str, *, linger_ms: int = LINGER_MS) -> str:
        """Take a reservation up, or give it back: ``ok``, ``again`` or ``gone``."""
        checked_end(book, linger_ms)
        reserved, now = self._row(book).reserved, self._server.now_ms()
        found = reserved.get(reservation)
        if found is None or found.until_ms <= now:
            return "gone"
        if found.is_taken:
            return "again"
        if linger_ms:
            found.is_taken, found.until_ms = True, now + linger_ms
        else:
            del reserved[reservation]
        return "ok"

"""Reservations on a Redis server: capacity that clients set aside, counted in one script."""

from __future__ import annotations

from hedger.reservations import LINGER_MS, LIVE_MAX, Grant, Reserve
from hedger.store import codec, reading
from hedger.store.deployment import Deployment

KEPT_MS = 60_000
"""What nobody touches for so long is removed by the server itself; all of it has ended by then."""


class Reserving(Deployment):
    """The half of the store that clients use; see `hedger.reservations`."""

    async def reserve(self, wish: Reserve) -> Grant:
        """Set aside what is left of the capacity, at most the amount."""
        checked(wish)
        shard = self.shard_of(wish.book)
        names = [
            self._keys.lease(shard),
            self._keys.book(shard, wish.book),
            self._keys.reserved(shard, wish.book),
        ]
        reply = await self._link.call(
            "reserve",
            names,
            *(wish.book, self._schema, wish.id, "sell" if wish.sells else "buy"),
            *(wish.amount, wish.capacity, wish.least),
            *(wish.seq, wish.facts, wish.epoch, int(wish.keep)),
            *(wish.valid_ms, KEPT_MS, LIVE_MAX),
        )
        self._refuse(reply, wish.book)
        match [reading.text(part) for part in reply]:
            case ["OK", granted, others, until_ms]:
                return Grant("ok", int(granted), int(others), int(until_ms))
            case ["FULL", others]:
                return Grant("full", others=int(others))
        return Grant("unkept")

    async def consume(self, book: str, reservation: str, *, linger_ms: int = LINGER_MS) -> str:
        """Take a reservation up, or give it back: ``ok``, ``again`` or ``gone``."""
        checked_end(book, linger_ms)
        shard = self.shard_of(book)
        names = [
            self._keys.book(shard, book),
            self._keys.reserved(shard, book),
            self._keys.log(shard),
        ]
        arguments = (book, reservation, linger_ms, KEPT_MS, self._params.log_max)
        reply = await self._link.call("consume", names, *arguments)
        self._refuse(reply, book)
        return reading.text(reply[0]).lower()


def checked(wish: Reserve) -> None:
    """Refuse a wish that no script could count exactly."""
    where = f"reservation {wish.id} of book {wish.book}"
    codec.checked_word(where, wish.id)
    for amount in (wish.amount, wish.capacity, wish.least):
        codec.checked_lots(where, amount)
    if wish.amount <= 0 or min(wish.capacity, wish.least) < 0:
        raise ValueError(f"{where}: {wish.amount} of {wish.capacity}, expected positive amounts")
    if not 0 < wish.valid_ms <= KEPT_MS:
        raise ValueError(f"{where}: valid for {wish.valid_ms} ms, expected 1 to {KEPT_MS}")


def checked_end(book: str, linger_ms: int) -> None:
    """Refuse a time that the server would cut short."""
    if not 0 <= linger_ms <= KEPT_MS:
        raise ValueError(f"book {book}: lingers for {linger_ms} ms, expected 0 to {KEPT_MS}")

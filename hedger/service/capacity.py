"""Whoever is about to take risk asks here how much of it can be hedged, and may set that aside.

The answer is the pure one of `hedger.core.capacity`, on the book as the store has it and a market
that is listened to, within what others have set aside. A book that nobody runs is hedged by nobody:
then, too, the answer is no.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from hedger.clock import wall_ms
from hedger.core.capacity import Gate, can_hedge
from hedger.core.columns import Book, Market
from hedger.core.model import BookState, Offer, Room, Rules
from hedger.errors import ConfigError, RevisionConflict
from hedger.ports import Store
from hedger.reservations import LINGER_MS, Grant, Reserve, ceiled, coins, floored
from hedger.service.entry import UNDECIDED_MS
from hedger.service.read_back import decoded

TRIES = 4
"""So often a book is read again that has changed while it was asked for."""


class View(NamedTuple):
    """A book as stored, on the market as it stands."""

    book: Book
    market: Market
    rules: Rules
    now: int


See = Callable[[BookState], Awaitable[View]]


class Capacity:
    """Asks, for one client; as many as there are may do so at once, from any machine.

    Parameters
    ----------
    store
        The deployment's store, open.
    books
        How each book that may be asked for is seen.
    gates
        Limits of other models, asked with every question.
    """

    def __init__(
        self, store: Store, books: Mapping[str, See], *, gates: Sequence[Gate] = ()
    ) -> None:
        self._store = store
        self._books = books
        self._gates = gates

    async def can_hedge(self, book: str, delta: float, *, reserve: bool = False) -> Offer:
        """How much of a delta [coin] may be taken now; with ``reserve`` it is set aside.

        What is set aside is this client's for ``valid_ms``, counted from before the call: by then
        it is to be taken up (`consume`), or it ends. Without, the offer is advice.

        Raises
        ------
        ConfigError
            For a book that is not known here or not in the store.
        ValueError
            For a delta that is no finite number other than zero.
        StoreUnavailable
            Where the store does not answer; what it may have set aside ends by itself.
        """
        name = secrets.token_hex(16)
        for _ in range(TRIES):
            state, epoch, idle = await self._state(book)
            view = await self._books[book](state)
            offer = can_hedge(*view, delta, gates=self._gates)
            if offer.size and idle is not None:
                return _no(offer, idle)
            if not offer.size:
                return offer
            wish = _wish(offer, name, state, epoch, keep=reserve)
            try:
                grant = await self._store.reserve(wish)
            except RevisionConflict:
                continue
            return self._granted(view, offer, wish, grant)
        reason = f"it changed {TRIES} times while it was asked for"
        return _no(offer, Room(limit="changing", size=0.0, reason=reason))

    async def consume(self, offer: Offer) -> str:
        """Say that the risk is taken, as it is: ``ok``, ``again`` or ``gone`` (it had ended).

        The capacity stays taken for some seconds, until the risk is in the book and hedged there.
        """
        return await self._ended(offer, LINGER_MS)

    async def give_back(self, offer: Offer) -> str:
        """Say that the risk will not be taken; answers as `consume`."""
        return await self._ended(offer, 0)

    # --- parts ----------------------------------------------------------------------------

    async def _ended(self, offer: Offer, linger_ms: int) -> str:
        if not offer.reservation:
            raise ValueError(f"the offer of book {offer.book} is advice: nothing was set aside")
        return await self._store.consume(offer.book, offer.reservation, linger_ms=linger_ms)

    async def _state(self, book: str) -> tuple[BookState, int, Room | None]:
        """The book, the epoch under which it was last decided, and why nobody would hedge it."""
        if book not in self._books:
            known = ", ".join(sorted(self._books)) or "none"
            raise ConfigError(f"book {book!r}: unknown here, expected one of {known}")
        state = await self._store.load(book)
        if state is None:
            raise ConfigError(f"book {book!r}: not in the store, expected one that a worker runs")
        newest = await self._store.journal(book=book, count=1)
        if not newest:
            return state, 0, _unkept("no worker has decided anything of it")
        last = decoded(newest[0].payload)
        age_ms = wall_ms() - last.wall_ms
        if age_ms > UNDECIDED_MS:
            return state, last.epoch, _unkept(f"nobody has decided anything of it for {age_ms} ms")
        if last.reason == "paused":
            return state, last.epoch, Room(limit="paused", size=0.0, reason=last.text)
        return state, last.epoch, None

    def _granted(self, view: View, offer: Offer, wish: Reserve, grant: Grant) -> Offer:
        """The offer as far as it was granted, behind what others have."""
        if grant.result == "unkept":
            return _no(offer, _unkept("the lease under which it was last decided is not held"))
        if grant.result == "full":
            return _no(offer, Room(limit="full", size=0.0, reason="too many reservations are live"))
        others = coins(grant.others)
        aside = f"others have set {others:.4f} of {offer.capacity:.4f} aside"
        if not grant.amount:
            return _no(offer, Room(limit="reserved", size=0.0, reason=aside))
        part = min(abs(offer.size), coins(grant.amount))
        if others or part < abs(offer.size):
            limits = offer.limit, offer.reason
            signed = math.copysign(part, offer.wanted)
            behind = can_hedge(*view, signed, gates=self._gates, reserved=others)
            # Without others only the last hundred-millionth of a coin is not granted.
            same = part == abs(offer.size) or (not others and bool(offer.limit))
            limit, reason = limits if same else ("reserved", aside)
            offer = msgspec.structs.replace(behind, wanted=offer.wanted, limit=limit, reason=reason)
        if not wish.keep:
            return offer
        return msgspec.structs.replace(offer, reservation=wish.id, until_ms=grant.until_ms)


def _wish(offer: Offer, name: str, state: BookState, epoch: int, *, keep: bool) -> Reserve:
    amount = ceiled(abs(offer.size))
    return Reserve(
        book=offer.book,
        id=name,
        sells=offer.wanted > 0.0,
        amount=amount,
        capacity=max(floored(offer.capacity), 0),
        least=min(ceiled(offer.least), amount),
        seq=state.seq,
        facts=state.facts,
        epoch=epoch,
        keep=keep,
    )


def _unkept(reason: str) -> Room:
    return Room(limit="unkept", size=0.0, reason=f"no worker runs it: {reason}")


def _no(offer: Offer, room: Room) -> Offer:
    """The same with nothing allowed, for a reason that the market does not know."""
    return msgspec.structs.replace(
        offer,
        size=0.0,
        cost=0.0,
        hedges=(),
        limit=room.limit,
        reason=room.reason,
        rooms=(*offer.rooms, room),
    )

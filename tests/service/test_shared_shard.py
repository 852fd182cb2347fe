"""Two books of one shard: what keeps one of them back for a while must not keep it for good."""

from __future__ import annotations

from typing import Any

from hedger.errors import StoreUnavailable, UnknownVersion
from hedger.ports import BookSeed
from hedger.service.params import BookParams
from hedger.store.memory import MemoryStore
from tests.service.room import HEDGE, Room, book_params, in_room


class _Held(MemoryStore):
    """A store that withholds what concerns one book."""

    error: Exception | None = None
    book = ""

    async def load(self, book: str) -> Any:
        if book == self.book and self.error is not None:
            raise self.error
        return await super().load(book)


def pair(room: Room) -> tuple[BookParams, BookParams]:
    """Two books of the same shard, on accounts of their own."""
    shard = room.store.shard_of("main")
    other = next(n for n in map("other-{}".format, range(99)) if room.store.shard_of(n) == shard)
    room.venue.account(f"acc-{other}")
    return book_params(), book_params(other, account=f"acc-{other}")


def hedged(room: Room, book: BookParams) -> bool:
    row = room.server.books.get(book.name)
    return row is not None and row.positions.get(HEDGE, 0) != 0


def test_a_book_enrolled_after_its_shard_was_claimed_is_adopted() -> None:
    async def body(room: Room) -> None:
        first, second = pair(room)
        store = _Held(room.server)
        store.book, store.error = second.name, StoreUnavailable("load: no connection")
        room.launch(store=store, books=(first, second))
        await room.until(lambda: hedged(room, first))
        epoch = room.lease().epoch
        store.error = None
        await room.until(lambda: hedged(room, second), longest_s=5)
        assert room.lease().epoch == epoch

    in_room(body)


def test_a_book_whose_shard_was_claimed_before_it_was_seeded_is_adopted() -> None:
    async def body(room: Room) -> None:
        first, second = pair(room)
        store = _Held(room.server)
        seed = store.seed

        async def failing(one: BookSeed) -> str:
            if one.book == second.name and not hedged(room, first):
                raise StoreUnavailable("seed: no connection")
            return await seed(one)

        store.seed = failing  # type: ignore[method-assign]
        room.launch(store=store, books=(first, second))
        await room.until(lambda: hedged(room, second), longest_s=10)

    in_room(body)


def test_a_configuration_applied_to_one_book_of_a_kept_shard_is_taken_up() -> None:
    async def body(room: Room) -> None:
        first, second = pair(room)
        await room.store.seed(BookSeed(second.name, "v0", second.positions or {}))
        await room.start(books=(first, second))
        await room.until(lambda: hedged(room, first))
        epoch = room.lease().epoch
        assert not hedged(room, second)
        await room.store.apply(BookSeed(second.name, second.digest, {}), positions=False)
        await room.until(lambda: hedged(room, second), longest_s=5)
        assert room.lease().epoch == epoch

    in_room(body)


def test_a_book_that_becomes_readable_again_on_a_kept_shard_is_taken_up(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        first, second = pair(room)
        store = _Held(room.server)
        await room.start(store=store, books=(first, second))
        await room.until(lambda: hedged(room, first) and hedged(room, second))
        epoch = room.lease().epoch
        store.book, store.error = second.name, UnknownVersion("version '2', expected '1'")
        await room.until(lambda: any(line["event"] == "book_unreadable" for line in logs))
        store.error = None
        seq = room.row(second.name).seq
        room.venue.index *= 1.015
        await room.until(lambda: room.row(second.name).seq > seq, longest_s=8)
        assert room.lease().epoch == epoch

    in_room(body)

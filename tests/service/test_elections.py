"""Who takes a book when a living worker cannot or will not: nobody's turn is anybody's."""

from __future__ import annotations

import asyncio

from hedger.ports import BookSeed
from hedger.service.election import Election, owner_of
from tests.service.room import CALL, Room, book_params, in_room


def ranked(shard: int, *workers: str) -> list[str]:
    """First the one who should own the shard."""
    first = owner_of(shard, workers)
    return [first, *(name for name in workers if name != first)]


def test_who_lets_a_free_shard_lie_is_passed_over_until_it_goes() -> None:
    first, second = ranked(5, "a", "b")
    election = Election(second)
    assert election.hear([first])
    assert election.owner(5) == first
    assert election.look([5]) == []
    assert election.look([]) == []
    assert election.look([5]) == []
    assert election.look([5]) == [5]
    assert election.owner(5) == second
    election.hear([])
    election.hear([first])
    assert election.owner(5) == first


def test_nobody_passes_over_itself() -> None:
    election = Election("a")
    assert not election.hear([])
    assert election.look([5]) == election.look([5]) == []
    assert election.owner(5, yields=True) == "a"


def test_who_yields_waits_until_the_others_have_had_their_turns() -> None:
    election = Election("a")
    election.hear(["b"])
    looks = [bool(election.look([5], yields=[5])) for _ in range(6)]
    assert looks == [False] * 5 + [True]
    assert election.owner(5, yields=True) == "a"


def test_a_new_configuration_goes_on_beside_workers_of_the_old_one() -> None:
    async def body(room: Room) -> None:
        old, new = ranked(room.store.shard_of("main"), "w1", "w2")
        await room.start(old)
        await room.hedged()
        await room.store.apply(BookSeed("main", "v2", {}), positions=False)
        await room.until(lambda: room.lease().owner == "")
        await room.start(new, books=(book_params(digest="v2"),))
        room.venue.index *= 1.015
        await room.until(lambda: len(room.venue.log) == 2 and room.agrees(), longest_s=4)
        assert room.lease().owner == new
        assert not room.tasks[old].done()

    in_room(body)


def test_a_book_is_not_kept_from_its_worker_by_another_of_the_same_shard() -> None:
    async def body(room: Room) -> None:
        shard = room.store.shard_of("main")
        twin = next(n for n in (f"b{i}" for i in range(99)) if room.store.shard_of(n) == shard)
        old, new = ranked(shard, "w1", "w2")
        other = book_params(twin, account="other", positions={CALL.name: -100})
        await room.start(old, books=(book_params(), other))
        await room.hedged()
        await room.store.apply(BookSeed("main", "v2", {}), positions=False)
        await asyncio.sleep(3)
        assert room.lease().owner == old, "its other book is still its own"
        await room.start(new, books=(book_params(digest="v2"), other))
        await room.until(lambda: room.lease().owner == new, longest_s=4)
        room.venue.index *= 1.015
        await room.until(lambda: len(room.venue.log) == 2 and room.agrees(), longest_s=4)

    in_room(body)

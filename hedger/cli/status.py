"""``hedger status``: who works, who owns what, and how each book stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hedger.cli.options import Common
from hedger.cli.output import instant, print_json, print_table, print_text, run_async, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hedger.app.standing import BookStanding, Standing
    from hedger.core.model import Reference


def status(*, common: Common | None = None) -> int:
    """Workers, shards, leases and books: revision, hold, open intents, last decision."""
    common = common or Common()
    from hedger.app.attach import running_store
    from hedger.app.standing import standing

    config = common.load()

    async def read() -> Standing:
        async with running_store(config) as store:
            return await standing(config, store)

    found = run_async(read)
    if common.json:
        print_json(found)
    else:
        _print(found)
    return 0


def _print(found: Standing) -> None:
    held = len(found.leases)
    print_text(
        f"deployment {found.deployment}, namespace {found.namespace}, "
        f"{held} of {found.shards} shards leased; venue {found.venue}: {found.venue_state}"
    )
    workers = table("workers", "name", "state", ">last beat", "~shards")
    for worker in found.workers:
        state = "alive" if worker.is_alive else "silent"
        shards = ", ".join(
            f"{lease.shard} (epoch {lease.epoch}, {lease.lease_ms_left} ms)"
            for lease in found.leases
            if lease.owner == worker.worker
        )
        workers.add_row(worker.worker, state, f"{worker.beat_age_ms} ms ago", shards or "-")
    names = (
        "book", "shard", "owner", ">revision", "~allowed", ">open orders", ">delta, coin",
        "~last decision", "~why",
    )  # fmt: skip
    books = table("books", *names)
    for book in found.books:
        books.add_row(*(text.replace("[", "\\[") for text in _row(book)))
    print_table(workers, books)


def _row(book: BookStanding) -> tuple[str, ...]:
    last = book.last
    notes = [book.may, book.unkept] if book.unkept else [book.may]
    if not book.is_configured:
        notes.append("not in this configuration")
    elif not book.is_current:
        notes.append("another configuration is stored: hedger config apply")
    if last is None:
        return (
            book.book, str(book.shard), book.owner or "nobody", str(book.seq), "; ".join(notes),
            str(len(book.intents)), "?", "none yet", "",
        )  # fmt: skip
    if last.scale is not None:
        notes.append(f"scale {last.scale:.2f} proposed")
    if last.resize is not None:
        notes.append(f"scale by itself: {last.resize.state}, {last.resize.text}")
    if last.reference is not None:
        notes += _reference(last.reference)
    delta = "?" if last.delta is None else f"{last.delta:+.4f}"
    return (
        book.book,
        str(book.shard),
        book.owner or "nobody",
        str(book.seq),
        "; ".join(notes),
        str(len(book.intents)),
        delta,
        f"{last.action} {last.reason}, {instant(last.market_ms)}, {last.age_ms / 1000:.1f} s ago",
        last.text,
    )


def _reference(found: Reference) -> Iterator[str]:
    """What a person should know of the reference: nothing where all of its sources count."""
    if found.price is None:
        yield f"no reference {found.name}: {found.reason}"
    elif found.left_out:
        names = ", ".join(row.name for row in found.left_out)
        yield f"reference {found.name} without {names}"
    for depeg in found.depegs:
        yield f"{depeg.currency} off its peg at {depeg.rate:.4f}"

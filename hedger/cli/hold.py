"""``hedger hold``, ``resume`` and ``override``: what people say to a book."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from hedger.cli.options import Common, Flag, positive, reasoned
from hedger.cli.output import print_json, print_text, run_async
from hedger.errors import ConfigError

if TYPE_CHECKING:
    from hedger.core.model import BookState
    from hedger.ports import Store

REASON = "held by hand"
OVERRIDE_MINUTES_MAX = 1_440.0


def hold(
    book: str, /, *, reason: str = REASON, stop: Flag = False, common: Common | None = None
) -> int:
    """Allow a book only trades that reduce |delta|, until it is resumed.

    Parameters
    ----------
    book
        The book.
    reason
        Why; shown by `hedger status` and in every decision that it refuses.
    stop
        Allow nothing at all.
    """
    text = reasoned(reason)

    async def change(store: Store) -> None:
        await store.hold(book, text, stop=stop)

    return _changed(book, change, common or Common())


def override(
    book: str,
    rung: Literal["free", "warn", "stop_adding", "reduce", "close"],
    /,
    *,
    minutes: Annotated[float, Parameter(validator=positive)],
    reason: str = "overridden by hand",
    common: Common | None = None,
) -> int:
    """Let a book's ladder go no further than a rung, for some minutes.

    Parameters
    ----------
    book
        The book.
    rung
        As far as the ladder may go: free, warn, stop_adding, reduce, or close, which ends an
        override.
    minutes
        For how long; then the ladder is free again.
    reason
        Why; shown by `hedger status`.
    """
    from hedger.clock import wall_ms
    from hedger.core.ladder import Rung
    from hedger.core.model import Override

    text = reasoned(reason)
    if minutes > OVERRIDE_MINUTES_MAX:
        raise ConfigError(
            f"--minutes: is {minutes:g}, expected at most {OVERRIDE_MINUTES_MAX:g}, one day"
        )
    word = Override(
        rung=Rung[rung.upper()],
        until_ms=wall_ms() + round(60_000 * minutes),
        who=getpass.getuser(),
        reason=text,
    )

    async def change(store: Store) -> None:
        await store.override(book, word)

    return _changed(book, change, common or Common())


def resume(
    book: str,
    /,
    *,
    confirm: Annotated[float | None, Parameter(validator=positive)] = None,
    common: Common | None = None,
) -> int:
    """Clear a hold, and release a book from an act; with --confirm allow a large first trade.

    Parameters
    ----------
    book
        The book.
    confirm
        Largest first trade that is allowed, in coin of the underlying.
    """
    common = common or Common()

    async def change(store: Store) -> None:
        await store.resume(book, who=getpass.getuser(), confirmed=confirm or 0.0)

    return _changed(book, change, common)


async def known(store: Store, book: str) -> None:
    """Raise `ConfigError` unless the store has this book."""
    names = await store.books()
    if book not in names:
        expected = f"one of {', '.join(names)}" if names else "a book that `hedger run` has started"
        raise ConfigError(f"book {book!r}: not in the store, expected {expected}")


def _changed(book: str, change: Callable[[Store], Awaitable[None]], common: Common) -> int:
    """Apply a change to a book and print what the store now says of it."""
    from hedger.app.attach import running_store
    from hedger.app.standing import may

    config = common.load()

    async def apply() -> BookState | None:
        async with running_store(config) as store:
            await known(store, book)
            await change(store)
            return await store.load(book)

    state = run_async(apply)
    assert state is not None
    if common.json:
        names = ("book", "seq", "hold", "stopped", "confirmed", "act", "override")
        print_json({name: getattr(state, name) for name in names})
    else:
        print_text(f"{book}: {may(state)}")
    return 0

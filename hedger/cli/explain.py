"""``hedger explain``: one decision with every number and every reason, so that they add up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hedger.cli.options import Common
from hedger.cli.output import print_json, print_text, run_async
from hedger.errors import ConfigError

if TYPE_CHECKING:
    from hedger.ports import Store
    from hedger.service.entry import Entry

LAST = "last"


def explain(which: str, /, *, common: Common | None = None) -> int:
    """Inputs, Greeks, delta, band, limits, plan, reason, intents and timings of one decision.

    Parameters
    ----------
    which
        Id of a decision (see `hedger decisions`), a book for its newest one, or `last`.
    """
    common = common or Common()
    from hedger.app.attach import running_store
    from hedger.cli.explained import explained

    config = common.load()

    async def read() -> Entry:
        async with running_store(config) as store:
            return await found(store, which)

    entry = run_async(read)
    if common.json:
        print_json(entry)
    else:
        print_text(*explained(entry))
    return 0


async def found(store: Store, which: str) -> Entry:
    """The entry of an id, a book's newest or the newest of all; raises `ConfigError`."""
    from hedger.service.read_back import decoded

    if "." in which:
        try:
            entry = await store.entry(which)
        except ValueError:
            entry = None
    else:
        book = None if which == LAST else which
        newest = await store.journal(book=book, count=1)
        entry = newest[0] if newest else None
    if entry is None:
        books = ", ".join(await store.books())
        raise ConfigError(
            f"decision {which!r}: not in the journal, expected an id that `hedger decisions` "
            f"shows, 'last', or one of the books: {books or '(none is stored)'}"
        )
    return decoded(entry.payload)

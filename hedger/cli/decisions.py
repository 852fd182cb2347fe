"""``hedger decisions``: the journal, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from hedger.cli.options import Common, Flag, Whole
from hedger.cli.output import instant, print_json, print_table, run_async, table

if TYPE_CHECKING:
    from rich.table import Table

    from hedger.service.entry import Entry

COUNT_MAX = 2_000


def decisions(
    *,
    book: str | None = None,
    count: Annotated[Whole, Parameter(validator=Number(gte=1, lte=COUNT_MAX))] = 20,
    shadows: Flag = False,
    common: Common | None = None,
) -> int:
    """The newest decisions, newest first; "no trade" and blocks too.

    Parameters
    ----------
    book
        Of one book only.
    count
        At most so many.
    shadows
        What shadows would have done and what it would have cost, instead.
    """
    common = common or Common()
    from hedger.app.attach import running_store
    from hedger.cli.hold import known
    from hedger.service.read_back import decoded

    config = common.load()

    async def read() -> list[Entry]:
        async with running_store(config) as store:
            if book is not None:
                await known(store, book)
            found = await store.journal(book=book, count=count, of_shadows=shadows)
            return [decoded(entry.payload) for entry in found]

    entries = run_async(read)
    if common.json:
        print_json(entries)
    else:
        print_table(_table(entries))
    return 0


def _table(entries: list[Entry]) -> Table:
    made = table("", "id", "market time", "action", "reason", ">delta", "~text")
    for entry in entries:
        delta = "?" if entry.exposure is None else f"{entry.exposure.book_delta:+.4f}"
        alike = f" (x {entry.repeats})" if entry.repeats > 1 else ""
        text = "; ".join(part for part in (entry.hold, entry.act, entry.text) if part)
        made.add_row(
            entry.id,
            instant(entry.time_ms),
            entry.action,
            entry.reason,
            delta,
            text.replace("[", "\\[") + alike,
        )
    return made

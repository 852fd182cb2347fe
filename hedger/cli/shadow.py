"""``hedger shadow``: each book's policy beside those that run in its shadow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hedger.cli.options import Common
from hedger.cli.output import instant, print_json, print_table, print_text, run_async, table
from hedger.errors import ConfigError

if TYPE_CHECKING:
    from hedger.app.shadowed import BookShadows, Side
    from hedger.settings import Configuration


def shadow(book: str | None = None, /, *, common: Common | None = None) -> int:
    """What policies without orders would have done and cost, each beside the live one since then.

    Parameters
    ----------
    book
        One book only; else all that have shadows.
    """
    common = common or Common()
    config = common.load()
    found = run_async(lambda: _read(config, book))
    if common.json:
        print_json(found)
    else:
        _print(found)
    return 0


async def _read(config: Configuration, book: str | None) -> list[BookShadows]:
    from hedger.app.attach import running_store
    from hedger.app.shadowed import shadowed
    from hedger.app.translate import book_params

    wanted = {config.book(book).name} if book else {one.name for one in config.settings.book}
    params = [one for one in book_params(config) if one.name in wanted and one.shadows]
    if not params:
        where = f"book {book!r}" if book else "no book"
        has = "has no shadows" if book else "has shadows"
        raise ConfigError(
            f"{config.path}: {where} {has}, expected shadows = 'NAME' in [[book]] and a table"
            " [policy.NAME]"
        )
    async with running_store(config) as store:
        return [await shadowed(one, store) for one in params]


def _print(found: list[BookShadows]) -> None:
    names = (
        "policy", "kind", ">since", ">hedges", ">fills", ">turnover, USD", ">fees", ">spread",
        ">funding", ">P&L of the hedge", ">std of hours", ">outside band",
    )  # fmt: skip
    for book in found:
        made = table(f"{book.book}, in {book.numeraire}", *names)
        begun: int | None = None
        for one in sorted(book.shadows, key=lambda one: (one.since_ms is None, one.since_ms)):
            if one.own is None or one.live is None:
                made.add_row(one.name, one.kind, "not begun")
                continue
            if one.since_ms != begun:  # those that began together have one live row
                begun = one.since_ms
                made.add_row("live", book.kind, instant(begun), *_cells(one.live, book.numeraire))
            made.add_row(one.name, one.kind, "", *_cells(one.own, book.numeraire))
        print_table(made)
        for text in book.suggestions:
            print_text(f"suggestion: {text}")


def _cells(side: Side, numeraire: str) -> tuple[str, ...]:
    digits = 2 if numeraire == "usd" else 6
    share = side.outside_share
    return (
        str(side.hedges),
        str(side.fills),
        f"{side.turnover_usd:,.0f}",
        f"{side.fees_usd:,.2f}",
        f"{side.spread_usd:,.2f}",
        f"{side.funding_usd:+,.2f}",
        f"{side.pnl_usd:+,.2f}",
        "-" if side.std_1h is None else f"{side.std_1h:,.{digits}f}",
        "-" if share is None else f"{100.0 * share:.1f} %",
    )

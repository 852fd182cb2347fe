"""``hedger greeks``: what the books' values depend on, and how surely that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hedger.cli.options import Common
from hedger.cli.output import day, instant, print_json, print_table, run_async, say, table

if TYPE_CHECKING:
    from rich.table import Table

    from hedger.app.greeks import BookGreeks, ExpiryGreeks, LegGreeks, Scaled, UnderlyingGreeks

COLUMNS = (">quantity", ">delta", ">gamma_usd_1pct", ">vega_usd_1pt", ">theta_usd_1d", ">fresh")


def greeks(
    book: Annotated[str | None, Parameter(show_default=False)] = None,
    /,
    *,
    common: Common | None = None,
) -> int:
    """Greeks per underlying, expiry and leg, with their coverage; sends nothing.

    Parameters
    ----------
    book
        One book; all by default.
    """
    common = common or Common()
    from hedger.app.look import look

    config = common.load()
    seen = run_async(lambda: look(config, book))
    from hedger.app.greeks import book_greeks, underlyings

    say(f"market: {seen.market_from}")
    books = [book_greeks(sight) for sight in seen.sights]
    sums = underlyings(books)
    if common.json:
        print_json({"market": seen.market_from, "underlyings": sums, "books": books})
        return 0
    print_table(*(_book_table(found) for found in books), _sum_table(sums))
    return 0


def _book_table(book: BookGreeks) -> Table:
    made = table(
        f"{book.book}: {book.underlying}, {book.numeraire}, {instant(book.market_ms)}, "
        f"positions from {book.positions_from}",
        "",
        *COLUMNS,
        "~note",
    )
    for expiry in book.expiries:
        made.add_row(*_expiry_row(expiry), style="bold")
        for leg in expiry.instruments:
            made.add_row(*_leg_row(leg))
    for holding in book.holdings:
        made.add_row(
            f"  {holding.instrument}", f"{holding.quantity:+g}", note_of(book, holding.role)
        )
    made.add_section()
    for name, value in _other_lines(book):
        made.add_row(name, "", f"{value:+.4f}")
    fresh = f"{book.fresh_legs}/{book.legs}"
    if book.greeks is None:
        made.add_row(book.book, *[""] * 5, fresh, f"unknown: {'; '.join(book.blocked)}")
    else:
        made.add_row(book.book, "", *_numbers(book.greeks), fresh, _interval(book), style="bold")
    return made


def note_of(book: BookGreeks, role: str) -> str:
    """The delta of all holdings of one role, shown beside the first; empty if unknown."""
    exposure = book.exposure
    if exposure is None:
        return "?"
    same = [holding for holding in book.holdings if holding.role == role]
    value = exposure.hedge_delta if role == "hedge" else exposure.futures_delta
    return f"{value:+.4f}" if len(same) == 1 else ""


def _other_lines(book: BookGreeks) -> list[tuple[str, float]]:
    """What makes the book's delta beside its options: ratio, futures, hedges, cash."""
    seen = book.exposure
    if seen is None:
        return []
    return [
        (f"options x ratio {seen.ratio:g}", seen.ratio * seen.options_delta),
        ("futures", seen.futures_delta),
        ("hedges", seen.hedge_delta),
        ("cash (equity - options - base_coin)", seen.cash_delta),
    ]


def _expiry_row(expiry: ExpiryGreeks) -> tuple[str, ...]:
    style = "" if expiry.inverse else " linear"
    return (
        f"{day(expiry.expiry_ms)}{style}",
        "",
        *_numbers(expiry.greeks),
        f"{expiry.fresh_legs}/{expiry.legs}",
        f"forward {expiry.forward:,.2f}",
    )


def _leg_row(leg: LegGreeks) -> tuple[str, ...]:
    note = ""
    if leg.doubt is not None:
        age = "never priced" if leg.doubt.age_ms is None else f"{leg.doubt.age_ms} ms old"
        note = f"[{leg.doubt.low:+.4f}, {leg.doubt.high:+.4f}] {age}: {leg.doubt.reason}"
    fresh = "0/1" if leg.doubt else "1/1"
    # A bracket opens markup: what is not meant as such is escaped.
    shown = note.replace("[", "\\[")
    return (f"  {leg.instrument}", f"{leg.quantity:+g}", *_numbers(leg.greeks), fresh, shown)


def _interval(book: BookGreeks) -> str:
    seen = book.exposure
    if seen is None or seen.low == seen.high:
        return ""
    return f"delta in \\[{seen.low:+.4f}, {seen.high:+.4f}]"


def _sum_table(sums: list[UnderlyingGreeks]) -> Table:
    made = table("per underlying", "", ">delta", ">delta_usd", *COLUMNS[2:], "~books")
    for found in sums:
        name, fresh = f"{found.underlying} ({found.numeraire})", f"{found.fresh_legs}/{found.legs}"
        books = ", ".join(found.books)
        if found.greeks is None:
            made.add_row(name, *["?"] * 5, fresh, books)
        else:
            delta, *rest = _numbers(found.greeks)
            made.add_row(name, delta, f"{found.greeks.delta_usd:+,.0f}", *rest, fresh, books)
    return made


def _numbers(greeks: Scaled) -> tuple[str, str, str, str]:
    return (
        f"{greeks.delta:+.4f}",
        f"{greeks.gamma_usd_1pct:+,.2f}",
        f"{greeks.vega_usd_1pt:+,.2f}",
        f"{greeks.theta_usd_1d:+,.2f}",
    )

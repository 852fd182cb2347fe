"""Stored state and contract data -> `Book`, the columnar record that a decision reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from hedger.core.columns import Book, Legs
from hedger.core.model import BookState, Instrument, Kind, Position


def book(
    state: BookState,
    instruments: Mapping[str, Instrument],
    *,
    account: str,
    hedges: Collection[str],
    previous: Book | None = None,
    accounts: tuple[str, ...] = (),
) -> Book:
    """Book of a stored state; ``previous`` lends its leg columns where the legs are the same.

    Parameters
    ----------
    state : BookState
        What the store holds.
    instruments : mapping of str to Instrument
        Contract data of every held and every hedge instrument.
    account : str
        Account at the venue.
    hedges : collection of str
        Hedge instruments; held or not, they appear in ``Book.hedges``.
    previous : Book, optional
        An earlier revision of the same book.
    accounts : tuple of str
        Further accounts, at other venues, that it is hedged on.

    Raises
    ------
    ValueError
        Where a held instrument has no contract data, or belongs to another underlying.
    """
    missing = sorted(n for n in (*state.positions, *hedges) if n not in instruments)
    if missing:
        raise ValueError(f"book {state.book}: no contract data for {', '.join(missing)}")
    held = [Position(instrument=instruments[n], lots=q) for n, q in state.positions.items() if q]
    options = [p for p in held if p.instrument.kind is Kind.OPTION]
    underlyings = {p.instrument.underlying for p in held}
    underlyings |= {instruments[n].underlying for n in hedges}
    if len(underlyings) != 1:
        raise ValueError(f"book {state.book}: needs one underlying, has {sorted(underlyings)}")
    underlying = underlyings.pop()
    return Book(
        name=state.book,
        account=account,
        underlying=underlying,
        seq=state.seq,
        legs=_legs(options, previous),
        futures=tuple(
            p
            for p in held
            if p.instrument.kind is not Kind.OPTION and p.instrument.name not in hedges
        ),
        hedges=tuple(
            Position(instrument=instruments[n], lots=state.positions.get(n, 0))
            for n in sorted(set(hedges))
        ),
        open=state.intents,
        memory=state.memory,
        hold=state.hold,
        stopped=state.stopped,
        confirmed=state.confirmed,
        instruments=instruments,
        moved_coin=state.coins.get(underlying, 0) * 1e-8,
        accounts=accounts,
        act=state.act,
    )


def widened(book: Book, names: Collection[str]) -> Book:
    """The same book with a leg of quantity 0 for each of these options that it does not hold."""
    legs = book.legs
    more = [book.instruments[name] for name in names if name not in legs.names]
    if not more:
        return book
    held = [book.instruments[name] for name in legs.names]
    positions = [Position(instrument=one, lots=legs.lots(one)) for one in (*held, *more)]
    return replace(book, legs=_legs(positions, None))


def _legs(options: list[Position], previous: Book | None) -> Legs:
    names = tuple(p.instrument.name for p in options)
    quantity = np.array([p.lots * p.instrument.lot for p in options], dtype=np.float64)
    if previous is not None and (
        previous.legs.names == names and np.array_equal(previous.legs.quantity, quantity)
    ):
        return previous.legs
    keys = [(p.instrument.expiry_ms, p.instrument.inverse) for p in options]
    groups = tuple(sorted(set(keys)))
    place = {key: g for g, key in enumerate(groups)}
    return Legs(
        names=names,
        quantity=quantity,
        strike=np.array([p.instrument.strike for p in options], dtype=np.float64),
        expiry_ms=np.array([p.instrument.expiry_ms for p in options], dtype=np.int64),
        is_call=np.array([p.instrument.is_call for p in options], dtype=np.bool_),
        group=np.array([place[key] for key in keys], dtype=np.int64),
        groups=groups,
    )

"""A book whose legs find vol and forward by their row in a market: all its sums in one call.

`PreparedBook` is told its vols and times and prices at any forward; this one is told where in the
columns of a market they stand, and passes over what is expired or not known.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pricing._quoted_sums import COLUMNS, TOTALS, black_shift, book_sums
from pricing.bends import strike_order
from pricing.conventions import FloatArray
from pricing.prepared import PreparedBook

__all__ = ["Columns", "QuotedBook", "Sums"]

_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


class Columns(NamedTuple):
    """What a market knows of its instruments, (rows,) each; NaN is not known.

    Attributes
    ----------
    ratio : float64
        Forward over the index. [1]
    vol : float64
        [1 / sqrt(year)]
    vol_ms : int64
        When that vol was seen. [ms]
    priced : bool
        Whether the newest quote has both sides.

    Examples
    --------
    >>> Columns._fields
    ('ratio', 'vol', 'vol_ms', 'priced')
    """

    ratio: FloatArray
    vol: FloatArray
    vol_ms: _Ints
    priced: _Bools


class Sums(NamedTuple):
    """Everything of `QuotedBook.sums` as plain numbers.

    Attributes
    ----------
    delta, gamma : list of float
        Of the whole book at each move.
    groups : iterator of tuple
        Of each group: legs that live, forward, delta, its slope in log spot, Black delta, value in
        coin at the index, vega, theta.
    totals : list of float
        Legs without a fresh price, legs that live, gross delta; gamma, its square or mean square,
        mean vol, largest delta, delta that is settling, gamma that does not expire within a day,
        what delta lacks of the nearer of its two ends, far below and far above all strikes.

    Examples
    --------
    >>> Sums._fields
    ('delta', 'gamma', 'groups', 'totals')
    """

    delta: list[float]
    gamma: list[float]
    groups: Any
    totals: list[float]


class QuotedBook:
    """Legs of options and their groups, laid out once.

    Parameters
    ----------
    strike, quantity : (legs,) float64
        [quote currency] and signed. [units of underlying]
    is_call : (legs,) bool
    expiry_ms, group : (legs,) int64
    group_ms : (groups,) int64
        Expiry of each group. [ms]
    is_inverse : (groups,) bool
        Groups whose options settle in coin.
    moves : (moves,) float64
        Ratios of moved to present spot, rising; 1 among them.
    rule : (2, nodes) float64
        Nodes and weights of a mean over a standard normal variable.
    window_ms : int
        Length of the settlement window, in which a delta decays to nothing.

    Examples
    --------
    >>> book = QuotedBook(strike=np.array([100.0]), quantity=np.array([2.0]),
    ...                   is_call=np.array([True]), expiry_ms=np.array([10**11]),
    ...                   group=np.array([0]), group_ms=np.array([10**11]),
    ...                   is_inverse=np.array([False]), moves=np.array([0.9, 1.0, 1.1]),
    ...                   rule=np.array([[0.0], [1.0]]), window_ms=1)
    >>> market = Columns(np.array([1.0]), np.array([0.0]), np.array([0]), np.array([True]))
    >>> book.sums(np.array([0]), market, index=105.0, now_ms=0, age_max=1).delta
    [0.0, 2.0, 2.0]
    """

    __slots__ = ("_here", "_moves", "_rule", "_static", "_strikes", "_window_ms")

    def __init__(
        self,
        *,
        strike: FloatArray,
        quantity: FloatArray,
        is_call: _Bools,
        expiry_ms: _Ints,
        group: _Ints,
        group_ms: _Ints,
        is_inverse: _Bools,
        moves: FloatArray,
        rule: FloatArray,
        window_ms: int,
    ) -> None:
        legs = strike.size
        layout = PreparedBook(
            strike=strike,
            time_to_expiry=np.zeros(legs),
            vol=np.zeros(legs),
            is_call=is_call,
            quantity=quantity,
            group=group,
            groups=group_ms.size,
            expiry=np.arange(legs),
            expiries=legs,
        ).layout
        place = np.empty(legs, dtype=np.int64)
        place[layout.places[2]] = np.arange(legs)
        self._static = (*layout, is_inverse, group_ms, expiry_ms)
        self._strikes = strike_order(place, strike, expiry_ms, np.zeros(legs, dtype=np.int64))
        self._moves = np.array([moves, np.log(moves)])
        self._here = int(np.flatnonzero(moves == 1.0)[0])
        self._rule = np.ascontiguousarray(rule)
        self._window_ms = window_ms

    def sums(
        self,
        rows: _Ints,
        market: Columns,
        *,
        index: float,
        now_ms: int,
        age_max: int,
        own: tuple[float, float] = (0.0, 0.0),
        scale: float = 1.0,
        spread: float = 0.0,
        bends: bool = False,
        sizes: bool = False,
    ) -> Sums:
        """Sums per move, per group and of the book, in coin at the index.

        Parameters
        ----------
        rows : (legs,) int64
            Where each leg stands in the market; outside of it: nowhere.
        market : Columns
        index : float
            [quote currency]
        now_ms, age_max : int
            The instant, and how old a vol may be before its leg lacks a fresh price. [ms]
        own : (float, float)
            Delta of the options' own value, of inverse and of linear ones. [coin per coin]
        scale : float
            Multiplies the sums of the book, and not those of its groups.
        spread : float
            Standard deviation of log spot per unit of vol over which gamma is averaged where legs
            bend both ways.
        bends, sizes : bool
            Whether the last seven totals and the gross delta are wanted; 0 where not.

        Notes
        -----
        With D the Black delta, C the value in coin, w the share of the settlement window still to
        run and s the `own` delta, an inverse group has w (D - C) + s C, a linear one
        (w F D + s V) / index, with V its value in quote currency.
        """
        self._check(rows)
        steps, groups = self._moves.shape[1], self._static[4].size
        out = np.empty(2 * steps + COLUMNS * groups + TOTALS)
        book_sums.run(
            *self._static, self._strikes, rows, *market, self._moves, self._rule,
            index, *own, scale, spread, self._here, now_ms, age_max, self._window_ms,
            bends, sizes, out,
        )  # fmt: skip
        flat, end = out.tolist(), 2 * steps + COLUMNS * groups
        columns = [flat[at : at + groups] for at in range(2 * steps, end, groups)] if groups else []
        return Sums(flat[:steps], flat[steps : 2 * steps], zip(*columns, strict=True), flat[end:])

    def black_shift(
        self,
        rows: _Ints,
        market: Columns,
        *,
        index: float,
        now_ms: int,
        factor: float,
        years: float = np.inf,
    ) -> float:
        """Black delta at the market's vols, less that at those times `factor` [coin].

        The factor holds for so many ``years`` of a leg's life, where it lives longer.

        Examples
        --------
        >>> import inspect
        >>> list(inspect.signature(QuotedBook.black_shift).parameters)[1:3]
        ['rows', 'market']
        """
        self._check(rows)
        return float(
            black_shift.run(
                *self._static, rows, *market, index, factor, years, now_ms, self._window_ms
            )
        )

    def _check(self, rows: _Ints) -> None:
        if rows.size != self._strikes.shape[1]:
            raise ValueError(f"rows: shape ({self._strikes.shape[1]},) wanted, got {rows.shape}")

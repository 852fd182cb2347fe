"""How the deltas of many books bend: gamma and its mean square near spot, vol, largest delta."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pricing._bend_sums import book_bends
from pricing.conventions import FloatArray
from pricing.prepared import PreparedBook

__all__ = ["Bends", "bends", "strike_order"]

_Ints = npt.NDArray[np.int64]


class Bends(NamedTuple):
    """What a band that follows gamma needs of each book, (books,) each.

    Attributes
    ----------
    gamma : float64
        Slope of the Black delta in log spot. [coin]
    square_gamma : float64
        Its square, or the mean over log spot where legs bend both ways; NaN where
        rounding decides its sign.
    vol : float64
        Mean of the legs' vols by size of gamma, 0 where none is known.
    need : float64
        The largest delta that the options can come to have. [coin]
    lasting : float64
        What of the gamma does not expire within a day. [coin]

    Examples
    --------
    >>> Bends._fields
    ('gamma', 'square_gamma', 'vol', 'need', 'lasting')
    """

    gamma: FloatArray
    square_gamma: FloatArray
    vol: FloatArray
    need: FloatArray
    lasting: FloatArray


def strike_order(place: _Ints, strike: FloatArray, expiry: _Ints, book: _Ints) -> _Ints:
    """Legs as `bends` wants them in ``by_strike``.

    Parameters
    ----------
    place : (legs,) int64
        Of each leg in the layout.
    strike : (legs,) float64
        [quote currency]
    expiry, book : (legs,) int64
        Any numbers that tell one from another; books rise.

    Returns
    -------
    (2, legs) int64
        Places in the order of books, strikes and expiries; 1 on the last leg of each.

    Examples
    --------
    >>> strike_order(np.arange(3), np.array([9.0, 7.0, 7.0]), np.zeros(3, int), np.zeros(3, int))
    array([[1, 2, 0],
           [0, 1, 1]])
    """
    keys = (expiry, strike, book)
    order = np.lexsort(keys)
    ends = np.ones(order.size, dtype=np.int64)
    if order.size > 1:
        ends[:-1] = np.any([np.diff(key[order]) != 0 for key in keys], axis=0)
    return np.stack((place[order], ends))


def bends(
    legs: PreparedBook,
    forward: FloatArray,
    *,
    starts: _Ints,
    by_strike: _Ints,
    shares: FloatArray,
    units: FloatArray,
    rule: FloatArray,
    spreads: FloatArray,
) -> Bends:
    """Bends of books whose legs stand one book after the other.

    Parameters
    ----------
    legs : PreparedBook
        With the vols and times of this instant; a book's groups follow one another.
    forward : (expiries,) float64
        [quote currency]
    starts : (books + 1,) int64
        Where each book's legs begin in the layout, and their number.
    by_strike : (2, legs) int64
        Places in the layout: each book's in the order of strikes, then of expiries; and 1 on the
        last leg of each strike and expiry.
    shares, units : (groups,) float64
        Share of the settlement window still to run; coin of one quote currency at present, by the
        index or, where options settle in coin, by the forward.
    rule : (2, nodes) float64
        Nodes and weights of a mean over a standard normal variable.
    spreads : (books,) float64
        Standard deviation of log spot per unit of vol over which gamma is averaged.

    Notes
    -----
    The sums of `pricing.quoted` for many books at once, each to rounding: of a living leg's gamma
    q n(d1) / (vol sqrt(T)) nothing but d1 moves with spot.

    Examples
    --------
    >>> book = PreparedBook(strike=np.array([100.0]), time_to_expiry=1.0, vol=0.5, is_call=True,
    ...                     quantity=2.0, group=[0], groups=1)
    >>> one = np.ones(1)
    >>> found = bends(book, 100.0 * one, starts=np.array([0, 1]), by_strike=np.array([[0], [1]]),
    ...               shares=one, units=one / 100.0,
    ...               rule=np.array([[0.0], [1.0]]), spreads=one)
    >>> found.gamma.round(4), found.vol, found.need
    (array([1.5467]), array([0.5]), array([2.]))
    """
    if by_strike.shape != (2, len(legs)) or starts[-1] != len(legs):
        raise ValueError(f"starts and by_strike: {len(legs)} legs wanted")
    if not shares.size == units.size == legs.groups or spreads.size != starts.size - 1:
        raise ValueError("shares and units: one for each group wanted; spreads: one for each book")
    out = np.empty((5, spreads.size))
    book_bends(
        *legs.layout, legs.forwards(forward), shares, units, starts, by_strike,
        rule, spreads, out,
    )  # fmt: skip
    return Bends(*out)

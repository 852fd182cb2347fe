"""A book whose legs are read once and priced at every tick: sums per group from new forwards alone.

Many books at once are one prepared book too: a group is whatever is netted, such as an expiry or a
whole book, and each group may see any of the forwards.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pricing._arguments import count
from pricing._batch import broadcast, checked_out, flags, floats
from pricing._leg_sums import greeks_sums
from pricing._legs import NO_COLUMN, TIME, VOL, Legs, changed, column, integers, laid_out
from pricing.conventions import BoolLike, FloatArray, FloatLike, Greeks
from pricing.portfolio import Ladder, rungs

__all__ = ["PreparedBook"]

_NAMES = ("strike", "time_to_expiry", "vol", "quantity")


class PreparedBook:
    """Legs of options, checked and laid out for repeated valuation at rate 0.

    Parameters
    ----------
    strike : (legs,) float64
        At least 0. [quote currency]
    time_to_expiry : (legs,) float64
        Zero or less is expired. [years]
    vol : (legs,) float64
        At least 0. [1 / sqrt(year)]
    is_call : (legs,) bool
    quantity : (legs,) float64
        Signed position times contract multiplier. [units of underlying]
    group : (legs,) int64
        The sum that a leg counts in, in [0, groups).
    groups : int
    expiry : (legs,) int64, optional
        The forward that a leg is priced on, in [0, expiries); the leg's group when left out.
    expiries : int, optional
        Needed with `expiry`; else the number of groups.
    is_inverse : (groups,) bool
        Groups whose options settle in coin: their sums are those of `pricing.inverse`.

    Raises
    ------
    TypeError, ValueError
        Wrong types, shapes or indices; never for an element's value.

    Notes
    -----
    Inputs are copied.  A prepared book never changes: `updated` makes another one, and any number
    of threads may use one book at once, each with its own `out`.  Time stands still between
    updates.  Legs are at rate 0; a discount factor that is held fixed belongs into the quantity,
    and theta then lacks its term of the rate.

    Scalars among the leg inputs serve all legs.  Edge values are those of `pricing.black` and
    `pricing.inverse`; an infinite or NaN quantity gives NaN.  A sum is plain and in the order of
    the legs, so a NaN leg spoils its own group and no other.

    Strikes are kept as they are, not as logarithms: log(F / K) of both prices keeps full relative
    accuracy near the money, which log F - log K does not, and costs one part in ten.

    Examples
    --------
    >>> book = PreparedBook(strike=np.array([100.0, 100.0]), time_to_expiry=0.1, vol=0.5,
    ...                     is_call=np.array([True, False]), quantity=np.array([1.0, -1.0]),
    ...                     group=np.array([0, 0]), groups=1)
    >>> book.greeks(np.array([105.0])).price.round(9)
    array([5.])
    """

    __slots__ = ("_expiries", "_groups", "_laid_out")

    _laid_out: Legs
    _groups: int
    _expiries: int

    def __init__(
        self,
        *,
        strike: FloatLike,
        time_to_expiry: FloatLike,
        vol: FloatLike,
        is_call: BoolLike,
        quantity: FloatLike,
        group: npt.ArrayLike,
        groups: int,
        expiry: npt.ArrayLike | None = None,
        expiries: int | None = None,
        is_inverse: BoolLike = False,
    ) -> None:
        arrays, shape = broadcast(_NAMES, (strike, time_to_expiry, vol, quantity), is_call)
        if len(shape) != 1:
            raise ValueError(f"legs: one dimension wanted, got shape {shape}")
        if (expiry is None) != (expiries is None):
            raise ValueError("expiry and expiries: both or neither wanted")
        legs = shape[0]
        self._groups = count("groups", groups)
        self._expiries = self._groups if expiries is None else count("expiries", expiries)
        which = integers("group", group, legs)
        on = which if expiry is None else integers("expiry", expiry, legs)
        inverse = flags("is_inverse", is_inverse)
        if inverse.shape not in ((), (self._groups,)):
            raise ValueError(f"is_inverse: shape ({self._groups},) wanted, got {inverse.shape}")
        coin = np.ascontiguousarray(inverse).reshape(-1)
        self._laid_out = laid_out(arrays, coin, on, which, self._expiries, self._groups)

    @classmethod
    def many(cls, *, book_start: npt.ArrayLike, **legs: Any) -> "PreparedBook":
        """Many books in one: each book is a group, its legs stand one after the other.

        Parameters
        ----------
        book_start : (books + 1,) int64
            The first leg of each book, and at the end the number of legs; never falling.
        **legs
            As for `PreparedBook`, without `group` and `groups`; `expiry` and `expiries` are needed
            unless each book has its own forward.

        Examples
        --------
        >>> books = PreparedBook.many(book_start=[0, 1, 3], strike=np.array([90.0, 100.0, 110.0]),
        ...                           time_to_expiry=0.1, vol=0.0, is_call=True, quantity=1.0,
        ...                           expiry=[0, 0, 0], expiries=1)
        >>> books.greeks(np.array([105.0])).price
        array([15.,  5.])
        """
        start = np.asarray(book_start)
        if start.dtype.kind not in "iu" or start.ndim != 1 or not start.size:
            raise TypeError("book_start: a vector of integers wanted, one more than books")
        sizes = start[1:].astype(np.int64) - start[:-1]
        if start[0] != 0 or np.any(sizes < 0):
            raise ValueError("book_start: must begin at 0 and never fall")
        books = sizes.size
        return cls(group=np.repeat(np.arange(books), sizes), groups=books, **legs)

    def __repr__(self) -> str:
        return f"PreparedBook(legs={len(self)}, groups={self.groups}, expiries={self.expiries})"

    @property
    def layout(self) -> Legs:
        """What the kernels of this package read, in the order of the groups; read-only."""
        return self._laid_out

    def __len__(self) -> int:
        return int(self._laid_out.state.shape[1])

    @property
    def groups(self) -> int:
        """Number of sums."""
        return self._groups

    @property
    def expiries(self) -> int:
        """Number of forwards."""
        return self._expiries

    @property
    def vol(self) -> FloatArray:
        """Vol of each leg, as given: a copy."""
        return self._as_given(VOL)

    @property
    def time_to_expiry(self) -> FloatArray:
        """Time of each leg, as given: a copy."""
        return self._as_given(TIME)

    def _as_given(self, row: int) -> FloatArray:
        state, _, places = self._laid_out
        column = np.empty(len(self))
        column[places[2]] = state[row]
        return column

    def updated(
        self,
        *,
        vol: FloatLike | None = None,
        time_to_expiry: FloatLike | None = None,
        quantity: FloatLike | None = None,
    ) -> "PreparedBook":
        """The same legs with other vols, times or quantities; this book stays as it is.

        Parameters
        ----------
        vol, time_to_expiry, quantity : (legs,) float64 or float, optional
            Kept where left out.

        Examples
        --------
        >>> book = PreparedBook(strike=np.array([100.0]), time_to_expiry=0.1, vol=0.5,
        ...                     is_call=True, quantity=1.0, group=[0], groups=1)
        >>> book.updated(vol=0.0).greeks(np.array([105.0])).price
        array([5.])
        """
        book = object.__new__(PreparedBook)
        book._laid_out = changed(self._laid_out, time_to_expiry, vol, quantity)
        book._groups, book._expiries = self._groups, self._expiries
        return book

    def forwards(self, forward: FloatLike) -> FloatArray:
        """`forward` as a contiguous vector of one number for each expiry, or one clear error."""
        array = floats("forward", forward)
        if array.shape != (self._expiries,):
            raise ValueError(f"forward: shape {(self._expiries,)} wanted, got {array.shape}")
        return array if array.flags.c_contiguous else np.ascontiguousarray(array)

    def greeks(
        self,
        forward: FloatLike,
        *,
        vol: FloatLike | None = None,
        by_leg: bool = False,
        out: Any = None,
    ) -> Greeks:
        """Signed sums of price and Greeks at these forwards, per group or per leg.

        Parameters
        ----------
        forward : (expiries,) float64
            [quote currency]
        vol : (legs,) float64, optional
            This time, instead of the book's own. [1 / sqrt(year)]
        by_leg : bool
            One result for each leg instead of each group.
        out : Greeks or tuple of six (groups,) or (legs,) float64 arrays, optional
            Contiguous arrays that receive the results and must not overlap anything.  With it no
            array is allocated: the kernel's scratch, 16 kB whatever the book, ends with the call.

        Returns
        -------
        Greeks of (groups,) or (legs,) float64
            Zero for a group without legs; in coin, with the net transaction delta, where
            `is_inverse`.

        Notes
        -----
        ``sum(quantity_i * greek_i for i in group)``; by leg exactly ``quantity * greek`` of
        `pricing.black` or `pricing.inverse`.

        Examples
        --------
        >>> book = PreparedBook(strike=np.array([90.0, 110.0]), time_to_expiry=0.0, vol=0.5,
        ...                     is_call=True, quantity=np.array([2.0, 3.0]), group=[0, 0], groups=1)
        >>> book.greeks(np.array([120.0])).delta, book.greeks([120.0], by_leg=True).delta
        (array([5.]), array([2., 3.]))
        """
        forwards = self.forwards(forward)
        vols = NO_COLUMN if vol is None else column("vol", vol, len(self))
        row, size = (2, len(self)) if by_leg else (1, self._groups)
        if out is None:
            fresh = Greeks(*np.empty((6, size)))
            greeks_sums(*self._laid_out, row, forwards, vols, size, *fresh)
            return fresh
        try:  # the kernel's own signature is the fast check; what is wrong is told afterwards
            refused = greeks_sums(*self._laid_out, row, forwards, vols, size, *out)
        except TypeError:
            checked_out(out, Greeks._fields, (size,))
            raise
        if refused:
            checked_out(out, Greeks._fields, (size,))
            raise ValueError("out: its arrays overlap the inputs or one another")
        return out if isinstance(out, Greeks) else Greeks(*out)

    def ladder(self, forward: FloatLike, moves: FloatLike, *, out: Any = None) -> Ladder:
        """Sums per group at each of several spot moves, vols held fixed; as `pricing.ladder`.

        Parameters
        ----------
        forward : (expiries,) float64
            [quote currency]
        moves : (moves,) float64
            Ratios of moved to present spot; each multiplies every forward. [1]
        out : Ladder or tuple of seven (moves, groups) float64 arrays, optional
            Contiguous arrays that receive the results and must not overlap anything.

        Returns
        -------
        Ladder of (moves, groups) float64
            Linear and coin sums of all groups alike.

        Examples
        --------
        >>> book = PreparedBook(strike=np.array([100.0]), time_to_expiry=0.0, vol=0.5,
        ...                     is_call=True, quantity=1.0, group=[0], groups=1)
        >>> book.ladder(np.array([100.0]), [0.9, 1.0, 1.1]).value[:, 0].round(9)
        array([ 0.,  0., 10.])
        """
        return rungs(self._laid_out, self.forwards(forward), moves, self._groups, out)

"""The rule that joins all models; the only place that knows how.

* book: the product of the models that are no caps, never beyond the tightest cap;
* centre: the sum of the shifts, bounded;
* trade: the product of the factors, none of which may be a book's.

A cap bounds the product instead of multiplying it: when vol doubles, both the volatility target and
the value at risk ask for half, and half is what both get. No factor of the book ever reaches a
hedge: what is hedged gets smaller only when the options do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hedger.core.model import Record, Scales, Scaling


class Scaled(Record, frozen=True, kw_only=True):
    """What all models come to.

    ``book`` is the scale of the base book and ``bound_by`` the cap that binds it, ``shift`` of the
    centre in coin, ``trade`` the share to be sent now, ``clip`` the factor of the least order.
    ``may_add`` is False where a model of the book could not judge.
    """

    book: float
    shift: float
    trade: float
    clip: float
    may_add: bool
    bound_by: str
    parts: tuple[Scaling, ...]


def combine(scalings: Sequence[Scaling], *, shift_max: float = math.inf) -> Scaled:
    """Join the answers of all models.

    Raises
    ------
    ValueError
        For an answer that scales something unknown or is not a number.

    Examples
    --------
    >>> half = Scaling(what="book", model="vol_target", factor=0.5, reason="")
    >>> cap = Scaling(what="book", model="margin", factor=0.4, is_cap=True, reason="")
    >>> found = combine([half, cap])
    >>> found.book, found.bound_by, found.trade
    (0.4, 'margin', 1.0)
    """
    book = trade = clip = 1.0
    shift, cap, bound_by, may_add = 0.0, math.inf, "", True
    for one in scalings:
        if not (one.factor >= 0.0 and math.isfinite(one.shift)):
            raise ValueError(f"{one.model}: factor {one.factor:g}, shift {one.shift:g}")
        if one.what == Scales.BOOK:
            may_add = may_add and one.is_known
            if not one.is_cap:
                book *= one.factor
            elif one.factor < cap:
                cap, bound_by = one.factor, one.model
        elif one.what == Scales.CENTRE:
            shift += one.shift
        elif one.what == Scales.TRADE:
            trade *= one.factor
        elif one.what == Scales.CLIP:
            clip *= one.factor
        else:
            raise ValueError(f"{one.model}: scales {one.what!r}, which is nothing known")
    return Scaled(
        book=min(book, cap),
        shift=min(max(shift, -shift_max), shift_max),
        trade=min(trade, 1.0),
        clip=max(clip, 1.0),
        may_add=may_add,
        bound_by=bound_by if cap < book else "",
        parts=tuple(scalings),
    )

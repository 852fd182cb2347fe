"""What a fill costs: the venue's proportional fee in the instrument's settlement currency."""

from __future__ import annotations

from hedger.core.model import Instrument, Kind

__all__ = ["fee"]


def fee(
    instrument: Instrument, *, lots: int, price: float, index: float, is_maker: bool = False
) -> float:
    """Fee of a fill; negative for a rebate.

    Parameters
    ----------
    instrument
        Its ``fees`` are fractions; ``cap`` binds options only.
    lots
        Signed lots filled.
    price
        Fill price, in the instrument's price unit.
    index
        Index of the underlying [quote currency].

    Notes
    -----
    With amount a = abs(lots) lot and rate r::

        inverse future   r a / price              coin
        linear future    r a price                quote currency
        inverse option   min(r a, cap price a)    coin
        linear option    min(r a index, cap price a)
    """
    rate = instrument.fees.maker if is_maker else instrument.fees.taker
    amount = abs(lots) * instrument.lot
    if instrument.kind is not Kind.OPTION:
        return rate * amount / price if instrument.inverse else rate * amount * price
    full = rate * amount if instrument.inverse else rate * amount * index
    if instrument.fees.cap <= 0.0:
        return full
    return min(full, instrument.fees.cap * price * amount)

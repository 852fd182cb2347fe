"""No-trade bands of a book's delta, in coin of the underlying; `formulas` has the mathematics."""

from hedger.core.bands.configured import Band, fixed, scale_of

__all__ = ["Band", "fixed", "scale_of"]

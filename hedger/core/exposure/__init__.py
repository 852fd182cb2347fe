"""Book x Market -> `Exposure`."""

from hedger.core.exposure.legs import black_shift, own_value
from hedger.core.exposure.many import Deltas, Layout, deltas, layout
from hedger.core.exposure.total import exposure

__all__ = ["Deltas", "Layout", "black_shift", "deltas", "exposure", "layout", "own_value"]

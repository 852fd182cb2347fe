"""Book x Market -> `Exposure`."""

from hedger.core.exposure.legs import own_value
from hedger.core.exposure.total import exposure

__all__ = ["exposure", "own_value"]

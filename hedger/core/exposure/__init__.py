"""Book x Market -> `Exposure`."""

from hedger.core.exposure.total import exposure

__all__ = ["exposure"]

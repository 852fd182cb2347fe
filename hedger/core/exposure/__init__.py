"""Book x Market -> `Exposure`."""

from hedger.core.exposure.curve import black_delta
from hedger.core.exposure.legs import own_value
from hedger.core.exposure.many import Deltas, Layout, deltas, layout
from hedger.core.exposure.opinions import Opinions, disagreements, opinions, venue_shift
from hedger.core.exposure.stickiness import sticky_shift
from hedger.core.exposure.total import exposure

__all__ = [
    "Deltas",
    "Layout",
    "Opinions",
    "black_delta",
    "deltas",
    "disagreements",
    "exposure",
    "layout",
    "opinions",
    "own_value",
    "sticky_shift",
    "venue_shift",
]

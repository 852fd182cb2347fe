"""Book x Market -> `Exposure`."""

from hedger.core.exposure.least_variance import least_variance_shift
from hedger.core.exposure.legs import black_shift, own_value
from hedger.core.exposure.many import Deltas, Layout, deltas, layout
from hedger.core.exposure.many_bands import Triggers, triggers
from hedger.core.exposure.moves import moves
from hedger.core.exposure.opinions import Opinions, disagreements, opinions, venue_shift
from hedger.core.exposure.stickiness import sticky_shift
from hedger.core.exposure.total import exposure

__all__ = [
    "Deltas",
    "Layout",
    "Opinions",
    "Triggers",
    "black_shift",
    "deltas",
    "disagreements",
    "exposure",
    "layout",
    "least_variance_shift",
    "moves",
    "opinions",
    "own_value",
    "sticky_shift",
    "triggers",
    "venue_shift",
]

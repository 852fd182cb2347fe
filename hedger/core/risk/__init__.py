"""What would happen: a book revalued on moved markets, and the measures made of that.

Its numbers cost milliseconds, so a loop makes them on a cadence of its own; a decision only reads
them, through the scalers of `hedger.core.sizing`.
"""

from hedger.core.risk.holdings import Holdings, holdings
from hedger.core.risk.revaluation import changes, contributions, pnl
from hedger.core.risk.shocks import PARALLEL, Shocks, VolRule, grid, historical

__all__ = [
    "PARALLEL",
    "Holdings",
    "Shocks",
    "VolRule",
    "changes",
    "contributions",
    "grid",
    "historical",
    "holdings",
    "pnl",
]

"""Choose and open the market that the parameters ask for."""

from __future__ import annotations

from hedger.venues.paper.depth import Depth
from hedger.venues.paper.params import PaperParams
from hedger.venues.paper.publish import Market
from hedger.venues.paper.synthetic import SyntheticMarket, step_ms_at
from hedger.venues.paper.tape import Tape


def open_market(params: PaperParams) -> Market:
    """Tape of ``params.data``, or the simulated market; raises `ConfigError`."""
    depth = Depth(params.half_spread_bps, params.depth_levels, params.depth_usd)
    if params.data:
        return Tape(params.data, depth, start_ms=params.start_ms, end_ms=params.end_ms)
    underlyings = {account.underlying for account in params.accounts}
    underlyings |= {name.partition("-")[0].partition("_")[0] for name in params.instruments}
    return SyntheticMarket(
        params.seed,
        depth,
        underlyings=underlyings or {"BTC"},
        start_ms=params.start_ms,
        end_ms=params.end_ms,
        step_ms=step_ms_at(params.speed),
        spread_most=params.spread_most,
    )

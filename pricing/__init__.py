"""Option prices and Greeks: arrays in, arrays out.  No input or output, no clock, no state."""

from pricing.arbitrage import butterfly_minimum, calendar_minimum
from pricing.black import black
from pricing.calibration import FitStatus, SliceQuality, SurfaceFit, fit_surface
from pricing.conventions import Greeks, ImpliedVol, SecondGreeks, VolStatus, years
from pricing.curve import Curve
from pricing.deribit import DeribitGreeks, deribit_greeks
from pricing.implied_vol import implied_vol, inverse_implied_vol
from pricing.minimum_variance import MinimumVariance, fit_minimum_variance, minimum_variance_delta
from pricing.parity import (
    ExpiryForward,
    ForwardStatus,
    first_forward,
    forward_from_future,
    forward_from_parity,
)
from pricing.portfolio import Ladder, book_greeks, ladder
from pricing.prepared import PreparedBook
from pricing.scenarios import scenario_pnl, spot_vol_grid, spot_vol_ladder
from pricing.second import black_scholes_second, black_second, inverse_second
from pricing.settlement import (
    SETTLEMENT_SAMPLES,
    SETTLEMENT_WINDOW,
    SettlementDeltas,
    settlement_deltas,
    settling,
    settling_future,
    settling_inverse,
    settling_inverse_future,
)
from pricing.smile import SmileVol, Ssvi, Svi, svi_vol
from pricing.spot import black_scholes, inverse, premium_adjusted_delta, spot_delta
from pricing.sticky import (
    DeltaRule,
    SmileDelta,
    skew_stickiness_delta,
    sticky_delta_delta,
    sticky_moneyness_delta,
    sticky_strike_delta,
)
from pricing.surface import Surface, SurfaceStatus, SurfaceVol
from pricing.tail_risk import TailRisk, tail_risk

__all__ = [
    "SETTLEMENT_SAMPLES",
    "SETTLEMENT_WINDOW",
    "Curve",
    "DeltaRule",
    "DeribitGreeks",
    "ExpiryForward",
    "FitStatus",
    "ForwardStatus",
    "Greeks",
    "ImpliedVol",
    "Ladder",
    "MinimumVariance",
    "PreparedBook",
    "SecondGreeks",
    "SettlementDeltas",
    "SliceQuality",
    "SmileDelta",
    "SmileVol",
    "Ssvi",
    "Surface",
    "SurfaceFit",
    "SurfaceStatus",
    "SurfaceVol",
    "Svi",
    "TailRisk",
    "VolStatus",
    "black",
    "black_scholes",
    "black_scholes_second",
    "black_second",
    "book_greeks",
    "butterfly_minimum",
    "calendar_minimum",
    "deribit_greeks",
    "first_forward",
    "fit_minimum_variance",
    "fit_surface",
    "forward_from_future",
    "forward_from_parity",
    "implied_vol",
    "inverse",
    "inverse_implied_vol",
    "inverse_second",
    "ladder",
    "minimum_variance_delta",
    "premium_adjusted_delta",
    "scenario_pnl",
    "settlement_deltas",
    "settling",
    "settling_future",
    "settling_inverse",
    "settling_inverse_future",
    "skew_stickiness_delta",
    "spot_delta",
    "spot_vol_grid",
    "spot_vol_ladder",
    "sticky_delta_delta",
    "sticky_moneyness_delta",
    "sticky_strike_delta",
    "svi_vol",
    "tail_risk",
    "years",
]

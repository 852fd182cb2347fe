"""Option prices and Greeks: arrays in, arrays out.  No input or output, no clock, no state."""

from pricing.american import american, american_implied_vol
from pricing.american_discrete import american_discrete
from pricing.arbitrage import butterfly_minimum, calendar_minimum
from pricing.black import black
from pricing.calibration import FitStatus, SliceQuality, SurfaceFit, fit_surface
from pricing.conventions import Greeks, ImpliedVol, SecondGreeks, VolStatus, years
from pricing.curve import Curve
from pricing.deribit import DeribitGreeks, deribit_greeks
from pricing.forecast import Har, ewma_forecast, fit_har, har_forecast, rolling_har
from pricing.forecast_score import ForecastScore, qlike, score_forecasts
from pricing.garch import Garch, fit_garch, garch_forecast, rolling_garch
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
from pricing.realised import (
    close_to_close_vol,
    garman_klass_vol,
    parkinson_vol,
    rogers_satchell_vol,
    yang_zhang_vol,
)
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
    "ForecastScore",
    "ForwardStatus",
    "Garch",
    "Greeks",
    "Har",
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
    "american",
    "american_discrete",
    "american_implied_vol",
    "black",
    "black_scholes",
    "black_scholes_second",
    "black_second",
    "book_greeks",
    "butterfly_minimum",
    "calendar_minimum",
    "close_to_close_vol",
    "deribit_greeks",
    "ewma_forecast",
    "first_forward",
    "fit_garch",
    "fit_har",
    "fit_minimum_variance",
    "fit_surface",
    "forward_from_future",
    "forward_from_parity",
    "garch_forecast",
    "garman_klass_vol",
    "har_forecast",
    "implied_vol",
    "inverse",
    "inverse_implied_vol",
    "inverse_second",
    "ladder",
    "minimum_variance_delta",
    "parkinson_vol",
    "premium_adjusted_delta",
    "qlike",
    "rogers_satchell_vol",
    "rolling_garch",
    "rolling_har",
    "scenario_pnl",
    "score_forecasts",
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
    "yang_zhang_vol",
    "years",
]

"""Option prices and Greeks: arrays in, arrays out.  No input or output, no clock, no state."""

from pricing.arbitrage import butterfly_minimum, calendar_minimum
from pricing.black import black
from pricing.calibration import FitStatus, SliceQuality, SurfaceFit, fit_surface
from pricing.conventions import Greeks, ImpliedVol, SecondGreeks, VolStatus, years
from pricing.deribit import DeribitGreeks, deribit_greeks
from pricing.implied_vol import implied_vol, inverse_implied_vol
from pricing.portfolio import Ladder, book_greeks, ladder
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
from pricing.surface import Surface, SurfaceStatus, SurfaceVol

__all__ = [
    "SETTLEMENT_SAMPLES",
    "SETTLEMENT_WINDOW",
    "DeribitGreeks",
    "FitStatus",
    "Greeks",
    "ImpliedVol",
    "Ladder",
    "SecondGreeks",
    "SettlementDeltas",
    "SliceQuality",
    "SmileVol",
    "Ssvi",
    "Surface",
    "SurfaceFit",
    "SurfaceStatus",
    "SurfaceVol",
    "Svi",
    "VolStatus",
    "black",
    "black_scholes",
    "book_greeks",
    "butterfly_minimum",
    "calendar_minimum",
    "deribit_greeks",
    "fit_surface",
    "implied_vol",
    "inverse",
    "inverse_implied_vol",
    "ladder",
    "premium_adjusted_delta",
    "settlement_deltas",
    "settling",
    "settling_future",
    "settling_inverse",
    "settling_inverse_future",
    "spot_delta",
    "svi_vol",
    "years",
]

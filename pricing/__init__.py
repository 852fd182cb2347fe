"""Option prices and Greeks: arrays in, arrays out.  No input or output, no clock, no state."""

from pricing.black import black
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
from pricing.spot import black_scholes, inverse, premium_adjusted_delta, spot_delta

__all__ = [
    "SETTLEMENT_SAMPLES",
    "SETTLEMENT_WINDOW",
    "DeribitGreeks",
    "Greeks",
    "ImpliedVol",
    "Ladder",
    "SecondGreeks",
    "SettlementDeltas",
    "VolStatus",
    "black",
    "black_scholes",
    "book_greeks",
    "deribit_greeks",
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
    "years",
]

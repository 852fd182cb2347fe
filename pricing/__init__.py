"""Option prices and Greeks: arrays in, arrays out.  No input or output, no clock, no state."""

from pricing.black import black
from pricing.conventions import Greeks, ImpliedVol, SecondGreeks, VolStatus, years
from pricing.deribit import DeribitGreeks, deribit_greeks
from pricing.portfolio import Ladder, book_greeks, ladder
from pricing.spot import black_scholes, inverse, premium_adjusted_delta, spot_delta

__all__ = [
    "DeribitGreeks",
    "Greeks",
    "ImpliedVol",
    "Ladder",
    "SecondGreeks",
    "VolStatus",
    "black",
    "black_scholes",
    "book_greeks",
    "deribit_greeks",
    "inverse",
    "ladder",
    "premium_adjusted_delta",
    "spot_delta",
    "years",
]

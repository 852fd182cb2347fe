"""The exchange's published option numbers, rebuilt from its own inputs: the edge, in its scales.

Rounding is not applied: the exchange shows 5 decimals of delta, gamma and the other Greeks, and 4
of a mark price, of which a gamma keeps about 6 %.  Hedge on the unrounded numbers.
"""

from typing import NamedTuple

import numpy as np

from pricing.black import black
from pricing.conventions import BoolLike, FloatArray, FloatLike
from pricing.settlement import SETTLEMENT_WINDOW
from pricing.spot import inverse

__all__ = ["DeribitGreeks", "deribit_greeks"]

_DAYS_PER_YEAR = 365.0


class DeribitGreeks(NamedTuple):
    """The exchange's numbers for one unit of each option, not rounded.

    Attributes
    ----------
    mark_price_coin : (...) float64
        [coin]
    mark_price_usd : (...) float64
        The same in quote currency: the mark price of a linear option. [USD]
    delta : (...) float64
        Not premium-adjusted; runs linearly to zero over the last 30 minutes. [1]
    gamma : (...) float64
        Per 1 USD of the forward. [1 / USD]
    vega_usd_1pt : (...) float64
        Per vol point. [USD]
    theta_usd_1d : (...) float64
        Per day, at most what is left of the option. [USD]
    rho_usd_1pct : (...) float64
        Per 1 % of rate. [USD]

    Examples
    --------
    >>> DeribitGreeks._fields[-3:]
    ('vega_usd_1pt', 'theta_usd_1d', 'rho_usd_1pct')
    """

    mark_price_coin: FloatArray
    mark_price_usd: FloatArray
    delta: FloatArray
    gamma: FloatArray
    vega_usd_1pt: FloatArray
    theta_usd_1d: FloatArray
    rho_usd_1pct: FloatArray


def deribit_greeks(
    *,
    forward: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
    is_call: BoolLike,
) -> DeribitGreeks:
    """The exchange's published price and Greeks.

    Parameters
    ----------
    forward : (...) float64
        ``underlying_price``: that expiry's forward. [USD]
    strike : (...) float64
        [USD]
    time_to_expiry : (...) float64
        To 08:00 UTC of the expiry day, by `pricing.years`. [years]
    vol : (...) float64
        ``mark_iv / 100``. [1 / sqrt(year)]
    is_call : (...) bool

    Returns
    -------
    DeribitGreeks
        Fields of the broadcast shape, in the exchange's scales, not rounded.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes; never for an element's value.

    Notes
    -----
    Black-76 at rate 0, and then::

        mark_price_coin = price / F             vega_usd_1pt = vega / 100
        delta = delta min(1, minutes / 30)      rho_usd_1pct = s K t N(s d2) / 100
        theta_usd_1d = max(theta / 365 * min(1, days), -price)

    rho is the spot model's.  Inverse and linear options share all of it; the quoted mark price is
    `mark_price_coin` for inverse, `mark_price_usd` for linear ones.  In the last 30 minutes the
    delta that the running mean implies is another one: `pricing.settlement_deltas` shows both.

    References
    ----------
    Measured on the exchange's own ticker: 12,000 rows, of 2021 and 2025.

    Examples
    --------
    >>> ticker = deribit_greeks(forward=36694.53, strike=30000.0, vol=1.1929,
    ...                         time_to_expiry=0.02785242262810756, is_call=False)
    >>> round(float(ticker.delta), 4), round(float(ticker.theta_usd_1d), 1)
    (-0.1332, -77.3)
    """
    usd = black(
        forward=forward, strike=strike, time_to_expiry=time_to_expiry, vol=vol, is_call=is_call
    )
    coin = inverse(
        forward=forward, strike=strike, time_to_expiry=time_to_expiry, vol=vol, is_call=is_call
    )
    time = np.maximum(np.asarray(time_to_expiry, np.float64), 0.0)
    with np.errstate(over="ignore", invalid="ignore"):  # absurd elements
        # theta / 365 * days is the whole remaining decay at the present speed
        theta = np.maximum(
            usd.theta / _DAYS_PER_YEAR * np.minimum(1.0, time * _DAYS_PER_YEAR), -usd.price
        )
        return DeribitGreeks(
            mark_price_coin=coin.price,
            mark_price_usd=usd.price,
            delta=usd.delta * np.minimum(1.0, time / SETTLEMENT_WINDOW),
            gamma=usd.gamma,
            vega_usd_1pt=usd.vega / 100.0,
            theta_usd_1d=theta,
            rho_usd_1pct=np.asarray(forward, np.float64) * time * coin.delta / 100.0,
        )

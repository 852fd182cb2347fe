"""American options with discrete cash dividends, by finite differences: slow and off the hot path.

QuantLib does the work; it is imported at the first call, so that importing `pricing` stays fast.
Its Python objects are made and used inside one call, but its evaluation date is one global of the
process: calls from several threads at once, or beside other users of QuantLib, must be serialised.
"""

import importlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pricing._arguments import count, finite, positive, switch
from pricing.conventions import Greeks

__all__ = ["american_discrete"]

_DAYS = 365.0
_BUMP = 1e-3  # of vol and of rate: central differences


def american_discrete(
    *,
    spot: float,
    strike: float,
    time_to_expiry: float,
    vol: float,
    is_call: bool,
    rate: float,
    dividend_times: Sequence[float],
    dividend_amounts: Sequence[float],
    escrowed: bool = False,
    time_steps: int = 400,
    price_steps: int = 400,
) -> Greeks:
    """Price and Greeks of one American option whose underlying pays known cash dividends.

    Parameters
    ----------
    spot, strike, time_to_expiry, vol : float
        Positive. [quote currency; years; 1 / sqrt(year)]
    is_call : bool
    rate : float
        Continuously compounded. [1 / year]
    dividend_times : sequence of float
        After now; those after expiry do not count. [years]
    dividend_amounts : sequence of float
        [quote currency]
    escrowed : bool
        False: spot jumps down by each dividend and `vol` is that of spot (the cash-dividend model).
        True: `vol` is that of spot less the present value of the dividends to come.
    time_steps, price_steps : int
        Of the grid, at least 10; the error falls with their squares.

    Returns
    -------
    Greeks
        Python floats as `numpy.float64`.

    Raises
    ------
    TypeError, ValueError
        Wrong types, lengths or values: this function takes one option, not a batch.

    Notes
    -----
    QuantLib's `FdBlackScholesVanillaEngine`, Crank-Nicolson with two damping steps.  QuantLib
    counts whole days, so time is stretched to make expiry a whole number of at least 3,650 of them;
    dividends move to the nearest one.  Delta, gamma and theta are read from the grid, vega and rho
    are central differences.  The two dividend models differ by several
    per cent of vol for large dividends: implied vols must be used with the model they came from.

    References
    ----------
    QuantLib 1.34 or later, `FdBlackScholesVanillaEngine`.

    Examples
    --------
    >>> greeks = american_discrete(spot=100.0, strike=100.0, time_to_expiry=0.5, vol=0.3,
    ...     is_call=True, rate=0.05, dividend_times=[0.25], dividend_amounts=[2.0])
    >>> bool(8.0 < greeks.price < 9.0)
    True
    """
    option = (positive("spot", spot), positive("strike", strike), switch("is_call", is_call))
    expiry, vol = positive("time_to_expiry", time_to_expiry), positive("vol", vol)
    rate = finite("rate", rate)
    steps = count("time_steps", time_steps, 10), count("price_steps", price_steps, 10)
    dividends = _dividends(dividend_times, dividend_amounts, expiry)
    grid = _Grid(expiry, dividends, escrowed, *steps)
    middle = grid.solve(*option, vol, rate)
    vega = grid.solve(*option, vol + _BUMP * vol, rate)[0]
    vega -= grid.solve(*option, vol - _BUMP * vol, rate)[0]
    rho = grid.solve(*option, vol, rate + _BUMP)[0] - grid.solve(*option, vol, rate - _BUMP)[0]
    fields = (*middle, vega / (2.0 * _BUMP * vol), rho / (2.0 * _BUMP))
    price, delta, gamma, theta, by_vol, by_rate = (np.float64(field) for field in fields)
    return Greeks(price, delta, gamma, by_vol, theta, by_rate)  # type: ignore[arg-type]


def _dividends(
    times: Sequence[float], amounts: Sequence[float], expiry: float
) -> list[tuple[float, float]]:
    """Checked pairs of time and amount up to expiry."""
    try:
        pairs = list(zip(times, amounts, strict=True))
    except TypeError:
        raise TypeError("dividend_times, dividend_amounts: sequences of numbers wanted") from None
    except ValueError:
        raise ValueError("dividend_times, dividend_amounts: equal lengths wanted") from None
    checked = [
        (positive("dividend_times", time), finite("dividend_amounts", amount))
        for time, amount in pairs
    ]
    for _, amount in checked:
        if amount < 0.0:
            raise ValueError(f"dividend_amounts: at least 0 wanted, got {amount}")
    return [(time, amount) for time, amount in checked if time <= expiry]


class _Grid:
    """QuantLib's engine for one expiry and one set of dividends.

    Calendar days are only a ruler: expiry is a whole number of them and rates, vol and time are
    scaled so that QuantLib's product of each with time is ours.
    """

    def __init__(
        self,
        expiry: float,
        dividends: list[tuple[float, float]],
        escrowed: bool,
        time_steps: int,
        price_steps: int,
    ) -> None:
        self._ql: Any = importlib.import_module("QuantLib")
        self._days = max(round(expiry * _DAYS), 3650)
        self._scale = expiry / (self._days / _DAYS)  # our years in one of QuantLib's
        self._pays = [(max(1, round(t / expiry * self._days)), amount) for t, amount in dividends]
        self._escrowed = escrowed
        self._steps = (time_steps, price_steps)

    def solve(
        self, spot: float, strike: float, is_call: bool, vol: float, rate: float
    ) -> tuple[float, float, float, float]:
        """Price, delta, gamma and theta."""
        ql = self._ql
        today = ql.Settings.instance().evaluationDate
        curve, quote = ql.YieldTermStructureHandle, ql.QuoteHandle(ql.SimpleQuote(spot))
        count = ql.Actual365Fixed()
        sigma = vol * math.sqrt(self._scale)
        process = ql.BlackScholesMertonProcess(
            quote,
            curve(ql.FlatForward(today, 0.0, count)),
            curve(ql.FlatForward(today, rate * self._scale, count)),
            ql.BlackVolTermStructureHandle(
                ql.BlackConstantVol(today, ql.NullCalendar(), sigma, count)
            ),
        )
        kind = ql.Option.Call if is_call else ql.Option.Put
        exercise = ql.AmericanExercise(today, today + self._days)
        option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, strike), exercise)
        days = [today + day for day, _ in self._pays]
        schedule = ql.DividendVector(days, [amount for _, amount in self._pays])
        engine = ql.FdBlackScholesVanillaEngine
        model = engine.Escrowed if self._escrowed else engine.Spot
        option.setPricingEngine(
            engine(process, schedule, *self._steps, 2, ql.FdmSchemeDesc.CrankNicolson(), False,
                   -ql.nullDouble(), model)
        )  # fmt: skip
        return option.NPV(), option.delta(), option.gamma(), option.theta() / self._scale

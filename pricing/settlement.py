"""Options and dated futures that settle on the mean of the index over a window before expiry.

Inside the window part of the mean is known, so a contract is worth what that part pays plus an
option on the mean of what is to come.  The running mean is the caller's: this module remembers
nothing, and an unknown mean makes an unknown price.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pricing._arguments import positive
from pricing._averaging import inverse_future, inverse_option, linear_future, linear_option
from pricing._batch import batch_kernel, evaluate, floats
from pricing._kernel_cache import Kernel
from pricing.black import black
from pricing.conventions import MS_PER_YEAR, BoolLike, FloatArray, FloatLike, Greeks

__all__ = [
    "SETTLEMENT_SAMPLES",
    "SETTLEMENT_WINDOW",
    "SettlementDeltas",
    "settlement_deltas",
    "settling",
    "settling_future",
    "settling_inverse",
    "settling_inverse_future",
]

SETTLEMENT_WINDOW: Final = 30 * 60 * 1000 / MS_PER_YEAR  # the exchange's last 30 minutes [years]
SETTLEMENT_SAMPLES: Final = 450.0  # of its index, one every 4 seconds

_NAMES = ("forward", "strike", "time_to_expiry", "vol", "running_mean", "samples")

_linear_kernel = batch_kernel("settling", linear_option)
_inverse_kernel = batch_kernel("settling_inverse", inverse_option)
_future_kernel = batch_kernel("settling_future", linear_future)
_inverse_future_kernel = batch_kernel("settling_inverse_future", inverse_future)


@dataclass(frozen=True, slots=True)
class SettlementDeltas:
    """Two answers to one question, to be shown side by side: not a tuple, so none adds them up.

    Attributes
    ----------
    exact : (...) float64
        Derivative of the value by the index: what to hedge. [1]
    displayed : (...) float64
        The exchange's: Black's delta, run linearly to zero over the window. [1]

    Examples
    --------
    >>> SettlementDeltas(exact=np.full(1, 0.482), displayed=np.full(1, 0.25)).exact
    array([0.482])
    """

    exact: FloatArray
    displayed: FloatArray


def _evaluate(
    kernel: Kernel,
    values: tuple[FloatLike, FloatLike, FloatLike, FloatLike, FloatLike, FloatLike],
    is_call: BoolLike,
    window: float,
    out: Any,
) -> Greeks:
    """Count time in windows, run the kernel, and count in years again."""
    forward, strike, time, vol, mean, samples = values
    length = positive("window", window)
    root = length**0.5
    with np.errstate(over="ignore"):  # infinite for the kernel, which makes NaN of it
        time = time / length if type(time) is float else floats("time_to_expiry", time) / length
        vol = vol * root if type(vol) is float else floats("vol", vol) * root
    greeks = evaluate(kernel, _NAMES, (forward, strike, time, vol, mean, samples), is_call, out)
    with np.errstate(over="ignore"):  # beyond float64, in windows that are absurdly short or long
        if np.ndim(greeks.price) == 0 and out is None:
            vega, theta, rho = greeks.vega * root, greeks.theta / length, greeks.rho * length
            return greeks._replace(vega=vega, theta=theta, rho=rho)
        np.multiply(greeks.vega, root, out=greeks.vega)
        np.divide(greeks.theta, length, out=greeks.theta)
        np.multiply(greeks.rho, length, out=greeks.rho)
    return greeks


def settling(
    *,
    forward: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
    is_call: BoolLike,
    running_mean: FloatLike = float("nan"),
    window: float = SETTLEMENT_WINDOW,
    samples: FloatLike = SETTLEMENT_SAMPLES,
    out: Any = None,
) -> Greeks:
    """Price and Greeks of options on the mean of the index over the last `window`, at rate 0.

    Parameters
    ----------
    forward : (...) float64
        What each sample to come is expected to be: the forward, inside the window the index.
        [quote currency]
    strike, time_to_expiry, vol, is_call
        As for `pricing.black`; time and vol belong to expiry, the window is taken off here.
    running_mean : (...) float64
        Mean of the samples so far; ignored before the window's first sample. [quote currency]
    window : float
        Length of the averaging window. [years]
    samples : (...) float64
        Whole number of equally spaced samples, the last one at expiry and none at the window's
        start; infinity for a mean over time.
    out : Greeks or tuple of six (...) float64 arrays, optional
        As for `pricing.black`.

    Returns
    -------
    Greeks
        Derivatives by `forward` with the samples so far held fixed.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes, a window that is not positive; never for an element's value.

    Notes
    -----
    With w the share of samples to come, A the running mean, K' = (K - (1 - w) A) / w, r samples to
    come over the span p, h = 1/r (0 for a mean over time) and a the time to the next one::

        price = w E[max(s (M - K'), 0)],   M = F (1 + (L - 1) / c),   L lognormal of mean 1
        T = a + p (1 - h)(2 - h) / 6            c = 1 + p^2 (1 - h^2)(4 - h^2) / (180 T^2)
        u = p^2 (1 - h^2)(2 + h^2) / 72 - T^2 (c^2 - 1) / 2
        log L has standard deviation c vol sqrt(T + u vol^2)

    which gives M the first three moments of the mean of samples of a lognormal index, as far as
    second order in vol^2.  The error is at most 2.5e-3 (vol^2 p)^1.5 F, 3.1e-3 with only two
    samples left: 2e-10 F at a vol of 60 %.
    With c = 1 and u = 0 this is Black-76 over T, before the window the time to it and a third of
    it.  That alone errs by 8e-3 vol^2 p F, 2e-7 F, and no less with the exact second moment.

    theta is what a passing year earns while the index stands still: the mean fills up at the
    index, and between samples nothing known changes.  rho is that of `pricing.black`: -t price.

    When K' is certain to be passed (at most F (1 - 1/c), which is F/6 or less), a call is a forward
    and a put is worth nothing.  Expired (or within a millionth of a sampling interval of it): the
    payoff on `running_mean`, Greeks 0.
    NaN: what is NaN for `pricing.black`; inside the window an unknown, negative or infinite mean;
    samples that are not a whole number; vol^2 window above 1, where no shifted lognormal will do.

    References
    ----------
    E. Levy, Pricing European average rate currency options, Journal of International Money and
    Finance 11, 1992; S. Borovkova, F. Permana and H. van der Weide, A closed form approach to
    the valuation and hedging of basket and spread options, Journal of Derivatives 14(4), 2007.

    Examples
    --------
    >>> half = settling(forward=60_000.0, strike=60_000.0, time_to_expiry=SETTLEMENT_WINDOW / 2,
    ...                 vol=0.6, is_call=True, running_mean=60_200.0)
    >>> round(float(half.price), 2), round(float(half.delta), 3)
    (100.8, 0.482)
    """
    values = (forward, strike, time_to_expiry, vol, running_mean, samples)
    return _evaluate(_linear_kernel, values, is_call, window, out)


def settling_inverse(
    *,
    forward: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
    is_call: BoolLike,
    running_mean: FloatLike = float("nan"),
    window: float = SETTLEMENT_WINDOW,
    samples: FloatLike = SETTLEMENT_SAMPLES,
    out: Any = None,
) -> Greeks:
    """Price and Greeks in coin of options that pay ``max(s (A - K), 0) / A`` coin on the mean A.

    Parameters
    ----------
    forward, strike, time_to_expiry, vol, is_call, running_mean, window, samples, out
        As for `settling`.

    Returns
    -------
    Greeks
        In coin and of the kinds of `pricing.inverse`: delta is F dprice/dF, rho is 0.

    Raises
    ------
    TypeError, ValueError
        As for `settling`.

    Notes
    -----
    A payment of 1/A coin is worth 1/H, and measured in it the option is linear in the mean::

        price = (w / H) E[max(s (M - K'), 0)],          H = (1 - w) A + w F'
        F' = F exp(vol^2 (C - x T)),  C = a + p (1 - h) / 2,  x = w F / ((1 - w) A + w F)

    with M as in `settling` but of mean F', the mean of the samples to come as a coin account that
    pays 1/A sees it: C and T are its covariances with the last sample and with itself.  H is the
    fair price of the inverse future, so call - put = 1 - K/H.  Greeks include F' and H; the error
    is at most 5.5e-3 (vol^2 p)^1.5 coin, 2e-2 with one of only two samples left.  The linear
    price over the expected mean errs by up to 0.1 vol^2 p.  Edge values are those of `settling`,
    and a forward or a final mean of 0 gives NaN.

    References
    ----------
    Change of measure: H. Geman, N. El Karoui and J.-C. Rochet, Changes of numeraire, Journal of
    Applied Probability 32, 1995; the formula was derived for this project.

    Examples
    --------
    >>> half = settling_inverse(forward=60_000.0, strike=60_000.0, vol=0.6, is_call=True,
    ...                         time_to_expiry=SETTLEMENT_WINDOW / 2, running_mean=60_200.0)
    >>> round(float(half.price), 6), round(float(half.delta), 4)
    (0.001679, 0.4805)
    """
    values = (forward, strike, time_to_expiry, vol, running_mean, samples)
    return _evaluate(_inverse_kernel, values, is_call, window, out)


def settling_future(
    *,
    forward: FloatLike,
    time_to_expiry: FloatLike,
    running_mean: FloatLike = float("nan"),
    window: float = SETTLEMENT_WINDOW,
    samples: FloatLike = SETTLEMENT_SAMPLES,
    out: Any = None,
) -> Greeks:
    """Price and Greeks of linear dated futures that settle on the mean.

    Parameters
    ----------
    forward, time_to_expiry, running_mean, window, samples, out
        As for `settling`.

    Returns
    -------
    Greeks
        ``price = (1 - w) A + w F``, ``delta = w``: what is known no longer moves.  The rest is 0.

    Raises
    ------
    TypeError, ValueError
        As for `settling`.

    Examples
    --------
    >>> half = settling_future(forward=60_000.0, time_to_expiry=SETTLEMENT_WINDOW / 2,
    ...                        running_mean=60_200.0)
    >>> float(half.price), float(half.delta)
    (60100.0, 0.5)
    """
    values = (forward, 0.0, time_to_expiry, 0.0, running_mean, samples)
    return _evaluate(_future_kernel, values, True, window, out)


def settling_inverse_future(
    *,
    forward: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike = 0.0,
    running_mean: FloatLike = float("nan"),
    window: float = SETTLEMENT_WINDOW,
    samples: FloatLike = SETTLEMENT_SAMPLES,
    out: Any = None,
) -> Greeks:
    """Value and Greeks in coin of inverse dated futures, per unit of quote currency.

    Parameters
    ----------
    forward, time_to_expiry, vol, running_mean, window, samples, out
        As for `settling`; the vol moves the value by vol^2 window / 6 at most, and may be left out.

    Returns
    -------
    Greeks
        price: ``-1/H`` [coin per unit of quote currency]; delta: F dprice/dF, and so on.

    Raises
    ------
    TypeError, ValueError
        As for `settling`.

    Notes
    -----
    A long contract of Q quote currency entered at P pays ``Q (1/P - 1/A)`` coin, which is worth
    ``Q (1/P + price)``: its delta is ``Q delta``, Q/F before the window and 0 at expiry, and the
    price at which a new one is fair is ``H = -1 / price``, H as in `settling_inverse`.

    Examples
    --------
    >>> half = settling_inverse_future(forward=60_000.0, time_to_expiry=SETTLEMENT_WINDOW / 2,
    ...                                running_mean=60_200.0)
    >>> round(-1.0 / float(half.price), 6), round(60_000.0 * float(half.delta), 4)
    (60100.0, 0.4983)
    """
    values = (forward, 0.0, time_to_expiry, vol, running_mean, samples)
    return _evaluate(_inverse_future_kernel, values, True, window, out)


def settlement_deltas(
    *,
    forward: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
    is_call: BoolLike,
    running_mean: FloatLike = float("nan"),
    window: float = SETTLEMENT_WINDOW,
    samples: FloatLike = SETTLEMENT_SAMPLES,
) -> SettlementDeltas:
    """The delta that the running mean implies, and the one that the exchange displays.

    Parameters
    ----------
    forward, strike, time_to_expiry, vol, is_call, running_mean, window, samples
        As for `settling`.

    Returns
    -------
    SettlementDeltas
        Both not premium-adjusted, as the exchange shows them for linear and inverse options.

    Raises
    ------
    TypeError, ValueError
        As for `settling`.

    Notes
    -----
    ``exact = settling(...).delta``; ``displayed = black(...).delta min(1, t / window)``, which
    knows no running mean and is wrong wherever that is not the strike.

    Examples
    --------
    >>> deltas = settlement_deltas(forward=60_000.0, strike=60_000.0, vol=0.6, is_call=True,
    ...                            time_to_expiry=SETTLEMENT_WINDOW / 2, running_mean=60_200.0)
    >>> round(float(deltas.exact), 3), round(float(deltas.displayed), 3)
    (0.482, 0.25)
    """
    exact = settling(
        forward=forward, strike=strike, time_to_expiry=time_to_expiry, vol=vol, is_call=is_call,
        running_mean=running_mean, window=window, samples=samples,
    )  # fmt: skip
    plain = black(
        forward=forward, strike=strike, time_to_expiry=time_to_expiry, vol=vol, is_call=is_call
    )
    with np.errstate(over="ignore"):
        windows = floats("time_to_expiry", time_to_expiry) / positive("window", window)
        left = np.clip(windows, 0.0, 1.0)
    return SettlementDeltas(exact=exact.delta, displayed=plain.delta * left)

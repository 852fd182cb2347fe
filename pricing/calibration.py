"""Smiles and surfaces from the vols of bids and asks, with the quality of each slice."""

import enum
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from pricing._batch import together
from pricing._smile_fit import WIDTH_MIN, Quotes, essvi_slice, kept_by, quotes, svi_slice
from pricing.arbitrage import butterfly_minimum, calendar_minimum
from pricing.conventions import FloatArray, FloatLike
from pricing.smile import Ssvi, Svi
from pricing.surface import Surface

__all__ = ["Family", "FitStatus", "SliceQuality", "SurfaceFit", "fit_surface"]

Family = Literal["svi", "essvi"]

_SVI_QUOTES_MIN = 8  # two-sided quotes for five parameters
_QUOTES_MIN = 4  # and for three


class FitStatus(enum.IntEnum):
    """How the fit of one slice ended.

    Examples
    --------
    >>> FitStatus(1).name
    'NOT_CONVERGED'
    """

    OK = 0
    NOT_CONVERGED = 1
    ARBITRAGE = 2
    TOO_FEW_QUOTES = 3


class SliceQuality(NamedTuple):
    """How well one slice meets its quotes, over the two-sided quotes that were used.

    Attributes
    ----------
    time_to_expiry : float
        [years]
    status : FitStatus
        Only `TOO_FEW_QUOTES` has no slice: fewer than 4 two-sided quotes.
    used, dropped : int
        Quotes of the fit; quotes without a vol, crossed or absurd.
    rms_vol, worst_vol : float
        Distance of the smile from the mid. [1 / sqrt(year)]
    rms_widths, worst_widths : float
        The same in bid-ask widths of each quote: up to 0.5 is inside the spread. [1]
    butterfly_minimum, calendar_minimum : float
        As the functions of these names; the calendar is against the nearer slice.

    Examples
    --------
    >>> SliceQuality._fields[:4]
    ('time_to_expiry', 'status', 'used', 'dropped')
    """

    time_to_expiry: float
    status: FitStatus
    used: int
    dropped: int
    rms_vol: float
    worst_vol: float
    rms_widths: float
    worst_widths: float
    butterfly_minimum: float
    calendar_minimum: float


class SurfaceFit(NamedTuple):
    """A surface, the quality of each slice, and the distance of each quote from it.

    Attributes
    ----------
    surface : Surface
        Holds the expiries that have a slice.
    quality : tuple of SliceQuality
        One for each time among the quotes, the ones without a slice too.
    error_vol : (quotes,) float64
        Surface minus mid; NaN for quotes that are not two-sided. [1 / sqrt(year)]
    error_widths : (quotes,) float64
        The same in bid-ask widths. [1]
    used : (quotes,) bool
        False for a dropped quote.

    Examples
    --------
    >>> SurfaceFit._fields
    ('surface', 'quality', 'error_vol', 'error_widths', 'used')
    """

    surface: Surface
    quality: tuple[SliceQuality, ...]
    error_vol: FloatArray
    error_widths: FloatArray
    used: npt.NDArray[np.bool_]


def _slice(
    found: Quotes, family: Family, nearer_ssvi: Ssvi | None, nearer: Svi | None
) -> tuple[Ssvi, Svi, bool]:
    """The eSSVI slice, the slice of this family, and whether its descent settled."""
    ssvi, settled = essvi_slice(found, nearer_ssvi)
    if family == "essvi" or found.two_sided.sum() < _SVI_QUOTES_MIN:
        return ssvi, ssvi.svi(), settled
    return ssvi, *svi_slice(found, ssvi.svi(), nearer)


def _quality(
    found: Quotes, given: int, fit: tuple[Svi, bool] | None, nearer: Svi | None
) -> SliceQuality:
    """Numbers of one slice; without a fit there were too few quotes."""
    used, dropped = found.k.size, given - found.k.size
    if fit is None:
        nan = float("nan")
        status = FitStatus.TOO_FEW_QUOTES
        return SliceQuality(found.time, status, 0, given, nan, nan, nan, nan, nan, nan)
    svi, settled = fit
    butterfly = butterfly_minimum(svi)
    calendar = calendar_minimum(nearer=nearer, farther=svi)
    free = butterfly >= 0.0 and calendar >= 0.0
    status = FitStatus.OK if settled else FitStatus.NOT_CONVERGED
    two_sided = found.only(found.two_sided)
    vol = two_sided.vol(svi)
    error, widths = np.abs(vol - two_sided.mid), 0.5 * two_sided.distance(vol)
    return SliceQuality(
        time_to_expiry=found.time,
        status=status if free else FitStatus.ARBITRAGE,
        used=used,
        dropped=dropped,
        rms_vol=float(np.sqrt(np.mean(error * error))),
        worst_vol=float(error.max()),
        rms_widths=float(np.sqrt(np.mean(widths * widths))),
        worst_widths=float(widths.max()),
        butterfly_minimum=butterfly,
        calendar_minimum=calendar,
    )


def _checked(
    log_moneyness: FloatLike, time_to_expiry: FloatLike, bid_vol: FloatLike, ask_vol: FloatLike
) -> list[FloatArray]:
    """The four as vectors of one length."""
    arrays = together(
        log_moneyness=log_moneyness, time_to_expiry=time_to_expiry, bid_vol=bid_vol, ask_vol=ask_vol
    )
    full = np.broadcast_arrays(*arrays)
    if full[0].ndim != 1:
        raise ValueError(f"quotes: one dimension wanted, got shape {full[0].shape}")
    return [np.ascontiguousarray(array) for array in full]


def fit_surface(
    *,
    log_moneyness: FloatLike,
    time_to_expiry: FloatLike,
    bid_vol: FloatLike,
    ask_vol: FloatLike,
    family: Family = "svi",
) -> SurfaceFit:
    """A surface without butterfly and calendar arbitrage through bids and asks.

    Parameters
    ----------
    log_moneyness : (quotes,) float64
        log(strike / forward of its expiry), within 10; out-of-the-money quotes are the ones to
        give. [1]
    time_to_expiry : (quotes,) float64
        Quotes of equal time form a slice; one time for all fits a single smile.  At least a
        second. [years]
    bid_vol, ask_vol : (quotes,) float64
        Implied vols of bid and ask; NaN, and what is not within [1e-4, 100], means no quote.
        [1 / sqrt(year)]
    family : {"svi", "essvi"}
        Five or three parameters for each expiry.

    Returns
    -------
    SurfaceFit
        Bad quotes are dropped and counted, never raised.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes, an unknown family.

    Notes
    -----
    Least squares in vol over half the bid-ask width of each quote (at least 0.05 vol points),
    which is price over vega and price width.  A quote costs 0.1 for a half-width squared from its
    mid and 1 for a half-width squared outside its spread; a missing side costs nothing.  Costs
    fade as Cauchy's loss beyond 3 robust deviations, and a quote farther than 8 from the fit is
    dropped before a second fit.

    Expiries go from near to far.  ``"essvi"`` stays inside sufficient conditions of Hendriks and
    Martini by its parameters.  ``"svi"`` starts there and adds a penalty on ``g < 0.01`` and on
    total variance below the nearer slice's, tightened until the checks of `pricing.arbitrage`
    pass; a slice where they still fail has the status `ARBITRAGE`.  Slices with 4 to 7 two-sided
    quotes, which are mostly hours from expiry, get three parameters in either family; with
    fewer, none.

    References
    ----------
    J. Gatheral and A. Jacquier, Quantitative Finance 14(1), 2014; S. Hendriks and C. Martini,
    Journal of Computational Finance 22(5), 2019; A. Mingone, No arbitrage global parametrization
    for the eSSVI volatility surface, Quantitative Finance 22(12), 2022.

    Examples
    --------
    >>> from pricing import svi_vol
    >>> k = np.linspace(-0.3, 0.3, 13)
    >>> true = Svi(a=0.01, b=0.1, rho=-0.3, m=0.0, sigma=0.2)
    >>> mid = svi_vol(svi=true, log_moneyness=k, time_to_expiry=0.1).vol
    >>> fit = fit_surface(log_moneyness=k, time_to_expiry=0.1, bid_vol=mid - 0.01,
    ...                   ask_vol=mid + 0.01)
    >>> fit.quality[0].status.name, fit.quality[0].worst_vol < 1e-3
    ('OK', True)
    """
    if not isinstance(family, str):
        raise TypeError(f"family: a string wanted, got {type(family).__name__}")
    if family not in ("svi", "essvi"):
        raise ValueError(f'family: "svi" or "essvi" wanted, got {family!r}')
    k, time, bid, ask = _checked(log_moneyness, time_to_expiry, bid_vol, ask_vol)
    used, two_sided = np.zeros((2, k.size), dtype=np.bool_)
    quality: list[SliceQuality] = []
    times, slices = [], []
    nearer_ssvi: Ssvi | None = None
    nearer: Svi | None = None
    for expiry in np.unique(time[np.isfinite(time)]).tolist():
        here = np.flatnonzero(time == expiry)
        found, usable = quotes(expiry, k[here], bid[here], ask[here])
        if found.two_sided.sum() < _QUOTES_MIN:
            quality.append(_quality(found, here.size, None, nearer))
            continue
        two_sided[here[usable]] = found.two_sided
        ssvi, svi, settled = _slice(found, family, nearer_ssvi, nearer)
        kept = kept_by(found, svi)
        if not kept.all() and (found.two_sided & kept).sum() >= _QUOTES_MIN:
            found = found.only(kept)
            usable[usable] = kept
            ssvi, svi, settled = _slice(found, family, nearer_ssvi, nearer)
        used[here[usable]] = True
        quality.append(_quality(found, here.size, (svi, settled), nearer))
        times.append(expiry)
        slices.append(svi)
        nearer_ssvi, nearer = ssvi, svi
    surface = Surface(times, slices)
    vol = surface.vol(log_moneyness=k, time_to_expiry=time).vol
    with np.errstate(all="ignore"):  # the others are NaN
        error = np.where(two_sided, vol - 0.5 * (bid + ask), np.nan)
        error_widths = error / np.maximum(ask - bid, WIDTH_MIN)
    return SurfaceFit(surface, tuple(quality), error, error_widths, used)

"""Total vol from a normalised option price: rational guesses, then Householder steps (private).

An own implementation of the method of P. Jäckel, *Let's Be Rational* (Wilmott, 2015, with the
refinements up to 2024), written without branches so that LLVM turns loops over it into SIMD code.

The option is out of the money and measured per unit of its smaller leg: with ``x = |log F/K|`` and
total vol v its price ``c(x, v) = N(-a) - e^x N(-b)``, ``a = x/v - v/2``, ``b = x/v + v/2``, grows
from 0 to 1, and its slope is n(a).  In this unit the inflection at ``v = sqrt(2 x)`` has the slope
n(0), so the tangent there meets 0 and 1 at places that need no further function.  These two places
part the prices into four branches, each with its own guess:

======================== ======================================= =====================
branch                   the rational cubic interpolates         the steps solve for
======================== ======================================= =====================
LOWEST, below the first  2 pi x / (3 sqrt 3) N(-x/(sqrt 3 v))^3  1 / log of the price
MIDDLE, to inflection    v                                       the price
MIDDLE, to the second    v                                       the price
UPPER, above it          N(-v/2)                                 log (1 - c)
======================== ======================================= =====================
"""

import numpy as np

from pricing._kernel_cache import inlined
from pricing._vector_math import (
    exp,
    log_ratio,
    mills_ratio,
    multiply_add,
    normal_tails,
    power_of_two,
    scaled_tails,
)

__all__ = ["LOWEST", "MIDDLE", "UPPER", "first_guess", "householder_step", "log_price"]

LOWEST, MIDDLE, UPPER = 1.0, 0.0, 2.0

_LN2 = 0.6931471805599453
_SQRT_2PI = 2.5066282746310007
_PER_SQRT_3 = 0.5773502691896258
_LOWEST_FACTOR = 1.2091995761561452  # 2 pi / (3 sqrt 3)
_TINY_DISTANCE = 1e-300  # stands for log F/K of 0
_TINY_PRICE = 1e-290  # below it the lowest map is its tangent at 0
_LINEAR = 1e6  # excess of the control parameter at which a rational cubic is a straight line
_SMALL = 1e-3  # log F/K below which the lower border is known to lie above it

# z / w (sqrt(w) + 1) with w = -log(2 N(-z)), in powers of (sqrt(w) - 1) / (sqrt(w) + 1), fitted to
# 60 digits: relative error of z 5e-5 down to N(-z) = 1e-390, enough for a guess
_QUANTILE = (
    1.8008735009367058,
    0.13032080712114932,
    -0.700710708055821,
    -0.035240659081616624,
    0.3720297582938912,
    -0.02648851501950604,
    -0.1849576018997488,
    0.012487459053946279,
    0.04716638193388905,
)


@inlined
def _quantile(log_tail: float) -> float:
    """``z > 0`` with ``log N(-z) = log_tail``, to four digits."""
    w = -_LN2 - log_tail
    w = 1e-30 if w < 1e-30 else w
    root: float = np.sqrt(w)
    scale = 1.0 / (root + 1.0)
    u = (root - 1.0) * scale
    p = multiply_add(_QUANTILE[8], u, _QUANTILE[7])
    p = multiply_add(p, u, _QUANTILE[6])
    p = multiply_add(p, u, _QUANTILE[5])
    p = multiply_add(p, u, _QUANTILE[4])
    p = multiply_add(p, u, _QUANTILE[3])
    p = multiply_add(p, u, _QUANTILE[2])
    p = multiply_add(p, u, _QUANTILE[1])
    p = multiply_add(p, u, _QUANTILE[0])
    return w * (p * scale)


@inlined
def _rational_cubic(
    at: float,
    near: tuple[float, float, float],
    far: tuple[float, float, float],
    near_curvature: float,
) -> float:
    """The shape-preserving rational cubic through two ends, fitted to a second derivative at one.

    Parameters
    ----------
    at : float
        Between the ends.
    near, far : tuple of place, value, slope
        In either order on the line.
    near_curvature : float
        Second derivative at `near`.

    References
    ----------
    R. Delbourgo and J. A. Gregory, Shape preserving piecewise rational interpolation, SIAM Journal
    on Scientific and Statistical Computing 6, 1985.
    """
    width = far[0] - near[0]  # negative where far lies to the left: the formulas are symmetric
    per_width = 1.0 / width
    chord = (far[1] - near[1]) * per_width
    per_chord = 1.0 / chord
    turn = far[2] - near[2]
    near_turn, far_turn = abs(chord - near[2]), abs(far[2] - chord)
    convex = abs(turn) / (near_turn if near_turn < far_turn else far_turn)
    fitted = multiply_add(0.5 * width, near_curvature, turn) / (chord - near[2])
    monotone = (near[2] + far[2]) * per_chord  # the least control parameter of a monotone curve
    excess = (fitted if fitted > convex else convex) - monotone
    excess = 0.0 if excess < 0.0 else excess
    excess = excess if excess < _LINEAR else _LINEAR  # NaN too: the ends and slopes are on a line
    shared = (near[2] * far[1] + far[2] * near[1]) * per_chord  # of positive terms, as the rest
    s = (at - near[0]) * per_width
    t = (far[0] - at) * per_width
    from_far = far[1] * s * s * s + multiply_add(excess, far[1], shared) * (s * s * t)
    from_near = near[1] * t * t * t + multiply_add(excess, near[1], shared) * (s * t * t)
    return (from_far + from_near) / (1.0 + (monotone + excess - 3.0) * (s * t))


@inlined
def _border(x: float, v: float, low: bool) -> tuple[float, float, float, float, float]:
    """Price at total vol v, 1 / slope there, and the outer map: value, slope and curvature by c."""
    per_v = 1.0 / v
    h = x * per_v
    density, _, _, price = normal_tails(h, v)
    per_slope = 1.0 / density
    z = h * _PER_SQRT_3 if low else 0.5 * v
    mills = mills_ratio(z)
    scale = exp(0.125 * v * v if low else 0.5 * (h * h - x))
    lowest_slope = z * z * mills * mills * scale
    value = density * mills * scale * (v * z * mills * mills * (1.0 / 3.0) if low else 1.0)
    product = (h - 0.5 * v) * (h + 0.5 * v)
    bend = per_slope * per_v
    lowest_curvature = lowest_slope * (2.0 * z / mills + z * z - 2.0 - product) * bend
    upper_curvature = 0.5 * scale * h * h * bend
    return (
        price,
        per_slope,
        value,
        lowest_slope if low else -0.5 * scale,
        lowest_curvature if low else upper_curvature,
    )


@inlined
def first_guess(x: float, mantissa: float, exponent: float) -> tuple[float, float]:
    """Total vol to one digit at worst and three mostly, and its branch.

    Parameters
    ----------
    x : float
        ``|log(forward / strike)|``.
    mantissa, exponent : float
        The price per unit of the smaller leg is ``mantissa 2^exponent``, below 1; it may be below
        any float64 too.
    """
    price = mantissa * power_of_two(exponent)
    x = _TINY_DISTANCE if x < _TINY_DISTANCE else x
    v_middle = np.sqrt(2.0 * x)
    _, _, _, c_middle = normal_tails(0.5 * v_middle, v_middle)
    low = price < c_middle
    tangent = c_middle * _SQRT_2PI
    v_border = v_middle - tangent if low else v_middle + (_SQRT_2PI - tangent)
    least = x if x < _SMALL else _SMALL  # the lower border tends to x sqrt(pi/2)
    v_border = least if v_border < least else v_border
    c_border, per_slope, value, slope, curvature = _border(x, v_border, low)
    outer = (price < c_border) == low
    end_slope = 1.0 if low else -0.5 * exp(-0.5 * x)
    near = (
        (c_border if outer else c_middle),
        (value if outer else v_middle),
        (slope if outer else _SQRT_2PI),
    )
    far = (
        (0.0 if low else 1.0) if outer else c_border,
        0.0 if outer else v_border,
        end_slope if outer else per_slope,
    )
    at = _TINY_PRICE if price < _TINY_PRICE else price
    y = _rational_cubic(at, near, far, curvature if outer else 0.0)
    log_map = log_ratio(mantissa * y if low else y, _LOWEST_FACTOR * x * at if low else 1.0)
    log_third = (multiply_add(exponent, _LN2, log_map) - 0.5 * x) * (1.0 / 3.0)
    z = _quantile(log_third if low else log_map)
    mapped = x * _PER_SQRT_3 / z if low else 2.0 * z
    branch = (LOWEST if low else UPPER) if outer else MIDDLE
    return (mapped if outer else y), branch


@inlined
def log_price(x: float, mantissa: float, exponent: float) -> float:
    """Log of the price per unit of ``sqrt(forward strike)``, in which the lowest branch works."""
    return multiply_add(exponent, _LN2, log_ratio(mantissa, 1.0)) - 0.5 * x


@inlined
def householder_step(
    x: float, mantissa: float, exponent: float, log_target: float, branch: float, v: float
) -> float:
    """One step of fourth order towards the total vol of the price ``mantissa 2^exponent``.

    Notes
    -----
    With g the branch's function of the price less its target, n = -g/g' and r2, r3 the second and
    third derivative of g over the first, the step is ``n (1 + r2 n/2) / (1 + n (r2 + r3 n/6))``.
    Differences are taken where they lose no digits: of two mantissas, of the logs of two prices
    through their ratio, and of what two prices lack of their maximum.
    """
    low, middle = branch == LOWEST, branch == MIDDLE
    per_v = 1.0 / v
    h = x * per_v
    density, price, missing, reflected = scaled_tails(h, v, exponent)
    missing_target = power_of_two(-exponent) - mantissa
    shortfall = missing - missing_target if reflected else mantissa - price
    log_gap = log_ratio(mantissa if low else missing, price if low else missing_target)
    log_now = log_target - log_gap
    base = price if low else (1.0 if middle else missing)
    per_both = 1.0 / (density * base)
    per_logs = 1.0 / (log_now * log_target)
    scaled_gap = base * log_gap * (log_now * log_now * per_logs if low else 1.0)
    newton = (shortfall if middle else scaled_gap) * (base * per_both)
    rate = (density * density) * per_both
    rate = (-rate if low else rate) if not middle else 0.0
    inverse = rate * log_target * per_logs if low else 0.0
    bend = (h - 0.5 * v) * (h + 0.5 * v) * per_v  # c''/c'; the next line is c'''/c'
    twist = bend * bend - 3.0 * (h * per_v) * (h * per_v) - 0.25
    of_log = bend + rate  # the same ratios for the log of the price or of what is missing
    second = of_log + 2.0 * inverse
    third = twist + rate * (3.0 * bend + 2.0 * rate) + 6.0 * inverse * (of_log + inverse)
    top = multiply_add(0.5 * newton, second, 1.0)
    bottom = multiply_add(newton, multiply_add(newton, third * (1.0 / 6.0), second), 1.0)
    step = newton * (top / bottom)
    step = -0.5 * v if step < -0.5 * v else step
    return v + (v if step > v else step)

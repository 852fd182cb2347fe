"""Branch-free exponential, logarithm of a ratio and normal tails that LLVM turns into vector code.

Numba ships no vector mathematics library: a call of `math.exp` in a loop runs one number at a time.
The functions below are multiplications, additions, a few divisions and choices between two ready
values, so a loop over them becomes SIMD code.  Each multiply-add is an explicit `llvm.fmuladd`,
so the scalar end of a loop rounds exactly as its vector body does.

Polynomial coefficients are Chebyshev expansions computed in 50 digits, lowest power first.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import extending, types

from pricing._kernel_cache import inlined

__all__ = [
    "exp",
    "log_ratio",
    "mills_ratio",
    "multiply_add",
    "normal_tails",
    "power_of_two",
    "scaled_tails",
    "split",
]

# (e^r - 1 - r) / r^2 for |r| <= ln(2)/2; relative error of e^r 2e-17
_E0, _E1 = 0.5000000000000001, 0.1666666666666667
_E2, _E3 = 0.04166666666662412, 0.008333333333326134
_E4, _E5 = 0.0013888888917215586, 0.00019841269874822307
_E6, _E7 = 2.4801521293463862e-05, 2.755725539833871e-06
_E8, _E9 = 2.762008948195459e-07, 2.5105217695684516e-08

# (2 atanh(s) - 2 s) / s^3 in powers of s^2 for |s| <= 0.2; relative error of the log 6e-17
_L0, _L1 = 0.6666666666666695, 0.3999999999931653
_L2, _L3 = 0.28571428842176105, 0.22222182061173804
_L4, _L5 = 0.18184647684542982, 0.15282807039009438
_L6 = 0.15126494427902984

# (z + 5) (1 - N(z)) / n(z) for z >= -1/2, in powers of u = 1 - 9 / (z + 5); relative error 3e-16.
# The factor makes the function finite at infinity, the map makes the half-line an interval.
_MILLS = (
    2.129871446222046,
    -2.194756489784299,
    1.897106298088059,
    -1.3616057757875757,
    0.7923885908625232,
    -0.35524730605741456,
    0.10746054983041457,
    -0.010664481971740674,
    -0.007938756369122587,
    0.0037045664248849994,
    9.400770275996433e-05,
    -0.0005342881789485859,
    7.227577662341062e-05,
    7.439227321669138e-05,
    -1.7909339820230522e-05,
    -1.1804549309659974e-05,
    3.3324119214568934e-06,
    2.18581346134462e-06,
    -5.327657634410708e-07,
    -4.26761271060464e-07,
    6.69857538976426e-08,
    7.073092442532734e-08,
    -4.849909396697633e-09,
    -6.707414336301611e-09,
)
_POLE = 5.0  # z + 5 stays positive
_SPAN = 9.0  # 2 (5 - 1/2)

_LN2_HIGH = 0.6931471805582987  # 40 bits: times any exponent exact
_LN2_LOW = 1.6465949582897082e-12
_LOG2_E = 1.4426950408889634
_SHIFT = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to an integer held in the low bits
_INV_SQRT_2PI = 0.3989422804014327
_EXP_MIN = -708.0  # below it the result leaves the normal range and is flushed to zero
_EXP_MAX = 709.0
_POWER_MIN = -1e4  # as low as any exponent that is subtracted
_ONE_BITS = 0x3FF0000000000000  # bits of 1.0
_HALF_STEP_BITS = 0x0008000000000000
_EXPONENT_MASK = 0x7FF0000000000000
_MANTISSA_MASK = 0x000FFFFFFFFFFFFF
_TWO_52_BITS = 0x4330000000000000
_TWO_52_BIASED = 4503599627371519.0  # 2^52 + 1023


def _multiply_add(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, rounded once where the processor can; the same in scalar and vector code."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double = ir.DoubleType()
        kind = ir.FunctionType(double, [double, double, double])
        return builder.call(builder.module.declare_intrinsic("llvm.fmuladd", [double], kind), args)

    return types.float64(types.float64, types.float64, types.float64), generate


def _float_to_bits(typing_context: Any, value: Any) -> Any:
    """The 64 bits of a float as an integer."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), generate


def _bits_to_float(typing_context: Any, value: Any) -> Any:
    """The float that has these 64 bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), generate


_intrinsic: Any = extending.intrinsic
multiply_add: Callable[[float, float, float], float] = _intrinsic(_multiply_add)
_bits: Callable[[float], int] = _intrinsic(_float_to_bits)
_from_bits: Callable[[int], float] = _intrinsic(_bits_to_float)


@inlined
def _exp_sum(high: float, low: float) -> float:
    """``exp(high + low)`` for a tiny `low`; 0 below -708, and NaN for NaN."""
    clipped = _EXP_MIN if high < _EXP_MIN else high
    clipped = _EXP_MAX if clipped > _EXP_MAX else clipped
    mantissa, shifted = _exp_parts(clipped, low)
    scale = _from_bits((_bits(shifted) << 52) + _ONE_BITS)
    return 0.0 if high < _EXP_MIN else mantissa * scale


@inlined
def _exp_parts(high: float, low: float) -> tuple[float, float]:
    """``exp(high + low)`` as a number near 1 and, added to 1.5 * 2^52, the power of two."""
    shifted = multiply_add(high, _LOG2_E, _SHIFT)
    power = shifted - _SHIFT
    r = multiply_add(power, -_LN2_HIGH, high)
    r = multiply_add(power, -_LN2_LOW, r) + low
    q = multiply_add(_E9, r, _E8)
    q = multiply_add(q, r, _E7)
    q = multiply_add(q, r, _E6)
    q = multiply_add(q, r, _E5)
    q = multiply_add(q, r, _E4)
    q = multiply_add(q, r, _E3)
    q = multiply_add(q, r, _E2)
    q = multiply_add(q, r, _E1)
    q = multiply_add(q, r, _E0)
    return multiply_add(r * r, q, r) + 1.0, shifted


@inlined
def exp(x: float) -> float:
    """The exponential within 1 ulp; 0 below -708, constant above 709, NaN for NaN."""
    return _exp_sum(x, 0.0)


@inlined
def power_of_two(exponent: float) -> float:
    """``2^exponent`` of a whole number; held at ``2^1000`` and ``2^-1000`` beyond."""
    held = -1000.0 if exponent < -1000.0 else exponent
    held = 1000.0 if held > 1000.0 else held
    return _from_bits((_bits(held + _SHIFT) << 52) + _ONE_BITS)


@inlined
def split(x: float) -> tuple[float, float]:
    """A positive normal number as a mantissa in [1, 2) and the exponent of its power of two."""
    bits = _bits(x)
    exponent = _from_bits((bits >> 52) | _TWO_52_BITS) - _TWO_52_BIASED
    return _from_bits((bits & _MANTISSA_MASK) | _ONE_BITS), exponent


@inlined
def log_ratio(a: float, b: float) -> float:
    """``log(a / b)`` of positive normal numbers, with full *relative* accuracy near ``a == b``.

    Notes
    -----
    Bits count powers of two with a linear mantissa, so the difference of two bit patterns rounds
    to an exponent e that leaves ``a / (b 2^e)`` within [2/3, 3/2].  There ``a - b 2^e`` is exact
    (Sterbenz) and ``log = e log 2 + 2 atanh((a - b 2^e) / (a + b 2^e))``.
    """
    steps = _bits(a) - _bits(b) + (_ONE_BITS + _HALF_STEP_BITS)
    scale = _from_bits(steps & _EXPONENT_MASK)
    power = _from_bits((steps >> 52) | _TWO_52_BITS) - _TWO_52_BIASED
    scaled = b * scale
    s = (a - scaled) / (a + scaled)
    s2 = s * s
    p = multiply_add(_L6, s2, _L5)
    p = multiply_add(p, s2, _L4)
    p = multiply_add(p, s2, _L3)
    p = multiply_add(p, s2, _L2)
    p = multiply_add(p, s2, _L1)
    p = multiply_add(p, s2, _L0)
    small = multiply_add(power, _LN2_LOW, (s * s2) * p)
    return multiply_add(power, _LN2_HIGH, multiply_add(2.0, s, small))


@inlined
def normal_tails(distance: float, total_vol: float) -> tuple[float, float, float, float]:
    """The normal tails of an out-of-the-money option, per unit of its smaller leg.

    Parameters
    ----------
    distance : float
        ``|log(forward / strike)| / total_vol``, at least 0.
    total_vol : float
        ``vol sqrt(time)``, at least 0.

    Returns
    -------
    density, near, far, spread : float
        With ``a = distance - total_vol/2`` and ``b = distance + total_vol/2``: n(a), N(-a),
        ``n(a) / n(b) N(-b)`` and ``near - far``, the option's price.

    Notes
    -----
    N(-z) = n(z) M(z) with M the Mills ratio.  The leg of the larger price carries n(b), which is
    n(a) times smaller over larger price, so one exponential serves both tails.  M = w R(u) with
    w = 1/(z + 5) and R a polynomial; R and its divided difference come from one Horner pass, so
    the price ``n(a) (M(a) - M(b))`` is a product of factors and a sum of positive terms, which
    loses no digits however small the total vol or deep the wing.  Where a < -1/2 (total vol above 1
    near the money) the reflected tail 1 - N(a) is used, and the price is then not small.
    """
    reflected, z, m_near, m_far, step, divided = _mills_pair(distance, total_vol)
    square = z * z
    density = _INV_SQRT_2PI * _exp_sum(-0.5 * square, -0.5 * multiply_add(z, z, -square))
    far = density * m_far
    tail = density * m_near
    near = 1.0 - tail if reflected else tail
    spread = near - far if reflected else (density * step) * divided
    return density, near, far, spread


@inlined
def scaled_tails(
    distance: float, total_vol: float, exponent: float
) -> tuple[float, float, float, bool]:
    """The same option in units of ``2^exponent``, where its price may be below any float64.

    Parameters
    ----------
    distance, total_vol : float
        As for `normal_tails`.
    exponent : float
        A whole number, at most 0 and not below -2000.

    Returns
    -------
    density, spread, missing : float
        n(a), the option's price and what the price lacks of its maximum, in that unit; `missing`
        keeps its digits where the price is close to 1.
    reflected : bool
        Whether the price was found from `missing`.
    """
    reflected, z, m_near, m_far, step, divided = _mills_pair(distance, total_vol)
    square = z * z
    high = -0.5 * square
    high = _POWER_MIN if high < _POWER_MIN else high
    root, shifted = _exp_parts(high, -0.5 * multiply_add(z, z, -square))
    density = (_INV_SQRT_2PI * root) * power_of_two((shifted - _SHIFT) - exponent)
    one = power_of_two(-exponent)
    tails = density * (m_near + m_far)
    direct = (density * step) * divided
    spread = one - tails if reflected else direct
    missing = tails if reflected else one - direct
    return density, spread, missing, reflected


@inlined
def _mills_pair(
    distance: float, total_vol: float
) -> tuple[bool, float, float, float, float, float]:
    """Whether the near tail is reflected, its place, M of both, and M(near) - M(far) as factors."""
    a = multiply_add(-0.5, total_vol, distance)
    b = multiply_add(0.5, total_vol, distance)
    reflected = a < -0.5
    z = -a if reflected else a
    gap = 2.0 * distance if reflected else total_vol  # b - z without cancellation
    product = 1.0 / ((z + _POLE) * (b + _POLE))
    w_near = product * (b + _POLE)
    w_far = product * (z + _POLE)
    u_near = multiply_add(-_SPAN, w_near, 1.0)
    u_far = multiply_add(-_SPAN, w_far, 1.0)
    value, slope = _mills_polynomial(u_near, u_far)
    step = gap * product
    m_far = w_far * multiply_add(_SPAN * step, slope, value)
    return reflected, z, w_near * value, m_far, step, multiply_add(-_SPAN * w_far, slope, value)


@inlined
def mills_ratio(z: float) -> float:
    """``N(-z) / n(z)`` for z >= -1/2."""
    w = 1.0 / (z + _POLE)
    u = multiply_add(-_SPAN, w, 1.0)
    return w * _mills_polynomial(u, u)[0]


@inlined
def _mills_polynomial(u: float, v: float) -> tuple[float, float]:
    """The polynomial R at u, and its divided difference (R(u) - R(v)) / (u - v)."""
    value, slope = multiply_add(_MILLS[23], u, _MILLS[22]), _MILLS[23]
    value, slope = multiply_add(value, u, _MILLS[21]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[20]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[19]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[18]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[17]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[16]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[15]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[14]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[13]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[12]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[11]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[10]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[9]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[8]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[7]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[6]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[5]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[4]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[3]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[2]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[1]), multiply_add(slope, v, value)
    value, slope = multiply_add(value, u, _MILLS[0]), multiply_add(slope, v, value)
    return value, slope

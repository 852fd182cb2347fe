"""A large move in parts: the Almgren-Chriss schedule between cost of haste and risk of waiting."""

from __future__ import annotations

import itertools
import math

from hedger.core.model import Record

PARTS_MAX = 1_000


class Impact(Record, frozen=True, kw_only=True):
    """A market: all in one unit of time.

    ``sigma`` is the price's standard deviation over a unit of time [quote currency], ``temporary``
    the price paid per coin traded in a unit of time, ``permanent`` the price moved per coin.
    """

    sigma: float
    temporary: float
    permanent: float = 0.0


def schedule(
    size: float, *, impact: Impact, risk_aversion: float, horizon: float, parts: int
) -> tuple[float, ...]:
    """Signed sizes of the parts, one after the other at equal times; they sum to `size`.

    Parameters
    ----------
    size : float
        [coin]
    impact : Impact
    risk_aversion : float
        Cost of a unit of variance, at least 0; 0 gives equal parts. [1 / quote currency]
    horizon : float
        Time until the last part. [the unit of `impact`]
    parts : int

    Raises
    ------
    ValueError
        For numbers that make no schedule.

    Notes
    -----
    With tau the time of a part, ``eta = temporary - permanent tau / 2``,
    ``k2 = risk_aversion sigma^2 / eta`` and ``kappa = acosh(k2 tau^2 / 2 + 1) / tau``, what is left
    after part j is ``size sinh(kappa (T - j tau)) / sinh(kappa T)``: it minimises expected cost
    plus risk aversion times variance.

    References
    ----------
    R. Almgren and N. Chriss, Optimal execution of portfolio transactions, Journal of Risk 3, 2000.

    Examples
    --------
    >>> schedule(4.0, impact=Impact(sigma=1.0, temporary=0.1), risk_aversion=0.0, horizon=1.0,
    ...          parts=4)
    (1.0, 1.0, 1.0, 1.0)
    """
    _check(size, impact, risk_aversion, horizon, parts)
    tau = horizon / parts
    eta = impact.temporary - 0.5 * impact.permanent * tau
    if not eta > 0.0:
        raise ValueError("schedule: parts so long that permanent impact outweighs the temporary")
    pull = risk_aversion * impact.sigma**2 / eta * tau * tau
    if pull < 1e-12:
        return (size / parts,) * parts
    step = math.acosh(0.5 * pull + 1.0)
    # sinh(a) / sinh(b) as exponentials of what is below nought: a long schedule does not overflow
    whole = -math.expm1(-2.0 * step * parts)
    left = [
        size * math.exp(-step * j) * -math.expm1(-2.0 * step * (parts - j)) / whole
        for j in range(parts)
    ] + [0.0]
    return tuple(a - b for a, b in itertools.pairwise(left))


def _check(size: float, impact: Impact, risk_aversion: float, horizon: float, parts: int) -> None:
    numbers = (size, impact.sigma, impact.temporary, impact.permanent, risk_aversion, horizon)
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError("schedule: finite numbers wanted")
    if impact.temporary <= 0.0 or impact.permanent < 0.0 or impact.sigma < 0.0:
        raise ValueError("schedule: a temporary impact above 0, the others not below 0 wanted")
    if risk_aversion < 0.0 or horizon <= 0.0 or not 1 <= parts <= PARTS_MAX:
        raise ValueError(f"schedule: a horizon above 0 and 1 to {PARTS_MAX} parts wanted")

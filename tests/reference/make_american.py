"""Makes american.npz and american_differences.npz: ``python -m tests.reference.make_american``.

``american.npz``: QuantLib's QdFp engine on random options, rates and dividend yields of both
signs.  Where carry is large beside vol its high-precision scheme (column ``high_precision``) errs
by up to 2.5e-6, so the price is that of the same engine with four times the nodes, and
``error_price`` what twice the nodes still changed.  Greeks, of the first rows, are five-point
central differences with two steps; their ``error_...`` is what halving the step changed.  Times
come by scaling (the price depends on vol sqrt(t), rate t and yield t only), so no time is rounded
to days, and theta is a difference too.  Where a Greek does not exist, or was not asked, it is NaN.
Options that QuantLib refuses (two exercise boundaries) are left out; their number is printed.

``american_differences.npz``: the finite differences of `tests.reference.differences` with their
own error estimate, half of them where QuantLib refuses.  About ten minutes for both.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.reference import save
from tests.reference.differences import american_price

__all__ = ["Engine", "cases", "greeks"]

STRIKE = 100.0
FIELDS = ("price", "delta", "gamma", "vega", "theta", "rho")
_INPUTS = ("spot", "strike", "time_to_expiry", "vol", "rate", "dividend_yield", "is_call")


class Engine:
    """QuantLib's price at strike 100, moved by quotes; None where it refuses."""

    def __init__(self) -> None:
        import QuantLib as ql  # noqa: N813

        self._lib = ql
        today = ql.Date(1, 1, 2024)
        ql.Settings.instance().evaluationDate = today
        days, term = ql.Actual365Fixed(), today + 365
        self._quotes = [ql.SimpleQuote(1.0) for _ in range(4)]
        spot, rate, carry, vol = (ql.QuoteHandle(quote) for quote in self._quotes)
        process = ql.BlackScholesMertonProcess(
            spot,
            ql.YieldTermStructureHandle(ql.FlatForward(today, carry, days)),
            ql.YieldTermStructureHandle(ql.FlatForward(today, rate, days)),
            ql.BlackVolTermStructureHandle(
                ql.BlackConstantVol(today, ql.NullCalendar(), vol, days)
            ),
        )
        self._exercise = ql.AmericanExercise(today, term)
        schemes = {
            "high": ql.QdFpAmericanEngine.highPrecisionScheme(),
            "higher": ql.QdFpTanhSinhIterationScheme(20, 40, 1e-12),
            "highest": ql.QdFpTanhSinhIterationScheme(40, 60, 1e-13),
        }
        self._options = {
            (call, name): self._option(call, ql.QdFpAmericanEngine(process, scheme))
            for call in (True, False)
            for name, scheme in schemes.items()
        }

    def _option(self, is_call: bool, engine: Any) -> Any:
        ql = self._lib
        kind = ql.Option.Call if is_call else ql.Option.Put
        option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, STRIKE), self._exercise)
        option.setPricingEngine(engine)
        return option

    def __call__(
        self, spot: float, time: float, vol: float, rate: float, carry: float, is_call: bool,
        scheme: str = "higher",
    ) -> float | None:  # fmt: skip
        """One price."""
        scaled = (spot, rate * time, carry * time, vol * float(np.sqrt(time)))
        for quote, value in zip(self._quotes, scaled, strict=True):
            quote.setValue(value)
        try:
            return float(self._options[is_call, scheme].NPV())
        except RuntimeError:
            return None


def cases(count: int, seed: int, two_boundaries: bool = False) -> list[tuple[Any, ...]]:
    """Random options; `two_boundaries`: puts with yield < rate < 0, calls the other way round."""
    generator = np.random.default_rng(seed)
    options = []
    for _ in range(count):
        time = float(np.exp(generator.uniform(np.log(0.02), np.log(3.0))))
        vol = float(np.exp(generator.uniform(np.log(0.05), np.log(1.2))))
        spot = STRIKE * float(np.exp(generator.normal(0.0, 1.2) * vol * np.sqrt(time)))
        is_call = bool(generator.random() < 0.4)
        first, second = (float(x) for x in generator.uniform(0.005, 0.15, 2))
        if two_boundaries:
            nearer, farther = sorted((-first, -second), reverse=True)
            rate, carry = (farther, nearer) if is_call else (nearer, farther)
        else:
            rate = first if generator.random() < 0.75 else -first
            carry = second if generator.random() < 0.7 else -second
        options.append((spot, STRIKE, time, vol, rate, carry, is_call))
    return options


def _slopes(price: Callable[[float], float | None], step: float) -> np.ndarray | None:
    """First and second derivative at 0 with `step` and with half of it: shape (2, 2)."""
    values = {k: price(k * step) for k in (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)}
    if any(value is None for value in values.values()):
        return None
    rows = []
    for h in (1.0, 0.5):
        a, b, c, d, e = (values[k * h] for k in (-2.0, -1.0, 0.0, 1.0, 2.0))
        first = (a - 8.0 * b + 8.0 * d - e) / (12.0 * h * step)
        second = (-a + 16.0 * b - 30.0 * c + 16.0 * d - e) / (12.0 * (h * step) ** 2)
        rows.append((first, second))
    return np.array(rows)


def greeks(engine: Engine, option: tuple[Any, ...]) -> np.ndarray:
    """Five Greeks of one option, and their errors: shape (2, 5)."""
    spot, _, time, vol, rate, carry, is_call = option
    price = engine(spot, time, vol, rate, carry, is_call)
    intrinsic = max(spot - STRIKE if is_call else STRIKE - spot, 0.0)
    wide = 0.02 * spot * vol * np.sqrt(time)
    missing = np.full((2, 5), np.nan)
    if price is None or price - intrinsic < 1e-3:
        return missing
    by_spot = _slopes(lambda x: engine(spot + x, time, vol, rate, carry, is_call), wide)
    by_vol = _slopes(lambda x: engine(spot, time, vol + x, rate, carry, is_call), 0.01 * vol)
    by_time = _slopes(lambda x: engine(spot, time + x, vol, rate, carry, is_call), 0.01 * time)
    by_rate = _slopes(lambda x: engine(spot, time, vol, rate + x, carry, is_call), 1e-3)
    if by_spot is None or by_vol is None or by_time is None or by_rate is None:
        return missing
    rows = [(s[0], s[1], v[0], -t[0], r[0])
            for s, v, t, r in zip(by_spot, by_vol, by_time, by_rate, strict=True)]  # fmt: skip
    return np.array([rows[1], np.abs(np.subtract(*rows))])


def _quantlib(count: int, with_greeks: int, seed: int) -> None:
    engine, options, prices, slopes = Engine(), [], [], []
    for option in cases(count, seed):
        spot, _, *rest = option
        price = [engine(spot, *rest, scheme=name) for name in ("highest", "higher", "high")]
        if None not in price:
            asked = len(options) < with_greeks
            options.append(option)
            prices.append(price)
            slopes.append(greeks(engine, option) if asked else np.full((2, 5), np.nan))
    print(f"QuantLib refuses {count - len(options)} of {count}")
    columns = dict(zip(_INPUTS, map(np.array, zip(*options, strict=True)), strict=True))
    highest, higher, high = np.array(prices).T
    columns |= {"price": highest, "error_price": np.abs(highest - higher), "high_precision": high}
    values, errors = np.array(slopes).transpose(1, 2, 0)
    columns |= dict(zip(FIELDS[1:], values, strict=True))
    columns |= {f"error_{name}": e for name, e in zip(FIELDS[1:], errors, strict=True)}
    save("american", columns)


def _differences(count: int, seed: int) -> None:
    options = cases(count, seed) + cases(count, seed + 1, two_boundaries=True)
    rows = [
        american_price(spot=s, strike=k, time=t, vol=v, is_call=c, rate=r, carry=q, nodes=800)
        for s, k, t, v, r, q, c in options
    ]
    columns = dict(zip(_INPUTS, map(np.array, zip(*options, strict=True)), strict=True))
    columns |= dict(zip(("price", "error"), np.array(rows).T, strict=True))
    save("american_differences", columns)


if __name__ == "__main__":
    _quantlib(500, 200, 301)
    _differences(30, 302)

"""Implied vols in batches, beside the peers in one run: time, NaNs on valid prices, and errors.

    python -m benchmarks.implied_vol [--json] [--quick]

Two markets.  *Ordinary* is what a book holds: vols of 10 to 100 %, strikes two standard deviations
about; it is timed.  *Wide* has total vols from 1e-6 to 6 and strikes up to 35 standard deviations
away; it is timed too and shows what each solver gets right.  All prices are out of the money and
undiscounted, so that no solver meets digits that parity lost.  Every contestant works on one core;
libraries that take one option at a time are called from a loop over prepared rows, and QuantLib's
cost of a call (its Black formula at zero vol, which returns at once) is subtracted from its solver.
An error is counted in attainable ones: max(eps, eps price / (vol vega)) of the vol.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import pricing
from benchmarks.measure import Finding, Table, best_times, in_unit, main, optional

EPS = 2.0**-52
SCALAR = 1_000  # options a round for the one-at-a-time libraries
Run = Callable[[], Any]


class Market(NamedTuple):
    """Options and their prices; `vol` is what the solvers should find."""

    inputs: dict[str, Any]
    price: Any
    vol: Any
    attainable: Any


def priced(options: dict[str, Any]) -> Market:
    greeks = pricing.black(**options)
    vol = options["vol"]
    attainable = np.maximum(EPS, EPS * greeks.price / (vol * greeks.vega))
    inputs = {name: value for name, value in options.items() if name != "vol"}
    return Market(inputs, greeks.price, vol, attainable)


def ordinary(count: int) -> Market:
    generator = np.random.default_rng(0)
    forward = generator.uniform(50.0, 150.0, count)
    time, vol = generator.uniform(0.01, 2.0, count), generator.uniform(0.1, 1.0, count)
    strike = forward * np.exp(generator.normal(0.0, 2.0, count) * vol * np.sqrt(time))
    return priced(
        {"forward": forward, "strike": strike, "time_to_expiry": time, "vol": vol,
         "is_call": forward < strike}
    )  # fmt: skip


def wide(count: int) -> Market:
    generator = np.random.default_rng(1)
    time = generator.uniform(0.01, 2.0, count)
    total_vol = np.exp(generator.uniform(np.log(1e-6), np.log(6.0), count))
    away = generator.uniform(-35.0, 35.0, count) * generator.random(count)
    forward = generator.uniform(50.0, 150.0, count)
    strike = forward * np.exp(away * total_vol)
    return priced(
        {"forward": forward, "strike": strike, "time_to_expiry": time,
         "vol": total_vol / np.sqrt(time), "is_call": forward < strike}
    )  # fmt: skip


def our_runs(market: Market) -> dict[str, Run]:
    count = market.price.size
    out = pricing.ImpliedVol(np.ones(count), np.ones(count, np.uint8))
    return {
        "ours, out": lambda: pricing.implied_vol(price=market.price, **market.inputs, out=out).vol,
        "ours, fresh": lambda: pricing.implied_vol(price=market.price, **market.inputs).vol,
    }


def fast_vollib_runs(market: Market) -> dict[str, Run]:
    """Its numba and numpy backends, and its own solver after Jäckel, called directly."""
    library = optional("fast_vollib")
    if library is None:
        return {}
    forward, strike, time, is_call = (
        market.inputs[name] for name in ("forward", "strike", "time_to_expiry", "is_call")
    )
    letters = np.where(is_call, "c", "p")
    rate = np.zeros_like(forward)

    def run(backend: str) -> Any:
        return library.fast_implied_volatility_black(
            market.price, forward, strike, rate, time, letters,
            backend=backend, return_as="numpy", on_error="ignore",
        )  # fmt: skip

    runs = {
        f"fast-vollib, {backend} backend": lambda b=backend: run(b)
        for backend in ("numba", "numpy")
    }
    jackel = optional("fast_vollib.jackel")
    if jackel is not None:
        runs["fast-vollib, jackel_iv_black"] = lambda: jackel.jackel_iv_black(
            market.price, forward, strike, time, is_call
        )
    return runs


def each(rows: list[Any], solve: Callable[..., float]) -> Any:
    """One vol for each row; NaN where the library raises."""
    found = []
    for row in rows:
        try:
            found.append(solve(*row))
        except Exception:  # whatever a peer raises on a valid price counts as no answer
            found.append(np.nan)
    return np.array(found)


def scalar_runs(market: Market) -> dict[str, Run]:
    columns = [market.price, *(market.inputs[name] for name in ("forward", "strike"))]
    price, forward, strike = (column[:SCALAR].tolist() for column in columns)
    time = market.inputs["time_to_expiry"][:SCALAR]
    calls = market.inputs["is_call"][:SCALAR].tolist()
    runs: dict[str, Run] = {}
    quantlib = optional("QuantLib")
    if quantlib is not None:
        kinds = [quantlib.Option.Call if call else quantlib.Option.Put for call in calls]
        rows = list(zip(kinds, strike, forward, price, [1.0] * len(kinds), strict=True))
        flat = [(*row[:3], 0.0, 1.0) for row in rows]
        root = np.sqrt(time)
        exact = [(*row, 0.0, *more, 1e-14) for row in rows for more in [(quantlib.nullDouble(),)]]
        exact_rational = [(*row[:7], 1.0, 1e-14) for row in exact]
        rational = quantlib.blackFormulaImpliedStdDevLiRS
        runs["QuantLib, call at zero vol"] = lambda: each(flat, quantlib.blackFormula) / root
        runs["QuantLib, LiRS"] = lambda: each(rows, rational) / root
        runs["QuantLib, LiRS to 1e-14"] = lambda: each(exact_rational, rational) / root
        implied = quantlib.blackFormulaImpliedStdDev
        runs["QuantLib, Newton"] = lambda: each(rows, implied) / root
        runs["QuantLib, Newton to 1e-14"] = lambda: each(exact, implied) / root
    solver = optional("lets_be_rational")
    if solver is not None:
        signs = [1.0 if call else -1.0 for call in calls]
        plain = list(zip(price, forward, strike, time.tolist(), signs, strict=True))
        rational_guess = solver.implied_volatility_from_a_transformed_rational_guess
        runs["lets_be_rational"] = lambda: each(plain, rational_guess)
    vollib = optional("vollib.black.implied_volatility")
    if vollib is not None:
        letters = ["c" if call else "p" for call in calls]
        lettered = list(
            zip(price, forward, strike, [0.0] * len(price), time.tolist(), letters, strict=True)
        )
        runs["vollib"] = lambda: each(lettered, vollib.implied_volatility)
    return runs


def quality(name: str, found: Any, market: Market) -> list[tuple[str, float, str]]:
    """Shares of valid prices without a vol and with a poor one; the worst error if none is."""
    size = found.size
    missing = ~np.isfinite(found)
    share = np.abs(found / market.vol[:size] - 1.0) / market.attainable[:size]
    poor = share[~missing] > 16.0
    wrong = poor & (np.abs(found / market.vol[:size] - 1.0)[~missing] > 1e-6)
    rows = [
        (f"{name}: no vol", 100.0 * float(missing.mean()), "% of options"),
        (f"{name}: error above 16 attainable", 100.0 * float(poor.mean()), "% of options"),
        (f"{name}: of these above 1e-6", 100.0 * float(wrong.mean()), "% of options"),
    ]
    if not poor.any():
        rows.append((f"{name}: worst error", float(share[~missing].max()), "attainable"))
    return rows


def measured(
    title: str, market: Market, rounds: int
) -> tuple[list[tuple[str, float, str]], dict[str, float], dict[str, Any]]:
    """Nanoseconds an option by contestant, and the vols that each found."""
    count = market.price.size
    batches = our_runs(market) | fast_vollib_runs(market)
    singles = scalar_runs(market)
    with np.errstate(all="ignore"):
        found = {name: np.array(run()) for name, run in (batches | singles).items()}
        times = best_times(batches, rounds)
        nanoseconds = {name: in_unit(value, "ns", count) for name, value in times.items()}
        times = best_times(singles, 3)
    nanoseconds |= {name: in_unit(value, "ns", SCALAR) for name, value in times.items()}
    rows = [(f"{title}: {name}", value, "ns an option") for name, value in nanoseconds.items()]
    for name, vols in found.items():
        if "zero vol" not in name:
            with np.errstate(all="ignore"):
                rows += quality(f"{title}: {name}", vols, market)
    return rows, nanoseconds, found


def findings(nanoseconds: dict[str, float], wide_vols: Any, market: Market) -> list[Finding]:
    ours = nanoseconds["ours, out"]
    results = [Finding("implied vol, out", ours, 200.0, "most", "ns")]
    fast = [value for name, value in nanoseconds.items() if name.startswith("fast-vollib")]
    if fast:
        results.append(Finding("fast-vollib's best / ours", min(fast) / ours, 8.0, "least"))
    if "QuantLib, LiRS" in nanoseconds:
        call = nanoseconds["QuantLib, call at zero vol"]
        solvers = [name for name in nanoseconds if name in ("QuantLib, LiRS", "QuantLib, Newton")]
        best = min(nanoseconds[name] for name in solvers) - call
        note = f"its call from Python, {call:,.0f} ns, is not counted"
        results.append(Finding("QuantLib's best / ours", best / ours, 2.0, "least", "", note))
    missing = int((~np.isfinite(wide_vols)).sum())
    worst = float((np.abs(wide_vols / market.vol - 1.0) / market.attainable).max())
    results.append(Finding("wide: options without a vol", missing, 0.0, "most"))
    results.append(Finding("wide: worst error, attainable ones", worst, 16.0, "most"))
    return results


def table(quick: bool) -> Table:
    """All contestants on both markets."""
    count, rounds = (100_000, 3) if quick else (1_000_000, 7)
    rows, nanoseconds, _ = measured("ordinary", ordinary(count), rounds)
    far = wide(count)
    wide_rows, _, found = measured("wide", far, 2)
    title = f"Implied vol, {count:,} random options, one core"
    return Table(title, rows + wide_rows, findings(nanoseconds, found["ours, out"], far))


if __name__ == "__main__":
    main("Implied vol beside the peers", table)

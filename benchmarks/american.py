"""American puts, price and five Greeks at 1e-7, beside QuantLib's fixed-point engines in one run.

    python -m benchmarks.american [--json] [--quick]

QuantLib is timed at its best use: one instrument is built once and its quotes are moved (spot, vol,
rate and yield; time is scaled into them).  Its engines return the price alone, so Greeks are bumps:
two prices more each for delta with gamma, vega and rho, theta from the Black-Scholes equation.
"""

import numpy as np

import pricing
from benchmarks import measure

PRICES = 7  # with bumps: the price, and two more each for spot, vol and rate
ENGINES = {"fast": 400, "accurate": 100, "highPrecision": 10}  # scheme -> options a round
TARGET_US = 12.0
TARGET_RATIO = 10.0


def market(count):
    """Puts of all kinds: two weeks to three years, rates and yields 0 to 10 %, vols 10 to 60 %."""
    generator = np.random.default_rng(0)
    time = np.exp(generator.uniform(np.log(0.04), np.log(3.0), count))
    vol = generator.uniform(0.1, 0.6, count)
    away = np.clip(generator.normal(0.0, 1.0, count), -2.5, 2.5)
    spot = generator.uniform(50.0, 150.0, count)
    return {
        "spot": spot,
        "strike": spot * np.exp(0.8 * away * vol * np.sqrt(time)),
        "time_to_expiry": time,
        "vol": vol,
        "is_call": False,
        "rate": generator.uniform(0.0, 0.1, count),
        "dividend_yield": generator.uniform(0.0, 0.1, count)
        * (generator.random(count) < 0.7),  # three in ten pay none
    }


def quantlib_runs(ql, inputs):
    """One price of each option from one instrument whose quotes move, for each scheme."""
    today = ql.Date(1, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    quotes = [ql.SimpleQuote(value) for value in (1.0, 0.05, 0.05, 0.2)]
    spot, dividend, rate, vol = (ql.QuoteHandle(quote) for quote in quotes)
    count = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        spot,
        ql.YieldTermStructureHandle(ql.FlatForward(today, dividend, count)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate, count)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), vol, count)),
    )
    time = inputs["time_to_expiry"]
    columns = (
        inputs["spot"] / inputs["strike"],
        inputs["dividend_yield"] * time,
        inputs["rate"] * time,
        inputs["vol"] * np.sqrt(time),
    )
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    runs = {}
    for name, size in ENGINES.items():
        engine = ql.QdFpAmericanEngine
        option = ql.VanillaOption(
            ql.PlainVanillaPayoff(ql.Option.Put, 1.0), ql.AmericanExercise(today, today + 365)
        )
        option.setPricingEngine(engine(process, getattr(engine, f"{name}Scheme")()))

        def run(option=option, size=size):
            prices = []
            for row in rows[:size]:
                option.freeze()
                for quote, value in zip(quotes, row, strict=True):
                    quote.setValue(value)
                option.unfreeze()
                prices.append(option.NPV())
            return np.array(prices)

        runs[name] = run
    return runs


def worst(prices, exact, spot):
    """Largest relative error, of max(price, 1e-6 spot)."""
    return float(np.max(np.abs(prices - exact) / np.maximum(exact, 1e-6 * spot)))


def table(quick):
    """Times and promises of American puts."""
    count = 5_000 if quick else 100_000
    inputs = market(count)
    out = pricing.Greeks(*(np.ones(count) for _ in range(6)))
    part = {name: value[:1000] if np.ndim(value) else value for name, value in inputs.items()}
    exact = pricing.american(**part, tolerance=1e-12).price
    spot = part["spot"]
    pricing.american(**inputs, out=out)
    runs = {"ours": lambda: pricing.american(**inputs, out=out)}
    ql = measure.optional("QuantLib")
    peers = quantlib_runs(ql, inputs) if ql is not None else {}
    best = measure.best_times(runs | peers, 2 if quick else 4)
    ours = measure.in_unit(best["ours"], "us", count)
    times = [("ours, price and five Greeks", ours, "us an option")]
    times.append(("ours, largest error", worst(out.price[:1000], exact, spot) * 1e9, "1e-9"))
    findings = [measure.Finding("price and five Greeks", ours, TARGET_US, "most", "us")]
    for name, run in peers.items():
        size = ENGINES[name]
        price = measure.in_unit(best[name], "us", size)
        times.append((f"QuantLib QdFp {name}, price alone", price, "us an option"))
        times.append((f"QuantLib QdFp {name}, with bumps", PRICES * price, "us an option"))
        error = worst(run() * part["strike"][:size], exact[:size], spot[:size])
        times.append((f"QuantLib QdFp {name}, largest error", error * 1e9, "1e-9"))
        ratio = PRICES * price / ours
        findings.append(
            measure.Finding(f"QdFp {name} with bumps / ours", ratio, TARGET_RATIO, "least")
        )
    return measure.Table(f"American puts, {count:,} random", times, findings)


if __name__ == "__main__":
    measure.main("American options beside QuantLib", table)

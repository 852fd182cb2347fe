"""Options that settle on a mean beside plain Black-76, in one run.

    python -m benchmarks.settlement [--json] [--quick]

The extra work is the schedule of samples, the shifted strike and, for coin, the measure's change.
"""

import numpy as np

import pricing
from benchmarks.measure import Finding, Table, best_times, in_unit, main

OPTIONS, QUICK = 1_000_000, 100_000
WINDOW = pricing.SETTLEMENT_WINDOW
RATIO = 3.0  # of plain Black, the promise
HALF = {"time_to_expiry": 0.5 * WINDOW, "running_mean": 60_050.0}


def expiring(count: int) -> dict[str, np.ndarray]:
    """A chain in the window and the hour before it, within four standard deviations or so."""
    generator = np.random.default_rng(0)
    vol = generator.uniform(0.3, 1.2, count)
    return {
        "forward": np.full(count, 60_000.0),
        "strike": 60_000.0 * np.exp(generator.normal(0.0, 0.005, count)),
        "time_to_expiry": generator.uniform(0.01, 3.0, count) * WINDOW,
        "vol": vol,
        "is_call": generator.random(count) < 0.5,
    }


def batches(quick: bool) -> Table:
    """Price and Greeks of many options, into arrays that are there."""
    count = QUICK if quick else OPTIONS
    inputs = expiring(count)
    mean = np.full(count, 60_020.0)
    out = pricing.Greeks(*(np.ones(count) for _ in range(6)))
    runs = {
        "black": lambda: pricing.black(**inputs, out=out),
        "inverse": lambda: pricing.inverse(**inputs, out=out),
        "settling": lambda: pricing.settling(**inputs, running_mean=mean, out=out),
        "settling, mean over time": lambda: pricing.settling(
            **inputs, running_mean=mean, samples=float("inf"), out=out
        ),
        "settling_inverse": lambda: pricing.settling_inverse(**inputs, running_mean=mean, out=out),
    }
    best = best_times(runs, 5 if quick else 12)
    times = [(name, in_unit(value, "ns", count), "ns an option") for name, value in best.items()]
    findings = [
        Finding("settling / black", best["settling"] / best["black"], RATIO, "most"),
        Finding(
            "settling_inverse / inverse", best["settling_inverse"] / best["inverse"], RATIO, "most"
        ),
    ]
    return Table(f"{count:,} options in and before the window, one core", times, findings)


def calls(quick: bool) -> Table:
    """One call from Python on the 50 legs of an expiry that settles."""
    inputs = {name: value[:50] for name, value in expiring(QUICK).items()}
    del inputs["time_to_expiry"]
    runs = {
        "black, 50 legs": lambda: pricing.black(time_to_expiry=HALF["time_to_expiry"], **inputs),
        "settling, 50 legs": lambda: pricing.settling(**HALF, **inputs),
        "settling_inverse, 50 legs": lambda: pricing.settling_inverse(**HALF, **inputs),
        "settling_inverse_future": lambda: pricing.settling_inverse_future(
            forward=60_000.0, **HALF
        ),
    }
    best = best_times(runs, 30 if quick else 200, 5)
    times = [(name, in_unit(value, "us"), "us a call") for name, value in best.items()]
    return Table("one call from Python", times, [])


if __name__ == "__main__":
    main("Settlement on a mean, beside plain Black-76", batches, calls)

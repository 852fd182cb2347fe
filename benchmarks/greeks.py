"""Price and five Greeks in batches, beside the peers and beside C, in one run.

    python benchmarks/greeks.py [--json] [--options 1000000] [--rounds 15]

Contestants take turns within each round and keep their best time, so that noise hits all alike;
the process is pinned to one core where the system allows it.  Look at the ratios: nanoseconds move
from machine to machine.  The C roofline is compiled on the spot (gcc -Ofast -march=native, libmvec)
where gcc is present; fast-vollib, vollib and QuantLib take part where they can be imported.
"""

import argparse
import ctypes
import importlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import pricing

SOURCE = pathlib.Path(__file__).with_name("greeks_roofline.c")
NAMES = ("forward", "strike", "time_to_expiry", "vol", "rate", "is_call")
SCALAR = 500  # options a round for the one-at-a-time libraries
SMALL = 10
TARGETS = {  # ratio -> (bound, "most" or "least")
    "ours, out / C": (1.4, "most"),
    "ours, fresh / C": (2.0, "most"),
    "ours at rate 0, out / C at rate 0": (1.4, "most"),
    "fast-vollib best, price + Greeks / ours, out": (5.0, "least"),
    "ours, 10 options [us]": (20.0, "most"),
    "ladder, 200 legs x 7 moves [us]": (60.0, "most"),
}


def market(count):
    """Options of all kinds: total vol 1 % to 140 %, strikes two standard deviations about."""
    generator = np.random.default_rng(0)
    forward = generator.uniform(50.0, 150.0, count)
    return {
        "forward": forward,
        "strike": forward * np.exp(generator.normal(0.0, 0.3, count)),
        "time_to_expiry": generator.uniform(0.01, 2.0, count),
        "vol": generator.uniform(0.1, 1.0, count),
        "rate": generator.uniform(0.0, 0.05, count),
        "is_call": generator.random(count) < 0.5,
    }


def rooflines(inputs):
    """Compiled C loops over these inputs, by name; empty without gcc."""
    if shutil.which("gcc") is None:
        return {}, {}
    common = ["-Ofast", "-march=native", "-fopenmp-simd", "-shared", "-fPIC"]
    variants = {
        "512-bit": ["-mprefer-vector-width=512", "-lmvec"],
        "256-bit": ["-mprefer-vector-width=256", "-lmvec"],
        "plain": [],
    }
    pointers = [ctypes.c_void_p(inputs[name].ctypes.data) for name in NAMES]
    outs = [np.ones_like(inputs["forward"]) for _ in range(6)]
    results = [ctypes.c_void_p(array.ctypes.data) for array in outs]
    count = ctypes.c_ssize_t(inputs["forward"].size)
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, flags in variants.items():
            target = pathlib.Path(folder) / f"{name}.so"
            command = ["gcc", *common, str(SOURCE), "-o", str(target), *flags, "-lm"]
            if subprocess.run(command, capture_output=True, check=False).returncode:
                continue
            library = ctypes.CDLL(str(target))
            with_rate, without = library.black_roofline, library.black_roofline_undiscounted
            runs[f"C at rate 0, {name}"] = lambda f=without: f(
                count, *pointers[:4], pointers[5], *results
            )
            runs[f"C, {name}"] = lambda f=with_rate: f(count, *pointers, *results)
    return runs, {"outs": outs}


def optional(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def fast_vollib_runs(inputs):
    library = optional("fast_vollib")
    if library is None:
        return {}
    flags = np.where(inputs["is_call"], "c", "p")
    columns = [inputs[name] for name in ("forward", "strike", "time_to_expiry", "rate", "vol")]

    def greeks(backend):
        return library.get_all_greeks(
            flags, *columns, model="black", backend=backend, return_as="dict"
        )

    def price(backend):
        return library.fast_black(flags, *columns, backend=backend, return_as="numpy")

    runs = {}
    for backend in ("numba", "numpy"):
        runs[f"fast-vollib {backend}, Greeks only"] = lambda b=backend: greeks(b)
        runs[f"fast-vollib {backend}, price only"] = lambda b=backend: price(b)
    return runs


def scalar_runs(inputs):
    """One option at a time from Python: vollib, and QuantLib through its calculator and engine."""
    rows = list(zip(*(inputs[name][:SCALAR].tolist() for name in NAMES), strict=True))
    runs = {}
    if optional("vollib.black") is not None:
        black = importlib.import_module("vollib.black").black
        analytical = importlib.import_module("vollib.black.greeks.analytical")
        functions = [black] + [
            getattr(analytical, name) for name in ("delta", "gamma", "vega", "theta", "rho")
        ]

        def vollib():
            for forward, strike, expiry, vol, rate, is_call in rows:
                flag = "c" if is_call else "p"
                for function in functions:
                    function(flag, forward, strike, expiry, rate, vol)

        runs["vollib, scalar"] = vollib
    quantlib = optional("QuantLib")
    if quantlib is not None:
        kinds = {True: quantlib.Option.Call, False: quantlib.Option.Put}

        def calculator():
            for forward, strike, expiry, vol, rate, is_call in rows:
                payoff = quantlib.PlainVanillaPayoff(kinds[is_call], strike)
                one = quantlib.BlackCalculator(
                    payoff, forward, vol * expiry**0.5, float(np.exp(-rate * expiry))
                )
                one.value(), one.deltaForward(), one.gammaForward()
                one.vega(expiry), one.theta(forward, expiry), one.rho(expiry)

        runs["QuantLib, scalar calculator"] = calculator
    return runs


def small_runs():
    """Calls whose cost is mostly the call."""
    inputs = market(SMALL)
    runs = {"ours, 10 options": lambda: pricing.black(**inputs)}
    library = optional("fast_vollib")
    if library is not None:
        flags = np.where(inputs["is_call"], "c", "p")
        columns = [inputs[name] for name in ("forward", "strike", "time_to_expiry", "rate", "vol")]
        runs["fast-vollib numba, 10 options"] = lambda: library.get_all_greeks(
            flags, *columns, model="black", backend="numba", return_as="dict"
        )
        runs["fast-vollib numpy, 10 options"] = lambda: library.get_all_greeks(
            flags, *columns, model="black", backend="numpy", return_as="dict"
        )
    legs = market(200)
    del legs["rate"]
    legs |= {
        "quantity": np.linspace(-5.0, 5.0, 200),
        "group": np.arange(200) % 9,
        "groups": 9,
        "moves": np.linspace(0.97, 1.03, 7),
    }
    runs["ladder, 200 legs x 7 moves"] = lambda: pricing.ladder(**legs)
    return runs


def best_times(runs, rounds, repeats=1):
    """Best seconds of each, taking turns."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            for _ in range(repeats):
                run()
            best[name] = min(best[name], (time.perf_counter() - start) / repeats)
    return best


def our_runs(inputs):
    count = inputs["forward"].size
    out = pricing.Greeks(*(np.ones(count) for _ in range(6)))
    at_zero = {name: value for name, value in inputs.items() if name != "rate"}
    as_spot = {"spot" if name == "forward" else name: value for name, value in inputs.items()}
    return {
        "ours, out": lambda: pricing.black(**inputs, out=out),
        "ours, fresh": lambda: pricing.black(**inputs),
        "ours at rate 0, out": lambda: pricing.black(**at_zero, out=out),
        "ours at rate 0, fresh": lambda: pricing.black(**at_zero),
        "ours black_scholes, out": lambda: pricing.black_scholes(**as_spot, out=out),
        "ours inverse, out": lambda: pricing.inverse(**at_zero, out=out),
    }


def least(times, start):
    return min((value for name, value in times.items() if name.startswith(start)), default=None)


def measure(count, rounds):
    inputs = market(count)
    c_runs, keep = rooflines(inputs)
    fast = fast_vollib_runs(inputs)
    times = best_times(our_runs(inputs) | c_runs, rounds)
    times |= best_times({**fast, "ours, out, beside fast-vollib": our_runs(inputs)["ours, out"]}, 5)
    del keep
    nanoseconds = {name: value / count * 1e9 for name, value in times.items()}
    scalar = best_times(scalar_runs(inputs), 5)
    nanoseconds |= {name: value / SCALAR * 1e9 for name, value in scalar.items()}
    small = best_times(small_runs(), 200, repeats=5)
    microseconds = {name: value * 1e6 for name, value in small.items()}
    return nanoseconds, microseconds, ratios(nanoseconds, microseconds)


def ratios(nanoseconds, microseconds):
    """What the targets are stated in."""
    found = {}
    roof, roof_zero = least(nanoseconds, "C, "), least(nanoseconds, "C at rate 0, ")
    if roof is not None:
        found["ours, out / C"] = nanoseconds["ours, out"] / roof
        found["ours, fresh / C"] = nanoseconds["ours, fresh"] / roof
        found["ours at rate 0, out / C at rate 0"] = nanoseconds["ours at rate 0, out"] / roof_zero
    beside = nanoseconds["ours, out, beside fast-vollib"]
    for backend in ("numba", "numpy"):
        greeks = nanoseconds.get(f"fast-vollib {backend}, Greeks only")
        if greeks is not None:
            price = nanoseconds[f"fast-vollib {backend}, price only"]
            found[f"fast-vollib {backend}, Greeks only / ours with price"] = greeks / beside
            found[f"fast-vollib {backend}, price + Greeks / ours"] = (greeks + price) / beside
    both = [value for name, value in found.items() if name.endswith("price + Greeks / ours")]
    if both:
        found["fast-vollib best, price + Greeks / ours, out"] = min(both)
    for name in ("vollib, scalar", "QuantLib, scalar calculator"):
        if name in nanoseconds:
            found[f"{name} / ours"] = nanoseconds[name] / nanoseconds["ours, out"]
    for name in ("numba", "numpy"):
        key = f"fast-vollib {name}, 10 options"
        if key in microseconds:
            found[f"{key} / ours"] = microseconds[key] / microseconds["ours, 10 options"]
    found["ours, 10 options [us]"] = microseconds["ours, 10 options"]
    found["ladder, 200 legs x 7 moves [us]"] = microseconds["ladder, 200 legs x 7 moves"]
    return found


def verdict(name, value):
    if name not in TARGETS:
        return ""
    bound, kind = TARGETS[name]
    met = value <= bound if kind == "most" else value >= bound
    return f"target: at {kind} {bound:g}: {'met' if met else 'MISSED'}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--options", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    nanoseconds, microseconds, found = measure(arguments.options, arguments.rounds)
    if arguments.json:
        report = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "options": arguments.options,
            "ns_per_option": nanoseconds,
            "us_per_call": microseconds,
            "ratios": found,
        }
        print(json.dumps(report, indent=2))
        return
    print(f"{arguments.options:,} options, best of {arguments.rounds} interleaved rounds, one core")
    for name, value in nanoseconds.items():
        print(f"  {name:52} {value:12,.1f} ns an option")
    for name, value in microseconds.items():
        print(f"  {name:52} {value:12,.1f} us a call")
    print("ratios and targets")
    for name, value in found.items():
        print(f"  {name:52} {value:12,.2f}  {verdict(name, value)}")


if __name__ == "__main__":
    main()

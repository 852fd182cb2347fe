"""Price and Greeks in batches, beside the peers and beside C, in one run.

``python -m benchmarks.greeks [--quick] [--json]``.  The C roofline is compiled on the spot (gcc
-Ofast -march=native, libmvec) where gcc is present; fast-vollib, vollib and QuantLib take part
where they can be imported.  All but the last lines use one core.
"""

import contextlib
import ctypes
import importlib
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import config

import pricing
from benchmarks.measure import (
    Finding,
    Table,
    best_times,
    compiled,
    in_unit,
    least,
    main,
    optional,
)

SOURCE = pathlib.Path(__file__).with_name("greeks_roofline.c")
NAMES = ("forward", "strike", "time_to_expiry", "vol", "rate", "is_call")
COLUMNS = ("forward", "strike", "time_to_expiry", "rate", "vol")  # fast-vollib's order
SCALAR = 500  # options a round for the one-at-a-time libraries
SMALL = 10
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()  # before any pinning

Runs = dict[str, Callable[[], object]]


def market(count: int) -> dict[str, Any]:
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


@contextlib.contextmanager
def all_cores() -> Iterator[None]:
    """All cores that the process began with; afterwards pinned as before."""
    threads = config.NUMBA_NUM_THREADS
    held = os.sched_getaffinity(0) if CORES else set()
    try:
        if CORES:
            os.sched_setaffinity(0, CORES)
        yield
    finally:
        config.NUMBA_NUM_THREADS = threads
        if CORES:
            os.sched_setaffinity(0, held)


def rooflines(inputs: Mapping[str, Any]) -> Runs:
    """Compiled C loops over these inputs, by name; empty without gcc."""
    functions = {
        "C": ("black_roofline", NAMES),
        "C at rate 0": ("black_roofline_undiscounted", [n for n in NAMES if n != "rate"]),
        "C second order": ("black_second_roofline", NAMES),
    }
    outs = [np.ones_like(inputs["forward"]) for _ in range(6)]
    results = [ctypes.c_void_p(array.ctypes.data) for array in outs]
    count = ctypes.c_ssize_t(inputs["forward"].size)
    runs: Runs = {}
    for variant, library in compiled(SOURCE).items():
        for title, (name, columns) in functions.items():
            pointers = [ctypes.c_void_p(inputs[column].ctypes.data) for column in columns]
            function = getattr(library, name)
            # `outs` rides along so that the memory lives as long as the function
            runs[f"{title}, {variant}"] = lambda f=function, p=pointers, _=outs: f(
                count, *p, *results
            )
    return runs


def fast_vollib_runs(inputs: Mapping[str, Any], title: str = "") -> Runs:
    """Both backends at their best use: arrays in, a plain dict or array out."""
    library = optional("fast_vollib")
    if library is None:
        return {}
    flags = np.where(inputs["is_call"], "c", "p")
    columns = [inputs[name] for name in COLUMNS]

    def greeks(backend: str) -> object:
        return library.get_all_greeks(
            flags, *columns, model="black", backend=backend, return_as="dict"
        )

    def price(backend: str) -> object:
        return library.fast_black(flags, *columns, backend=backend, return_as="numpy")

    runs: Runs = {}
    for backend in ("numba", "numpy"):
        runs[f"fast-vollib {backend}, Greeks only{title}"] = lambda b=backend: greeks(b)
        runs[f"fast-vollib {backend}, price only{title}"] = lambda b=backend: price(b)
    return runs


def scalar_runs(inputs: Mapping[str, Any]) -> Runs:
    """One option at a time from Python: vollib, and QuantLib through its calculator."""
    rows = list(zip(*(inputs[name][:SCALAR].tolist() for name in NAMES), strict=True))
    runs: Runs = {}
    if optional("vollib.black") is not None:
        black = importlib.import_module("vollib.black").black
        analytical = importlib.import_module("vollib.black.greeks.analytical")
        fields = ("delta", "gamma", "vega", "theta", "rho")
        functions = [black, *(getattr(analytical, name) for name in fields)]

        def vollib() -> None:
            for forward, strike, expiry, vol, rate, is_call in rows:
                flag = "c" if is_call else "p"
                for function in functions:
                    function(flag, forward, strike, expiry, rate, vol)

        runs["vollib, scalar"] = vollib
    quantlib = optional("QuantLib")
    if quantlib is not None:
        kinds = {True: quantlib.Option.Call, False: quantlib.Option.Put}

        def calculator() -> None:
            for forward, strike, expiry, vol, rate, is_call in rows:
                payoff = quantlib.PlainVanillaPayoff(kinds[is_call], strike)
                one = quantlib.BlackCalculator(
                    payoff, forward, vol * expiry**0.5, float(np.exp(-rate * expiry))
                )
                one.value(), one.deltaForward(), one.gammaForward()
                one.vega(expiry), one.theta(forward, expiry), one.rho(expiry)

        runs["QuantLib, scalar calculator"] = calculator
    return runs


def our_runs(inputs: Mapping[str, Any]) -> Runs:
    """All six functions, into the same results and into fresh ones."""
    out = [np.ones(inputs["forward"].size) for _ in range(6)]
    at_zero = {name: value for name, value in inputs.items() if name != "rate"}
    as_spot = {"spot" if name == "forward" else name: value for name, value in inputs.items()}
    return {
        "ours, out": lambda: pricing.black(**inputs, out=out),
        "ours, fresh": lambda: pricing.black(**inputs),
        "ours at rate 0, out": lambda: pricing.black(**at_zero, out=out),
        "ours at rate 0, fresh": lambda: pricing.black(**at_zero),
        "ours black_scholes, out": lambda: pricing.black_scholes(**as_spot, out=out),
        "ours inverse, out": lambda: pricing.inverse(**at_zero, out=out),
        "ours black_second, out": lambda: pricing.black_second(**inputs, out=out),
        "ours black_scholes_second, out": lambda: pricing.black_scholes_second(**as_spot, out=out),
        "ours inverse_second, out": lambda: pricing.inverse_second(**at_zero, out=out),
    }


def call_floor(inputs: Mapping[str, Any]) -> Callable[[], object]:
    """A call that does nothing: the arrays of ours through numba, and six new arrays."""
    array = types.Array(types.float64, 1, "C", readonly=True)
    flags = types.Array(types.boolean, 1, "C", readonly=True)
    outputs = types.UniTuple(types.Array(types.float64, 1, "C"), 6)

    @numba.njit(types.int64(flags, *[array] * 5, outputs), nogil=True)
    def nothing(is_call, forward, strike, time, vol, rate, outputs):
        return 0

    columns = [inputs[name] for name in ("is_call", "forward", "strike", "time_to_expiry", "vol")]

    def run() -> object:
        rows = tuple([np.empty(SMALL) for _ in range(6)])
        nothing(*columns, inputs["rate"], rows)
        return pricing.Greeks(*rows)

    return run


def small_runs() -> Runs:
    """Calls whose cost is mostly the call."""
    inputs = market(SMALL)
    one = {name: value[0].item() for name, value in inputs.items()}
    legs = {name: value for name, value in market(200).items() if name != "rate"}
    legs |= {"quantity": np.linspace(-5.0, 5.0, 200), "group": np.arange(200) % 9, "groups": 9}
    moves = np.linspace(0.97, 1.03, 7)
    return {
        "ours, 10 options": lambda: pricing.black(**inputs),
        "ours, 10 options, one of each but the strike": lambda: pricing.black(
            **{**one, "strike": inputs["strike"]}
        ),
        "nothing: 10 options through numba, six new arrays": call_floor(inputs),
        "ours, one option": lambda: pricing.black(**one),
        "ladder, 200 legs x 7 moves": lambda: pricing.ladder(**legs, moves=moves),
        "ours black_second, 10 options": lambda: pricing.black_second(**inputs),
        **fast_vollib_runs(inputs, ", 10 options"),
    }


def best_of_fast_vollib(times: Mapping[str, float], wanted: str, title: str = "") -> float | None:
    """The better backend's time for the Greeks, or for "price + Greeks", which are two calls."""
    found = []
    for backend in ("numba", "numpy"):
        greeks = times.get(f"fast-vollib {backend}, Greeks only{title}")
        if greeks is not None:
            price = times[f"fast-vollib {backend}, price only{title}"]
            found.append(greeks + (price if wanted == "price + Greeks" else 0.0))
    return min(found, default=None)


def batch_findings(times: Mapping[str, float]) -> list[Finding]:
    """Ratios that the targets are stated in."""
    found = []
    for ours, roof, bound in (
        ("ours, out", "C, ", 1.2),
        ("ours, fresh", "C, ", 1.8),
        ("ours at rate 0, out", "C at rate 0, ", 1.2),
        ("ours at rate 0, fresh", "C at rate 0, ", 1.8),
        ("ours black_second, out", "C second order, ", 1.4),
    ):
        limit = least(times, roof)
        if limit is not None:
            found.append(Finding(f"{ours} / {roof[:-2]}", times[ours] / limit, bound, "most"))
    peer = best_of_fast_vollib(times, "price + Greeks")
    if peer is not None:
        beside = times["ours, out, beside fast-vollib"]
        name = "fast-vollib best, price + Greeks / ours, out"
        found.append(Finding(name, peer / beside, 8.0, "least"))
    return found


def small_findings(times: Mapping[str, float]) -> list[Finding]:
    """The cost of one call from Python."""
    ours = times["ours, 10 options"]
    rungs = in_unit(times["ladder, 200 legs x 7 moves"], "us")
    found = [
        Finding("ours, 10 options in one call", in_unit(ours, "us"), 12.0, "most", "us"),
        Finding("ladder, 200 legs x 7 moves", rungs, 60.0, "most", "us"),
    ]
    floor = times["nothing: 10 options through numba, six new arrays"]
    notes = {
        "price + Greeks": "",
        "Greeks only": "less work than ours; a call that does nothing but pass the arrays and "
        f"make the results takes {in_unit(floor, 'us'):.1f} us",
    }
    for wanted, note in notes.items():
        peer = best_of_fast_vollib(times, wanted, ", 10 options")
        if peer is not None:
            name = f"fast-vollib best, {wanted} / ours, 10 options"
            found.append(Finding(name, peer / ours, 10.0, "least", note=note))
    return found


def table(quick: bool) -> Table:
    """One core: a large batch, one option at a time, and small calls."""
    count, rounds = (200_000, 5) if quick else (1_000_000, 15)
    inputs = market(count)
    ours = our_runs(inputs)
    times = best_times({**ours, **rooflines(inputs)}, rounds)
    beside = {"ours, out, beside fast-vollib": ours["ours, out"]}
    times |= best_times({**fast_vollib_runs(inputs), **beside}, 3 if quick else 5)
    small = best_times(small_runs(), 20 if quick else 60, repeats=100)
    scalar = best_times(scalar_runs(inputs), 2 if quick else 5)
    shown = [(name, in_unit(value, "ns", count), "ns an option") for name, value in times.items()]
    shown += [(name, in_unit(v, "ns", SCALAR), "ns an option") for name, v in scalar.items()]
    shown += [(name, in_unit(value, "us"), "us a call") for name, value in small.items()]
    title = f"Price and Greeks of {count:,} options, and of a few; one core"
    return Table(title, shown, batch_findings(times) + small_findings(small))


def parallel_table(quick: bool) -> Table:
    """The same batch over all cores that this process was given, beside one of them."""
    threads = len(CORES) or (os.cpu_count() or 1)
    shown, found = [], []
    for count in (200_000, 1_000_000):
        inputs = market(count)
        out = [np.ones(count) for _ in range(6)]

        def run(
            number: int, inputs: dict[str, Any] = inputs, out: list[Any] = out
        ) -> Callable[[], object]:
            def call() -> object:
                config.NUMBA_NUM_THREADS = number
                return pricing.black(**inputs, out=out)

            return call

        with all_cores():
            runs = {f"{number} thread(s), {count:,}": run(number) for number in (1, threads)}
            times = best_times(runs, 5 if quick else 15)
        shown += [(name, in_unit(v, "ns", count), "ns an option") for name, v in times.items()]
        one, many = (times[name] for name in runs) if threads > 1 else (1.0, 1.0)
        if threads > 1:
            busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
            note = f"load average {busy:.1f}: other processes on these cores take from the gain"
            name = f"gain of {threads} cores, {count:,}"
            found.append(Finding(name, one / many, 1.2, "least", note=note))
    return Table(f"Price and Greeks over {threads} core(s)", shown, found)


if __name__ == "__main__":
    main((__doc__ or "").splitlines()[0], table, parallel_table)

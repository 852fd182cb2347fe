"""Whole books on one core: Greeks after a tick, many books at once, revaluation over scenarios.

    python -m benchmarks.books [--json] [--quick]

Beside them in the same run: the obvious way with `pricing.black` and `book_greeks`, fast-vollib
with numpy sums, and the same work in C, compiled on the spot (gcc -Ofast, libmvec) where gcc is
present.  C and ours are checked against each other before anything is printed.
"""

import ctypes
import pathlib

import numpy as np

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

SOURCE = pathlib.Path(__file__).with_name("books_roofline.c")
EXPIRIES = 9
FORWARD = np.linspace(60_000.0, 65_000.0, EXPIRIES)


def columns(legs):
    """Legs as on a crypto exchange: a few hours to half a year, strikes two deviations about."""
    generator = np.random.default_rng(0)
    return {
        "strike": 62_000.0 * np.exp(generator.normal(0.0, 0.2, legs)),
        "time_to_expiry": generator.uniform(0.01, 0.5, legs),
        "vol": generator.uniform(0.2, 1.0, legs),
        "is_call": generator.random(legs) < 0.5,
        "quantity": generator.normal(0.0, 5.0, legs),
    }


def pointers(*arrays):
    return [ctypes.c_void_p(array.ctypes.data) for array in arrays]


def c_book_runs(legs, start, expiry):
    """The sums in C.  The arrays live as long as the runs, which hold them."""
    root, groups = np.sqrt(legs["time_to_expiry"]), start.size - 1
    sums = np.ones((groups, 6))
    arrays = (
        start, expiry, FORWARD, legs["strike"], root, legs["vol"], legs["quantity"],
        legs["is_call"], sums,
    )  # fmt: skip
    given = [ctypes.c_ssize_t(groups), *pointers(*arrays)]
    runs = {
        f"C, {name}": lambda f=library.book_roofline, keep=arrays: f(*given)
        for name, library in compiled(SOURCE).items()
    }
    return runs, sums


def agree(ours, theirs, runs):
    """Raise where C, when it ran, did other work than ours."""
    scale = np.abs(ours).max(axis=-1, keepdims=True)
    if runs and np.max(np.abs(ours - theirs) / scale) > 1e-9:
        raise AssertionError("C and ours disagree")


def naive_runs(legs, expiry, group, groups):
    """Unit Greeks of all legs, then sums: with our own functions and with fast-vollib."""
    unit = {name: legs[name] for name in ("strike", "time_to_expiry", "vol", "is_call")}
    quantity = legs["quantity"]

    def ours():
        return pricing.book_greeks(
            pricing.black(forward=FORWARD[expiry], **unit), quantity, group, groups
        )

    runs = {"pricing.black + book_greeks": ours}
    library = optional("fast_vollib")
    if library is None:
        return runs
    flags = np.where(legs["is_call"], "c", "p")
    rest = (legs["strike"], legs["time_to_expiry"], np.zeros(quantity.size), legs["vol"])

    def peer(backend):
        inputs = (flags, FORWARD[expiry], *rest)
        greeks = library.get_all_greeks(*inputs, model="black", backend=backend, return_as="dict")
        price = library.fast_black(*inputs, backend=backend, return_as="numpy")
        fields = [price, *(greeks[name] for name in ("delta", "gamma", "vega", "theta", "rho"))]
        return [np.bincount(group, quantity * field, groups) for field in fields]

    for backend in ("numba", "numpy"):
        runs[f"fast-vollib {backend} + numpy sums"] = lambda b=backend: peer(b)
    return runs


def beside(times, ours, bound):
    """Ratios to the roofline and to the peers, as findings."""
    found = []
    roof, peer = least(times, "C, "), least(times, "fast-vollib")
    if roof is not None:
        found.append(Finding(f"{ours} / C", times[ours] / roof, bound, "most"))
    if peer is not None:
        found.append(Finding(f"fast-vollib best / {ours}", peer / times[ours], 8.0, "least"))
    return found


def one_book(quick):
    """200 legs in 9 expiries after a tick of their forwards."""
    count = 200
    legs, expiry = columns(count), np.arange(count) * EXPIRIES // count
    start = np.searchsorted(expiry, np.arange(EXPIRIES + 1))
    book = pricing.PreparedBook(**legs, group=expiry, groups=EXPIRIES)
    scattered = pricing.PreparedBook(**legs, group=np.arange(count) % EXPIRIES, groups=EXPIRIES)
    out = pricing.Greeks(*(np.empty(EXPIRIES) for _ in range(6)))
    c_runs, c_sums = c_book_runs(legs, start, expiry)
    moves = np.array([0.94, 0.97, 0.99, 1.0, 1.01, 1.03, 1.06])
    runs = {
        "prepared, out": lambda: book.greeks(FORWARD, out=out),
        "prepared, vols new too, out": lambda: book.greeks(FORWARD, vol=legs["vol"], out=out),
        "prepared, fresh": lambda: book.greeks(FORWARD),
        "prepared, legs in any order, out": lambda: scattered.greeks(FORWARD, out=out),
        "prepared, by leg": lambda: book.greeks(FORWARD, by_leg=True),
        "updated vols": lambda: book.updated(vol=legs["vol"]),
        "prepared ladder, 7 moves": lambda: book.ladder(FORWARD, moves),
        "pricing.ladder, 7 moves": lambda: pricing.ladder(
            forward=FORWARD[expiry], **legs, group=expiry, groups=EXPIRIES, moves=moves
        ),
        **naive_runs(legs, expiry, expiry, EXPIRIES),
        **c_runs,
    }
    times = best_times(runs, 10 if quick else 60, 100)
    agree(np.array(book.greeks(FORWARD)), c_sums.T, c_runs)
    found = [Finding("prepared, out", times["prepared, out"] * 1e6, 6.0, "most", "us")]
    rows = [(name, in_unit(value, "us"), "us a tick") for name, value in times.items()]
    return Table(
        "one book of 200 legs in 9 expiries", rows, found + beside(times, "prepared, out", 3.0)
    )


def many_books(quick):
    """5,000 books of 50 legs, Greeks per book in one pass."""
    books, each = 5_000, 50
    count = books * each
    legs, expiry = columns(count), np.arange(count) % each * EXPIRIES // each
    start = np.arange(books + 1) * each
    prepared = pricing.PreparedBook.many(book_start=start, **legs, expiry=expiry, expiries=EXPIRIES)
    c_runs, c_sums = c_book_runs(legs, start, expiry)
    out = pricing.Greeks(*(np.empty(books) for _ in range(6)))
    runs = {
        "prepared, out": lambda: prepared.greeks(FORWARD, out=out),
        "prepared, vols new too, out": lambda: prepared.greeks(FORWARD, vol=legs["vol"], out=out),
        "updated vols": lambda: prepared.updated(vol=legs["vol"]),
        **naive_runs(legs, expiry, np.repeat(np.arange(books), each), books),
        **c_runs,
    }
    times = best_times(runs, 5 if quick else 40)
    agree(np.array(out), c_sums.T, c_runs)
    found = [Finding("prepared, out", times["prepared, out"] * 1e3, 3.0, "most", "ms")]
    rows = [(name, in_unit(value, "ms"), "ms a tick") for name, value in times.items()]
    return Table("5,000 books of 50 legs", rows, found + beside(times, "prepared, out", 1.5))


def c_scenario_runs(legs, expiry, move, shift, step):
    asset, pnl = FORWARD[expiry], np.ones(move.size)
    common = {name: legs[name] for name in ("strike", "time_to_expiry", "vol", "is_call")}
    value, log_move = pricing.black(forward=asset, **common).price, np.log(move)
    arrays = (
        asset, legs["strike"], legs["time_to_expiry"], legs["vol"], legs["quantity"], value,
        legs["is_call"], move, log_move, shift, step, pnl,
    )  # fmt: skip
    given = [ctypes.c_ssize_t(asset.size), ctypes.c_ssize_t(move.size), *pointers(*arrays)]
    runs = {
        f"C, {name}": lambda f=library.revalue_roofline, keep=arrays: f(*given)
        for name, library in compiled(SOURCE).items()
    }
    return runs, pnl


def revaluation(quick):
    """10,000 legs in 1,000 scenarios of spot, vol and time: the vector of P&L."""
    count, scenarios, few = 10_000, 200 if quick else 1_000, 10
    legs, expiry = columns(count), np.arange(count) * EXPIRIES // count
    generator = np.random.default_rng(1)
    move = np.exp(generator.normal(0.0, 0.05, scenarios))
    shift, step = generator.uniform(-0.1, 0.1, scenarios), np.full(scenarios, 1.0 / 365.0)
    book = pricing.PreparedBook(**legs, group=expiry, groups=EXPIRIES)
    c_runs, c_pnl = c_scenario_runs(legs, expiry, move, shift, step)
    given = {"move": move, "vol_shift": shift, "time_step": step}

    runs = {
        "scenario_pnl": lambda: pricing.scenario_pnl(book, FORWARD, **given),
        "scenario_pnl by group": lambda: pricing.scenario_pnl(
            book, FORWARD, **given, by_group=True
        ),
        **c_runs,
    }
    slow = {
        name: lambda f=price: cube(f, legs, expiry, move[:few], shift[:few], step[:few])
        for name, price in cube_prices(legs, few).items()
    }
    times = best_times(runs, 3 if quick else 15)
    agree(pricing.scenario_pnl(book, FORWARD, **given), c_pnl, c_runs)
    times = {name: value / (count * scenarios) for name, value in times.items()}
    others = best_times(slow, 2 if quick else 5)
    times |= {name: value / (count * few) for name, value in others.items()}
    found = [Finding("scenario_pnl", times["scenario_pnl"] * 1e9, 15.0, "most", "ns")]
    rows = [(name, in_unit(value, "ns"), "ns a revaluation") for name, value in times.items()]
    title = f"10,000 legs in {scenarios:,} scenarios"
    return Table(title, rows, found + beside(times, "scenario_pnl", 1.5))


def cube(price, legs, expiry, move, shift, step):
    """The obvious way: a piece of the cube of scenarios x legs, priced in one call."""
    prices = price(
        (move[:, None] * FORWARD[expiry]).ravel(),
        (legs["time_to_expiry"] - step[:, None]).ravel(),
        (legs["vol"] + shift[:, None]).ravel(),
    )
    return prices.reshape(move.size, -1) @ legs["quantity"]


def cube_prices(legs, few):
    """Functions of forward, time and vol for `few` scenarios of these legs at once."""
    strike, is_call = np.tile(legs["strike"], few), np.tile(legs["is_call"], few)
    out = pricing.Greeks(*(np.empty(strike.size) for _ in range(6)))

    def ours(forward, time, vol):
        return pricing.black(
            forward=forward, strike=strike, time_to_expiry=time, vol=vol, is_call=is_call, out=out
        ).price

    prices = {"pricing.black over the cube": ours}
    library = optional("fast_vollib")
    if library is not None:
        flags, rate = np.where(is_call, "c", "p"), np.zeros(strike.size)
        for backend in ("numba", "numpy"):
            prices[f"fast-vollib {backend} over the cube"] = lambda f, t, v, b=backend: (
                library.fast_black(flags, f, strike, t, rate, v, backend=b, return_as="numpy")
            )
    return prices


def table(quick):
    """All of it as one table."""
    parts = [part(quick) for part in (one_book, many_books, revaluation)]
    times = [(f"{p.title}: {name}", value, unit) for p in parts for name, value, unit in p.times]
    findings = [f._replace(name=f"{p.title}: {f.name}") for p in parts for f in p.findings]
    return Table("books", times, findings)


if __name__ == "__main__":
    main(__doc__.splitlines()[0], one_book, many_books, revaluation)

"""The pictures of docs/BANDS.md, drawn from what is computed here and from nothing else.

    python -m benchmarks.pictures [FOLDER]

Bands around the optimum's, half-way through C1, and the frontier of cost and risk of the same book:
two SVG files in FOLDER (docs/pictures). Takes a minute.
"""

import argparse
import pathlib

import numpy as np
import numpy.typing as npt

from benchmarks.bands import CASES, STEPS, study
from hedger.backtest.chart import Line, lines, standalone
from hedger.backtest.compare import compared
from hedger.backtest.frame import COLOURS
from hedger.backtest.numerical import Leg, optimum
from hedger.backtest.picture import frontier
from hedger.backtest.study import DAYS, Policy
from hedger.core.bands import formulas
from pricing import black
from pricing.conventions import Greeks

Array = npt.NDArray[np.float64]
FOLDER = pathlib.Path("docs/pictures")
CASE, STRIKE = CASES["C1"], 100.0
LEFT, RIGHT, POINTS = 75.0, 135.0, 121
THRESHOLD = 0.12
PATHS = 20_000
RIVALS = (
    Policy("optimum", "numerical"),
    Policy("cubic, default clip", "cubic", 0.1),
    Policy("Whalley-Wilmott", "whalley_wilmott", 0.0),
    Policy("Zakamouline", "zakamouline", 0.0),
    Policy("threshold, flattened", "fixed", half_width=THRESHOLD),
    Policy("timer, 8 hours", "interval", every_steps=8),
)


def bands() -> str:
    """Edges of each band beside the hedge without cost, half-way through the case."""
    spots = np.linspace(LEFT, RIGHT, POINTS)
    low, high = _optimum(spots)
    drawn = [Line("optimum", low, COLOURS[0]), Line("", high, COLOURS[0])]
    for number, (name, (down, up)) in enumerate(_formulas(spots).items(), start=1):
        drawn += [Line(name, down, COLOURS[number]), Line("", up, COLOURS[number])]
    label = "spot; upwards: hedge beyond minus the book's delta, per option"
    return standalone(lines(spots, drawn, label), "No-trade bands of a short call, half-way")


def _optimum(spots: Array) -> tuple[Array, Array]:
    """The dynamic program's own edges, between its nodes."""
    years = CASE.days / DAYS
    found = optimum(
        (Leg(-1.0, STRIKE, years, True),),
        spot=STRIKE,
        vol=CASE.vol,
        horizon=years,
        steps=STEPS,
        risk_aversion=CASE.aversion,
        proportional=CASE.proportional,
    )
    row = STEPS // 2
    drift = -0.5 * CASE.vol**2 * years * row / STEPS
    nodes = (np.arange(found.edges.shape[1]) - found.middle) * found.width + drift
    at = np.log(spots / STRIKE)
    return np.interp(at, nodes, found.edges[row, :, 1]), np.interp(
        at, nodes, found.edges[row, :, 2]
    )


def _formulas(spots: Array) -> dict[str, tuple[Array, Array]]:
    """Lower and upper edge of each formula, at the same instant."""
    cost, aversion, vol = CASE.proportional, CASE.aversion, CASE.vol
    left = 0.5 * CASE.days / DAYS
    gammas = [-float(it) for it in _call(spots, left, np.full(POINTS, vol)).gamma]
    places = list(zip(spots.tolist(), gammas, strict=True))
    delay = CASE.days / DAYS / STEPS
    cubic = np.array(
        [formulas.cubic(cost, s, g, g * g, vol, left, aversion, delay) for s, g in places]
    )
    ww = np.array([formulas.whalley_wilmott(cost, s, g * g, aversion) for s, g in places])
    zak = np.array([formulas.zakamouline(cost, s, g, vol, left, aversion) for s, g in places])
    vols = np.array([formulas.zakamouline_vol(cost, s, g, vol, left, aversion) for s, g in places])
    centre = _call(spots, left, vols).delta - _call(spots, left, np.full(POINTS, vol)).delta
    flat = np.full(POINTS, THRESHOLD)
    return {
        "cubic": (-cubic, cubic),
        "Whalley-Wilmott": (-ww, ww),
        "Zakamouline": (centre - zak, centre + zak),
        "threshold": (-flat, flat),
    }


def _call(spots: Array, left: float, vols: Array) -> Greeks:
    return black(forward=spots, strike=STRIKE, time_to_expiry=left, vol=vols, is_call=True)


def drawn_frontier() -> str:
    """Mean cost against std of each policy as its one number is turned."""
    done = compared(study(CASE, PATHS, RIVALS), frontier=True)
    return standalone(frontier(done), "Mean cost and std of hedging a short call for 30 days")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, nargs="?", default=FOLDER)
    folder: pathlib.Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bands.svg").write_text(bands(), encoding="utf-8")
    (folder / "frontier.svg").write_text(drawn_frontier(), encoding="utf-8")


if __name__ == "__main__":
    main()

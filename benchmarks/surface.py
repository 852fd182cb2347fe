"""Surfaces fitted to a recorded week of bids and asks, beside QuantLib's SVI smile by smile.

    python -m benchmarks.surface [--json] [--quick]

The chain is 65 snapshots of all listed BTC options.  Out-of-the-money quotes become vols; every
expiry takes part, down to the last hour, where the bid is mostly missing.  A slice needs 4
two-sided quotes, 8 for five parameters.  Errors are surface minus mid, over all two-sided quotes of
all fitted slices, dropped ones included.  Arbitrage is counted by other code than the fit's: on an
even grid of log-moneyness from -3 to 3, through `Surface.vol`.
"""

import csv
import gzip
import pathlib
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

import pricing
from benchmarks.measure import Finding, Table, best_times, main, optional

CHAIN = (
    pathlib.Path(__file__).resolve().parents[2]
    / "shared" / "data" / "btc_options_chain_20260625_20260702.csv.gz"
)  # fmt: skip
GRID = np.linspace(-3.0, 3.0, 1201)


class Snapshot(NamedTuple):
    """One moment of the whole chain, one element for each option."""

    strike: np.ndarray
    forward: np.ndarray
    time: np.ndarray
    is_call: np.ndarray
    bid: np.ndarray  # coin; NaN without a quote
    ask: np.ndarray
    mark_vol: np.ndarray

    def quotes(self) -> dict[str, np.ndarray]:
        """The out-of-the-money side as vols, ready for `pricing.fit_surface`."""
        out = (self.strike >= self.forward) == self.is_call
        option = {
            "forward": self.forward[out],
            "strike": self.strike[out],
            "time_to_expiry": self.time[out],
            "is_call": self.is_call[out],
        }
        return {
            "log_moneyness": np.log(option["strike"] / option["forward"]),
            "time_to_expiry": option["time_to_expiry"],
            "bid_vol": pricing.inverse_implied_vol(price=self.bid[out], **option).vol,
            "ask_vol": pricing.inverse_implied_vol(price=self.ask[out], **option).vol,
        }


def snapshots(every: int = 1) -> Iterator[Snapshot]:
    """Each `every`-th snapshot of the recorded chain; none where the file is missing."""
    if not CHAIN.exists():
        return
    with gzip.open(CHAIN, "rt") as lines:
        rows = list(csv.DictReader(lines))
    names = (
        "strike",
        "forward_usd",
        "timestamp_ms",
        "expiry_ms",
        "bid_btc",
        "ask_btc",
        "mark_iv_pct",
    )
    column = {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}
    is_call = np.array([row["option_type"] == "call" for row in rows])
    years = (column["expiry_ms"] - column["timestamp_ms"]) / pricing.conventions.MS_PER_YEAR
    for moment in np.unique(column["timestamp_ms"])[::every]:
        here = column["timestamp_ms"] == moment
        yield Snapshot(
            column["strike"][here],
            column["forward_usd"][here],
            years[here],
            is_call[here],
            column["bid_btc"][here],
            column["ask_btc"][here],
            column["mark_iv_pct"][here] / 100.0,
        )


def violations(surface: pricing.Surface) -> tuple[int, int]:
    """Slices with a butterfly, and neighbours with a calendar, on the even grid."""
    k, t = np.meshgrid(GRID, surface.times)
    vol, skew, curvature, _ = surface.vol(log_moneyness=k, time_to_expiry=t)
    w, slope = vol * vol * t, 2.0 * vol * skew * t
    bend = 2.0 * t * (skew * skew + vol * curvature)
    g = (1.0 - 0.5 * k * slope / w) ** 2 - 0.25 * slope**2 * (1.0 / w + 0.25) + 0.5 * bend
    butterflies = int((g.min(axis=1) < 0.0).sum()) + int(np.isnan(g).any())
    return butterflies, int((np.diff(w, axis=0).min(axis=1, initial=np.inf) < 0.0).sum())


class Outcome(NamedTuple):
    """All snapshots of one family together."""

    error_vol: np.ndarray
    error_widths: np.ndarray
    butterflies: int
    calendars: int
    slices: int
    unsettled: int
    without: int  # expiries with too few quotes
    dropped: int  # absurd quotes
    milliseconds: list[float]


def outcome(chain: list[dict[str, np.ndarray]], family: str, rounds: int = 1) -> Outcome:
    """Fit every snapshot; the time is the best of `rounds`."""
    vols, widths, counts, times = [], [], np.zeros(6, int), []
    for quotes in chain:
        times.append(np.inf)
        for _ in range(rounds):
            start = time.perf_counter()
            fit = pricing.fit_surface(**quotes, family=family)
            times[-1] = min(times[-1], (time.perf_counter() - start) * 1e3)
        two_sided = np.isfinite(fit.error_vol)
        vols.append(np.abs(fit.error_vol[two_sided]))
        widths.append(np.abs(fit.error_widths[two_sided]))
        status = np.array([slice_.status for slice_ in fit.quality])
        counts += [
            *violations(fit.surface),
            len(fit.surface.slices),
            (status == pricing.FitStatus.NOT_CONVERGED).sum(),
            (status == pricing.FitStatus.TOO_FEW_QUOTES).sum(),
            (two_sided & ~fit.used).sum(),
        ]
    return Outcome(np.concatenate(vols), np.concatenate(widths), *counts.tolist(), times)


def held_out(chain: list[dict[str, np.ndarray]], family: str) -> np.ndarray:
    """Errors in bid-ask widths at every third quote, fitted without those."""
    errors = []
    for quotes in chain:
        hidden = np.arange(quotes["bid_vol"].size) % 3 == 1
        fit = pricing.fit_surface(
            **{name: value[~hidden] for name, value in quotes.items()}, family=family
        )
        k, time_, bid, ask = (value[hidden] for value in quotes.values())
        inside = np.isin(time_, fit.surface.times) & np.isfinite(bid + ask)
        vol = fit.surface.vol(log_moneyness=k, time_to_expiry=time_).vol
        errors.append((np.abs(vol - 0.5 * (bid + ask)) / np.maximum(ask - bid, 1e-3))[inside])
    return np.concatenate(errors)


def quantlib_fit(quantlib, quotes: dict[str, np.ndarray]) -> np.ndarray:
    """Errors in vol of QuantLib's vega-weighted SVI to mids, expiry by expiry, no constraints.

    It counts whole days, so vols are scaled to keep the total variance; expiries within a day are
    left to us.
    """
    today = quantlib.Date(1, 1, 2030)
    quantlib.Settings.instance().evaluationDate = today
    ends = quantlib.EndCriteria(400, 50, 1e-8, 1e-8, 1e-8)  # 7 times faster than its default
    mid, errors = 0.5 * (quotes["bid_vol"] + quotes["ask_vol"]), []
    for expiry in np.unique(quotes["time_to_expiry"]):
        here = (quotes["time_to_expiry"] == expiry) & np.isfinite(mid)
        days = round(float(expiry) * 365.0)
        if days < 1 or here.sum() < 8:
            continue
        scale = np.sqrt(expiry / (days / 365.0))
        k, vols = quotes["log_moneyness"][here], mid[here] * scale
        order = np.argsort(k)
        k, vols = k[order], vols[order]
        level = float(np.interp(0.0, k, vols)) ** 2 * days / 365.0
        start = (0.5 * level, 0.25 * level**0.5, 0.5 * level**0.5, -0.3, 0.0)  # a b sigma rho m
        smile = quantlib.SviInterpolatedSmileSection(
            today + days, 1.0, np.exp(k).tolist(), False, float(level), vols.tolist(),
            *start, False, False, False, False, False, True, ends,
        )  # fmt: skip
        fitted = np.array([smile.volatility(strike) for strike in np.exp(k).tolist()])
        errors.append(np.abs(fitted - vols) / scale)
    return np.concatenate(errors)


def _lines(family: str, done: Outcome) -> list[tuple[str, float, str]]:
    rows = [
        ("slices fitted", done.slices, "slices"),
        ("expiries with too few quotes", done.without, "expiries"),
        ("slices not converged", done.unsettled, "slices"),
        ("absurd quotes dropped", done.dropped, "quotes"),
        ("error, median", 100.0 * float(np.median(done.error_vol)), "vol points"),
        ("error, 99 %", 100.0 * float(np.quantile(done.error_vol, 0.99)), "vol points"),
        ("error, worst", 100.0 * float(done.error_vol.max()), "vol points"),
        ("error, median", float(np.median(done.error_widths)), "bid-ask widths"),
        ("error, 99 %", float(np.quantile(done.error_widths, 0.99)), "bid-ask widths"),
        ("error, worst", float(done.error_widths.max()), "bid-ask widths"),
        ("quotes met inside their spread", 100.0 * np.mean(done.error_widths <= 0.5), "%"),
        ("a surface, median of best of 3", float(np.median(done.milliseconds)), "ms"),
        ("a surface, worst of best of 3", float(np.max(done.milliseconds)), "ms"),
    ]
    return [(f"{family}: {name}", float(value), unit) for name, value, unit in rows]


def evaluation_ns(surface: pricing.Surface) -> float:
    """One vol with skew and curvature, in a batch of 100,000 random points [ns]."""
    generator = np.random.default_rng(0)
    k, t = generator.normal(0.0, 0.3, 100_000), generator.uniform(0.0, 1.2, 100_000)
    run = {"evaluate": lambda: surface.vol(log_moneyness=k, time_to_expiry=t)}
    return best_times(run, 20)["evaluate"] / k.size * 1e9


def table(quick: bool) -> Table:
    """Both families on the recorded week, and QuantLib on one snapshot of it."""
    chain = [snapshot.quotes() for snapshot in snapshots(13 if quick else 1)]
    title = f"surfaces on {len(chain)} recorded snapshots"
    if not chain:
        return Table(f"{title}: {CHAIN.name} is not here", [], [])
    pricing.fit_surface(**chain[0])  # compiled by now
    done = {family: outcome(chain, family, rounds=3) for family in ("svi", "essvi")}
    lines = [line for family, found in done.items() for line in _lines(family, found)]
    for family in done:
        hidden = held_out(chain, family)
        lines += [
            (f"{family}: quotes left out of the fit, median", np.median(hidden), "bid-ask widths"),
            (f"{family}: the same, inside", 100.0 * np.mean(hidden <= 0.5), "%"),
        ]
    lines.append(
        (
            "vol, skew, curvature",
            evaluation_ns(pricing.fit_surface(**chain[0]).surface),
            "ns a point",
        )
    )
    svi = done["svi"]
    error, speed = float(np.median(svi.error_widths)), float(np.median(svi.milliseconds))
    findings = [
        Finding("svi, median error", error, 0.5, "most", "wide"),
        Finding("svi, median time of a surface", speed, 50.0, "most", "ms"),
        Finding("butterflies, both", sum(d.butterflies for d in done.values()), 0, "most"),
        Finding("calendars, both", sum(d.calendars for d in done.values()), 0, "most"),
    ]  # fmt: skip
    quantlib = optional("QuantLib")
    if quantlib is not None:
        runs = {
            "ours": lambda: pricing.fit_surface(**chain[0]),
            "quantlib": lambda: quantlib_fit(quantlib, chain[0]),
        }
        times = best_times(runs, 3 if quick else 10)
        errors = 100.0 * quantlib_fit(quantlib, chain[0])
        lines.append(("QuantLib SVI, one snapshot: median error", np.median(errors), "vol points"))
        lines.append(("QuantLib SVI, one snapshot: worst error", errors.max(), "vol points"))
        lines.append(("QuantLib SVI, one snapshot", times["quantlib"] * 1e3, "ms"))
        lines.append(("svi, the same snapshot", times["ours"] * 1e3, "ms"))
        ratio = times["quantlib"] / times["ours"]
        findings.append(Finding("QuantLib SVI / ours", ratio, 1.0, "least", "x"))
    return Table(title, lines, findings)


if __name__ == "__main__":
    main(__doc__.splitlines()[0], table)

"""The recorded week of bids and asks: errors, arbitrage and forwards, where the data is at hand."""

import numpy as np
import pytest

import pricing
from benchmarks.surface import CHAIN, held_out, outcome, snapshots


@pytest.fixture(name="chain", scope="module")
def _chain():
    if not CHAIN.exists():
        pytest.skip(f"the recorded chain is not here: ../shared/data/{CHAIN.name}")
    return list(snapshots())


@pytest.mark.parametrize(("family", "vol", "widths"), [("svi", 0.002, 0.15), ("essvi", 0.007, 0.5)])
def test_all_snapshots(chain, family, vol, widths):
    done = outcome([snapshot.quotes() for snapshot in chain], family)
    print(
        f"{family}: {done.slices} slices of {len(chain)} surfaces, {done.without} without, "
        f"{done.unsettled} not converged, {done.dropped} quotes dropped; error median "
        f"{100 * np.median(done.error_vol):.3f} worst {100 * done.error_vol.max():.2f} vol points, "
        f"median {np.median(done.error_widths):.3f} worst {done.error_widths.max():.2f} widths; "
        f"{done.butterflies} butterflies, {done.calendars} calendars; "
        f"{np.median(done.milliseconds):.1f} ms a surface"
    )
    assert len(chain) == 65
    assert done.slices + done.without > 12 * len(chain)
    assert done.slices > 0.97 * (done.slices + done.without)
    assert (done.butterflies, done.calendars) == (0, 0)
    assert done.unsettled <= 0.01 * done.slices
    assert np.median(done.error_vol) < vol
    assert np.median(done.error_widths) < widths
    if family == "svi":
        assert done.error_widths.max() < 2.0
        assert np.mean(done.error_widths <= 0.5) > 0.95


def test_quotes_that_the_fit_has_not_seen(chain):
    hidden = held_out([snapshot.quotes() for snapshot in chain[::6]], "svi")
    print(f"left out: median {np.median(hidden):.3f} widths, {np.mean(hidden <= 0.5):.3f} inside")
    assert hidden.size > 1000
    assert np.median(hidden) < 0.2
    assert np.mean(hidden <= 0.5) > 0.85


def test_marks_lie_near_the_surface(chain):
    """The exchange's own mark vols, which the fit has not seen."""
    snapshot = chain[len(chain) // 2]
    quotes = snapshot.quotes()
    surface = pricing.fit_surface(**quotes).surface
    k, time = quotes["log_moneyness"], quotes["time_to_expiry"]
    mark = snapshot.mark_vol[(snapshot.strike >= snapshot.forward) == snapshot.is_call]
    near = np.abs(k) < 0.5 * np.sqrt(time)  # about a standard deviation at these vols
    gap = np.abs(surface.vol(log_moneyness=k, time_to_expiry=time).vol - mark)[near]
    assert near.sum() > 100
    assert np.median(gap) < 0.003
    assert gap.max() < 0.05


def parity(snapshot, here, discount):
    """The forward of one expiry from its quotes in coin."""
    strikes = np.unique(snapshot.strike[here])
    sides = {}
    for name, is_call in (("call", True), ("put", False)):
        chosen = here & (snapshot.is_call == is_call)
        at = np.searchsorted(strikes, snapshot.strike[chosen])
        for side, column in (("bid", snapshot.bid), ("ask", snapshot.ask)):
            sides[f"{name}_{side}"] = np.full(strikes.size, np.nan)
            sides[f"{name}_{side}"][at] = column[chosen]
    return pricing.forward_from_parity(strike=strikes, discount=discount, in_coin=True, **sides)


def test_forwards_from_parity(chain):
    """The exchange settles in coin without interest: discount 1 and its own forward."""
    away, deviations, rates = [], [], []
    for snapshot in chain[::4]:
        for time in np.unique(snapshot.time):
            here = snapshot.time == time
            found = parity(snapshot, here, 1.0)
            if found.status != pricing.ForwardStatus.OK:
                assert found.pairs < 2
                continue
            gap = found.forward - np.median(snapshot.forward[here])
            away.append(abs(gap) / found.forward)
            deviations.append(abs(gap) / found.forward_error)
            free = parity(snapshot, here, None)
            if free.status == pricing.ForwardStatus.OK:
                rates.append(abs(free.discount - 1.0) / free.discount_error)
    print(
        f"{len(away)} forwards: median {1e4 * np.median(away):.2f} bp, "
        f"worst {1e4 * np.max(away):.2f} bp, {np.max(deviations):.2f} of their own errors"
    )
    assert len(away) > 200
    assert np.median(away) < 2e-4
    assert np.max(away) < 15e-4
    assert np.quantile(deviations, 0.99) < 3.0
    assert np.quantile(rates, 0.99) < 3.0

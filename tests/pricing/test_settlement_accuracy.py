"""Settlement on a mean against 20 digits, quadrature and paths, and Greeks against differences."""

import itertools

import numpy as np
import pytest
from scipy import interpolate, special

import pricing

NODES, WEIGHTS = np.polynomial.legendre.leggauss(100)
FEW = np.polynomial.legendre.leggauss(20)
WINDOW = pricing.SETTLEMENT_WINDOW
# Error in units of (vol^2 window)^1.5 of the forward: what the docstrings claim
LINEAR, COIN = 2.5e-3, 5e-3
FAR = [-2.0, -0.7, 0.0, 0.7, 2.0]


def times_of(time, samples):
    """Times of the samples to come and their share of the mean, in windows."""
    left = min(samples, int(np.ceil(time * samples - 1e-6)))
    return time - np.arange(left - 1, -1, -1) / samples, left / samples


def deviation(times, vol):
    return vol * np.sqrt(np.minimum.outer(times, times).mean())


def linear(forward, left, times_now, share, vol, is_call, samples, known=0.0):
    """Price of the option on what is to come, of a strike `left` on it."""
    strike = share * left + known
    mean = known / (1.0 - share) if share < 1.0 else np.nan
    greeks = pricing.settling(
        forward=forward, strike=strike, time_to_expiry=times_now, vol=vol, is_call=is_call,
        running_mean=mean, window=1.0, samples=float(samples),
    )  # fmt: skip
    return greeks.price / share


@pytest.mark.parametrize("variance", [2e-5, 1e-3, 1e-2])
@pytest.mark.parametrize(("time", "samples"), [(1.0, 2), (3.0, 2), (0.5, 4)])
def test_two_samples_to_come_against_20_digits(variance, time, samples):
    """Given the first sample the mean of two is a lognormal again: one smooth integral."""
    mp = pytest.importorskip("mpmath").mp
    times, share = times_of(time, samples)
    vol = variance**0.5
    with mp.workdps(20):
        first = vol * mp.sqrt(times[0])
        second = vol * mp.sqrt(times[1] - times[0])
        for far in FAR:
            left = float(np.exp(far * deviation(times, vol)))

            def inner(z, left=left):
                sample = mp.exp(first * z - first**2 / 2)
                strike = 2 * left - sample
                if strike <= 0:
                    return (sample - strike) / 2 * mp.npdf(z)
                d1 = mp.log(sample / strike) / second + second / 2
                price = (sample * mp.ncdf(d1) - strike * mp.ncdf(d1 - second)) / 2
                return price * mp.npdf(z)

            exact = mp.quad(inner, [-10, -3, 3, 10], method="gauss-legendre", maxdegree=5)
            for known in (0.0, 0.47):
                mean = known if share < 1.0 else 0.0
                ours = linear(1.0, left, time, share, vol, True, samples, mean)
                assert abs(ours - exact) < LINEAR * variance**1.5


def recursion(left, times, vol):
    """Price of the option on the mean of any number of samples: Vecer's one-dimensional recursion.

    With the index as numeraire the state is (what is known less the strike) / index; one step is
    an integral over a normal, the last of them Black's formula.
    """
    count = times.size
    widths = vol * np.sqrt(np.diff(times, prepend=0.0))
    z, bell = 9.0 * NODES, 9.0 * WEIGHTS * np.exp(-40.5 * NODES**2) / np.sqrt(2.0 * np.pi)

    def last(state):
        owed, width = np.maximum(-state, 1e-300), widths[-1]
        near = -np.log(owed * count) / width
        lost = special.ndtr(near + 0.5 * width) / count - owed * special.ndtr(near - 0.5 * width)
        return np.where(state < 0.0, lost, 1.0 / count + state)

    def stepped(later, width):
        moves = np.exp(-width * z - 0.5 * width**2)
        return lambda state: later(state[:, None] * moves + 1.0 / count) @ bell

    later = last
    for k in range(count - 2, -1, -1):
        now = stepped(later, widths[k])
        if k:
            share = (count - k) / count
            reach = 12.0 * vol * np.sqrt((times[k:] - times[k - 1]).mean()) * share
            grid = np.linspace(-share - reach, -share + reach, 500)
            spline = interpolate.make_interp_spline(grid, now(grid), k=7)

            def later(state, spline=spline, low=grid[0], high=grid[-1], share=share):
                inside = spline(np.clip(state, low, high))
                return np.where(state <= low, 0.0, np.where(state >= high, state + share, inside))

    return now(np.array([-left]))[0]


@pytest.mark.parametrize("variance", [2e-5, 1e-3])
@pytest.mark.parametrize(("time", "samples"), [(1.0, 5), (1.0, 12), (0.5, 20), (2.0, 8)])
def test_more_samples_against_the_recursion(variance, time, samples):
    vol = variance**0.5
    times, share = times_of(time, samples)
    two = times_of(1.0, 2)[0]  # the reference itself against the one of two samples
    assert recursion(1.0, two, vol) == pytest.approx(
        linear(1.0, 1.0, 1.0, 1.0, vol, True, 2), abs=LINEAR * variance**1.5
    )
    worst = plain = 0.0
    for far in (-1.0, -0.5, 0.0, 0.5, 1.0):
        left = float(np.exp(far * deviation(times, vol)))
        exact = recursion(left, times, vol)
        known = 0.0 if share == 1.0 else 0.5
        worst = max(worst, abs(linear(1.0, left, time, share, vol, True, samples, known) - exact))
        black = pricing.black(
            forward=1.0, strike=left, time_to_expiry=1.0, vol=deviation(times, vol), is_call=True
        )
        plain = max(plain, abs(black.price - exact))
    print(f"error {worst:.1e}, of a plain lognormal {plain:.1e} of the forward")
    assert worst < LINEAR * variance**1.5
    assert plain > 10.0 * worst


def coin_reference(strike, known, share, times, vol, is_call):
    """Two samples to come in the coin measure, split at the kink: quadrature near 1e-14."""
    first, second = vol * np.sqrt(times[0]), vol * np.sqrt(times[1] - times[0])
    edges = np.linspace(-9.0, 9.0, 4)
    half = 0.5 * np.diff(edges)[:, None]
    z = (half * NODES + 0.5 * (edges[:-1] + edges[1:])[:, None]).ravel()
    density = (half * WEIGHTS).ravel() * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    sample = np.exp(0.5 * first**2 + first * z)
    need = np.maximum(2.0 * (strike - known) / share - sample, 1e-300)
    kink = np.clip(np.log(need / sample) / second - 0.5 * second, -10.0, 10.0)
    total = np.zeros_like(kink)
    ends = (kink, np.maximum(kink, 0.0), 10.0) if is_call else (-10.0, np.minimum(kink, 0.0), kink)
    for start, stop in itertools.pairwise(ends):
        low, high = np.broadcast_to(start, kink.shape), np.broadcast_to(stop, kink.shape)
        y = 0.5 * (high - low)[:, None] * NODES + 0.5 * (high + low)[:, None]
        last = sample[:, None] * np.exp(0.5 * second**2 + second * y)
        paid = np.abs(1.0 - strike / (known + 0.5 * share * (sample[:, None] + last)))
        bell = np.exp(-0.5 * y * y) / np.sqrt(2.0 * np.pi)
        total += 0.5 * (high - low) * (paid * bell * WEIGHTS).sum(1)
    return (density * total).sum()


@pytest.mark.parametrize("variance", [2e-5, 1e-3, 1e-2])
@pytest.mark.parametrize(
    ("time", "samples", "mean"),
    [(1.0, 2, 1.0), (3.0, 2, 1.0), (0.5, 4, 1.0), (0.5, 4, 1.02), (0.5, 4, 0.5), (0.1, 20, 0.9)],
)
def test_coin_against_quadrature(variance, time, samples, mean):
    vol = variance**0.5
    times, share = times_of(time, samples)
    assert times.size == 2
    known = (1.0 - share) * mean
    strikes = [share * np.exp(far * deviation(times, vol)) + known for far in FAR]
    strikes += [0.9 * known] if known else []  # certainly passed
    for strike in strikes:
        for is_call in (True, False):
            ours = pricing.settling_inverse(
                forward=1.0, strike=strike, time_to_expiry=time, vol=vol, is_call=is_call,
                running_mean=mean, window=1.0, samples=float(samples),
            )  # fmt: skip
            exact = coin_reference(strike, known, share, times, vol, is_call)
            assert abs(ours.price - exact) < COIN * variance**1.5 + 1e-14


def geometric(vol, times, drift, payoff):
    """Expectation of a payoff of the geometric mean of the samples, which is lognormal."""
    sd = deviation(times, vol)
    centre = drift * vol * vol * times.mean()
    edges = np.linspace(-9.0, 9.0, 401)  # the kink's error shrinks with the panels' square
    half = 0.5 * np.diff(edges)[:, None]
    z = (half * FEW[0] + 0.5 * (edges[:-1] + edges[1:])[:, None]).ravel()
    weight = (half * FEW[1]).ravel() * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    return (weight * payoff(np.exp(centre + sd * z))).sum()


@pytest.mark.parametrize("coin", [False, True])
def test_the_venues_450_samples_against_paths(coin):
    """Half-way at 600 % vol; the geometric mean takes nearly all of the noise away."""
    vol, time, paths = 6.0 * np.sqrt(WINDOW), 0.5, 20_000
    times, share = times_of(time, 450)
    steps = np.sqrt(np.diff(times, prepend=0.0))
    normals = np.random.default_rng(5).standard_normal((paths, times.size))
    drift = 0.5 if coin else -0.5
    logs = vol * np.cumsum(normals * steps, axis=1) + drift * vol * vol * times
    mean, middle = np.exp(logs).mean(1), np.exp(logs.mean(1))
    known = 0.5 * 1.001
    function = pricing.settling_inverse if coin else pricing.settling
    for far in (-1.0, 0.3, 1.0):
        strike = known + share * np.exp(far * deviation(times, vol))

        def payoff(rest, strike=strike):
            settled = known + share * rest
            return np.maximum(settled - strike, 0.0) / (settled if coin else 1.0)

        noise = payoff(mean) - payoff(middle)
        exact = noise.mean() + geometric(vol, times, drift, payoff)
        error = noise.std() / np.sqrt(paths)
        ours = function(
            forward=1.0, strike=strike, time_to_expiry=time, vol=vol, is_call=True,
            running_mean=2.0 * known, window=1.0,
        ).price  # fmt: skip
        assert error < 3e-7
        assert abs(ours - exact) < 4.0 * error + COIN * vol**3
        if not coin and far > 0.5:  # the paths tell a plain lognormal from the truth
            plain = pricing.black(
                forward=1.0, strike=(strike - known) / share, time_to_expiry=1.0,
                vol=deviation(times, vol), is_call=True,
            ).price  # fmt: skip
            assert abs(share * plain - exact) > 8.0 * error


# --- derivatives --------------------------------------------------------------------------------

STEP = 0.02  # of the mean's standard deviation


def cases(count=400, seed=3):
    """Inside the window and before it, half-way between two samples; up to three deviations."""
    generator = np.random.default_rng(seed)
    samples = generator.integers(2, 60, count).astype(float)
    due = np.where(generator.random(count) < 0.7, generator.integers(1, samples + 1), 3.0 * samples)
    time = (due - 0.5) / samples
    vol = np.exp(generator.uniform(np.log(1e-3), np.log(0.1), count))
    deviations = generator.uniform(-3.0, 3.0, count)
    share = np.minimum(np.ceil(time * samples) / samples, 1.0)
    mean = 100.0 * np.exp(generator.normal(0.0, 0.02, count))
    width = vol * np.sqrt(np.maximum(time - 2.0 / 3.0, time / 3.0))
    left = 100.0 * np.exp(deviations * width)
    return {
        "forward": np.full(count, 100.0),
        "strike": share * left + (1.0 - share) * mean,
        "time_to_expiry": time,
        "vol": vol,
        "is_call": generator.random(count) < 0.5,
        "running_mean": mean,
        "samples": samples,
        "window": 1.0,
    }, width


def slope(value, at, step):
    """Five-point central difference."""
    near, far = value(at + step) - value(at - step), value(at + 2 * step) - value(at - 2 * step)
    return (8.0 * near - far) / (12.0 * step)


@pytest.mark.parametrize("function", ["settling", "settling_inverse"])
def test_greeks_against_differences(function):
    inputs, width = cases()
    call = getattr(pricing, function)
    greeks = call(**inputs)
    forward, vol = inputs["forward"], inputs["vol"]
    scale = forward if function == "settling" else 1.0

    def price(name):
        return lambda value: call(**{**inputs, name: value}).price

    step = STEP * width * forward
    delta = slope(price("forward"), forward, step)
    coin = forward if function == "settling_inverse" else 1.0
    assert np.max(np.abs(coin * delta - greeks.delta)) < 1e-7

    def first(value):
        return call(**{**inputs, "forward": value}).delta / (value if coin is forward else 1.0)

    gamma = slope(first, forward, step)
    assert np.max(np.abs(gamma - greeks.gamma) * forward * width * coin) < 1e-6
    vega = slope(price("vol"), vol, STEP * vol)
    assert np.max(np.abs(vega - greeks.vega) / scale) < 1e-6
    # theta is exact; the price's own derivative by time has the error of its shape
    time = inputs["time_to_expiry"]
    step = np.minimum(0.1 / inputs["samples"], STEP * time)
    theta = -slope(price("time_to_expiry"), time, step)
    tolerance = 0.05 * vol**3 + 1e-9 * scale
    assert np.max(np.abs(theta - greeks.theta) / scale / tolerance) < 1.0


@pytest.mark.parametrize("vol", [0.0, 0.05])
def test_inverse_future_against_differences(vol):
    inputs, _ = cases()
    kept = {name: inputs[name] for name in ("time_to_expiry", "running_mean", "samples", "window")}
    forward = inputs["forward"]

    def price(value):
        return pricing.settling_inverse_future(forward=value, vol=vol, **kept)

    greeks = price(forward)
    delta = forward * slope(lambda value: price(value).price, forward, 1e-2 * forward)
    assert np.max(np.abs(delta - greeks.delta) * 100.0) < 1e-7
    gamma = slope(lambda value: price(value).delta / value, forward, 1e-2 * forward)
    assert np.max(np.abs(gamma - greeks.gamma) * 1e6) < 1e-5
    if vol:
        ours = pricing.settling_inverse_future(forward=forward, vol=inputs["vol"], **kept)
        vega = slope(
            lambda value: pricing.settling_inverse_future(
                forward=forward, vol=value, **kept
            ).price, inputs["vol"], STEP * inputs["vol"],
        )  # fmt: skip
        assert np.max(np.abs(vega - ours.vega) * 100.0) < 1e-9


def test_theta_is_what_a_still_index_earns():
    """Over time the mean fills up at the index: value falls by theta and by nothing else."""
    forward, vol, later = 60_000.0, 0.8, WINDOW * 1e-3
    for time in (0.8 * WINDOW, 0.3 * WINDOW):
        mean = np.array([59_900.0, 60_100.0])
        values = {"forward": forward, "strike": 60_010.0, "vol": vol, "is_call": True,
                  "samples": float("inf")}  # fmt: skip
        greeks = pricing.settling(time_to_expiry=time, running_mean=mean, **values)
        ends = []
        for moved in (time - later, time + later):
            total = (WINDOW - time) * mean + (time - moved) * forward
            ends.append(
                pricing.settling(
                    time_to_expiry=moved, running_mean=total / (WINDOW - moved), **values
                ).price
            )
        earned = (ends[0] - ends[1]) / (2.0 * later)
        assert earned == pytest.approx(greeks.theta, rel=1e-4)

"""The reference price: what is believed, what is left out, and laws on any sources."""

from __future__ import annotations

import math
import statistics

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hedger.core.reference import Reference, ReferenceRule, Source, mark_fault, reference

RULE = ReferenceRule()
NOW = 1_000_000


def told(*prices: float, quote: str = "USD", volume: float | None = None) -> list[Source]:
    return [Source(f"{quote}{n}", p, NOW, volume, quote) for n, p in enumerate(prices)]


def reasons(found: Reference) -> dict[str, str]:
    return {row.name: row.reason for row in found.left_out}


def test_the_median_of_three() -> None:
    found = reference(told(100.0, 100.4, 100.1), RULE, NOW)
    assert (found.price, found.time_ms) == (100.1, NOW)
    assert found.used == ("USD0", "USD1", "USD2")
    assert found.spread == pytest.approx(0.4 / 100.1)
    assert (found.left_out, found.depegs, found.reason) == ((), (), "")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (Source("x", math.nan, NOW), "nan is no price"),
        (Source("x", math.inf, NOW), "inf is no price"),
        (Source("x", 0.0, NOW), "0.0 is no price"),
        (Source("x", -1.0, NOW), "-1.0 is no price"),
        (Source("x", 100.0, NOW - 5_001), "5001 ms old, expected at most 5000"),
        (Source("x", 100.0, NOW + 1_001), "is 1001 ms ahead of now"),
        (Source("x", math.nan, -1), "was never seen"),
        (Source("x", 100.0, NOW, -1.0), "volume -1.0 is none"),
        (Source("x", 100.0, NOW, math.nan), "volume nan is none"),
        (Source("x", 101.2, NOW), "+1.15% from the median 100.05"),
    ],
)
def test_what_cannot_be_believed_is_left_out_with_its_reason(bad: Source, why: str) -> None:
    found = reference([*told(100.0, 100.1, 100.0), bad], RULE, NOW)
    assert reasons(found) == {"x": why}
    assert found.price == 100.0


def test_too_few_or_no_majority_is_no_price_with_a_reason() -> None:
    assert reference([], RULE, NOW).reason == "0 sources agree, expected at least 3"
    assert reference(told(100.0, 100.0), RULE, NOW).price is None
    rule = msgspec.structs.replace(RULE, sources_min=2)
    split = reference(told(100.0, 100.0, 110.0, 110.0), rule, NOW)
    assert split.price is None
    assert split.reason == "0 sources agree, expected at least 2"
    spread = reference(told(90.0, 100.0, 100.1, 110.0, 120.0), rule, NOW)
    assert spread.reason == "2 of 5 sources agree, expected a majority"


def test_the_newest_word_of_a_source_counts() -> None:
    old = Source("USD0", 50.0, NOW - 1)
    assert reference([*told(100.0, 100.1, 100.2), old], RULE, NOW).price == 100.1


def test_volume_moves_the_median_but_no_source_has_more_than_half() -> None:
    rows = [
        Source("a", 100.0, NOW, 1.0),
        Source("b", 100.2, NOW, 3.0),
        Source("c", 100.4, NOW, 9.0),
    ]
    # c counts for half: 4 of 8; the middle lies between b and c
    assert reference(rows, RULE, NOW).price == pytest.approx(100.3)
    light = [rows[0], rows[1], rows[2]._replace(volume=3.5)]
    assert reference(light, RULE, NOW).price == 100.2
    unknown = [*rows[:2], rows[2]._replace(volume=None)]
    assert reference(unknown, RULE, NOW).price == 100.2  # one volume missing: all alike
    nothing = [row._replace(volume=0.0) for row in rows]
    assert reference(nothing, RULE, NOW).price == 100.2


def test_a_currency_with_a_rate_is_converted_and_named_when_off_its_peg() -> None:
    rows = [*told(100.0, 100.1), *told(104.0, 104.2, quote="USDT")]
    rates = {"USDT": Source("usdt-usd", 0.9615, NOW)}
    found = reference(rows, RULE, NOW, rates=rates)
    assert found.price == pytest.approx(100.0, abs=0.2)
    assert len(found.used) == 4
    (depeg,) = found.depegs
    assert (depeg.currency, depeg.rate, depeg.known_by) == ("USDT", 0.9615, "usdt-usd")
    fine = reference(rows[:2] + told(100.05, quote="USDT"), RULE, NOW, rates={})
    assert (fine.depegs, fine.price) == ((), 100.05)


@pytest.mark.parametrize("rate", [None, Source("r", 0.96, NOW - 9_000), Source("r", math.nan, NOW)])
def test_without_a_usable_rate_the_prices_themselves_tell(rate: Source | None) -> None:
    rows = [*told(100.0, 100.1, 100.2), *told(104.0, 104.2, 104.1, 104.1, quote="USDT")]
    rates = {"USDT": rate} if rate else {}
    found = reference(rows, RULE, NOW, rates=rates)
    assert found.price == 100.1  # though more sources say 104
    (depeg,) = found.depegs
    assert depeg.rate == pytest.approx(100.1 / 104.1)
    assert depeg.known_by == "4 prices in it"
    assert set(reasons(found).values()) == {"USDT seems to be worth 0.9616 USD"}


def test_a_venues_mark_is_held_to_it() -> None:
    found = reference(told(100.0, 100.0, 100.0), RULE, NOW)
    assert mark_fault("v", 101.9, found, RULE) == ""
    assert mark_fault("v", 85.0, found, RULE) == "v: 85 is -15.00% from the reference 100"
    assert mark_fault("v", math.nan, found, RULE) == "v: nan is no price"
    nothing = reference([], RULE, NOW)
    assert mark_fault("v", 85.0, nothing, RULE) == ""


# --- laws -------------------------------------------------------------------------------------

prices = st.floats(1.0, 1e6)
volumes = st.none() | st.floats(0.0, 1e9)
rows = st.lists(
    st.builds(
        Source,
        st.sampled_from("abcdefgh"),
        st.one_of(prices, st.floats(99.0, 101.0), st.floats(allow_nan=True)),
        st.integers(NOW - 8_000, NOW + 100),
        volumes,
        st.sampled_from(["USD", "USD", "USDT"]),
    ),
    max_size=10,
    unique_by=lambda row: (row.name, row.time_ms),
)


@settings(deadline=None)
@given(rows, st.permutations(range(10)))
def test_order_does_not_matter_and_everyone_is_used_or_told(
    sources: list[Source], order: list[int]
) -> None:
    found = reference(sources, RULE, NOW)
    shuffled = [sources[n] for n in order if n < len(sources)]
    assert reference(shuffled, RULE, NOW) == found
    names = {row.name for row in sources}
    if found.price is None:
        assert found.reason
        assert found.used == ()
        return
    assert set(found.used) | set(reasons(found)) == names
    assert not set(found.used) & set(reasons(found))
    newest = {row.name: row for row in sorted(sources, key=lambda r: r.time_ms)}
    within = [newest[name].price for name in found.used]
    assert min(within) <= found.price <= max(within)
    assert len(within) >= RULE.sources_min


@settings(deadline=None)
@given(rows, st.floats(1e-3, 1e3))
def test_all_prices_scaled_scale_the_reference(sources: list[Source], by: float) -> None:
    assume(all(math.isfinite(row.price * by) for row in sources))
    found = reference(sources, RULE, NOW)
    scaled = reference([row._replace(price=row.price * by) for row in sources], RULE, NOW)
    if found.price is not None and scaled.price is not None and found.used == scaled.used:
        assert scaled.price == pytest.approx(found.price * by, rel=1e-9)


@settings(deadline=None)
@given(
    st.lists(st.floats(99.9, 100.1), min_size=3, max_size=7),
    st.lists(st.floats(allow_nan=True), max_size=6),
    volumes,
)
def test_fewer_than_half_cannot_move_it_far(
    good: list[float], bad: list[float], volume: float | None
) -> None:
    assume(len(bad) < len(good))
    honest = told(*good, volume=1.0)
    liars = [Source(f"x{n}", p, NOW, volume) for n, p in enumerate(bad)]
    found = reference([*honest, *liars], RULE, NOW)
    assert found.price is not None
    reach = RULE.deviation_max
    assert min(good) * (1 - reach) <= found.price <= max(good) * (1 + reach)
    assert {f"USD{n}" for n in range(len(good))} <= set(found.used)


@settings(deadline=None)
@given(st.lists(prices, min_size=1, max_size=9))
def test_with_equal_weights_it_is_the_plain_median(values: list[float]) -> None:
    rule = msgspec.structs.replace(RULE, sources_min=1, deviation_max=1e9)
    found = reference(told(*values), rule, NOW)
    assert found.price == pytest.approx(statistics.median(values))


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 1e6), min_size=3, max_size=8), st.integers(0, 7))
def test_no_source_outvotes_the_rest(weights: list[float], which: int) -> None:
    """Whatever its volume, one source moves the price no further than to its neighbour's mean."""
    which %= len(weights)
    values = [100.0 + 0.01 * n for n in range(len(weights))]
    sources = [
        Source(f"s{n}", p, NOW, 1e12 if n == which else 1.0 + w)
        for n, (p, w) in enumerate(zip(values, weights, strict=True))
    ]
    found = reference(sources, RULE, NOW)
    assert found.price is not None
    assert min(values) <= found.price <= max(values)
    if which in (0, len(weights) - 1):
        assert found.price != values[which]

"""A bad element never raises, warns about nothing and spoils no other: NaN or a status."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pricing
from tests.pricing.public_api import (
    DATUM,
    FLAG,
    INDEX,
    MAYBE,
    NUMBER,
    QUOTES,
    SERIES,
    TABLE,
    VECTOR,
)
from tests.pricing.public_calls import (
    ELEMENTWISE,
    call,
    fields,
    generated,
)

NAN, INF = float("nan"), float("inf")
ELEMENTS = [
    NAN, INF, -INF, -1.0, -1e-300, -5e-324, 0.0, -0.0, 5e-324, 1e-310, 1e-200, 1e-12, 1e12, 1e160,
    1.7976931348623157e308, -1e308,
]  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_bad_element_spoils_no_other(name):
    plain = call(name)
    for argument, kind in TABLE[name].kinds.items():
        if kind not in (NUMBER, MAYBE):
            continue
        for value in ELEMENTS:
            array = TABLE[name].good[argument].copy()
            array[1] = value
            result = call(name, **{argument: array})
            for field, untouched in zip(fields(result), fields(plain), strict=True):
                assert np.array_equal(np.delete(field, 1), np.delete(untouched, 1)), (
                    argument,
                    value,
                )
            if np.isnan(value) and kind == NUMBER:
                assert all(np.isnan(f[1]) for f in fields(result) if f.dtype.kind == "f"), argument
            if isinstance(result, pricing.ImpliedVol):
                assert np.isnan(result.vol[1]) == (result.status[1] != 0), (argument, value)
                assert result.status.dtype == np.uint8


@pytest.mark.parametrize("name", ELEMENTWISE)
@generated
@given(data=st.data())
def test_no_element_raises(name, data):
    """Whatever the floats, all at once: numbers, NaN or a status, and no warning."""
    case = TABLE[name]
    anything = st.floats() | st.sampled_from(ELEMENTS)
    changed = {
        argument: np.array(data.draw(st.lists(anything, min_size=3, max_size=3)))
        for argument, kind in case.kinds.items()
        if kind in (NUMBER, MAYBE)
    }
    changed |= {
        argument: np.array([True, False, True])
        for argument, kind in case.kinds.items()
        if kind == FLAG
    }
    result = call(name, **changed)
    if isinstance(result, pricing.ImpliedVol):
        assert np.array_equal(np.isnan(result.vol), result.status != 0)
        assert np.all(result.vol[result.status == 0] >= 0.0)
    asked = [v for argument, v in changed.items() if case.kinds[argument] == NUMBER]
    unknown = np.any([np.isnan(v) for v in asked], axis=0)
    assert all(np.all(np.isnan(f[unknown])) for f in fields(result) if f.dtype.kind == "f")


@pytest.mark.parametrize("name", [n for n in TABLE if INDEX in TABLE[n].kinds.values()])
def test_a_bad_leg_spoils_its_own_group_only(name):
    """In the tables of these functions group 1 has the leg at position 1 alone."""
    plain = call(name)
    for argument, kind in TABLE[name].kinds.items():
        if kind != VECTOR or TABLE[name].good[argument].size != 3:
            continue
        for value in ELEMENTS:
            array = TABLE[name].good[argument].copy()
            array[1] = value
            result = call(name, **{argument: array})
            for field, untouched in zip(fields(result), fields(plain), strict=True):
                assert np.array_equal(field[..., 0], untouched[..., 0]), (argument, value)
                assert np.all(np.isnan(field[..., 1])) or not np.isnan(value), (argument, value)


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        (n, a)
        for n in TABLE
        for a, kind in TABLE[n].kinds.items()
        if kind in (QUOTES, SERIES, DATUM)
    ],
)
def test_bad_quotes_and_scenarios_never_raise(name, argument):
    for value in ELEMENTS:
        given = TABLE[name].good.get(argument)
        if isinstance(given, np.ndarray):
            array = given.copy()
            array[1] = value
            call(name, **{argument: array})
            call(name, **{argument: np.full_like(given, value)})
        else:
            call(name, **{argument: value})

"""Every exported function refuses wrong types and shapes with one clear line.

Driven by the table in `public_api`; a function that is exported and not in the table fails here.
"""

import datetime
import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pricing
from tests.pricing.public_api import (
    CHOICE,
    COUNT,
    DATUM,
    FLAG,
    GREEKS,
    INDEX,
    INSTANT,
    MAYBE,
    NUMBER,
    OBJECT,
    OPTIONAL,
    OUT,
    QUOTES,
    SCALAR,
    SERIES,
    SWITCH,
    TABLE,
    VECTOR,
    exported,
)
from tests.pricing.public_calls import (
    ELEMENTWISE,
    call,
    fields,
    generated,
    refusal,
)

NAN, INF = float("nan"), float("inf")
MAY_BE_NONE = ("nearer", "window")  # the first slice has no nearer one; all bars as one window


# --- the table itself -----------------------------------------------------------------------------


def test_every_export_is_in_the_table():
    assert sorted(TABLE) == sorted(exported())


@pytest.mark.parametrize("name", TABLE)
def test_the_table_knows_every_argument(name):
    case, signature = TABLE[name], inspect.signature(getattr(pricing, name))
    assert sorted(case.kinds) == sorted(signature.parameters)
    required = [p.name for p in signature.parameters.values() if p.default is p.empty]
    assert set(required) <= set(case.good) <= set(case.kinds)
    result = call(name)
    assert not case.elementwise or all(np.all(np.isfinite(f)) for f in fields(result))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_keywords_only_and_no_others(name):
    function, good = getattr(pricing, name), TABLE[name].good
    with pytest.raises(TypeError, match="positional"):
        function(*good.values())
    with pytest.raises(TypeError, match="sigma"):
        function(**good, sigma=0.2)
    for missing in good:
        if inspect.signature(function).parameters[missing].default is inspect.Parameter.empty:
            with pytest.raises(TypeError, match=missing):
                function(**{key: value for key, value in good.items() if key != missing})


# --- wrong types and shapes -----------------------------------------------------------------------

never = st.one_of(
    st.none(),
    st.text(),
    st.binary(),
    st.complex_numbers(),
    st.dictionaries(st.text(), st.integers(), max_size=2),
    st.sets(st.integers(), max_size=3),
    st.lists(st.text(), min_size=1, max_size=4),
    st.sampled_from(
        [
            object(),
            [[1.0], [1.0, 2.0]],
            [1.0, None],
            10**400,
            datetime.datetime(2026, 1, 1),
            datetime.timedelta(days=1),
            np.array(["2026-01-01"], "datetime64[D]"),
            np.array([1], "timedelta64[D]"),
            np.array([1.0, None], object),
            np.array([1j, 2.0]),
            np.array(["1.0"]),
            np.zeros(2, [("a", float)]),
            len,
            iter([1.0]),
        ]
    ),
)
booleans = st.sampled_from([True, False, np.True_, [True, False], np.zeros(3, bool)])
numbers = st.sampled_from([0, 1, 1.0, NAN, [0, 1], np.ones(3), np.ones(3, np.uint8)])
wrong_shape = st.sampled_from([np.ones(7), np.ones((7, 1, 7)), np.ones((2, 7))])
WRONG = {
    NUMBER: never | booleans | wrong_shape,
    VECTOR: never | booleans | st.sampled_from([np.ones((2, 7)), np.ones((1, 3, 1))]),
    FLAG: never | numbers | st.sampled_from([np.ones(7, bool), np.ones((2, 7), bool)]),
    INDEX: never | booleans
    | st.sampled_from([np.zeros(3), [0.5, 0.0, 1.0], [0, 1], [0, 1, 2], [0, -1, 0], 1]),
    COUNT: never | st.sampled_from([True, 1.0, -1, NAN, [2], np.ones(2)]),
    INSTANT: never | booleans | st.sampled_from([NAN, INF, [2], np.ones(2)]),
    MAYBE: never | booleans | wrong_shape,
    QUOTES: never | booleans | st.sampled_from([np.ones((2, 7)), np.ones((1, 3, 1)), np.ones(17)]),
    SERIES: never | booleans | st.sampled_from([np.ones((2, 7)), np.ones((1, 3, 1))]),
    SCALAR: never | booleans | st.sampled_from([np.ones(2), [1e-7, 1e-7]]),
    DATUM: never | booleans | st.sampled_from([np.ones(19), np.ones((5, 19))]),
    OPTIONAL: (never | booleans).filter(lambda value: value is not None),
    SWITCH: never | numbers | st.sampled_from([np.zeros(3, bool)]),
    CHOICE: never | booleans | numbers,
    OBJECT: never | booleans | numbers,
    GREEKS: never | booleans | st.sampled_from([(1.0,) * 5, (np.ones(2),) * 6, np.ones((6, 3))]),
    OUT: (never | booleans | wrong_shape).filter(lambda value: value is not None),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
@generated
@given(data=st.data())
def test_wrong_types_and_shapes_are_one_clear_line(name, data):
    argument = data.draw(st.sampled_from(sorted(TABLE[name].kinds)))
    kind = TABLE[name].kinds[argument]
    value = data.draw(WRONG[kind])
    if isinstance(value, np.ndarray) and kind == NUMBER and len(TABLE[name].kinds) == 1:
        return  # alone it may have any shape
    if value is None and argument in MAY_BE_NONE:
        return
    message = refusal(name, argument, value)
    assert message
    assert "\n" not in message
    rows = {VECTOR: ("legs",), QUOTES: ("quotes", "changes", "scenarios")}.get(kind, ())
    assert any(word in message for word in (argument, *rows)), message


@pytest.mark.parametrize("name", TABLE)
def test_each_argument_refuses_a_string_none_and_a_bool(name):
    for argument, kind in TABLE[name].kinds.items():
        wrong = ["a", None, object(), 1 if kind in (FLAG, SWITCH) else True]
        for value in wrong:
            if value is None and (kind in (OUT, OPTIONAL) or argument in MAY_BE_NONE):
                continue
            message = refusal(name, argument, value)
            assert argument in message
            assert "\n" not in message

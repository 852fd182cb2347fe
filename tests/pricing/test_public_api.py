"""Every exported function: bad types and shapes are one clear line, bad elements stay alone.

Driven by the table in `public_api`; a function that is exported and not in the table fails here.
"""

import concurrent.futures
import dataclasses
import datetime
import inspect
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
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

NAN, INF = float("nan"), float("inf")
MAY_BE_NONE = ("nearer",)  # the first slice of a surface has no nearer one
ELEMENTWISE = [name for name, case in TABLE.items() if case.elementwise]
generated = settings(max_examples=40, deadline=None, derandomize=True)


def call(name, **changed):
    """The function with its valid arguments, some of them changed; any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return getattr(pricing, name)(**{**TABLE[name].good, **changed})


def fields(result):
    """The arrays of a result, whether it is a tuple of them, a record or one."""
    if dataclasses.is_dataclass(result):
        result = [getattr(result, field.name) for field in dataclasses.fields(result)]
    parts = [
        np.asarray(field) for field in (result if isinstance(result, tuple | list) else [result])
    ]
    return [part for part in parts if part.dtype.kind in "fu"]


def same(ours, plain):
    if isinstance(ours, tuple) and any(isinstance(part, tuple) for part in ours):
        return repr(ours) == repr(plain)  # records of records, such as a fit
    return all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in zip(fields(ours), fields(plain), strict=True)
    )


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


def refusal(name, argument, value):
    with pytest.raises((TypeError, ValueError)) as caught:
        call(name, **{argument: value})
    return str(caught.value)


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


# --- bad elements ---------------------------------------------------------------------------------

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


# --- layouts --------------------------------------------------------------------------------------


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def strided(array):
    wide = np.full((array.size, 3), array[0])
    wide[:, 1] = array
    return wide[:, 1]


LAYOUTS = {
    "list": lambda array: array.tolist(),
    "tuple": lambda array: tuple(array.tolist()),
    "read-only": read_only,
    "strided": strided,
    "backwards": lambda array: np.ascontiguousarray(array[::-1])[::-1],
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "unaligned": lambda array: np.frombuffer(b"\0" + array.tobytes(), array.dtype, offset=1),
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_change_nothing(name, layout):
    case, plain = TABLE[name], call(name)
    change = LAYOUTS[layout]
    arrays = {a: v for a, v in case.good.items() if isinstance(v, np.ndarray)}
    for argument, value in arrays.items():
        assert same(call(name, **{argument: change(value)}), plain), argument
    assert same(
        call(name, **{argument: change(value) for argument, value in arrays.items()}), plain
    )


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, np.float32, np.float16])
def test_integers_and_narrow_floats(name, kind):
    for argument, value in TABLE[name].good.items():
        if TABLE[name].kinds[argument] in (NUMBER, MAYBE):
            narrow = np.abs(value).astype(kind)
            narrow += (narrow == 0).astype(kind)
            assert same(
                call(name, **{argument: narrow}), call(name, **{argument: narrow.astype(float)})
            ), argument
            number = narrow[0].item()  # int or float of Python
            assert same(call(name, **{argument: number}), call(name, **{argument: float(number)}))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_shapes(name):
    case, plain = TABLE[name], fields(call(name))
    arrays = {a: v for a, v in case.good.items() if case.kinds[a] in (NUMBER, MAYBE, FLAG)}
    size = next(iter(arrays.values())).size
    for shape in [(size, 1), (1, size), (size, 1, 1)]:
        result = call(name, **{a: v.reshape(shape) for a, v in arrays.items()})
        assert all(f.shape == shape for f in fields(result))
        assert same(tuple(f.reshape(-1) for f in fields(result)), tuple(plain))
    table = {a: np.tile(v, (4, 1)) for a, v in arrays.items()}
    for order in ("C", "F"):
        result = call(name, **{a: np.array(v, order=order) for a, v in table.items()})
        assert all(np.array_equal(f, np.tile(p, (4, 1)))
                   for f, p in zip(fields(result), plain, strict=True))  # fmt: skip
    for shape in [(0,), (0, 3), (3, 0)]:
        result = call(name, **{a: np.empty(shape, v.dtype) for a, v in arrays.items()})
        assert all(f.shape == shape for f in fields(result))
    for k in range(size):
        for form in (lambda v: v.item(), lambda v: v, np.array):  # float, 0-d
            result = call(name, **{a: form(v[k]) for a, v in arrays.items()})
            assert all(np.ndim(f) == 0 for f in fields(result))
            assert same(result, tuple(p[k] for p in plain))
    for argument, value in arrays.items() if len(arrays) > 1 else ():  # one scalar among arrays
        first = call(name, **{argument: value[0].item()})
        assert same(first, call(name, **{argument: np.full_like(value, value[0])})), argument


@pytest.mark.parametrize("name", TABLE)
def test_inputs_are_not_written_to(name):
    arrays = {a: v for a, v in TABLE[name].good.items() if isinstance(v, np.ndarray)}
    before = {argument: value.copy() for argument, value in arrays.items()}
    call(name)
    assert all(np.array_equal(arrays[argument], before[argument]) for argument in arrays)


@pytest.mark.parametrize("name", [n for n in TABLE if OUT in TABLE[n].kinds.values()])
def test_out(name):
    plain = call(name)
    kind = type(plain)
    blank = [np.zeros_like(field) for field in fields(plain)]
    if not isinstance(plain, tuple):  # one array
        assert call(name, out=blank[0]) is blank[0]
        assert same(blank[0], plain)
        return
    out = kind(*blank)
    assert call(name, out=out) is out
    assert same(out, plain)
    for wrong in (blank[:-1], [*blank[:-1], None], np.zeros((len(blank), 5)), 7, "out"):
        assert refusal(name, "out", wrong).startswith("out")
    for bad in (
        read_only(blank[0]),
        np.zeros((*blank[0].shape, 1)),
        np.zeros((*blank[0].shape, 2))[..., 0],
        np.zeros(blank[0].shape, np.float32),
        np.zeros(blank[0].shape, ">f8"),
    ):
        assert refusal(name, "out", kind(bad, *blank[1:])).startswith("out")
    assert same(call(name, out=tuple(blank)), plain)


@pytest.mark.parametrize("name", TABLE)
def test_threads_get_the_same(name):
    plain = call(name)
    function, good = getattr(pricing, name), TABLE[name].good
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: function(**good), range(16)))
    assert all(same(result, plain) for result in results)

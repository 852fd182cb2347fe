"""Layout, dtype, shape, `out` and threads change no bit of any exported function's result."""

import concurrent.futures

import numpy as np
import pytest

import pricing
from tests.pricing.public_api import (
    FLAG,
    MAYBE,
    NUMBER,
    OUT,
    TABLE,
)
from tests.pricing.public_calls import (
    ELEMENTWISE,
    call,
    fields,
    refusal,
    same,
)


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

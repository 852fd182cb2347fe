"""From keyword arguments of any shape to one kernel call, and back to `Greeks` (private)."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import types

from pricing._kernel_cache import compiled, inlined
from pricing.conventions import BoolLike, FloatArray, FloatLike, Greeks

__all__ = [
    "FLAGS",
    "INPUT",
    "Kernel",
    "batch_kernel",
    "broadcast",
    "checked_out",
    "evaluate",
    "flags",
    "floats",
]

Kernel: TypeAlias = Callable[..., int]

_BLOCK = 256  # options at a time: scratch and fills stay in the first-level cache
INPUT = types.Array(types.float64, 1, "C", readonly=True)  # takes writable arrays too
FLAGS = types.Array(types.boolean, 1, "C", readonly=True)
OUTPUT = types.Array(types.float64, 1, "C")
_SIGNATURE = types.int64(*[INPUT] * 6, FLAGS, *[OUTPUT] * 6)
_FLOAT = np.dtype(np.float64)
_BOOL = np.dtype(np.bool_)
_UNUSED = np.zeros(1)


@inlined
def _fill(source: FloatArray) -> FloatArray:
    """A block of copies where one value serves the whole batch, else a stub."""
    filled = np.empty(_BLOCK if source.size == 1 else 1, source.dtype)
    if source.size == 1:
        filled[:] = source[0]
    return filled


@inlined
def _block(source: FloatArray, filled: FloatArray, start: int, stop: int) -> FloatArray:
    return filled[: stop - start] if source.size == 1 else source[start:stop]


@inlined
def _disjoint(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    a_start, b_start = a.ctypes.data, b.ctypes.data
    a_stop, b_stop = a_start + a.size * a.itemsize, b_start + b.size * b.itemsize
    return (a_stop <= b_start) or (b_stop <= a_start)


@inlined
def _copy(source: FloatArray, target: FloatArray) -> None:
    for i in range(target.size):
        target[i] = source[i]


def batch_kernel(name: str, option: Callable[..., tuple[float, ...]]) -> Kernel:
    """Compile the loop over options around one branch-free `option` function.

    Parameters
    ----------
    name : str
        Tells the kernel apart in the cache.
    option : callable
        (asset, strike, time, vol, rate, dividend_yield, is_call) -> six results; `inlined`.

    Returns
    -------
    callable
        ``kernel(*six float inputs, is_call, *six outputs)`` over one-dimensional contiguous
        arrays.  An input of size 1 serves all options.  1 when an output overlaps another array
        (nothing is computed then), else 0.

    Notes
    -----
    Results go to a scratch block and from there to the outputs: LLVM can then prove with a few
    comparisons that stores do not touch the inputs, without which it would not vectorise.
    """

    @compiled(_SIGNATURE, name)
    def kernel(  # type: ignore[no-untyped-def]
        asset, strike, time, vol, rate, carry, is_call, price, delta, gamma, vega, theta, rho
    ):  # fmt: skip
        outputs = (price, delta, gamma, vega, theta, rho)
        for k in range(6):
            for source in (asset, strike, time, vol, rate, carry):
                if not _disjoint(outputs[k], source):
                    return 1
            if not _disjoint(outputs[k], is_call):
                return 1
            for j in range(k):
                if not _disjoint(outputs[k], outputs[j]):
                    return 1
        assets, strikes, times = _fill(asset), _fill(strike), _fill(time)
        vols, rates, carries, calls = _fill(vol), _fill(rate), _fill(carry), _fill(is_call)
        scratch = np.empty((6, _BLOCK))
        for start in range(0, price.size, _BLOCK):
            stop = min(start + _BLOCK, price.size)
            a = _block(asset, assets, start, stop)
            b = _block(strike, strikes, start, stop)
            t = _block(time, times, start, stop)
            v = _block(vol, vols, start, stop)
            r = _block(rate, rates, start, stop)
            q = _block(carry, carries, start, stop)
            c = _block(is_call, calls, start, stop)
            for i in range(stop - start):
                result = option(a[i], b[i], t[i], v[i], r[i], q[i], c[i])
                scratch[0, i] = result[0]
                scratch[1, i] = result[1]
                scratch[2, i] = result[2]
                scratch[3, i] = result[3]
                scratch[4, i] = result[4]
                scratch[5, i] = result[5]
            for k in range(6):
                _copy(scratch[k], outputs[k][start:stop])
        return 0

    return kernel


def floats(name: str, value: FloatLike) -> FloatArray:
    """`value` as a float64 array, or one clear TypeError.

    Examples
    --------
    >>> floats("strike", [90, 100])
    array([ 90., 100.])
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: not a number or an array of numbers ({error})") from None
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name}: numbers wanted, got {array.dtype} ({type(value).__name__})")
    return array.astype(_FLOAT, copy=False)


def flags(name: str, value: BoolLike) -> npt.NDArray[np.bool_]:
    """`value` as a bool array, or one clear TypeError.

    Examples
    --------
    >>> flags("is_call", True)
    array(True)
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: not a bool or an array of bools ({error})") from None
    if array.dtype != _BOOL:
        raise TypeError(f"{name}: bools wanted, got {array.dtype} ({type(value).__name__})")
    return array


def _ready(
    values: Sequence[FloatLike], is_call: BoolLike
) -> tuple[list[npt.NDArray[Any]], tuple[int, ...]] | None:
    """The common case, fast: contiguous float64 vectors of one length, and plain numbers."""
    arrays: list[npt.NDArray[Any]] = []
    length = -1
    for value in values:
        if type(value) is float:
            arrays.append(np.array((value,)))
        elif type(value) is np.ndarray and value.dtype is _FLOAT and value.ndim == 1:
            if not value.flags.c_contiguous or length not in (-1, value.size):
                return None
            length = value.size
            arrays.append(value)
        else:
            return None
    if type(is_call) is bool:
        arrays.append(np.array((is_call,)))
    elif type(is_call) is np.ndarray and is_call.dtype is _BOOL and is_call.ndim == 1:
        if not is_call.flags.c_contiguous or length not in (-1, is_call.size):
            return None
        length = is_call.size
        arrays.append(is_call)
    else:
        return None
    return (arrays, (length,)) if length >= 0 else None


def broadcast(
    names: Sequence[str], values: Sequence[FloatLike], is_call: BoolLike
) -> tuple[list[npt.NDArray[Any]], tuple[int, ...]]:
    """Inputs as contiguous vectors of one value or of one value for each option, and the shape.

    Examples
    --------
    >>> arrays, shape = broadcast(["strike"], [[90, 100]], True)
    >>> arrays, shape
    ([array([ 90., 100.]), array([ True])], (2,))
    """
    ready = _ready(values, is_call)
    if ready is not None:
        return ready
    arrays: list[npt.NDArray[Any]] = [
        floats(name, value) for name, value in zip(names, values, strict=True)
    ]
    arrays.append(flags("is_call", is_call))
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        all_names = (*names, "is_call")
        shapes = ", ".join(
            f"{name} {array.shape}" for name, array in zip(all_names, arrays, strict=True)
        )
        raise ValueError(f"shapes do not broadcast: {shapes}") from None
    full = [array if array.size == 1 else np.broadcast_to(array, shape) for array in arrays]
    return [np.ascontiguousarray(array).reshape(-1) for array in full], shape


def checked_out(
    out: Any, names: Sequence[str], shape: tuple[int, ...], dtypes: Sequence[Any] = ()
) -> tuple[npt.NDArray[Any], ...]:
    """`out` when it is one writable contiguous array of this shape for each name.

    Arrays are float64 unless `dtypes` names the type of each.

    Examples
    --------
    >>> checked_out([np.zeros(3)], ["price"], (2,))
    Traceback (most recent call last):
    ValueError: out.price: shape (2,) wanted, got (3,)
    """
    wanted = [np.dtype(dtype) for dtype in dtypes] or [_FLOAT] * len(names)
    if not isinstance(out, tuple | list) or len(out) != len(names):
        raise TypeError(f"out: a tuple of {len(names)} arrays wanted: {', '.join(names)}")
    for name, array, dtype in zip(names, out, wanted, strict=True):
        if not isinstance(array, np.ndarray) or array.dtype != dtype:
            raise TypeError(f"out.{name}: {dtype} array wanted, got {type(array).__name__}")
        if array.shape != shape:
            raise ValueError(f"out.{name}: shape {shape} wanted, got {array.shape}")
        if not (array.flags.carray):
            raise ValueError(f"out.{name}: contiguous, aligned and writable array wanted")
    return tuple(out)


def evaluate(
    kernel: Kernel,
    names: Sequence[str],
    values: Sequence[FloatLike],
    is_call: BoolLike,
    out: Any = None,
) -> Greeks:
    """Broadcast the inputs, run the kernel over them, and give its results their shape.

    Parameters
    ----------
    kernel : callable
        Made by `batch_kernel`.
    names, values : sequences of up to six
        Arguments in the kernel's order; those that it does not use are left out at the end.
    is_call : (...) bool
    out : tuple of six (...) float64 arrays, optional
        Receives the results; must not overlap the inputs.

    Raises
    ------
    TypeError, ValueError
        One line that names the argument.
    """
    arrays, shape = broadcast(names, values, is_call)
    *inputs, calls = arrays
    inputs += [_UNUSED] * (6 - len(inputs))
    if out is None:
        block = np.empty((6, *shape))  # one allocation: fewer page faults than six
        kernel(*inputs, calls, *(block if len(shape) == 1 else block.reshape(6, -1)))
        return Greeks(*block)
    results = checked_out(out, Greeks._fields, shape)
    if kernel(*inputs, calls, *(array.reshape(-1) for array in results)):
        raise ValueError("out: its arrays overlap the inputs or one another")
    return out if isinstance(out, Greeks) else Greeks(*results)

"""One compiled loop around one branch-free option function: any number of results (private)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import extending, types

from pricing._kernel_cache import Kernel, compiled, inlined
from pricing.conventions import FloatArray

__all__ = ["BLOCK", "FLAGS", "INPUT", "OUTPUT", "batch_kernel", "overlapping"]

BLOCK = 256  # options at a time: scratch and fills stay in the first-level cache
INPUT = types.Array(types.float64, 1, "C", readonly=True)  # takes writable arrays too
FLAGS = types.Array(types.boolean, 1, "C", readonly=True)
OUTPUT = types.Array(types.float64, 1, "C")


def _store_column(typing_context: Any, target: Any, column: Any, values: Any) -> Any:
    """``target[:, column] = values``, unrolled, since a loop over a tuple would not vectorise."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(target)(context, builder, args[0]).data
        for row in range(len(values)):
            offset = context.get_constant(column, row * BLOCK)
            value = builder.extract_value(args[2], row)
            builder.store(value, builder.gep(data, [builder.add(args[1], offset)]))
        return context.get_dummy_value()

    return types.void(target, column, values), generate


_tuple: Any = types.Tuple
_intrinsic: Any = extending.intrinsic
_store: Callable[[FloatArray, int, tuple[float, ...]], None] = _intrinsic(_store_column)


@inlined
def _disjoint(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    """Whether two arrays share no byte."""
    a_start, b_start = a.ctypes.data, b.ctypes.data
    a_stop, b_stop = a_start + a.size * a.itemsize, b_start + b.size * b.itemsize
    return (a_stop <= b_start) or (b_stop <= a_start)


@inlined
def _copy(source: FloatArray, target: FloatArray) -> None:
    for i in range(target.size):
        target[i] = source[i]


@inlined
def overlapping(outputs: Sequence[FloatArray], inputs: Sequence[FloatArray], other: Any) -> bool:
    """Whether an output shares memory with any other array; `other` is an input of another type."""
    for k in range(len(outputs)):
        for source in inputs:
            if not _disjoint(outputs[k], source):
                return True
        for j in range(k):
            if not _disjoint(outputs[k], outputs[j]):
                return True
        if not _disjoint(outputs[k], other):
            return True
    return False


@inlined
def _fill(source: FloatArray, spare: FloatArray, size: int) -> None:
    """Copies of a value that serves the whole batch, as many as any block will read."""
    if source.size == 1:
        spare[: min(BLOCK, size)] = source[0]


@inlined
def _block(source: FloatArray, spare: FloatArray, start: int, stop: int) -> FloatArray:
    return spare[: stop - start] if source.size == 1 else source[start:stop]


def batch_kernel(name: str, option: Callable[..., tuple[float, ...]], results: int = 6) -> Kernel:
    """Compile the loop over options around one branch-free `option` function.

    Parameters
    ----------
    name : str
        Tells the kernel apart in the cache.
    option : callable
        (asset, strike, time, vol, rate, dividend_yield, is_call) -> `results` floats; `inlined`.
    results : int

    Returns
    -------
    Kernel
        ``kernel(is_call, *six float inputs, outputs, given)`` over one-dimensional contiguous
        arrays, `outputs` a tuple of them.  An input of size 1 serves all options.  1 when the
        outputs are `given` by a caller and one overlaps another array (nothing is computed then),
        else 0.

    Notes
    -----
    Results go to a scratch block and from there to the outputs: LLVM can then prove with a few
    comparisons that stores do not touch the inputs, without which it would not vectorise.
    """
    signature = types.int64(FLAGS, *[INPUT] * 6, _tuple([OUTPUT] * results), types.boolean)

    @compiled(signature, name)
    def kernel(  # type: ignore[no-untyped-def]
        is_call, asset, strike, time, vol, rate, carry, outputs, given
    ):
        if given and overlapping(outputs, (asset, strike, time, vol, rate, carry), is_call):
            return 1
        size = outputs[0].size
        room = np.empty((7 + results, BLOCK))  # one piece of memory: values, flags, results
        scratch, fills, calls = room[:results], room[results:], room[results + 6].view(np.bool_)
        _fill(asset, fills[0], size)
        _fill(strike, fills[1], size)
        _fill(time, fills[2], size)
        _fill(vol, fills[3], size)
        _fill(rate, fills[4], size)
        _fill(carry, fills[5], size)
        _fill(is_call, calls, size)
        for start in range(0, size, BLOCK):
            stop = min(start + BLOCK, size)
            a = _block(asset, fills[0], start, stop)
            b = _block(strike, fills[1], start, stop)
            t = _block(time, fills[2], start, stop)
            v = _block(vol, fills[3], start, stop)
            r = _block(rate, fills[4], start, stop)
            q = _block(carry, fills[5], start, stop)
            c = _block(is_call, calls, start, stop)
            for i in range(stop - start):
                _store(scratch, i, option(a[i], b[i], t[i], v[i], r[i], q[i], c[i]))
            for k in range(results):
                _copy(scratch[k], outputs[k][start:stop])
        return 0

    return kernel

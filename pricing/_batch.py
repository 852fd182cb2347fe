"""From keyword arguments of any shape to one kernel call, and back to named results (private)."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeVar, overload

import numpy as np
import numpy.typing as npt

from pricing._batch_kernel import FLAGS, INPUT, OUTPUT, batch_kernel
from pricing._parallel import BatchKernel, run_parallel
from pricing.conventions import BoolLike, FloatArray, FloatLike, Greeks, SecondGreeks

__all__ = [
    "FLAGS",
    "INPUT",
    "OUTPUT",
    "batch_kernel",
    "broadcast",
    "checked_out",
    "evaluate",
    "flags",
    "floats",
    "together",
]

Results = TypeVar("Results", Greeks, SecondGreeks)

_ARRAY, _new = np.ndarray, np.empty
_FLOAT, _BOOL = np.dtype(np.float64), np.dtype(np.bool_)
_FLOAT_STEP, _BOOL_STEP = (8,), (1,)  # strides of contiguous vectors
_PLAIN: Final = ("C", "A")  # contiguous and aligned: what a kernel takes
# Shared by all calls, so never written to: kernels take their inputs as read-only.
_FLAG = (np.zeros(1, np.bool_), np.ones(1, np.bool_))
_UNUSED = [np.zeros(1)] * 7  # inputs that a kernel does not look at
_SMALL = 1_000  # options for which six allocations are faster than six views of one


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


def _common_shape(names: Iterable[str], arrays: Sequence[npt.NDArray[Any]]) -> tuple[int, ...]:
    """The shape that all broadcast to, or one clear ValueError."""
    try:
        return np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = ", ".join(
            f"{name} {array.shape}" for name, array in zip(names, arrays, strict=True)
        )
        raise ValueError(f"shapes do not broadcast: {shapes}") from None


def together(**values: FloatLike) -> list[FloatArray]:
    """Each as float64 and in its own shape, when their shapes broadcast, or one clear error.

    Examples
    --------
    >>> together(delta=1, price=[2, 3])
    [array(1.), array([2., 3.])]
    """
    arrays = [floats(name, value) for name, value in values.items()]
    _common_shape(values, arrays)
    return arrays


def _ready(
    values: Sequence[FloatLike], is_call: BoolLike
) -> tuple[list[npt.NDArray[Any]], tuple[int, ...]] | None:
    """The common case, fast: contiguous float64 vectors of one length, and plain numbers.

    `is_call` comes first, as in kernels: inputs that a kernel does not use then follow at the end.
    """
    length = -1
    if type(is_call) is _ARRAY and is_call.dtype is _BOOL and is_call.strides == _BOOL_STEP:
        length = is_call.size
        arrays: list[npt.NDArray[Any]] = [is_call]
    elif type(is_call) is bool:
        arrays = [_FLAG[is_call]]
    else:
        return None
    for value in values:
        if type(value) is _ARRAY and value.dtype is _FLOAT and value.strides == _FLOAT_STEP:
            if length != value.size:
                if length >= 0:
                    return None
                length = value.size
            arrays.append(value)
        elif type(value) is float:
            arrays.append(np.array((value,)))
        else:
            return None
    return arrays, () if length < 0 else (length,)


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
    (calls, *arrays), shape = _ready(values, is_call) or _made_ready(names, values, is_call)
    return [*arrays, calls], shape


def _made_ready(
    names: Sequence[str], values: Sequence[FloatLike], is_call: BoolLike
) -> tuple[list[npt.NDArray[Any]], tuple[int, ...]]:
    """The general case, and its errors."""
    arrays: list[npt.NDArray[Any]] = [flags("is_call", is_call)]
    arrays += [floats(name, value) for name, value in zip(names, values, strict=True)]
    shape = _common_shape(("is_call", *names), arrays)
    full = [array if array.size == 1 else np.broadcast_to(array, shape) for array in arrays]
    return [np.require(array, requirements=_PLAIN).reshape(-1) for array in full], shape


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


@overload
def evaluate(
    kernel: BatchKernel,
    names: Sequence[str],
    values: Sequence[FloatLike],
    is_call: BoolLike,
    out: Any = None,
) -> Greeks: ...


@overload
def evaluate(
    kernel: BatchKernel,
    names: Sequence[str],
    values: Sequence[FloatLike],
    is_call: BoolLike,
    out: Any,
    kind: type[Results],
) -> Results: ...


def evaluate(
    kernel: BatchKernel,
    names: Sequence[str],
    values: Sequence[FloatLike],
    is_call: BoolLike,
    out: Any = None,
    kind: Any = Greeks,
) -> Any:
    """Broadcast the inputs, run the kernel over them, and give its results their shape.

    Parameters
    ----------
    kernel : BatchKernel
        Made by `batch_kernel`.
    names, values : sequences of up to six
        Arguments in the kernel's order; those that it does not use are left out at the end.
    is_call : (...) bool
    out : tuple of (...) float64 arrays, optional
        Receives the results; must not overlap the inputs.
    kind : type
        The named tuple of results.

    Raises
    ------
    TypeError, ValueError
        One line that names the argument.
    """
    inputs, shape = _ready(values, is_call) or _made_ready(names, values, is_call)
    inputs += _UNUSED[len(inputs) :]
    if out is None and len(shape) == 1 and shape[0] < _SMALL:
        # Written out, since a small call costs what its Python costs; six fields in every kind.
        rows = (_new(shape), _new(shape), _new(shape), _new(shape), _new(shape), _new(shape))
        kernel.run(*inputs, rows, False)
        return tuple.__new__(kind, rows)
    results: Any
    if out is None:
        results = np.empty((len(kind._fields), *shape))  # one block: fewer page faults than six
        rows = tuple(results.reshape(len(results), -1))
    else:
        results = checked_out(out, kind._fields, shape)
        rows = tuple([array.reshape(-1) for array in results])
    is_large = rows[0].size >= 2 * kernel.chunk_min
    run = partial(run_parallel, kernel) if is_large else kernel.run
    if run(*inputs, rows, out is not None):
        raise ValueError("out: its arrays overlap the inputs or one another")
    return out if isinstance(out, kind) else kind._make(results)

"""A large batch over several cores: chunks in threads that live for one call (private)."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numba.core import config

__all__ = ["BatchKernel", "overlap", "run_parallel"]

_config: Any = config
_OVERLAP = 1


class BatchKernel(Protocol):
    """What a batch is run by."""

    @property
    def chunk_min(self) -> int:
        """Options for which a thread of their own pays."""
        ...

    def prepare(self) -> None:
        """Make the machine code."""
        ...

    @property
    def run(self) -> Callable[..., int]:
        """Takes (is_call, *six inputs, outputs, given); 1 where arrays overlap, else 0."""
        ...


def run_parallel(kernel: BatchKernel, *arguments: Any) -> int:
    """Call a kernel on a large batch, over all cores.

    Parameters
    ----------
    kernel : BatchKernel
    arguments : (1,) or (n,) arrays, and a tuple of (n,) float64 arrays
        As the kernel takes them.

    Returns
    -------
    int
        The kernel's own answer: 0 when all is well.

    Notes
    -----
    Kernels release the interpreter lock, and a result does not depend on its place in a batch, so
    chunks in threads give the same bits as one call.  The number of threads is numba's: the cores
    that this process may use when numba is imported, or ``NUMBA_NUM_THREADS``.
    """
    *inputs, outputs, given = arguments
    size = outputs[0].size
    threads = min(int(_config.NUMBA_NUM_THREADS), size // kernel.chunk_min)
    if threads < 2:
        return int(kernel.run(*inputs, outputs, given))
    if given and overlap(outputs, inputs):  # a kernel sees only its own chunk
        return _OVERLAP

    def part(index: int) -> int:
        chunk = slice(size * index // threads, size * (index + 1) // threads)
        sources = (source if source.size == 1 else source[chunk] for source in inputs)
        return int(kernel.run(*sources, tuple(row[chunk] for row in outputs), False))

    kernel.prepare()  # once, not in every thread
    try:
        with ThreadPoolExecutor(threads - 1) as pool:
            others = pool.map(part, range(1, threads))
            return max(part(0), *others)
    except RuntimeError:  # no more threads, or the interpreter is closing: the same bits, slower
        return int(kernel.run(*inputs, outputs, False))


def overlap(outputs: Sequence[npt.NDArray[Any]], inputs: Sequence[npt.NDArray[Any]]) -> bool:
    """Whether an output shares memory with any other array, as `overlapping` says in a kernel.

    Examples
    --------
    >>> block = np.zeros(3)
    >>> overlap([block[:2]], [block[2:]]), overlap([block[:2], block[1:]], [])
    (False, True)
    """
    return any(
        np.may_share_memory(output, other)
        for index, output in enumerate(outputs)
        for other in (*inputs, *outputs[:index])
    )

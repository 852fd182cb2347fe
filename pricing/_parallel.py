"""A large batch over several cores: chunks in threads that live for one call (private)."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from numba.core import config

from pricing._kernel_cache import Kernel
from pricing.conventions import FloatArray

__all__ = ["CHUNK_MIN", "PARALLEL_MIN", "run_parallel"]

# Options a thread: about a millisecond, several times what a thread costs.  Two idle cores gain
# 1.2 times at 50,000 options, 1.7 at 200,000 and 1.8 at 1,000,000.
CHUNK_MIN = 100_000
PARALLEL_MIN = 2 * CHUNK_MIN
_config: Any = config
_OVERLAP = 1


def run_parallel(kernel: Kernel, *arguments: Any) -> int:
    """Call a kernel made by `batch_kernel` on a large batch, over all cores.

    Parameters
    ----------
    kernel : callable
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
    threads = min(int(_config.NUMBA_NUM_THREADS), size // CHUNK_MIN)
    if threads < 2:
        return int(kernel.run(*inputs, outputs, given))
    if given and _overlap(inputs, outputs):
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


def _overlap(inputs: Sequence[npt.NDArray[Any]], outputs: Sequence[FloatArray]) -> bool:
    """Whether an output shares memory with any other array: a kernel sees only its own chunk."""
    return any(
        np.may_share_memory(output, other)
        for index, output in enumerate(outputs)
        for other in (*inputs, *outputs[:index])
    )

"""Reference values that judge `pricing`, each file beside the script that made it.

``python -m tests.reference.make_european`` and its like write the ``.npz`` files again, with the
same numpy on the same processor to the bit.  No script imports `pricing`: prices are textbook
formulas in mpmath with digits to spare, derivatives are differences of those prices, and other
people's libraries are called as they are.  Inputs are float64 numbers taken as exact.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["load", "save"]

FOLDER = pathlib.Path(__file__).resolve().parent


def load(name: str) -> dict[str, npt.NDArray[Any]]:
    """The columns of one reference file."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as columns:
        return {key: columns[key] for key in columns.files}


def save(name: str, columns: Mapping[str, Any]) -> None:
    """Write one reference file; the same columns give the same bytes."""
    path = FOLDER / f"{name}.npz"
    np.savez_compressed(path, **{key: np.asarray(value) for key, value in columns.items()})
    rows = len(next(iter(columns.values())))
    print(f"{path.name}: {rows} rows, {path.stat().st_size / 1024:.0f} kB")

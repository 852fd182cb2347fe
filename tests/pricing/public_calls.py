"""Calls of the functions in the table of `public_api`, and how their results compare."""

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import settings

import pricing
from tests.pricing.public_api import TABLE

__all__ = ["ELEMENTWISE", "call", "fields", "generated", "refusal", "same"]

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
    """Bit for bit."""
    if isinstance(ours, tuple) and any(isinstance(part, tuple) for part in ours):
        return repr(ours) == repr(plain)  # records of records, such as a fit
    return all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in zip(fields(ours), fields(plain), strict=True)
    )


def refusal(name, argument, value):
    """The message with which a function refuses one argument."""
    with pytest.raises((TypeError, ValueError)) as caught:
        call(name, **{argument: value})
    return str(caught.value)


if __name__ == "__main__":  # compile every kernel
    for each in TABLE:
        call(each)

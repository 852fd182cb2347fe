"""A decision made with the fused kernels is the one made in plain steps, number for number."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core import decide as line
from hedger.core.columns import Book, Market
from hedger.core.decide import decide
from hedger.core.model import Action, Decision, Rules
from tests.core.dice import CLEAR, Dice
from tests.core.slow_exposure import slow_exposure, slow_shift

TOLERANCE = 1e-12
_DECIMALS = re.compile(r"\.\d+")
"""Of numbers in texts, which are those of the fields: rounded for people, some to another side."""
_ZERO = re.compile(r"[+-]0(?![0-9])")  # rounding decides its sign; the number stands elsewhere


def _slow(book: Book, market: Market, rules: Rules, now: int) -> Decision:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line, "exposure", slow_exposure)
        patch.setattr(line, "black_shift", slow_shift)
        return decide(book, market, rules, now)


def _differences(fast: Any, slow: Any, size: float, path: str = "") -> list[str]:
    """Where two records differ; floats by more than the tolerance of ``size``, their scale."""
    if isinstance(slow, float) and not isinstance(slow, bool):
        near = math.isclose(fast, slow, rel_tol=TOLERANCE, abs_tol=TOLERANCE * size)
        return [] if near or fast != fast == slow != slow else [f"{path}: {fast!r}, {slow!r}"]
    if isinstance(slow, msgspec.Struct):
        names = slow.__struct_fields__
        pairs = [(f"{path}.{n}", getattr(fast, n), getattr(slow, n)) for n in names]
    elif isinstance(slow, tuple):
        if len(fast) != len(slow):
            return [f"{path}: {len(fast)} against {len(slow)} entries"]
        pairs = [(f"{path}[{i}]", *pair) for i, pair in enumerate(zip(fast, slow, strict=True))]
    elif isinstance(slow, str) and _DECIMALS.search(slow):
        pairs = [(path, *(_ZERO.sub("0", _DECIMALS.sub("", text)) for text in (fast, slow)))]
    else:
        return [] if fast == slow and type(fast) is type(slow) else [f"{path}: {fast!r}, {slow!r}"]
    return [text for where, a, b in pairs for text in _differences(a, b, size, where)]


def _check(book: Book, market: Market, rules: Rules, now: int) -> Decision:
    fast, slow = decide(book, market, rules, now), _slow(book, market, rules, now)
    # sums cancel: what a leg adds is the scale of rounding, and prices carry it into theta
    size = 1.0 + float(abs(book.legs.quantity).sum())
    if slow.exposure is not None:
        size *= max(1.0, *(abs(x.theta) for x in slow.exposure.expiries), slow.exposure.index)
    assert not _differences(fast, slow, size / 6e4)
    return fast


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_decision_is_that_of_plain_steps(seed: int) -> None:
    dice = Dice(seed)
    market = dice.board().market()
    book, rules = dice.near_the_band("b", market)
    _check(book, market, rules, dice.now)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_book_on_two_venues_is_decided_as_in_plain_steps(seed: int) -> None:
    dice = Dice(seed)
    book, market, rules = dice.two()
    _check(book, market, rules, dice.now)


def test_the_worlds_hold_every_way_out() -> None:
    """Doubts, settlement windows, every action: else the two tests above would show little."""
    seen: list[Decision] = []
    for seed in range(150):
        dice = Dice(seed)
        market = dice.board().market()
        book, rules = dice.near_the_band("b", market)
        seen.append(_check(book, market, rules, dice.now))
    for seed in range(50):
        dice = Dice(seed, **CLEAR)
        book, market, rules = dice.two()
        seen.append(_check(book, market, rules, dice.now))
    made = [d.exposure for d in seen if d.exposure is not None]
    assert {d.action for d in seen} == set(Action)
    assert len(made) > 100
    assert any(e.doubts for e in made)
    assert any(e.curve.settling for e in made)
    assert any(e.curve.square_gamma > 1.01 * e.curve.gamma**2 > 0.0 for e in made)
    assert any(e.gross_delta for e in made)


def test_a_difference_is_told() -> None:
    dice = Dice(1, **CLEAR)
    market = dice.board().market()
    book, rules = dice.near_the_band("b", market)
    said = decide(book, market, rules, dice.now)
    assert said.exposure is not None
    other = msgspec.structs.replace(
        said, exposure=msgspec.structs.replace(said.exposure, low=said.exposure.low + 1e-9)
    )
    assert len(_differences(said, other, 1.0)) == 1

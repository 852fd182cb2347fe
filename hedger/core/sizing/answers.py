"""The two answers that a model can give, and inertia: what all of them share.

A model that cannot judge holds what it said before. Data that are not there then move nothing, and
as `combine` says, nothing may be added either.
"""

from __future__ import annotations

import math

from hedger.core.model import Scales, Scaling

Inputs = tuple[tuple[str, float], ...]


def unknown(model: str, what: Scales, why: str, *, factor: float = 1.0, shift: float = 0.0,
            is_cap: bool = False, inputs: Inputs = ()) -> Scaling:  # fmt: skip
    """What the model said before, held, with what it lacks."""
    return Scaling(
        what=what.value,
        model=model,
        factor=factor,
        shift=shift,
        reason=f"{why}: holds what it said before",
        is_cap=is_cap,
        is_known=False,
        inputs=inputs,
    )


def numbers(*pairs: tuple[str, float]) -> Inputs:
    """Those that are finite: a record has no place for others once it is written.

    Examples
    --------
    >>> numbers(("ratio", 0.5), ("distance", math.inf))
    (('ratio', 0.5),)
    """
    return tuple(pair for pair in pairs if math.isfinite(pair[1]))


def stale(age_ms: int | None, limit: int) -> str:
    """Why a number cannot be used for its age; empty if it can. None was never measured."""
    if age_ms is None:
        return "never measured"
    if age_ms < 0:
        return f"dated {-age_ms} ms in the future"
    return f"{age_ms} ms old, at most {limit} ms" if age_ms > limit else ""


def settled(wanted: float, before: float, inertia: float) -> float:
    """`before`, unless `wanted` is further from it than a share `inertia` of it.

    Examples
    --------
    >>> settled(0.95, 1.0, 0.1), settled(0.8, 1.0, 0.1)
    (1.0, 0.8)
    """
    return before if abs(wanted - before) <= inertia * before else wanted


def eased(wanted: float, before: float, inertia: float) -> float:
    """A bound that tightens at once and loosens only when that is worth it.

    Examples
    --------
    >>> eased(0.95, 1.0, 0.1), eased(0.55, 0.5, 0.2), eased(0.7, 0.5, 0.2)
    (0.95, 0.5, 0.7)
    """
    return before if before < wanted <= before * (1.0 + inertia) else wanted


def positive(value: float | None) -> bool:
    """Whether a number is there, finite and above 0."""
    return value is not None and math.isfinite(value) and value > 0.0

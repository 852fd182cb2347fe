"""Congestion (trade): when the way to the venue is slow or full, what can wait does.

Urgent hedges, those beyond the hard band, go through at once. The rest defer when any measure is at
its limit, and before that the clip grows, so that fewer and larger orders are sent.
"""

from __future__ import annotations

import math

from hedger.core.model import CongestionRule, Scaling, Traffic
from hedger.core.sizing.answers import numbers

MODEL = "congestion"


def load(rule: CongestionRule, traffic: Traffic) -> tuple[float, str]:
    """The fullest measure as a share of its limit, and which it is; NaN counts as full.

    Examples
    --------
    >>> load(CongestionRule(), Traffic(latency_ms=500.0, credits=0.6))
    (0.5, 'latency_ms')
    """
    spent = None if traffic.credits is None else 1.0 - traffic.credits
    parts = (
        ("latency_ms", traffic.latency_ms, rule.latency_ms_max),
        ("error_rate", traffic.error_rate, rule.error_rate_max),
        ("credits", spent, 1.0 - rule.credits_min),
        ("stale_share", traffic.stale_share, rule.stale_share_max),
    )
    worst, which = 0.0, ""
    for name, value, limit in parts:
        if value is None:
            continue
        share = value / limit if math.isfinite(value) else math.inf
        if share > worst:
            worst, which = share, name
    return worst, which


def congestion(rule: CongestionRule, traffic: Traffic, *, urgent: bool) -> Scaling:
    """Factor of the trade: 1, or 0 for a routine hedge that waits."""
    full, which = load(rule, traffic)
    waits = full >= 1.0 and not urgent
    said = f"{which or 'nothing'} at {full:.0%} of its limit"
    then = "a routine hedge waits" if waits else "urgent: at once" if urgent else "free"
    return Scaling(
        what="trade",
        model=MODEL,
        factor=0.0 if waits else 1.0,
        reason=f"{said}: {then}",
        inputs=numbers(("load", full), ("urgent", float(urgent))),
    )


def clip(rule: CongestionRule, traffic: Traffic) -> Scaling:
    """Factor of the clip: 1 up to half of the limit, rising to ``clip_max`` at the limit."""
    full, which = load(rule, traffic)
    share = min(max(2.0 * full - 1.0, 0.0), 1.0)
    return Scaling(
        what="clip",
        model=MODEL,
        factor=1.0 + (rule.clip_max - 1.0) * share,
        reason=f"{which or 'nothing'} at {full:.0%} of its limit",
        inputs=numbers(("load", full)),
    )

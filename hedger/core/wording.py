"""What a decision says in words of an interval and of the orders that it makes."""

from __future__ import annotations

from hedger.core.model import Exposure, Plan


def span(seen: Exposure) -> str:
    """The delta, or its interval where not all of it is certain."""
    if seen.low == seen.high:
        return f"{seen.low:+.4f}"
    return f"[{seen.low:+.4f}, {seen.high:+.4f}]"


def order_text(made: Plan) -> str:
    """Every order of a plan."""
    return "; ".join(
        f"{'buy' if line.lots > 0 else 'sell'} {abs(line.lots)} lots of {line.instrument} "
        f"({line.delta:+.4f}) at {line.limit_price:g} or better"
        for line in made.lines
    )

"""``hedger plan``: what each book would send now, in dollars and in coin; nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hedger.cli.options import Common
from hedger.cli.output import instant, print_json, print_text, run_async, say

if TYPE_CHECKING:
    from hedger.app.look import Sight
    from hedger.core.model import Decision, Scaling

NUMERAIRES = ("usd", "coin")


def plan(book: str | None = None, /, *, common: Common | None = None) -> int:
    """What would be sent now under each numeraire, by the decision that a worker would make.

    Nothing is sent and nothing is stored.

    Parameters
    ----------
    book
        One book; all by default.
    """
    common = common or Common()
    from hedger.app.look import look

    config = common.load()
    seen = run_async(lambda: look(config, book))
    say(f"market: {seen.market_from}; nothing is sent")
    plans = [(sight, _decisions(sight)) for sight in seen.sights]
    if common.json:
        books = [
            {
                "book": sight.book.name,
                "numeraire": sight.params.rules.numeraire,
                "positions_from": sight.positions_from,
                "decisions": decisions,
            }
            for sight, decisions in plans
        ]
        print_json({"market": seen.market_from, "books": books})
        return 0
    for sight, decisions in plans:
        print_text(*_lines(sight, decisions))
    return 0


def _decisions(sight: Sight) -> dict[str, Decision]:
    from hedger.core.decide import decide

    rules = sight.params.rules
    return {
        name: decide(
            sight.book, sight.market, msgspec.structs.replace(rules, numeraire=name), sight.now
        )
        for name in NUMERAIRES
    }


def _lines(sight: Sight, decisions: dict[str, Decision]) -> list[str]:
    lines = [
        f"{sight.book.name}: {sight.book.underlying} at {instant(sight.now)}, "
        f"positions from {sight.positions_from}"
    ]
    for name, decision in decisions.items():
        mark = " (configured)" if name == sight.params.rules.numeraire else ""
        lines.append(f"  {name}{mark}: {decision.action.upper()} {decision.reason}")
        lines.append(f"    {decision.text}")
        lines += [f"    {r.rule}: {r.reason}" for r in decision.refusals]
        lines += [_scaling(one) for one in decision.scalings]
        lines += [f"    warning: {text}" for text in decision.warnings]
        if decision.plan is not None and decision.plan.lines:
            low, high = decision.plan.expected
            lines.append(f"    delta after it in [{low:+.6f}, {high:+.6f}]")
    return lines


def _scaling(one: Scaling) -> str:
    """What one scaler says; one that cannot judge says so, and holds what it said before."""
    unknown = "" if one.is_known else "cannot judge: "
    said = f"{one.shift:+.4f} coin" if one.what == "centre" else f"x {one.factor:.3g}"
    return f"    {one.model} ({one.what} {said}): {unknown}{one.reason}"

"""A journal entry as text: inputs, Greeks, delta line by line, band, trade, orders, timings.

A rendering and nothing else: every number is the record's, printed with enough digits that the
lines of a sum add up to the sum that is printed below them.
"""

from __future__ import annotations

from collections.abc import Iterator

from hedger.cli.output import day, instant
from hedger.core.model import BandInputs, Exposure, Plan, Reference, Scales, Target
from hedger.service.entry import Entry

WIDTH = 44
"""Columns of the text before a number of a sum."""


def explained(entry: Entry) -> list[str]:
    """All lines; parts that a decision did not reach are left out, and the reason says why."""
    lines = [*_head(entry), *_inputs(entry)]
    if entry.exposure is not None:
        lines += [*_greeks(entry.exposure), *_delta(entry.exposure)]
    if entry.target is not None:
        lines += _band(entry.target)
    if entry.scalings:
        lines += _scaling(entry)
    lines += [*_trade(entry), *_orders(entry), *_timings(entry)]
    return lines


def _head(entry: Entry) -> Iterator[str]:
    yield f"decision {entry.id}: {entry.action.upper()}, {entry.reason}"
    yield f"  {entry.text}"
    if entry.hold:
        yield f"  {entry.hold}"
    if entry.act:
        yield f"  {entry.act}"
    if entry.rung:
        yield f"  {entry.rung}"
    yield (
        f"  book {entry.book} at revision {entry.seq}, market time {instant(entry.time_ms)}, "
        f"recorded {instant(entry.wall_ms)}"
    )
    yield f"  worker {entry.worker}, epoch {entry.epoch}, config {entry.config}"
    if entry.repeats > 1:
        yield f"  stands for {entry.repeats} decisions alike"


def _inputs(entry: Entry) -> Iterator[str]:
    yield "inputs"
    if entry.exposure is not None:
        yield f"  index {_number(entry.exposure.index)}, {_age(entry.index_age_ms)}"
    elif entry.index_age_ms is not None:
        yield f"  index seen {_age(entry.index_age_ms)}"
    if entry.reference is not None:
        yield from _reference(entry.reference, entry.time_ms)
    for quote in entry.quotes:
        sides = f"bid {_number(quote.bid)} ask {_number(quote.ask)}"
        yield f"  {quote.instrument}: {sides}, {_age(quote.age_ms)}"
    for name, lots in entry.positions:
        yield f"  held as hedge: {lots:+d} lots of {name}"
    yield f"  open intents: {entry.open_intents}"
    for text in entry.warnings:
        yield f"  warning: {text}"


def _reference(found: Reference, now: int) -> Iterator[str]:
    """What the decision was held to beside its venue's own index, and who told it."""
    if found.price is None or found.time_ms is None:
        yield f"  reference {found.name}: unknown, {found.reason}"
    else:
        parts = ", ".join(f"{part.name} {_number(part.price)}" for part in found.parts)
        yield (
            f"  reference {found.name} {_number(found.price)}, {_age(now - found.time_ms)}, of"
            f" {parts}, {100.0 * found.spread:.3f} % apart"
        )
    for row in found.left_out:
        yield f"    left out: {row.name} {row.reason}"
    for depeg in found.depegs:
        yield f"    off its peg: {depeg.currency} at {depeg.rate:.4f}, known by {depeg.known_by}"


def _greeks(seen: Exposure) -> Iterator[str]:
    yield f"greeks of the options, {seen.fresh_legs}/{seen.legs} legs fresh"
    yield f"  {'expiry':<18}{'forward':>12}{'legs':>6}{'delta':>14}" + "".join(
        f"{name:>16}" for name in ("gamma_usd_1pct", "vega_usd_1pt", "theta_usd_1d")
    )
    for line in seen.expiries:
        name = day(line.expiry_ms) + ("" if line.inverse else " linear")
        scaled = (line.gamma * seen.index / 100.0, line.vega / 100.0, line.theta / 365.0)
        yield f"  {name:<18}{line.forward:>12,.2f}{line.legs:>6}{line.delta:>+14.6f}" + "".join(
            f"{value:>+16,.2f}" for value in scaled
        )
    for doubt in seen.doubts:
        yield (
            f"  in doubt: {doubt.instrument} delta in [{doubt.low:+.6f}, {doubt.high:+.6f}], "
            f"{_age(doubt.age_ms)}: {doubt.reason}"
        )


def _delta(seen: Exposure) -> Iterator[str]:
    yield f"delta in coin, numeraire {seen.numeraire}"
    for line in seen.expiries:
        style = "" if line.inverse else " linear"
        name = f"expiry {day(line.expiry_ms)}{style} x ratio {seen.ratio:g}"
        yield _sum_line(name, seen.ratio * line.delta)
    yield _sum_line("futures", seen.futures_delta)
    yield _sum_line("hedges", seen.hedge_delta)
    yield _sum_line("cash", seen.cash_delta)
    yield _sum_line("book delta", seen.book_delta, "=")
    if seen.numeraire == "usd" and seen.cash_delta:
        yield (
            f"  cash is equity {seen.equity:.8f} - value of inverse options "
            f"{seen.options_value:.8f} - base_coin {seen.base_coin:.8f}"
        )
    if seen.numeraire == "coin" and seen.cash_delta:
        yield (
            f"  cash is value of linear options {seen.options_value:.8f} - equity settled in quote "
            f"currency {seen.equity:.8f}, both in coin"
        )
    if seen.low != seen.high:
        yield f"  on every reading of doubts and open intents: [{seen.low:+.8f}, {seen.high:+.8f}]"


def _band(target: Target) -> Iterator[str]:
    yield "band"
    yield f"  [{target.lower:+.6f}, {target.upper:+.6f}], centre {target.centre:+.6f}"
    yield f"  triggers: below {target.trigger_low:+.6f}, above {target.trigger_high:+.6f}"
    yield f"  a trade ends at {target.to_low:+.6f} from below, {target.to_high:+.6f} from above"
    yield f"  patience ends outside [{target.hard_low:+.6f}, {target.hard_high:+.6f}]"
    if target.delta_of:
        yield f"  around another delta than Black's: {target.delta_of}"
    if target.move:
        yield f"  and once the index has moved by {100.0 * target.move:.3f} %"
    if target.inputs is not None:
        yield from _made_of(target.inputs)


def _made_of(terms: BandInputs) -> Iterator[str]:
    source = {
        "now": "made now, frozen at the first hedge",
        "passing": "made now and not frozen: no gamma lasts longer than a day",
        "frozen": "frozen at the first hedge",
    }
    yield (
        f"  made of: cost {1e4 * terms.cost:.3g} bp, vol {100.0 * terms.vol:.2f} %, "
        f"gamma {terms.gamma:.6g}, horizon {365.0 * terms.horizon:g} days"
    )
    if terms.vol_of:
        yield f"  that vol is the {terms.vol_of}"
    if terms.paid is not None:
        parts = terms.paid
        depth = "unknown" if parts.depth is None else f"{1e4 * parts.depth:.3g}"
        yield (
            f"  cost at {parts.instrument}: fee {1e4 * parts.fee:.3g} bp, half-spread"
            f" {1e4 * parts.half_spread:.3g}, and the larger of depth {depth} and recent"
            f" slippage {1e4 * parts.slippage:.3g}"
        )
    if (terms.tuned_cost, terms.tuned_vol) != (1.0, 1.0):
        factors = f"cost x {terms.tuned_cost:.4g}, vol x {terms.tuned_vol:.4g}"
        yield f"  tuned from what was found: {factors}"
    yield f"  delay {365.0 * 86_400.0 * terms.delay:.3g} s ({terms.delay_of or 'not told'})"
    yield f"  risk aversion {terms.risk_aversion:.6g} ({source.get(terms.source, terms.source)})"


def _scaling(entry: Entry) -> Iterator[str]:
    """What each model said; the centre by a shift, all else by a factor."""
    yield "scaling"
    for one in entry.scalings:
        moves = one.what == Scales.CENTRE
        by = f"{one.shift:+.6f} coin" if moves else f"x {one.factor:.4g}"
        kind = " (a cap)" if one.is_cap else ""
        doubt = "" if one.is_known else "unknown, "
        yield f"  {one.what} {by} by {one.model}{kind}: {doubt}{one.reason}"
    if entry.scale is not None:
        yield f"  the book should stand at {entry.scale:.4g} of its base: a proposal, no hedge"
    if entry.resize is not None:
        yield f"  by itself: {entry.resize.state}, {entry.resize.text}"


def _trade(entry: Entry) -> Iterator[str]:
    yield "trade"
    for refusal in entry.refusals:
        where = f"{refusal.instrument}, " if refusal.instrument else ""
        age = f", {_age(refusal.age_ms)}" if refusal.age_ms is not None else ""
        sizes = ""
        if refusal.wanted or refusal.allowed:
            sizes = f" (wanted {refusal.wanted:+.6f}, allowed {refusal.allowed:+.6f})"
        yield f"  refused by {refusal.rule}: {where}{refusal.reason}{sizes}{age}"
    if entry.plan is None:
        yield f"  nothing is sent: {entry.reason}"
        return
    if entry.exposure is not None:
        yield from _planned(entry.plan, entry.exposure)
    if not entry.plan.lines:
        yield f"  nothing is sent: {entry.reason}"


def _planned(plan: Plan, seen: Exposure) -> Iterator[str]:
    """From the nearest certain delta to the one after the orders, as two sums."""
    start = seen.high if plan.wanted > 0 else seen.low
    yield _sum_line("delta, its certain end", start)
    yield _sum_line("wanted", plan.wanted)
    yield _sum_line("delta wanted", start + plan.wanted, "=")
    if plan.allowed != plan.wanted:
        yield _sum_line("allowed by the limits", plan.allowed, " ")
    total = 0.0
    yield _sum_line("delta, its certain end", start)
    for line in plan.lines:
        side = "buy" if line.lots > 0 else "sell"
        yield _sum_line(f"{side} {abs(line.lots)} lots of {line.instrument}", line.delta)
        total += line.delta
    yield _sum_line("delta after it", start + total, "=")
    low, high = plan.expected
    if low != high:
        yield f"  on every reading: [{low:+.8f}, {high:+.8f}]"
    yield (
        f"  limit {plan.slippage_bps:g} bp from mid; "
        f"{'reduces' if plan.reduces else 'does not surely reduce'} |delta| on every reading"
    )


def _orders(entry: Entry) -> Iterator[str]:
    if entry.plan is not None and entry.plan.lines:
        yield "orders"
    prices = {line.instrument: line for line in (entry.plan.lines if entry.plan else ())}
    for intent in entry.intents:
        line = prices.get(intent.instrument)
        limit = f"limit {line.limit_price:g}" if line else f"limit {intent.limit_ticks} ticks"
        yield (
            f"  {intent.id}: {intent.lots:+d} lots of {intent.instrument}, {limit}, "
            f"deadline {instant(intent.deadline_ms)} at {intent.venue}/{intent.account}"
        )
        yield f"    position stays in {intent.low:+d}..{intent.high:+d} lots on every reading"


def _timings(entry: Entry) -> Iterator[str]:
    times = entry.timings
    if times is None:
        return
    parts = (
        ("quote waited", times.quote_us),
        ("load", times.load_us),
        ("decide", times.decide_us),
        ("record", times.begin_us),
    )
    yield "timings"
    yield "  " + ", ".join(f"{name} {us} µs" for name, us in parts if us is not None)


def _sum_line(name: str, value: float, sign: str = "+") -> str:
    """One line of a sum; a number that rounds to zero carries no minus."""
    return f"  {sign} {name:<{WIDTH}}{round(value, 8) + 0.0:>+16.8f}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}" if value < 1 else f"{value:,.2f}"


def _age(age_ms: int | None) -> str:
    return "never seen" if age_ms is None else f"{age_ms} ms old"

"""One price of an underlying from several sources, and which of them were not believed.

A source is dropped with a reason if its number cannot be a price, is too old, or lies too far from
the others; what is left must be enough and a majority. A quote currency that has left its peg is
noticed and named: from its own rate where there is one, else from what is quoted in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf, isfinite
from typing import NamedTuple

from hedger.core.model import Depeg, LeftOut, Reference, ReferenceRule, Source, Used

__all__ = ["Depeg", "LeftOut", "Reference", "ReferenceRule", "Source", "mark_fault", "reference"]


class _Row(NamedTuple):
    source: Source
    price: float


def reference(
    sources: Iterable[Source],
    rule: ReferenceRule,
    now_ms: int,
    *,
    rates: Mapping[str, Source] | None = None,
) -> Reference:
    """Median of what can be believed, by volume.

    Parameters
    ----------
    sources : iterable of Source
        Of one underlying; of two with one name the newer counts.
    rule : ReferenceRule
    now_ms : int
        Market time; a source from long after it is not believed, as no clocks differ by that.
    rates : mapping, optional
        Prices of quote currencies in the base, by currency.

    Notes
    -----
    The deviation is from the plain median, so that fewer than half of the sources cannot move who
    is left out; then the price is the median by volume of those left, which lies within them.

    Examples
    --------
    >>> told = [Source("a", 100.0, 0), Source("b", 100.2, 0), Source("c", 100.1, 0)]
    >>> reference([*told, Source("d", 90.0, 0)], ReferenceRule(), 0).price
    100.1
    """
    left_out: list[LeftOut] = []
    fresh = _believable(sources, rule, now_ms, left_out)
    rows, depegs = _in_base(fresh, rule, now_ms, rates or {}, left_out)
    heard = len(rows)
    middle = _median([row.price for row in rows])
    used = []
    for row in rows:
        off = row.price / middle - 1.0
        if abs(off) <= rule.deviation_max:
            used.append(row)
        else:
            left_out.append(
                LeftOut(name=row.source.name, reason=f"{off:+.2%} from the median {middle:.8g}")
            )
    reason = ""
    if len(used) < rule.sources_min:
        reason = f"{len(used)} sources agree, expected at least {rule.sources_min}"
    elif 2 * len(used) <= heard:
        reason = f"{len(used)} of {heard} sources agree, expected a majority"
    if reason:
        return Reference(
            price=None,
            time_ms=None,
            left_out=tuple(left_out),
            depegs=tuple(depegs),
            reason=reason,
        )
    prices = [row.price for row in used]
    price = _weighted_median(prices, _weights([row.source.volume for row in used], rule.weight_max))
    return Reference(
        price=price,
        time_ms=min(row.source.time_ms for row in used),
        parts=tuple(
            Used(name=row.source.name, price=row.price, venue=row.source.venue)
            for row in sorted(used, key=lambda row: row.source.name)
        ),
        spread=(max(prices) - min(prices)) / price,
        left_out=tuple(left_out),
        depegs=tuple(depegs),
    )


def mark_fault(name: str, mark: float, found: Reference, rule: ReferenceRule) -> str:
    """Why a venue's own price is not to be believed beside the reference; empty if it is.

    Where there is no reference nothing can be said against it.
    """
    if not _is_price(mark):
        return f"{name}: {mark} is no price"
    if found.price is None:
        return ""
    off = mark / found.price - 1.0
    if abs(off) <= rule.guard_max:
        return ""
    return f"{name}: {mark:.8g} is {off:+.2%} from the reference {found.price:.8g}"


def _believable(
    sources: Iterable[Source], rule: ReferenceRule, now_ms: int, left_out: list[LeftOut]
) -> list[Source]:
    """Newest number of each source that is a price and of now, by name."""
    newest: dict[str, Source] = {}
    for source in sorted(sources, key=lambda s: (s.time_ms, s.name)):
        newest[source.name] = source
    kept = []
    for name in sorted(newest):
        fault = _fault(newest[name], rule, now_ms)
        if fault:
            left_out.append(LeftOut(name=name, reason=fault))
        else:
            kept.append(newest[name])
    return kept


def _fault(source: Source, rule: ReferenceRule, now_ms: int) -> str:
    if source.time_ms < 0:
        return "was never seen"
    if not _is_price(source.price):
        return f"{source.price} is no price"
    if source.volume is not None and not 0.0 <= source.volume < inf:
        return f"volume {source.volume} is none"
    age_ms = now_ms - source.time_ms
    if age_ms < -rule.ahead_ms_max:
        return f"is {-age_ms} ms ahead of now"
    if age_ms > rule.age_ms_max:
        return f"{age_ms} ms old, expected at most {rule.age_ms_max}"
    return ""


def _in_base(
    fresh: Sequence[Source],
    rule: ReferenceRule,
    now_ms: int,
    rates: Mapping[str, Source],
    left_out: list[LeftOut],
) -> tuple[list[_Row], list[Depeg]]:
    """Prices in the base currency, and currencies that are not worth one of it.

    A currency whose rate is known is converted. One without a rate counts as one to one, unless
    what is quoted in it is away, at the median, from what is quoted in the base: then all of it is
    left out. Sources in the base alone decide that, two of them at least.
    """
    by_currency: dict[str, list[Source]] = {}
    for source in fresh:
        by_currency.setdefault(source.quote, []).append(source)
    rows = [_Row(source, source.price) for source in by_currency.pop(rule.base, [])]
    anchor = _median([row.price for row in rows]) if len(rows) > 1 else None
    depegs = []
    for currency, told in sorted(by_currency.items()):
        rate = rates.get(currency)
        if rate is not None and not _fault(rate, rule, now_ms):
            rows += [_Row(source, source.price * rate.price) for source in told]
            if abs(rate.price - 1.0) > rule.depeg_max:
                depegs.append(Depeg(currency=currency, rate=rate.price, known_by=rate.name))
            continue
        seen = None if anchor is None else anchor / _median([source.price for source in told])
        if seen is not None and abs(seen - 1.0) > rule.depeg_max and len(told) > 1:
            depegs.append(Depeg(currency=currency, rate=seen, known_by=f"{len(told)} prices in it"))
            why = f"{currency} seems to be worth {seen:.4f} {rule.base}"
            left_out += [LeftOut(name=source.name, reason=why) for source in told]
            continue
        rows += [_Row(source, source.price) for source in told]
    return rows, depegs


def _weights(volumes: Sequence[float | None], most: float) -> list[float]:
    """Volumes, none above ``most`` of their sum; equal where one is not told or it cannot be."""
    told = [volume for volume in volumes if volume is not None]
    if len(told) < len(volumes) or sum(told) <= 0.0:
        return [1.0] * len(volumes)
    largest = sorted(told, reverse=True)
    for capped in range(len(told)):
        rest = sum(largest[capped:])
        cap = most * rest / (1.0 - capped * most)
        if cap <= 0.0:
            break
        if largest[capped] <= cap:
            return [min(volume, cap) for volume in told]
        if (capped + 1) * most >= 1.0:
            break
    return [1.0] * len(volumes)


def _weighted_median(prices: Sequence[float], weights: Sequence[float]) -> float:
    """Where half of the weight is on either side; between two prices, their mean."""
    rows = sorted(zip(prices, weights, strict=True))
    half, below = 0.5 * sum(weights), 0.0
    for number, (price, weight) in enumerate(rows):
        below += weight
        if below > half * (1.0 + 1e-12):
            return price
        if below >= half * (1.0 - 1e-12) and number + 1 < len(rows):
            return 0.5 * (price + rows[number + 1][0])
    return rows[-1][0]


def _median(prices: Sequence[float]) -> float:
    """Plain median; NaN of nothing, which nothing is near to."""
    if not prices:
        return float("nan")
    return _weighted_median(prices, [1.0] * len(prices))


def _is_price(number: float) -> bool:
    return isfinite(number) and number > 0.0

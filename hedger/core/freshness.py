"""What must be there, fresh and believed before a book may be decided at all.

Doubtful option legs are not blocks: they widen the delta's interval (`hedger.core.exposure.doubt`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hedger.core.columns import Book, Forecast, Market, Suspect, index_name
from hedger.core.jumps import WINDOW_MS
from hedger.core.model import (
    SETTLEMENT_WINDOW_MS,
    Doubt,
    HedgeQuote,
    HedgeRoute,
    Instrument,
    Kind,
    Refusal,
    Rules,
)
from hedger.core.returns import PERIOD_MS

FUTURE_MS_MAX = 1_000
FORECAST_MS_MAX = 4 * PERIOD_MS
"""A forecast from returns of longer ago is not known."""


def other_futures(book: Book, rules: Rules, now: int) -> tuple[str, ...]:
    """Futures, held or on order but no longer hedged with, that have not reached their expiry."""
    if not (book.futures or book.open):
        return ()
    held = [p.instrument for p in book.futures]
    on_order = [book.instruments[intent.instrument] for intent in book.open]
    futures = [i for i in (*held, *on_order) if i.kind is not Kind.OPTION]
    alive = {i.name for i in futures if not i.expiry_ms or i.expiry_ms > now}
    return tuple(sorted(alive.difference(rules.hedge.hedges)))


def usable(book: Book, market: Market, rules: Rules, now: int) -> tuple[HedgeRoute, ...]:
    """Venues to hedge at: each of whose hedge instruments can be priced and traded now.

    The only one of a book on one venue: what is wrong there forbids the decision (`judged`).
    """
    if not rules.hedge.also:
        return rules.hedge.routes
    return tuple(
        route
        for route in rules.hedge.routes
        if not any(
            untradable(market, name, rules, now)
            or _settling_fault(book.instruments[name], now)
            or name in market.suspects
            for name in route.names
        )
    )


def judged(rules: Rules, routes: Sequence[HedgeRoute]) -> tuple[str, ...]:
    """Hedge instruments that a decision needs: those of the venues it can hedge at (`usable`).

    All of them where there is none such: then what is wrong with them forbids it.
    """
    if not rules.hedge.also:
        return rules.hedge.hedges
    return tuple(sorted({name for route in routes or rules.hedge.routes for name in route.names}))


def hedge_quote(market: Market, name: str, now: int) -> HedgeQuote:
    """The hedge instrument's market as it stands; None for what was never seen."""
    row = market.row.get(name)
    if row is None or market.quote_ms[row] < 0:
        return HedgeQuote(instrument=name, bid=None, ask=None, age_ms=None)
    bid, ask = float(market.bid[row]), float(market.ask[row])
    return HedgeQuote(
        instrument=name,
        bid=None if math.isnan(bid) else bid,
        ask=None if math.isnan(ask) else ask,
        age_ms=now - int(market.quote_ms[row]),
    )


def forecast_vol(market: Market, underlying: str, now: int) -> float:
    """Vol forecast from an index's returns; 0 where there is none, or none of late."""
    found = _forecast(market, underlying, now)
    return 0.0 if found is None else found.vol


def har_forecast_vol(market: Market, underlying: str, now: int) -> float:
    """That of the autoregression; 0 where there is none, or none of late."""
    found = _forecast(market, underlying, now)
    return 0.0 if found is None else found.har


def _forecast(market: Market, underlying: str, now: int) -> Forecast | None:
    found = market.forecasts.get(underlying)
    if found is None or not -FUTURE_MS_MAX <= now - found.time_ms <= FORECAST_MS_MAX:
        return None
    return found


def blocks(
    book: Book, market: Market, rules: Rules, now: int, hedges: tuple[str, ...]
) -> tuple[Refusal, ...]:
    """Everything that forbids a decision on this market, each with instrument and age.

    ``hedges`` are the instruments that it needs, as `judged` has them.
    """
    found = [untradable(market, name, rules, now) for name in hedges]
    found.append(_index_fault(book, market, rules, now))
    found += [_settling_fault(book.instruments[name], now) for name in hedges]
    futures = other_futures(book, rules, now)
    found += [_future_fault(market, name, rules, now) for name in futures]
    found += [_never_priced(book, market, name) for name in unjudged(book, rules, hedges)]
    found += [
        _account_fault(book, market, rules, now, name) for name in (book.account, *book.accounts)
    ]
    found += [
        _unknown_row(book.legs.names[i])
        for i in book.legs.places(market).missing
        if book.legs.expiry_ms[i] > now
    ]
    found += [_jump(s, now) for s in market.suspects_of((*hedges, *futures), book.underlying)]
    return tuple(f for f in found if f is not None)


def warnings(
    book: Book, market: Market, rules: Rules, now: int, hedges: tuple[str, ...]
) -> tuple[str, ...]:
    """What a person should know though it blocks nothing: ageing vols, refused quotes.

    And why hedge instruments that are not among ``hedges`` are left out.
    """
    found = []
    _, rows, missing = book.legs.places(market)
    seen = market.vol_ms[rows[rows >= 0] if missing else rows]
    if seen.size and (first := int(seen.min())) < 0:  # some were never seen
        seen = seen[seen >= 0]
        first = int(seen.min()) if seen.size else now
    if seen.size:
        oldest = now - first
        if oldest > rules.data.vol_age_ms_warn:
            found.append(f"oldest vol is {oldest} ms old")
    for name, refusal in market.refused.items():
        if name in rules.hedge.hedges or name in book.legs.names:
            found.append(f"{name}: quote refused, {refusal.reason}")
    if rules.hedge.also:
        found += _left_out(book, market, rules, now, hedges)
    return tuple(found)


def _left_out(
    book: Book, market: Market, rules: Rules, now: int, hedges: tuple[str, ...]
) -> list[str]:
    """Venues that cannot be hedged at now, and why."""
    found = []
    for name in sorted(set(rules.hedge.hedges) - set(hedges)):
        fault = untradable(market, name, rules, now)
        fault = fault or _settling_fault(book.instruments[name], now)
        text = "an unconfirmed jump" if fault is None else fault.reason
        found.append(f"{name}: not hedged with, {text}")
    return found


def unjudged(book: Book, rules: Rules, hedges: tuple[str, ...]) -> tuple[str, ...]:
    """Hedge instruments beside these that are held or on order, and so need a price."""
    if not rules.hedge.also:
        return ()
    held = {p.instrument.name for p in book.hedges if p.lots}
    on_order = {intent.instrument for intent in book.open}
    return tuple(sorted((held | on_order) & set(rules.hedge.hedges) - set(hedges)))


def last_ratio(market: Market, name: str) -> float:
    """Price over the index as last seen, NaN if never."""
    row = market.row.get(name)
    return float("nan") if row is None else float(market.ratio[row])


def _never_priced(book: Book, market: Market, name: str) -> Refusal | None:
    """A perpetual stays close to the index (`exposure.silence`); where a future is, who knows."""
    is_dated = book.instruments[name].kind is Kind.FUTURE
    if is_dated and math.isnan(last_ratio(market, name)):
        return _block("missing_future_price", f"{name} was never priced", name)
    return None


def _jump(suspect: Suspect, now: int) -> Refusal:
    """A jump that nothing confirms yet, or that a reference refuses."""
    age = now - suspect.time_ms
    rule = "unconfirmed_jump" if age >= WINDOW_MS else "jump_awaiting_confirmation"
    size = f"moved {100 * suspect.move:+.2f} % (limit {100 * suspect.limit:.2f} %)"
    if suspect.refused:
        return _block("jump_refused", f"{size}, {suspect.refused}", suspect.source, age)
    return _block(rule, f"{size} unconfirmed", suspect.source, age)


def doubt_refusal(rule: str, doubt: Doubt) -> Refusal:
    """A leg whose delta is not known well enough, as a refusal that names it."""
    span = f"delta in [{doubt.low:+.4f}, {doubt.high:+.4f}]"
    return _block(rule, f"{span}: {doubt.reason}", doubt.instrument, doubt.age_ms)


def _block(rule: str, reason: str, instrument: str, age_ms: int | None = None) -> Refusal:
    return Refusal(
        rule=rule, wanted=0.0, allowed=0.0, reason=reason, instrument=instrument, age_ms=age_ms
    )


def _unknown_row(name: str) -> Refusal:
    return _block("not_subscribed", f"{name} is not subscribed", name)


def untradable(market: Market, name: str, rules: Rules, now: int) -> Refusal | None:
    """Why a future or perpetual cannot be traded on this market; None where it can."""
    quote, limit = hedge_quote(market, name, now), rules.data.hedge_quote_age_ms_max
    if quote.age_ms is None:
        return _block("missing_hedge_quote", f"{name} was never quoted", name)
    if quote.bid is None or quote.ask is None:
        return _block("missing_hedge_quote", f"{name} has no bid or no ask", name, quote.age_ms)
    if (doubt := market.doubted.get(name)) is not None:
        return _block("doubtful_mark", doubt, name, quote.age_ms)
    return _age_fault("stale_hedge_quote", f"quote of {name}", name, quote.age_ms, limit)


def _settling_fault(instrument: Instrument, now: int) -> Refusal | None:
    if not instrument.expiry_ms or instrument.expiry_ms - now > SETTLEMENT_WINDOW_MS:
        return None
    return _block("hedge_settling", f"{instrument.name} settles or has settled", instrument.name)


def _index_fault(book: Book, market: Market, rules: Rules, now: int) -> Refusal | None:
    index = market.index.get(book.underlying)
    name = index_name(book.underlying)
    if index is None:
        return _block("missing_index", f"{name} was never seen", name)
    age, limit = now - index.time_ms, rules.data.forward_age_ms_max
    if (doubt := market.doubted.get(name)) is not None:
        return _block("doubtful_index", doubt, name, age)
    return _age_fault("stale_forward", name, name, age, limit)


def _future_fault(market: Market, name: str, rules: Rules, now: int) -> Refusal | None:
    row = market.row.get(name)
    if row is None or math.isnan(market.ratio[row]):
        return _block("missing_future_price", f"{name} was never priced", name)
    age, limit = now - int(market.ratio_ms[row]), rules.data.vol_age_ms_max
    return _age_fault("stale_future_price", f"price of {name}", name, age, limit)


def _account_fault(book: Book, market: Market, rules: Rules, now: int, name: str) -> Refusal | None:
    coin = rules.numeraire == "coin"
    if coin and not book.linear:
        return None
    account = market.accounts.get(name)
    if account is None or (coin and account.quote_equity is None):
        what = f"equity of {name} settled in {'quote currency' if coin else 'coin'}"
        return _block("missing_equity", f"{what} is unknown", name)
    age, limit = now - account.time_ms, rules.data.forward_age_ms_max
    if rules.hedge.also:  # an old one is an interval then: see `exposure.silence`
        age = min(age, limit)
    return _age_fault("stale_equity", f"equity of {name}", name, age, limit)


def _age_fault(rule: str, what: str, name: str, age: int, limit: int) -> Refusal | None:
    if age > limit:
        return _block(rule, f"{what} is {age} ms old, at most {limit} ms", name, age)
    if age < -FUTURE_MS_MAX:
        return _block(rule, f"{what} is dated {-age} ms in the future", name, age)
    return None

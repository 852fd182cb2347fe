"""Book x Market -> `Holdings`: what a book holds, as numbers that a scenario can move.

Stricter than a decision: an interval of doubt has no meaning in a tail, so a leg without a fresh
vol is refused by name, as is everything that would block a decision.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hedger.core.columns import Book, Bools, Floats, Ints, Market, Smile
from hedger.core.exposure.legs import joined, window_share
from hedger.core.freshness import blocks, hedge_quote, judged, last_ratio, usable
from hedger.core.model import Position, Refusal, Rules
from pricing import PreparedBook


class Future(NamedTuple):
    """A future or perpetual: signed amount (USD if inverse, else coin), price, share of window."""

    name: str
    role: str
    inverse: bool
    amount: float
    price: float
    share: float


@dataclass(frozen=True)
class Holdings:
    """Living option legs (n,) each, futures and cash, at one instant.

    ``forward`` is the leg's own [quote currency], ``years`` its time to expiry, ``quantity`` in
    coin, ``share`` that of its settlement window still to run, which is what a move of spot still
    moves. ``equity`` is the balance that does not settle in the numeraire, in its own currency;
    ``base_coin`` of it is not to be hedged.
    """

    book: str
    underlying: str
    numeraire: str
    spot: float
    time_ms: int
    names: tuple[str, ...]
    strike: Floats
    years: Floats
    vol: Floats
    forward: Floats
    quantity: Floats
    is_call: Bools
    inverse: Bools
    group: Ints
    share: Floats
    futures: tuple[Future, ...]
    equity: float
    base_coin: float
    smiles: Mapping[int, Smile]

    @property
    def coin(self) -> bool:
        """Whether profit is counted in coin of the underlying."""
        return self.numeraire == "coin"

    @cached_property
    def by_style(self) -> PreparedBook:
        """The legs in two sums: those that settle in quote currency, those in coin."""
        return self._prepared(self.inverse.astype(np.int64), np.array([False, True]))

    @cached_property
    def by_leg(self) -> PreparedBook:
        """The legs, each a sum of its own."""
        return self._prepared(np.arange(len(self.names)), self.inverse)

    @cached_property
    def values(self) -> Floats:
        """Value of each leg's position: in coin where it settles in coin, else quote currency."""
        if not self.names:
            return np.empty(0)
        return np.asarray(self.by_leg.greeks(self.forward, by_leg=True).price)

    @cached_property
    def skews(self) -> Mapping[int, float]:
        """Slope of vol by log-moneyness of expiries without a smile: a line through their legs.

        One strike has no slope, so its expiry is not in here.
        """
        found = {}
        moneyness = np.log(self.strike / self.forward)
        for number in np.unique(self.group).tolist():
            here = self.group == number
            across = moneyness[here] - moneyness[here].mean()
            if number not in self.smiles and np.unique(self.strike[here]).size > 1:
                found[number] = float(across @ self.vol[here] / (across @ across))
        return found

    def scaled(self, factor: float) -> Holdings:
        """The same with all options and futures times a factor: what a scale-out would leave."""
        futures = tuple(future._replace(amount=factor * future.amount) for future in self.futures)
        return dataclasses.replace(self, quantity=factor * self.quantity, futures=futures)

    def part(self, legs: slice) -> PreparedBook:
        """Some of the legs, each a sum of its own."""
        places = np.arange(self.strike[legs].size)
        return self._prepared(places, self.inverse[legs], legs)

    def _prepared(self, group: Ints, is_inverse: Bools, legs: slice = slice(None)) -> PreparedBook:
        count = self.strike[legs].size
        return PreparedBook(
            strike=self.strike[legs],
            time_to_expiry=self.years[legs],
            vol=self.vol[legs],
            is_call=self.is_call[legs],
            quantity=self.quantity[legs],
            group=group,
            groups=is_inverse.size,
            expiry=np.arange(count),
            expiries=count,
            is_inverse=is_inverse,
        )


def holdings(book: Book, market: Market, rules: Rules, now: int) -> Holdings | tuple[Refusal, ...]:
    """The book's holdings on this market, or everything that forbids to value them."""
    hedges = judged(rules, usable(book, market, rules, now))
    faults = blocks(book, market, rules, now, hedges) or _old_accounts(book, market, rules, now)
    if faults:
        return faults
    index = market.index[book.underlying].value
    legs, columns = joined(book, market, now, index), book.legs
    age = now - market.vol_ms.take(legs.rows)
    wrong = legs.alive & ~(legs.known & (age >= 0) & (age <= rules.data.vol_age_ms_max))
    if wrong.any():
        return tuple(
            _vol_refusal(columns.names[i], bool(legs.known[i]), int(age[i]), rules)
            for i in np.flatnonzero(wrong)
        )
    here = np.flatnonzero(legs.alive)
    group = columns.group[here]
    equity, base = _cash(book, market, rules)
    return Holdings(
        book=book.name,
        underlying=book.underlying,
        numeraire=rules.numeraire,
        spot=index,
        time_ms=now,
        names=tuple(columns.names[i] for i in here),
        strike=columns.strike[here],
        years=legs.years[here],
        vol=legs.vol[here],
        forward=legs.forward[here],
        quantity=columns.quantity[here],
        is_call=columns.is_call[here],
        inverse=columns.inverse[here],
        group=group,
        share=legs.weight[group],
        futures=_futures(book, market, index, now),
        equity=equity,
        base_coin=base,
        smiles={
            g: smile
            for g, (expiry_ms, _) in enumerate(columns.groups)
            if (smile := market.smiles.get((book.underlying, expiry_ms))) is not None
            and 0 <= now - smile.time_ms <= rules.data.vol_age_ms_max
        },
    )


def _vol_refusal(name: str, known: bool, age: int, rules: Rules) -> Refusal:
    limit = rules.data.vol_age_ms_max
    said = f"its vol is {age} ms old, at most {limit} ms" if known else "it was never priced"
    rule = "stale_vol" if known else "missing_vol"
    return Refusal(
        rule=rule,
        wanted=0.0,
        allowed=0.0,
        reason=f"{name} cannot be valued: {said}",
        instrument=name,
        age_ms=age if known else None,
    )


def _old_accounts(book: Book, market: Market, rules: Rules, now: int) -> tuple[Refusal, ...]:
    """Accounts at other venues that a decision would take as an interval."""
    if rules.numeraire == "coin" and not book.linear:
        return ()
    limit, found = rules.data.forward_age_ms_max, []
    for name in (book.account, *book.accounts):
        age = now - market.accounts[name].time_ms
        if age > limit:
            text = f"equity of {name} is {age} ms old, at most {limit} ms"
            found.append(
                Refusal(
                    rule="stale_equity",
                    wanted=0.0,
                    allowed=0.0,
                    reason=text,
                    instrument=name,
                    age_ms=age,
                )
            )
    return tuple(found)


def _cash(book: Book, market: Market, rules: Rules) -> tuple[float, float]:
    """Equity that does not settle in the numeraire, as `exposure` counts it, and what of it stays.

    In coin for numeraire usd, in quote currency for numeraire coin.
    """
    coin = rules.numeraire == "coin"
    if coin and not book.linear:
        return 0.0, 0.0
    accounts = [market.accounts[name] for name in (book.account, *book.accounts)]
    if coin:
        return sum(account.quote_equity or 0.0 for account in accounts), 0.0
    return sum(account.equity for account in accounts), rules.base_coin + book.moved_coin


def _futures(book: Book, market: Market, index: float, now: int) -> tuple[Future, ...]:
    found = []
    for role, held in (("future", book.futures), ("hedge", book.hedges)):
        for position in held:
            expiry = position.instrument.expiry_ms
            share = window_share(expiry, now) if expiry else 1.0
            if position.lots and share:
                found.append(_future(position, role, share, market, index, now))
    return tuple(found)


def _future(
    position: Position, role: str, share: float, market: Market, index: float, now: int
) -> Future:
    contract = position.instrument
    quote = hedge_quote(market, contract.name, now)
    two_sided = role == "hedge" and quote.bid and quote.ask
    price = (
        0.5 * (quote.bid + quote.ask)  # type: ignore[operator]
        if two_sided
        else last_ratio(market, contract.name) * index
    )
    amount = position.lots * contract.lot
    return Future(contract.name, role, contract.inverse, amount, price, share)

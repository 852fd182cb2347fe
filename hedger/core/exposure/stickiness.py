"""How a smile that travels with the forward changes a book's delta; the smiles were fitted before.

With a smile by moneyness, sticky moneyness and sticky delta are one rule: a delta is a function of
moneyness and vol, and the vol is one of moneyness.
"""

from __future__ import annotations

import numpy as np

from hedger.core.columns import Book, Market
from hedger.core.exposure.legs import joined
from hedger.core.model import Rules
from pricing import Svi, black, sticky_moneyness_delta, svi_vol


def sticky_shift(book: Book, market: Market, rules: Rules, now: int) -> tuple[float, str]:
    """By how much the book's delta at fixed vols is above that at travelling ones [coin].

    And the first living leg without a price or a smile of late; empty where there is none. Then
    nothing is known of the whole.
    """
    columns, index = book.legs, market.index[book.underlying].value
    if not columns.names:
        return 0.0, ""
    legs, total = joined(book, market, now, index), 0.0
    for number, (expiry_ms, inverse) in enumerate(columns.groups):
        here = np.flatnonzero((columns.group == number) & legs.alive)
        if not here.size:
            continue
        smile = market.smiles.get((book.underlying, expiry_ms))
        old = smile is None or not 0 <= now - smile.time_ms <= rules.data.vol_age_ms_max
        unpriced = here[~legs.known[here]]
        if smile is None or old or unpriced.size:
            return 0.0, columns.names[unpriced[0] if unpriced.size else here[0]]
        forward, strike = legs.forward[here], columns.strike[here]
        skew = svi_vol(
            svi=Svi(*smile.svi),
            log_moneyness=np.log(strike / forward),
            time_to_expiry=smile.years,
        ).skew
        unit = black(
            forward=forward,
            strike=strike,
            time_to_expiry=legs.years[here],
            vol=legs.vol[here],
            is_call=columns.is_call[here],
        )
        moved = sticky_moneyness_delta(
            delta=unit.delta, vega=unit.vega, skew=skew, forward=forward
        ).value
        coin = columns.quantity[here] * (1.0 if inverse else forward / index)
        total += float(legs.weight[number] * (coin * (np.asarray(unit.delta) - moved)).sum())
    if not np.isfinite(total):
        return 0.0, columns.names[0]
    return rules.hedge.ratio * total, ""

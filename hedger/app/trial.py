"""A configuration as a backtest: its first book alone, on the exchange that it names."""

from __future__ import annotations

import msgspec

from hedger.app.scalers import readings
from hedger.app.translate import band_rule, book_params, paper_params, rules, worker_params
from hedger.backtest.replay import Terms
from hedger.backtest.trial import Trial
from hedger.service.params import BookParams
from hedger.settings import Configuration
from hedger.settings.ladder import TRIGGERS, Ladder

LADDER = {
    "margin_ratio": "0.40/0.35 0.50/0.45 0.60/0.50 0.90/0.60",
    "hold_s": 60.0,
}
"""The ladder that a book without one is crashed with."""
RATIO_MAX = 0.9
"""Its scenario limit then: maintenance in any cell over what is left of the balance there."""


def laddered(config: Configuration) -> BookParams:
    """The first book with its ladder and scenario limit, or with those above where it has none.

    A measure is one of capital, which these triggers do not read.
    """
    settings = config.settings.book[0]
    change: dict[str, object] = {}
    if not any(getattr(settings.ladder, name) for name in TRIGGERS):
        change["ladder"] = Ladder(**LADDER)  # type: ignore[arg-type]
    if not settings.scaling.capital:
        change["scaling"] = settings.scaling.model_copy(update={"capital": 1.0})
    limit = settings.scenario
    if not (limit.loss_max or limit.share_max or limit.ratio_max):
        change["scenario"] = limit.model_copy(update={"ratio_max": RATIO_MAX})
    changed = settings.model_copy(update=change)
    book = book_params(config)[0]
    made = rules(changed, book.digest, config.positions[book.name])
    return msgspec.structs.replace(book, shadows=(), rules=made, readings=readings(changed))


def trial_of(config: Configuration, policy: str = "") -> Trial:
    """The first book as it would trade live; latency and deadlines count as market time.

    With a ``policy`` of the configuration, its band; raises `ConfigError` where there is none such.
    """
    book = msgspec.structs.replace(book_params(config)[0], shadows=())
    if policy:
        rules = msgspec.structs.replace(book.rules, band=band_rule(config.policy(policy)))
        book = msgspec.structs.replace(book, rules=rules)
    params = paper_params(config, book.venue)
    accounts = tuple(a for a in params.accounts if a.name == book.account)
    worker = worker_params(config, worker="backtest")
    return Trial(
        book=book,
        params=msgspec.structs.replace(params, accounts=accounts, instruments=book.hedges),
        terms=Terms(
            order_timeout_ms_min=worker.order_timeout_ms_min,
            order_timeout_ms_max=worker.order_timeout_ms_max,
            open_max=worker.open_max,
        ),
    )

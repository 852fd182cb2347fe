"""A configuration as a backtest: its first book alone, on the exchange that it names."""

from __future__ import annotations

import msgspec

from hedger.app.translate import band_rule, book_params, paper_params, worker_params
from hedger.backtest.replay import Terms
from hedger.backtest.trial import Trial
from hedger.settings import Configuration


def trial_of(config: Configuration, policy: str = "") -> Trial:
    """The first book as it would trade live; latency and deadlines count as market time.

    A replay has one venue: there is no second source, so the venue's own index is believed alone.
    With a ``policy`` of the configuration, its band; raises `ConfigError` where there is none such.
    """
    live = book_params(config)[0]
    alone = msgspec.structs.replace(live.rules, reference=None)
    book = msgspec.structs.replace(live, shadows=(), sources=(), rules=alone)
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

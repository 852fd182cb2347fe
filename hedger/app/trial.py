"""A configuration as a backtest: its first book alone, on the exchange that it names."""

from __future__ import annotations

import msgspec

from hedger.app.scalers import watched
from hedger.app.translate import band_rule, book_params, paper_params, worker_params
from hedger.backtest.replay import Terms
from hedger.backtest.trial import Trial
from hedger.errors import ConfigError
from hedger.settings import Configuration


def trial_of(config: Configuration, policy: str = "") -> Trial:
    """The first book as it would trade live; latency and deadlines count as market time.

    The risk of a book with capital is measured whether or not a model reads it, and with it all
    that any model could read: so two runs of it can be held against each other. A replay has one
    venue: there is no second source, so the venue's own index is believed alone. With a ``policy``
    of the configuration, its band; raises `ConfigError` where there is none such.
    """
    live = book_params(config)[0]
    alone = msgspec.structs.replace(live.rules, reference=None)
    read = watched(config.settings.book[0])
    book = msgspec.structs.replace(live, shadows=(), sources=(), rules=alone, readings=read)
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


def resized(trial: Trial, way: str | None) -> Trial:
    """The same with option legs that follow the scale that is wanted: ``off``, ``out``, ``both``.

    A programme's legs have no positions file: what it deals is the base of their scale.
    """
    if way is None:
        return trial
    rules, grows = trial.book.rules, way == "both"
    if way != "off" and (rules.sizing is None or not rules.sizing.scales_book):
        raise ConfigError(
            f"book {trial.book.name}: resize {way}: expected a model that scales the book, such as"
            " vol_target, with use on in its scaling"
        )
    scale = msgspec.structs.replace(
        rules.scale, shrink="off" if way == "off" else "on", grow="on" if grows else "off"
    )
    rules = msgspec.structs.replace(rules, scale=scale)
    return msgspec.structs.replace(trial, book=msgspec.structs.replace(trial.book, rules=rules))

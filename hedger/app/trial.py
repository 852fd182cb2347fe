"""A configuration as a backtest: its first book alone, on the exchange that it names."""

from __future__ import annotations

import msgspec

from hedger.app.scalers import readings, watched
from hedger.app.translate import band_rule, book_params, paper_params, rules, worker_params
from hedger.backtest.replay import Terms
from hedger.backtest.trial import Trial
from hedger.errors import ConfigError
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

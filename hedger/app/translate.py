"""The composition root: settings become plain frozen records owned by their receivers.

Nothing below ever sees the configuration. Seconds become milliseconds here, the store's password
enters its address here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from hedger.app.references import reference_use, source_feeds
from hedger.app.scalers import readings, sizing
from hedger.core.model import (
    BandRule,
    DataRule,
    HedgeRoute,
    HedgeRule,
    Kind,
    LadderRule,
    Level,
    LimitRule,
    ReferenceUse,
    Rules,
    ScaleRule,
    ScenarioRule,
    Trigger,
    name_at,
)
from hedger.ports import BookSeed, Store
from hedger.service.params import BookParams, ShadowParams, WorkerParams
from hedger.settings import Book, Configuration
from hedger.settings.band import Band
from hedger.settings.ladder import FALLING, TRIGGERS, Ladder, pairs
from hedger.settings.scenario import changes
from hedger.store.params import StoreParams
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.margins import margin_rules
from hedger.venues.paper.params import PaperAccount, PaperParams
from hedger.venues.simulator.margin import MarginRules


def rules(
    book: Book,
    digest: str,
    positions: Mapping[str, int] | None = None,
    reference: ReferenceUse | None = None,
) -> Rules:
    """Everything that `decide` may know of a book's configuration.

    Of ``positions`` the options are the base of its scale; without any it is never scaled.
    """
    return Rules(
        config=digest,
        numeraire=book.numeraire,
        base_coin=book.base_coin,
        hedge=_hedge(book),
        band=band_rule(book.band),
        limits=LimitRule(
            order_max=book.limits.order_max,
            per_minute_max=book.limits.per_minute_max,
            position_max=book.limits.position_max,
            slippage_bps_max=book.limits.slippage_bps_max,
            hard_band=book.limits.hard_band,
            first_trade_max=book.limits.first_trade_max,
            close_spread_bps_max=book.limits.close_spread_bps_max,
        ),
        data=DataRule(
            hedge_quote_age_ms_max=_ms(book.data.hedge_quote_age_s_max),
            forward_age_ms_max=_ms(book.data.forward_age_s_max),
            vol_age_ms_warn=_ms(book.data.vol_age_s_warn),
            vol_age_ms_max=_ms(book.data.vol_age_s_max),
            vol_width=book.data.vol_width,
            option_quote_age_ms_max=_ms(book.data.option_quote_age_s_max),
            delta_gap=book.data.delta_gap,
            delta_gap_max=book.data.delta_gap_max,
        ),
        ladder=_ladder(book.ladder),
        sizing=sizing(book.scaling),
        scale=_scale(book, positions or {}),
        reference=reference,
        scenario=_scenario(book),
    )


def _ladder(ladder: Ladder) -> LadderRule:
    """The rule of the triggers that are given."""
    triggers = []
    for name in TRIGGERS:
        levels = [Level(enter=enter, leave=leave) for enter, leave in pairs(getattr(ladder, name))]
        if levels:
            warn, stop, reduce, close = levels
            steps = (warn, stop, reduce, close)
            triggers.append(Trigger(name=name, steps=steps, falls=name in FALLING))
    return LadderRule(
        triggers=tuple(triggers),
        hold_ms=_ms(ladder.hold_s),
        age_ms_max=_ms(ladder.age_s_max),
        reduce_to=ladder.reduce_to,
    )


def _scale(book: Book, positions: Mapping[str, int]) -> ScaleRule:
    options = [name for name in positions if instrument(name).kind is Kind.OPTION]
    return ScaleRule(
        base=tuple((name, positions[name]) for name in options),
        scale=book.scale.scale,
        inertia=book.scale.inertia,
        step=book.scale.step,
        sharpe=book.scale.sharpe,
        hold_days=book.scale.hold_days,
        shrink=book.scale.shrink,
        grow=book.scale.grow,
        grow_day_max=book.scale.grow_day_max,
        apart=book.scale.apart,
        hold_ms=_ms(book.scale.hold_s),
        cap_hold_ms=_ms(book.scale.cap_hold_s),
    )


def _scenario(book: Book) -> ScenarioRule:
    """The limit's grid; margin is by the model that the book's own measures go by."""
    limit = book.scenario
    return ScenarioRule(
        moves=changes(limit.moves),
        vols=changes(limit.vols),
        loss_max=limit.loss_max,
        share_max=limit.share_max,
        ratio_max=limit.ratio_max,
        initial_max=limit.initial_max,
        margin=book.scaling.margin.model,
        crossed=limit.collateral == "crossed",
    )


def _hedge(book: Book) -> HedgeRule:
    """What to hedge with, wherever; a share of the limit is one of each venue's."""
    hedge = book.hedge
    names = [name_at(other.instrument, other.venue) for other in hedge.elsewhere]
    return HedgeRule(
        buy=hedge.buy,
        sell=hedge.sell,
        ratio=hedge.ratio,
        share_max=hedge.share_max,
        also=tuple(HedgeRoute(buy=n, sell=n, share_max=hedge.share_max) for n in names),
    )


def band_rule(band: Band) -> BandRule:
    """The band's rule; a relative one is fixed in units of the gross delta."""
    relative = band.kind == "relative"
    return BandRule(
        kind="fixed" if relative else band.kind,
        unit="gross_delta" if relative else band.unit,
        target=band.target,
        lower=band.lower,
        upper=band.upper,
        rehedge_to=band.rehedge_to,
        clip_min=band.clip_min,
        cooldown_ms=_ms(band.cooldown_s),
        min_move_pct=band.min_move_pct,
        risk_aversion=band.risk_aversion,
        daily_cost=band.daily_cost,
        daily_std=band.daily_std,
        horizon_days=band.horizon_days,
        delay_ms=_ms(band.delay_s),
        cost_bps=band.cost_bps,
        order_cost=band.order_cost,
        interval_ms=_ms(band.interval_s),
        move_pct=band.move_pct,
        move_std=band.move_std,
        half_width_min=band.half_width_min,
        half_width_max=band.half_width_max,
        funding_excess=band.funding_excess,
        vol=band.vol,
        delta=band.delta,
        minimum_variance_a=band.minimum_variance_a,
        minimum_variance_b=band.minimum_variance_b,
        minimum_variance_c=band.minimum_variance_c,
        tuning=band.tuning,
    )


def book_params(configuration: Configuration) -> tuple[BookParams, ...]:
    """All books, for the service."""
    return tuple(_book_params(configuration, book) for book in configuration.settings.book)


def _book_params(configuration: Configuration, book: Book) -> BookParams:
    digest = configuration.digests[book.name]
    holdings = configuration.positions[book.name]
    return BookParams(
        name=book.name,
        venue=book.venue,
        account=book.account_name,
        underlying=book.underlying,
        rules=rules(book, digest, holdings, reference_use(configuration, book)),
        digest=digest,
        positions=None if holdings is None else dict(holdings),
        unexplained=book.unexplained,
        transfers=book.transfers,
        also={venue: name for venue, name in book.accounts.items() if venue != book.venue},
        shadows=tuple(_shadow(configuration, book, name) for name in book.shadow_names),
        readings=readings(book),
        sources=source_feeds(configuration, book),
    )


def _shadow(configuration: Configuration, book: Book, name: str) -> ShadowParams:
    """A policy as its backtest at the book's venue has it: latency counts as market time."""
    venue = configuration.settings.venues[book.venue]
    return ShadowParams(
        name=name,
        band=band_rule(configuration.policy(name)),
        latency_ms=venue.latency_ms,
        seed=venue.seed,
        funding_rate_8h=venue.funding_rate_8h,
        depth_levels=venue.depth_levels,
    )


def worker_params(configuration: Configuration, *, worker: str) -> WorkerParams:
    """One worker process, by the name it is to have."""
    section = configuration.settings.worker
    return WorkerParams(
        worker=worker,
        deployment=configuration.settings.deployment,
        books=book_params(configuration),
        lease_ms=_ms(section.lease_s),
        margin_ms=section.margin_ms,
        min_interval_ms=section.min_interval_ms,
        time_trigger_ms=section.time_trigger_ms,
        order_timeout_ms_min=_ms(section.order_timeout_s_min),
        order_timeout_ms_max=_ms(section.order_timeout_s_max),
        request_timeout_ms=_ms(section.request_timeout_s),
        naked_ms_max=_ms(section.naked_s_max),
        reconcile_ms=_ms(section.reconcile_s),
        drain_ms=_ms(section.drain_s),
        mode=section.mode,
        shadow_interval_ms=_ms(section.shadow_interval_s),
    )


def store_params(configuration: Configuration, *, temporary: bool = False) -> StoreParams:
    """The shared state; ``temporary`` is removed when its last user leaves."""
    section, places = configuration.settings.store, configuration.places
    return StoreParams(
        deployment=configuration.settings.deployment,
        url=_with_password(section.url, configuration.secrets.reveal("store_password")),
        state_dir=str(places.state),
        runtime_dir=str(places.runtime),
        temporary=temporary,
        replicas=section.replicas,
        shards=section.shards,
        timeout_s=section.timeout_s,
        memory_mb=section.memory_mb,
    )


def _with_password(url: str, password: str) -> str:
    """Return the address with the password, unless it has one or is empty."""
    parts = urlsplit(url)
    if not url or not password or parts.password is not None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()


def paper_params(configuration: Configuration, venue: str) -> PaperParams:
    """One paper exchange with the accounts of all books there; its log lies with the state."""
    section, places = configuration.settings.venues[venue], configuration.places
    books = [book for book in configuration.settings.book if book.venue == venue]
    guests = [
        (book, other)
        for book in configuration.settings.book
        for other in book.hedge.elsewhere
        if other.venue == venue
    ]
    hedges = {name for book in books for name in (book.hedge.buy, book.hedge.sell)}
    hedges |= {other.instrument for _, other in guests}
    hedges |= _listened_to(configuration, venue)
    return PaperParams(
        name=venue,
        socket=str(places.socket(f"venue-{venue}")),
        log=str(places.state / f"venue-{venue}.jsonl"),
        speed=section.speed,
        data=section.data,
        seed=section.seed,
        deposit=section.deposit,
        half_spread_bps=section.half_spread_bps,
        depth_levels=section.depth_levels,
        depth_usd=section.depth_usd,
        latency_ms=section.latency_ms,
        loss=section.loss,
        funding_rate_8h=section.funding_rate_8h,
        events_per_day=section.events_per_day,
        spread_most=section.spread_most,
        order_rate=section.order_rate,
        order_burst=section.order_burst,
        margin=_margin(section.margin),
        accounts=tuple(
            PaperAccount(
                name=book.account_name,
                underlying=book.underlying,
                currency=_collateral(book, configuration.positions[book.name] or {}),
                positions=dict(configuration.positions[book.name] or {}),
            )
            for book in books
        )
        + tuple(
            PaperAccount(
                name=book.accounts[venue],
                underlying=book.underlying,
                currency=_settled_in(other.instrument),
            )
            for book, other in guests
        ),
        instruments=tuple(sorted(hedges)),
    )


def _listened_to(configuration: Configuration, venue: str) -> set[str]:
    """Instruments that references have as sources at a venue."""
    feeds = (
        feed for book in configuration.settings.book for feed in source_feeds(configuration, book)
    )
    return {feed.instrument for feed in feeds if feed.venue == venue}


def _margin(kind: str) -> MarginRules | None:
    """Rules by which a paper exchange asks for margin, None where it does not."""
    return None if kind == "off" else margin_rules(crossed=kind == "crossed")


def _collateral(book: Book, positions: Iterable[str]) -> str:
    """Currency of the deposit: quote where nothing of the book settles in coin, empty for coin."""
    contracts = [instrument(name) for name in {*positions, book.hedge.buy, book.hedge.sell}]
    is_linear = not any(contract.inverse for contract in contracts)
    return instrument(book.hedge.buy).settlement if is_linear else ""


def _settled_in(name: str) -> str:
    """Currency of the deposit behind one hedge: empty for coin."""
    contract = instrument(name)
    return "" if contract.inverse else contract.settlement


# --- config apply -------------------------------------------------------------------------------


class Applied(NamedTuple):
    """What `apply` did with one book: ``seeded``, ``applied`` or ``unchanged``."""

    book: str
    result: str
    before: str
    after: str


async def apply(
    configuration: Configuration,
    store: Store,
    *,
    positions: bool = False,
    books: Collection[str] | None = None,
) -> list[Applied]:
    """Make the stored digest of each book that of this configuration, so that workers claim it.

    A book that is not there is seeded. With ``positions`` the option legs of those that are there
    are replaced too; a book that follows its account has none to replace.

    Raises
    ------
    ConfigError
        For a name in ``books`` that is not configured; nothing is applied then.
    """
    names = [book.name for book in configuration.settings.book] if books is None else books
    chosen = {configuration.book(name).name for name in names}
    params = [book for book in book_params(configuration) if book.name in chosen]
    return [await _apply(book, store, positions=positions) for book in params]


async def _apply(params: BookParams, store: Store, *, positions: bool) -> Applied:
    seed = BookSeed(params.name, params.digest, params.positions or {})
    state = await store.load(params.name)
    if state is None:
        found = await store.seed(seed)
        return Applied(params.name, "seeded", "", found)
    replaces = positions and params.positions is not None
    if state.digest == params.digest and not replaces:
        return Applied(params.name, "unchanged", state.digest, state.digest)
    await store.apply(seed, positions=replaces)
    return Applied(params.name, "applied", state.digest, params.digest)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)

"""How a running deployment stands, read from its store without touching anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hedger.app.ground import the_venues
from hedger.app.translate import paper_params
from hedger.clock import wall_ms
from hedger.core.ladder import Rung, said
from hedger.core.model import (
    Act,
    BookState,
    Intent,
    LadderState,
    Override,
    Record,
    Reference,
    Resize,
)
from hedger.errors import VenueUnavailable
from hedger.ports import ShardInfo, Store
from hedger.service.entry import UNDECIDED_MS
from hedger.service.read_back import decoded
from hedger.settings import Configuration
from hedger.venues.paper.adapter import PaperVenue

VENUE_S = 1.0


class WorkerStanding(Record, frozen=True, kw_only=True):
    """One worker on the list; alive if its last beat is younger than a lease."""

    worker: str
    beat_age_ms: int
    is_alive: bool


class LeaseStanding(Record, frozen=True, kw_only=True):
    """Who may act for a shard, and for how long still."""

    shard: int
    owner: str
    epoch: int
    lease_ms_left: int


class LastDecision(Record, frozen=True, kw_only=True):
    """The newest journal entry of a book; ``delta`` None where it was not known.

    ``scale`` is what the models of the book propose, ``resize`` what the service makes of it by
    itself, ``reference`` the price of several sources that it was held to; None where there is
    none.
    """

    id: str
    action: str
    reason: str
    text: str
    worker: str
    epoch: int
    market_ms: int
    age_ms: int
    delta: float | None
    scale: float | None = None
    resize: Resize | None = None
    reference: Reference | None = None


class BookStanding(Record, frozen=True, kw_only=True):
    """One book in the store; ``is_current`` says that its digest is this configuration's.

    ``unkept`` says why nobody seems to run it, and is empty where its owner decides it.
    """

    book: str
    shard: int
    owner: str
    unkept: str
    seq: int
    may: str
    hold: str
    stopped: bool
    confirmed: float
    act: Act | None
    ladder: LadderState | None
    override: Override | None
    is_configured: bool
    is_current: bool
    positions: Mapping[str, int]
    intents: tuple[Intent, ...]
    last: LastDecision | None


class Standing(Record, frozen=True, kw_only=True):
    """The whole deployment."""

    deployment: str
    namespace: str
    shards: int
    venue: str
    venue_state: str
    workers: tuple[WorkerStanding, ...]
    leases: tuple[LeaseStanding, ...]
    books: tuple[BookStanding, ...]


async def standing(config: Configuration, store: Store) -> Standing:
    """Everything at once; raises `StoreUnavailable`."""
    lease_ms = 1_000 * config.settings.worker.lease_s
    leases = [info for info in await store.shard_info() if info.lease_ms_left > 0]
    owners = {info.shard: info for info in leases}
    names = {book.name for book in config.settings.book} | set(await store.books())
    books = [await _book(config, store, name, owners) for name in sorted(names)]
    return Standing(
        deployment=config.settings.deployment,
        namespace=store.namespace,
        shards=store.shards,
        venue=", ".join(the_venues(config)),
        venue_state=", ".join([await _venue_state(config, v) for v in the_venues(config)]),
        workers=tuple(
            WorkerStanding(
                worker=info.worker,
                beat_age_ms=info.beat_age_ms,
                is_alive=info.beat_age_ms <= lease_ms,
            )
            for info in await store.workers()
        ),
        leases=tuple(LeaseStanding(**info._asdict()) for info in leases),
        books=tuple(book for book in books if book is not None),
    )


def may(state: BookState) -> str:
    """What a book may do, in words."""
    act = "".join(f"; {text}" for text in _beside(state))
    confirmed = f", first trade up to {state.confirmed:g} confirmed" if state.confirmed else ""
    if state.stopped:
        return f"stopped ({state.hold}){confirmed}{act}"
    return (f"on hold ({state.hold})" if state.hold else "free to trade") + confirmed + act


def _beside(state: BookState) -> Iterator[str]:
    """What goes on beside the hold: an act, the ladder, a person's word on the ladder."""
    if state.act is not None:
        yield state.act.text
    if rung := said(state.memory.ladder):
        yield rung
    over = state.override
    if over is not None and over.until_ms > wall_ms():
        left_s = (over.until_ms - wall_ms()) / 1_000
        name = Rung(over.rung).text
        yield f"ladder overridden at {name} by {over.who} for {left_s:.0f} s ({over.reason})"


async def _book(
    config: Configuration, store: Store, name: str, owners: Mapping[int, ShardInfo]
) -> BookStanding | None:
    state = await store.load(name)
    if state is None:
        return None
    shard = store.shard_of(name)
    digest = config.digests.get(name)
    lease, last = owners.get(shard), await _last(store, name)
    return BookStanding(
        book=name,
        shard=shard,
        owner=lease.owner if lease is not None else "",
        unkept=_unkept(lease, last),
        seq=state.seq,
        may=may(state),
        hold=state.hold,
        stopped=state.stopped,
        confirmed=state.confirmed,
        act=state.act,
        ladder=state.memory.ladder,
        override=state.override,
        is_configured=digest is not None,
        is_current=digest == state.digest,
        positions=state.positions,
        intents=state.intents,
        last=last,
    )


def _unkept(lease: ShardInfo | None, last: LastDecision | None) -> str:
    """Why nobody seems to run a book: the owner of its shard need not list it, or may not run it.

    The first decision under a lease is always written down, whatever it says.
    """
    if lease is None:
        return "no worker runs it: its shard is held by nobody"
    if last is None or (last.worker, last.epoch) != (lease.owner, lease.epoch):
        return f"not run by {lease.owner}, which has decided nothing of it under this lease"
    if last.age_ms > UNDECIDED_MS:
        return f"not run by {lease.owner} any more, which has said nothing of it for a minute"
    return ""


async def _last(store: Store, book: str) -> LastDecision | None:
    newest = await store.journal(book=book, count=1)
    if not newest:
        return None
    entry = decoded(newest[0].payload)
    return LastDecision(
        id=entry.id,
        action=entry.action,
        reason=entry.reason,
        text=entry.text,
        worker=entry.worker,
        epoch=entry.epoch,
        market_ms=entry.time_ms,
        age_ms=wall_ms() - entry.wall_ms,
        delta=None if entry.exposure is None else entry.exposure.book_delta,
        scale=entry.scale,
        resize=entry.resize,
        reference=entry.reference,
    )


async def _venue_state(config: Configuration, name: str) -> str:
    params = paper_params(config, name)
    venue = PaperVenue(params.name, params.socket, request_s_max=VENUE_S, client="status")
    try:
        state = await venue.status()
    except VenueUnavailable:
        return "does not answer"
    finally:
        await venue.close()
    if state.has_ended:
        return "at the end of its data"
    return "running" if state.is_running else "waiting to be started"

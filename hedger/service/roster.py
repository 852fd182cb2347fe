"""The books that this worker is configured to keep, and what it knows of each while it runs.

Nothing here is truth: positions, memory and open orders are the store's, and what was read of them
is acted on only where the store proves at the same moment that it is still so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hedger.core.columns import Book
from hedger.core.model import NO_READINGS, AccountEvent, BookState, Fill, Instrument, Readings
from hedger.ports import Store
from hedger.service.foreign import Foreign, Pause
from hedger.service.measuring import Measuring
from hedger.service.params import BookParams
from hedger.store.keys import intent_id

PREFIX = 16
"""Leading characters of a client order id that name the deployment and the book."""
READ_S_MAX = 10.0
"""What was read of a book is trusted for this long at most, whatever its prices do."""


@dataclass(slots=True)
class Desk:
    """One configured book: contract data, the state last read and its columns, whether it runs.

    ``prefix`` begins every client order id of this book; ``ready`` says that it is ours and has
    been reconciled; ``stored_digest`` is the configuration that the store expects, empty before
    the first look; ``history_ms`` is the market instant up to which each venue's fills are applied;
    ``known`` is the state as last read and the lease's epoch at that time, None where it may have
    changed, and ``read_s`` when a step last read it; ``unreadable`` says that the store holds it in
    a version of another release; ``stranded`` says that its lease ran out while the store was out
    of reach; ``rejects`` counts rejected orders since one was last accepted. ``pause`` forbids new
    hedges until positions were read again, ``foreign`` is what the account did without us,
    ``ready_s`` when it became ready, ``moved_ms`` the market instant of the last transfer on each
    account: older balances do not contain it, ``turned_ms`` until when each venue, by mark, goes
    last. ``silent`` are venues, by mark, that did not answer when the book was last compared,
    ``unwatched`` those whose market could not be asked for; ``measuring`` what its orders told that
    no decision has taken in yet, ``readings`` what its scalers read.
    """

    params: BookParams
    shard: int
    prefix: str
    instruments: dict[str, Instrument] = field(default_factory=dict)
    state: BookState | None = None
    known: tuple[int, BookState] | None = None
    read_s: float = 0.0
    book: Book | None = None
    ready: bool = False
    stranded: bool = False
    stored_digest: str = ""
    history_ms: dict[str, int] = field(default_factory=dict)
    rejects: int = 0
    unreadable: bool = False
    ready_s: float = 0.0
    moved_ms: dict[str, int] = field(default_factory=dict)
    turned_ms: dict[str, int] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    unwatched: set[str] = field(default_factory=set)
    pause: Pause = field(default_factory=Pause)
    foreign: Foreign = field(default_factory=Foreign)
    measuring: Measuring = field(default_factory=Measuring)
    readings: Readings = NO_READINGS

    @property
    def name(self) -> str:
        """Name of the book."""
        return self.params.name

    @property
    def may_run(self) -> bool:
        """Whether the store has this book in this worker's configuration, and readable to it."""
        return self.stored_digest == self.params.digest and not self.unreadable

    @property
    def is_known(self) -> bool:
        """Whether it has been looked up in the store."""
        return bool(self.stored_digest) or self.unreadable

    def leave(self) -> None:
        """Another release has written it: its shard goes to whoever can read it."""
        self.unreadable, self.ready = True, False

    def needs(self, state: BookState | None) -> set[str]:
        """Names of every instrument that a decision wants to know."""
        held = {name for name, lots in state.positions.items() if lots} if state else set()
        open_ = {intent.instrument for intent in state.intents} if state else set()
        mine = set(self.params.hedges) | set(self.params.instruments)
        return held | open_ | mine

    def may_want(self) -> set[str]:
        """Names of the base's legs, held or not: scaled in again, they are traded.

        A decision goes without those that are not listed any more.
        """
        return {name for name, _ in self.params.rules.scale.base}

    def concerns(self, instrument: str) -> bool:
        """Whether an instrument is known to be of this book's underlying."""
        return instrument in self.instruments or instrument in self.params.hedges

    def is_own(self, fill: Fill | AccountEvent) -> bool:
        """Whether a fill or order is of this book's workers."""
        return fill.client_id.startswith(self.prefix)


class Roster:
    """Desks by name, by shard, and by account."""

    def __init__(self, books: Iterable[BookParams], store: Store) -> None:
        self._desks: dict[str, Desk] = {}
        for params in books:
            some_id = intent_id(store.namespace, params.name, params.hedges[0], 0)
            self._desks[params.name] = Desk(
                params=params, shard=store.shard_of(params.name), prefix=some_id[:PREFIX]
            )
        self._shards: dict[int, list[Desk]] = {}
        self._accounts: dict[tuple[str, str], list[Desk]] = {}
        venues: dict[str, list[str]] = {}
        for desk in self:
            self._shards.setdefault(desk.shard, []).append(desk)
            for route in desk.params.routes:
                self._accounts.setdefault((route.venue, route.account), []).append(desk)
            for venue in desk.params.venues:
                venues.setdefault(venue, []).append(desk.name)
        self._venues = {venue: frozenset(names) for venue, names in venues.items()}

    def __iter__(self) -> Iterator[Desk]:
        return iter(self._desks.values())

    def __getitem__(self, book: str) -> Desk:
        return self._desks[book]

    def get(self, book: str) -> Desk | None:
        """The desk of a book; None where this worker does not list it."""
        return self._desks.get(book)

    def of_shard(self, shard: int) -> list[Desk]:
        """Desks of one shard."""
        return self._shards.get(shard, [])

    def of_account(self, venue: str, account: str) -> list[Desk]:
        """Desks on one account of one venue; each has another underlying."""
        return self._accounts.get((venue, account), [])

    def of_venue(self, venue: str) -> frozenset[str]:
        """Names of the books that listen to a venue."""
        return self._venues.get(venue, frozenset())

    def wanted(self) -> set[int]:
        """Shards that hold a book which may run here."""
        return {desk.shard for desk in self if desk.may_run}

    def partial(self, shard: int) -> bool:
        """Whether a shard holds a book that may not run here."""
        return not all(desk.may_run for desk in self.of_shard(shard))

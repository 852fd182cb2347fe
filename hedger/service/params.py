"""What `app` hands to a worker: plain frozen records, nothing of the configuration file."""

from __future__ import annotations

from collections import Counter

from msgspec import field

from hedger.core.model import BandRule, Record, Rules, SourceFeed, venue_of
from hedger.core.risk.readings import MeasureRule
from hedger.errors import ConfigError
from hedger.service.routes import Route


class ShadowParams(Record, frozen=True, kw_only=True):
    """A policy that is run beside a book's own without orders: its band is all that differs.

    ``latency_ms`` (there and back, in market time) with its ``seed``, ``funding_rate_8h`` and the
    ``depth_levels`` that are taken to stand behind the best price are those of a backtest.
    """

    name: str
    band: BandRule
    latency_ms: float = 0.0
    seed: int = 0
    funding_rate_8h: float = 0.0
    depth_levels: int = 5


class ReadingParams(Record, frozen=True, kw_only=True):
    """What a loop makes for a book's scalers, beside its steps.

    ``signal`` is ``key:NAME`` or ``call:NAME``, empty for none. The book's risk is measured every
    ``every_ms`` of market time, by ``measure``; its tail loss over ``loss_max`` is what a ladder
    climbs by. ``traffic`` says that orders are timed.
    """

    signal: str = ""
    every_ms: int = 30_000
    measure: MeasureRule | None = None
    loss_max: float = 0.0
    traffic: bool = False


class BookParams(Record, frozen=True, kw_only=True):
    """One book to keep: where it lives, how it is hedged, and what it starts from.

    ``digest`` is that of the configuration: a worker whose digest differs from the stored one
    leaves the book alone. ``positions`` seeds a new book in lots; None means that the book follows
    its account's fills. ``unexplained`` is what happens to a hedge position that no order of the
    book explains: ``adopt`` it with an alarm, or ``stop``. ``transfers`` says whether coin that is
    paid in or taken out joins the ``base`` that is not hedged, or is to be ``hedge``d.
    ``instruments`` are wanted beside the legs and the hedges, as a second source for their prices.
    ``also`` are accounts at other venues, by venue, that it is hedged on too. ``shadows`` are
    policies that are run beside its own, ``readings`` what its scalers are to read. ``sources`` are
    what its reference price is made of.
    """

    name: str
    venue: str
    account: str
    underlying: str
    rules: Rules
    digest: str
    positions: dict[str, int] | None
    unexplained: str = "adopt"
    transfers: str = "base"
    instruments: tuple[str, ...] = ()
    also: dict[str, str] = field(default_factory=dict)
    shadows: tuple[ShadowParams, ...] = ()
    readings: ReadingParams | None = None
    sources: tuple[SourceFeed, ...] = ()

    def __post_init__(self) -> None:
        """Refuse hedges at venues where the book has no account, and accounts without hedges."""
        wanted = {venue_of(name) for name in self.hedges} - {""}
        if wanted != self.also.keys() or self.venue in self.also:
            raise ConfigError(
                f"book {self.name}: hedges at {', '.join(sorted(wanted)) or 'no other venue'},"
                f" expected one account at each of them and at no other than {self.venue}"
            )
        if self.shadows and self.also:
            raise ConfigError(
                f"book {self.name}: has shadows and is hedged at several venues, expected one"
            )

    @property
    def hedges(self) -> tuple[str, ...]:
        """Names of the hedge instruments, each once."""
        return self.rules.hedge.hedges

    @property
    def routes(self) -> tuple[Route, ...]:
        """Its own venue first, then the others."""
        own = Route(venue=self.venue, account=self.account)
        return (own, *(Route(venue=v, account=a, mark=v) for v, a in self.also.items()))

    @property
    def venues(self) -> tuple[str, ...]:
        """Every venue that it listens to, its own first."""
        heard = (*(route.venue for route in self.routes), *(feed.venue for feed in self.sources))
        return tuple(dict.fromkeys(heard))

    def route(self, venue: str) -> Route:
        """How it trades at one of its venues."""
        return next(route for route in self.routes if route.venue == venue)

    def route_of(self, instrument: str) -> Route:
        """Where one of its instruments is traded."""
        mark = venue_of(instrument)
        return next(route for route in self.routes if route.mark == mark)


class WorkerParams(Record, frozen=True, kw_only=True):
    """One worker process. Everything here is real time, never scaled by a replay's speed.

    ``request_timeout_ms`` bounds reads at a venue, ``drain_ms`` what a shutdown or a hand-over
    waits for orders in flight. ``steps_max`` books progress at once, ``open_max`` intents of one
    book may be open before it waits for an answer. ``mode`` is ``attended`` where a person answers
    alarms at once, without which no book is hedged at a venue of class C. Shadows look at the
    market every ``shadow_interval_ms`` of its own time at most.
    """

    worker: str
    deployment: str
    books: tuple[BookParams, ...]
    lease_ms: int = 5_000
    margin_ms: int = 100
    min_interval_ms: int = 20
    time_trigger_ms: int = 1_000
    order_timeout_ms_min: int = 500
    order_timeout_ms_max: int = 3_000
    request_timeout_ms: int = 2_000
    naked_ms_max: int = 30_000
    reconcile_ms: int = 10_000
    drain_ms: int = 5_000
    steps_max: int = 64
    open_max: int = 4
    mode: str = "unattended"
    shadow_interval_ms: int = 1_000

    def __post_init__(self) -> None:
        """Refuse what no loop could keep: names used twice, a lease without room for an order."""
        if self.lease_ms < 5 * self.margin_ms:
            raise ConfigError(
                f"worker {self.worker}: lease_ms is {self.lease_ms}, expected at least five times"
                f" margin_ms ({self.margin_ms}), so that an order's deadline fits into the lease"
            )
        names = [book.name for book in self.books]
        if len(set(names)) != len(names):
            twice = sorted(name for name, times in Counter(names).items() if times > 1)
            raise ConfigError(f"worker {self.worker}: books named twice: {', '.join(twice)}")
        nets = Counter(
            (route.venue, route.account, book.underlying)
            for book in self.books
            for route in book.routes
        )
        for book in self.books:
            for route in book.routes:
                if nets[route.venue, route.account, book.underlying] > 1:
                    raise ConfigError(
                        f"book {book.name}: {book.underlying} on account {route.account} at"
                        f" {route.venue} has two books, expected one; use sub-accounts"
                    )

"""Is this deployment fit to trade? Store, venue, clocks and configurations, looked at once."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable

from hedger.app.attach import running_store
from hedger.app.ground import the_venues
from hedger.app.translate import paper_params
from hedger.clock import wall_ms
from hedger.core.model import Conduct, Reference, VenueClass
from hedger.errors import HedgerError, StoreUnavailable, VenueUnavailable
from hedger.ports import Store, Venue
from hedger.service.read_back import decoded
from hedger.settings import Configuration
from hedger.store.health import Finding, health, syncs
from hedger.store.redis import RedisStore
from hedger.venues.paper.adapter import PaperVenue
from hedger.venues.paper.params import PaperParams

_VENUE_S = 2.0
_LOOKS = 20


async def examined(config: Configuration, monotonic_s: Callable[[], float]) -> list[Finding]:
    """Everything that can be looked at; what cannot be reached is a finding too."""
    found: list[Finding] = []
    synced = frozenset[str]()
    try:
        async with running_store(config) as store:
            if isinstance(store, RedisStore):
                found += await health(store, wall_ms=wall_ms, monotonic_s=monotonic_s)
                synced = await syncs(store)
            found += await _workers(config, store)
            found += await _books(config, store)
            found += await _references(config, store)
    except StoreUnavailable as error:
        found.append(Finding("store", "fail", str(error), "start it, or set store.url"))
    return [*found, *await _venue(config, monotonic_s, synced)]


async def _workers(config: Configuration, store: Store) -> list[Finding]:
    lease_ms = 1_000 * config.settings.worker.lease_s
    beats = await store.workers()
    alive = [info.worker for info in beats if info.beat_age_ms <= lease_ms]
    text = f"{len(alive)} alive of {len(beats)} known"
    if not alive:
        return [Finding("workers", "warn", text, "nobody hedges: hedger run")]
    return [Finding("workers", "ok", text)]


async def _books(config: Configuration, store: Store) -> list[Finding]:
    """Whether each book is stored under the configuration that is in force here."""
    found = []
    for name, digest in config.digests.items():
        state, what = await store.load(name), f"book {name}"
        if state is None:
            found.append(Finding(what, "warn", "not in the store yet", "hedger run enrols it"))
        elif state.digest != digest:
            text = f"stored configuration {state.digest[:12]}, this one {digest[:12]}"
            advice = "workers with this one leave the book alone: hedger config apply"
            found.append(Finding(what, "fail", text, advice))
        elif state.hold:
            word = "stopped" if state.stopped else "on hold"
            found.append(Finding(what, "warn", f"{word}: {state.hold}", f"hedger resume {name}"))
        else:
            found.append(Finding(what, "ok", f"configuration {digest[:12]}, revision {state.seq}"))
    return found


async def _references(config: Configuration, store: Store) -> list[Finding]:
    """Whether each book's reference could be believed when the book was last decided."""
    found = []
    for book in config.settings.book:
        if book.reference.name:
            newest = await store.journal(book=book.name, count=1)
            seen = decoded(newest[0].payload).reference if newest else None
            found.append(reference_finding(book.name, book.reference.missing, seen))
    return found


def reference_finding(book: str, missing: str, seen: Reference | None) -> Finding:
    """A reference as the newest decision of a book had it; short is worse where it is required."""
    what = f"reference of {book}"
    if seen is None:
        return Finding(what, "warn", "no decision was held to it yet", "hedger run")
    left_out = "; ".join(f"{row.name} {row.reason}" for row in seen.left_out)
    depegs = "; ".join(f"{d.currency} at {d.rate:.4f}" for d in seen.depegs)
    if seen.price is None:
        text = f"{seen.name}: {seen.reason}" + (f" ({left_out})" if left_out else "")
        state = "fail" if missing == "refuse" else "warn"
        return Finding(what, state, text, "start the venues of its sources, or name others")
    text = f"{seen.name} {seen.price:,.2f} of {', '.join(seen.used)}"
    if depegs:
        return Finding(what, "warn", f"{text}; off its peg: {depegs}", "look at that currency")
    if left_out:
        return Finding(what, "warn", f"{text}; left out: {left_out}", "look at those venues")
    return Finding(what, "ok", text)


async def _venue(
    config: Configuration, monotonic_s: Callable[[], float], synced: frozenset[str]
) -> list[Finding]:
    found: list[Finding] = []
    for name in the_venues(config):
        found += await _one_venue(config, name, monotonic_s, synced)
    return found


async def _one_venue(
    config: Configuration, name: str, monotonic_s: Callable[[], float], synced: frozenset[str]
) -> list[Finding]:
    paper = paper_params(config, name)
    venue = PaperVenue(name, paper.socket, request_s_max=_VENUE_S, client="doctor")
    margin_ms = config.settings.worker.margin_ms
    try:
        times = []
        for _ in range(_LOOKS):
            start = monotonic_s()
            await asyncio.wait_for(venue.instruments([]), _VENUE_S)
            times.append(1e3 * (monotonic_s() - start))
        offset = venue.venue_ms() - wall_ms()
    except (VenueUnavailable, HedgerError, TimeoutError) as error:
        text = str(error) or "no answer in time"
        return [Finding(f"venue {name}", "fail", text, "hedger run starts the paper exchange")]
    finally:
        await venue.close()
    text = f"answers in {statistics.median(times):.1f} ms (p50)"
    clock = f"{offset:+d} ms from here; deadlines are set in the venue's own clock"
    state = "ok" if abs(offset) <= margin_ms else "warn"
    advice = "" if state == "ok" else f"beyond margin_ms = {margin_ms}: set both clocks by NTP"
    return [
        Finding(f"venue {name}", "ok", text),
        *_conducts(paper, config, venue, synced),
        Finding(f"clock of {name}", state, clock, advice),
    ]


def _conducts(
    paper: PaperParams, config: Configuration, venue: Venue, synced: frozenset[str]
) -> list[Finding]:
    """What an order without an answer can become, for each hedge instrument of a venue."""
    attended = config.settings.worker.mode == "attended"
    return [
        unknown_orders(name, venue.conduct(name), attended=attended, synced=synced)
        for name in paper.instruments
    ]


def unknown_orders(name: str, known: Conduct, *, attended: bool, synced: frozenset[str]) -> Finding:
    """Whether this deployment can bring every order of an instrument to a known end.

    Without deadlines at the venue only the record says that an order may still be on its way: a
    server that answers before it syncs could forget it. ``synced`` is what the servers say of that.
    """
    text = f"class {known.venue_class}: {known.evidence} ({known.source})"
    state, advice = "ok", ""
    if known.venue_class is VenueClass.C:
        state = "warn" if attended else "fail"
        mode = "" if attended else "set worker.mode = 'attended', and "
        advice = f"{mode}be there" + (": only a person can end them" if attended else "")
    elif known.venue_class is VenueClass.B and synced != {"always"}:
        told = ", ".join(sorted(synced - {""})) or "not known"
        text += f"; appendfsync {told}"
        state = "fail" if synced - {"", "always"} else "warn"
        advice = "set appendfsync always: a forgotten order could still be executed"
    return Finding(f"unknown orders in {name}", state, text, advice)

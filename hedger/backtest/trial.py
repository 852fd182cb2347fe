"""One backtest: what it is made of, what identifies it, and what it comes to.

The same trial gives the same result, byte for byte: it holds no wall clock and no path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import hedger
import pricing
from hedger.backtest import carried, pnl
from hedger.backtest.daily import daily
from hedger.backtest.definitions import DEFINITIONS
from hedger.backtest.history import History, history
from hedger.backtest.reckoning import Reckoning, reckoned
from hedger.backtest.replay import Replayed, Terms, replayed
from hedger.backtest.report import Subject, reported
from hedger.backtest.repriced import PATTERN, Repriced
from hedger.core.model import Instrument, Record
from hedger.errors import ConfigError
from hedger.service.params import BookParams
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.depth import Depth
from hedger.venues.paper.params import PaperParams
from hedger.venues.paper.publish import Market
from hedger.venues.paper.tape import Tape
from hedger.venues.paper.tape_files import BARS_PATTERN, CHAIN_PATTERN
from hedger.venues.simulator.events import encoded

CHAIN, BARS = "chain", "bars"
KINDS = (CHAIN, BARS)
_PLACES = ("name", "socket", "log", "data", "speed", "pace_ms_max", "bar_ms_min")
"""What a paper exchange is told that no replay depends on."""


class Trial(Record, frozen=True, kw_only=True):
    """A book, the exchange that it trades at, its recorded market (``kind``), and its terms."""

    book: BookParams
    params: PaperParams
    terms: Terms = Terms()
    kind: str = CHAIN


class Tried(NamedTuple):
    """A trial's result: for machines, and the history and events that it was made from."""

    found: dict[str, Any]
    past: History
    seen: Reckoning
    run: Replayed


def kind_of(folder: Path) -> str:
    """What a folder holds: a recorded chain if there is one, else bars to be repriced."""
    return CHAIN if _files(folder, CHAIN_PATTERN) else BARS


def market_of(trial: Trial) -> Market:
    """The trial's market, anew; raises `ConfigError`."""
    params = trial.params
    depth = Depth(params.half_spread_bps, params.depth_levels, params.depth_usd)
    if trial.kind == CHAIN:
        return Tape(params.data, depth, start_ms=params.start_ms, end_ms=params.end_ms)
    return Repriced(
        params.data,
        trial.book.underlying,
        depth,
        start_ms=params.start_ms,
        end_ms=params.end_ms,
    )


def tried(trial: Trial, progress: Callable[[int, int], None] = lambda now, bars: None) -> Tried:
    """Run a trial; raises `ConfigError` where its data or book cannot be used."""
    market = market_of(trial)
    run = replayed(trial.params, market, trial.book, trial.terms, progress=progress)
    subject = Subject(book=trial.book.name, account=trial.book.account, rules=trial.book.rules)
    past = history(
        run.events,
        subject.account,
        hedges=subject.rules.hedge.hedges,
        contracts=_contracts,
        published=_published(trial, run.names),
    )
    seen = reckoned(past, subject.rules, run.told)
    days = daily(past, seen)
    scaling = carried.reported(
        run.carried, trial.book, run.acts, end_ms=int(past.ms[-1]), days=days
    )
    found = {
        "run": {**identity(trial), "events_sha256": _digest(map(encoded, run.events))},
        **reported(past, subject, _contracts, run.told, seen),
        "decisions": sum(run.actions.values()),
        "actions": run.actions,
        "blocked": run.blocked,
        "hedge_std_1h": pnl.hedge_std(past, seen.parts),
        "days": days,
        **({} if scaling is None else {"scaling": scaling}),
        "notes": [*market.notes(), *_notes(trial)],
        "definitions": DEFINITIONS,
    }
    return Tried(found, past, seen, run)


def identity(trial: Trial) -> dict[str, Any]:
    """Config, data hash, code version and seed; ``id`` is the digest of all four."""
    params = {
        name: value
        for name, value in msgspec.to_builtins(trial.params).items()
        if name not in _PLACES
    }
    book = msgspec.to_builtins(trial.book)
    made = {
        "config": {
            "book": book,
            "exchange": params,
            "terms": msgspec.to_builtins(trial.terms),
            "market": trial.kind,
        },
        "data_sha256": data_sha256(Path(trial.params.data), trial.kind, trial.book.underlying),
        "code_sha256": code_sha256(),
        "code_version": _version(),
        "seed": trial.params.seed,
    }
    return {"id": _digest([msgspec.json.encode(made, order="deterministic")]), **made}


def data_sha256(folder: Path, kind: str, underlying: str) -> str:
    """Digest of the files that a market is read from, names and contents."""
    patterns = [CHAIN_PATTERN, BARS_PATTERN] if kind == CHAIN else []
    patterns = patterns or [PATTERN.format(underlying.lower())]
    files = [path for pattern in patterns for path in _files(folder, pattern)]
    try:
        return _read_sha256(tuple((path, path.stat().st_mtime_ns) for path in files))
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}: expected recorded data") from error


@cache
def _read_sha256(files: tuple[tuple[Path, int], ...]) -> str:
    """Known as long as no file is written: a worker may outlive the data that it saw first."""
    return _digest(part for path, _ in files for part in (path.name.encode(), path.read_bytes()))


@cache
def code_sha256() -> str:
    """Digest of every source and data file of both packages."""
    roots = [Path(str(package.__file__)).parent for package in (pricing, hedger)]
    return _digest(
        part
        for root in roots
        for path in sorted(root.rglob("*"))
        if path.suffix in (".py", ".lua", ".toml") and path.is_file()
        for part in (str(path.relative_to(root.parent)).encode(), path.read_bytes())
    )


def _digest(parts: Iterator[bytes] | list[bytes] | map[bytes]) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.hexdigest()


def _version() -> str:
    try:
        return version("delta-hedger")
    except PackageNotFoundError:
        return "unknown"


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(p for p in folder.glob(pattern) if p.name.endswith((".csv", ".csv.gz")))


@cache
def _contracts(name: str) -> Instrument:
    return instrument(name)


def _published(trial: Trial, names: list[str]) -> Iterator[Any]:
    """What was shown, where marks for P&L know more than that; repriced bars do not."""
    if trial.kind != CHAIN:
        return iter(())
    market = market_of(trial)
    market.want({name: _contracts(name) for name in names})
    return market.instants()


def _notes(trial: Trial) -> list[str]:
    params = trial.params
    notes = [
        f"Latency {params.latency_ms:g} ms there and back in market time, half of each way certain "
        f"and half exponential, seed {params.seed}; an order decided in a bar meets that bar's "
        "depth unless it arrives after it.",
        "A replay sends every order once and hears every answer: no losses, leases or holds.",
    ]
    if params.loss or params.events_per_day:
        notes.append("Configured loss and events_per_day belong to the paper exchange: not played.")
    return notes

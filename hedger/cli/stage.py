"""What the demo plays: a market, a sample book for it, and the configuration of both."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from hedger.app.translate import paper_params
from hedger.cli.output import instant
from hedger.cli.sample import COIN, DAY_MS, EXPIRY_SHARE, sample
from hedger.errors import ConfigError
from hedger.settings import Configuration, load
from hedger.venues.paper.market import open_market
from hedger.venues.paper.params import PaperParams
from hedger.venues.paper.publish import Market
from hedger.venues.paper.synthetic import DEFAULT_START_MS, expiries

BOOK, VENUE, UNDERLYING = "btc-main", "paper", "BTC"
SPEED, SPEED_TAPE = 600.0, 3_000.0
SECONDS = 20.0
HOUR_MS = 3_600_000
YEARS = range(2010, 2090)
"""Instants that a market may have; names of instruments write a year with two digits."""

CONFIG = """\
config_version = 1
deployment = "demo"

[venues.paper]
kind = "paper"
speed = {speed!r}
data = '{data}'
seed = {seed}
deposit = {coin!r}
latency_ms = 2.0
funding_rate_8h = 0.0001

[worker]
min_interval_ms = 2

[[book]]
name = "{book}"
venue = "paper"
underlying = "{underlying}"
numeraire = "usd"
base_coin = {coin!r}          # the whole deposit is its owner's, and not to be hedged
positions = "positions.csv"

[book.hedge]
buy = "{underlying}-PERPETUAL"
sell = "{underlying}-PERPETUAL"

[book.band]
kind = "cubic"              # by gamma, cost and risk aversion, which is the owner's choice:
risk_aversion = 0.01        # cautious, so that a short run shows hedges (1/USD)

[book.limits]
order_max = 20.0
per_minute_max = 60.0
first_trade_max = 20.0
"""


class Span(NamedTuple):
    """Part of the market that is played, in market time; None: as far as it goes."""

    start_ms: int | None
    end_ms: int | None


class Play(NamedTuple):
    """Real seconds to play (None: to the market's end), speed, seed, and the market's part."""

    seconds: float | None
    speed: float
    seed: int | None
    span: Span


class Stage(NamedTuple):
    """Everything that is needed to raise the curtain."""

    config: Configuration
    market: Market
    play: Play
    notes: list[str]

    def adjusted(self, params: PaperParams) -> PaperParams:
        """The exchange's parameters with the part of the market that is played."""
        span = self.play.span
        return msgspec.structs.replace(params, start_ms=span.start_ms, end_ms=span.end_ms)


def play_of(
    *,
    data: Path | None,
    seconds: float | None,
    speed: float | None,
    seed: int | None,
    start_ms: int | None,
    end_ms: int | None,
) -> Play:
    """Fill in what was not asked for; raises `ConfigError` for a folder that is not there."""
    if data is not None and not data.is_dir():
        raise ConfigError(f"--data {data}: not a folder, expected recorded market data")
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise ConfigError(f"--start {instant(start_ms)}: expected before --end {instant(end_ms)}")
    if data is None and seconds is None and end_ms is None:
        seconds = SECONDS
    if speed is None:
        speed = SPEED if seconds is not None or data is None else SPEED_TAPE
    return Play(seconds, speed, seed, Span(start_ms, end_ms))


def sample_stage(folder: Path, data: Path | None, play: Play) -> Stage:
    """Write the sample book's configuration into a folder and load it."""
    if data is None and play.span.start_ms is None:
        start_ms = _before_an_expiry(play.seconds, play.speed)
        play = play._replace(span=Span(start_ms, play.span.end_ms))
    path = folder / "demo.toml"
    positions = folder / "positions.csv"
    positions.write_text("instrument,quantity\n", encoding="utf-8")
    text = CONFIG.format(
        speed=float(play.speed),
        data="" if data is None else _quoted(data),
        seed=1 if play.seed is None else play.seed,
        coin=COIN,
        book=BOOK,
        underlying=UNDERLYING,
    )
    path.write_text(text, encoding="utf-8")
    market = _market(load(path), play)
    book = sample(market, UNDERLYING, end_ms=last_ms(market, play))
    rows = [f"{name},{coin:g}\n" for name, coin in book.positions.items()]
    positions.write_text("instrument,quantity\n" + "".join(rows), encoding="utf-8")
    return Stage(load(path), market, play, [*book.notes, *market.notes()])


def own_stage(path: Path, data: Path | None, play: Play, *, is_speed_given: bool) -> Stage:
    """A configuration of one's own on a store of its own; the first book is reported on."""
    options: dict[tuple[str | int, ...], object] = {}
    config = load(path, data=data)
    venue = config.settings.book[0].venue
    several = next((book.name for book in config.settings.book if book.hedge.also), None)
    if several is not None:
        raise ConfigError(
            f"{path}: book {several}: is hedged at several venues, expected one: the demo reports"
            " on one exchange's log; use hedger run"
        )
    if is_speed_given or data is not None:
        options["venues", venue, "speed"] = float(play.speed)
    if play.seed is not None:
        options["venues", venue, "seed"] = play.seed
    config = load(path, data=data, options=options)
    play = play._replace(speed=config.settings.venues[venue].speed)
    market = _market(config, play)
    return Stage(config, market, play, market.notes())


def last_ms(market: Market, play: Play) -> int | None:
    """The last instant that will be played, None if that is not known."""
    ends = [ms for ms in (market.end_ms, play.span.end_ms) if ms is not None]
    if play.seconds is not None:
        ends.append(market.start_ms + round(play.seconds * play.speed * 1_000))
    return min(ends, default=None)


def instant_of(option: str, text: str | None) -> int | None:
    """Market time of an option, ISO 8601 in UTC; raises `ConfigError`."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text!r}: expected UTC such as 2026-06-28T07:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment.year not in YEARS:
        first, last = YEARS[0], YEARS[-1]
        raise ConfigError(f"{option} {text!r}: expected an instant of the years {first} to {last}")
    return round(moment.timestamp() * 1_000)


def _market(config: Configuration, play: Play) -> Market:
    """The market that is played; raises `ConfigError` if the demo must not or cannot run on it."""
    if config.settings.store.url:
        place = config.origins.get(("store", "url"), f"{config.path}: store.url")
        raise ConfigError(f"{place}: is set, expected none: the demo runs on a store of its own")
    params = paper_params(config, config.settings.book[0].venue)
    market = open_market(
        msgspec.structs.replace(params, start_ms=play.span.start_ms, end_ms=play.span.end_ms)
    )
    if play.span.end_ms is not None and play.span.end_ms <= market.start_ms:
        end, start = instant(play.span.end_ms), instant(market.start_ms)
        raise ConfigError(f"--end {end}: expected after the market's start, {start}")
    return market


def _before_an_expiry(seconds: float | None, speed: float) -> int | None:
    """Start so that an expiry falls into the last quarter of a simulated run of over an hour."""
    length_ms = round((seconds or 0.0) * speed * 1_000)
    if length_ms < HOUR_MS:
        return None
    expiry_ms = expiries(DEFAULT_START_MS)[0]
    start_ms = expiry_ms - round(min(length_ms * EXPIRY_SHARE, 3 * DAY_MS))
    return start_ms - start_ms % 60_000


def _quoted(folder: Path) -> str:
    """Absolute path for a literal TOML string; raises `ConfigError`."""
    text = str(folder.absolute())
    if "'" in text or not text.isprintable():
        raise ConfigError(f"--data {text!r}: expected a path without quotes or control characters")
    return text

"""What a paper exchange process is told once, as plain frozen records; made by `app`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hedger.core.model import Record
from hedger.errors import ConfigError
from hedger.venues.simulator.margin import MarginRules

SOCKET_BYTES_MAX = 104  # the shortest sun_path among the systems that we run on


class PaperAccount(Record, frozen=True, kw_only=True):
    """One account to open: ``deposit`` in coin (None: the exchange's), positions in lots.

    With a quote ``currency`` the deposit is held in that, worth as much at the opening.
    """

    name: str
    underlying: str = "BTC"
    deposit: float | None = None
    currency: str = ""
    positions: dict[str, int] = msgspec.field(default_factory=dict)


class PaperParams(Record, frozen=True, kw_only=True):
    """One paper exchange.

    ``data`` is a folder of recorded market data, empty for the simulated market. ``speed`` is
    market seconds per real second and scales market time only; ``latency_ms`` (mean, there and
    back), order deadlines and ``pace_ms_max`` are real. ``loss`` is the probability that a request
    or its reply is lost. ``events_per_day`` is the rate (market time) at which chance does
    something to an account: see `happenings`. ``margin`` are the rules by which margin is asked for
    and accounts are liquidated, None: not at all. ``spread_most`` lets spreads and depth of the
    simulated market react to its vol. ``order_rate`` credits an account has back a second, of
    ``order_burst`` at most, and spends one an order; 0: no limit. ``instruments`` are tradable
    beside what the accounts hold. ``autostart_s`` starts the market clock without a ``go``,
    ``idle_exit_s`` ends the process when nobody has been connected for so long; None: never.
    """

    name: str
    socket: str
    log: str
    speed: float = 600.0
    data: str = ""
    seed: int = 0
    deposit: float = 0.0
    half_spread_bps: float = 0.5
    depth_levels: int = 5
    depth_usd: float = 250_000.0
    latency_ms: float = 0.0
    loss: float = 0.0
    funding_rate_8h: float = 0.0
    events_per_day: float = 0.0
    margin: MarginRules | None = None
    spread_most: float = 1.0
    order_rate: float = 0.0
    order_burst: float = 20.0
    start_ms: int | None = None
    end_ms: int | None = None
    pace_ms_max: float = 500.0
    bar_ms_min: float = 20.0
    autostart_s: float | None = None
    idle_exit_s: float | None = None
    accounts: tuple[PaperAccount, ...] = ()
    instruments: tuple[str, ...] = ("BTC-PERPETUAL",)


def check(params: PaperParams) -> PaperParams:
    """Return ``params`` if every number is usable, else raise `ConfigError` naming the first."""
    for problem in _problems(params):
        raise ConfigError(f"paper exchange {params.name!r}: {problem}")
    return params


def read_params(path: str | Path) -> PaperParams:
    """Read and check the JSON file that the launcher wrote; raises `ConfigError`."""
    try:
        return check(msgspec.json.decode(Path(path).read_bytes(), type=PaperParams))
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the parameters: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: not paper exchange parameters: {error}") from error


def _problems(params: PaperParams) -> Iterator[str]:
    yield from _number_problems(params)
    if len(params.socket.encode()) > SOCKET_BYTES_MAX:
        yield f"socket {params.socket}: expected at most {SOCKET_BYTES_MAX} bytes"
    if not Path(params.socket).is_absolute() or not Path(params.log).is_absolute():
        yield "socket and log: expected absolute paths"
    names = [account.name for account in params.accounts]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"account {name!r}: expected once"
    for account in params.accounts:
        deposit = params.deposit if account.deposit is None else account.deposit
        if not math.isfinite(deposit) or deposit < 0:
            yield f"account {account.name!r}: deposit = {deposit}: expected 0 or more coin"


def _number_problems(params: PaperParams) -> Iterator[str]:
    positive = ("speed", "depth_usd", "bar_ms_min", "order_burst")
    not_negative = (
        "deposit", "half_spread_bps", "latency_ms", "pace_ms_max", "events_per_day", "order_rate",
    )  # fmt: skip
    for field in (*positive, *not_negative, "loss", "funding_rate_8h"):
        value = getattr(params, field)
        if not math.isfinite(value):
            yield f"{field} = {value}: expected a finite number"
        elif value < 0 and field in not_negative:
            yield f"{field} = {value}: expected 0 or more"
        elif value <= 0 and field in positive:
            yield f"{field} = {value}: expected more than 0"
    if not 0 <= params.loss < 1:
        yield f"loss = {params.loss}: expected a probability, 0 <= loss < 1"
    if not 1 <= params.spread_most <= 100:
        yield f"spread_most = {params.spread_most}: expected 1 to 100"
    if not 1 <= params.depth_levels <= 100:
        yield f"depth_levels = {params.depth_levels}: expected 1 to 100"
    for field in ("autostart_s", "idle_exit_s"):
        seconds = getattr(params, field)
        if seconds is not None and not seconds >= 0:
            yield f"{field} = {seconds}: expected 0 or more, or none"

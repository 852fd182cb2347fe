"""What is held over a long replay: option positions that are sold anew whenever they have expired.

A programme is a TOML file of ``[[leg]]`` tables. Strikes are chosen from the market shown at the
instant of the sale and from nothing later; they change hands at their marks, for the exchange's
fees, as one block that the book hears of as of any other.
"""

from __future__ import annotations

import math
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import NormalDist

import msgspec

from hedger.core.model import Kind, Record
from hedger.errors import ConfigError
from hedger.venues.deribit.contracts import instrument
from hedger.venues.deribit.names import ContractName, printed
from pricing.conventions import MS_PER_YEAR

DAY_MS = 86_400_000
FRIDAY, EXPIRY_HOUR = 4, 8
KINDS = ("straddle", "strangle")


class Part(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One position: ``coin`` of a put and a call each (negative: sold), ``days`` ahead.

    It expires on the Friday nearest to so many days ahead, at 08:00 UTC. A straddle stands at the
    forward, a strangle's options have so much Black ``delta``; strikes are rounded to ``grid``.
    """

    kind: str
    days: float
    coin: float
    delta: float = 0.25
    grid: float = 1_000.0


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    leg: tuple[Part, ...]


def programme(path: Path) -> tuple[Part, ...]:
    """Read a programme; raises `ConfigError` naming what is wrong with it."""
    try:
        parts = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).leg
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: expected a programme of positions") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from None
    for number, part in enumerate(parts):
        for fault in _faults(part):
            raise ConfigError(f"{path}: leg[{number}]: {fault}")
    if not parts:
        raise ConfigError(f"{path}: no [[leg]], expected one or more")
    return parts


def _faults(part: Part) -> list[str]:
    found = []
    if part.kind not in KINDS:
        found.append(f"kind is {part.kind!r}, expected one of {', '.join(KINDS)}")
    if not 2.0 <= part.days <= 3_650.0:
        found.append(f"days is {part.days:g}, expected 2 to 3650")
    if not (0.0 < abs(part.coin) <= 1e6):
        found.append(f"coin is {part.coin:g}, expected a size, negative for what is sold")
    if not 0.0 < part.delta < 0.5:
        found.append(f"delta is {part.delta:g}, expected above 0 and below 0.5")
    if not (0.0 < part.grid < math.inf):
        found.append(f"grid is {part.grid:g}, expected a step between strikes")
    return found


def friday(now_ms: int, days: float) -> int:
    """Expiry nearest to so many days ahead, at least a day away."""
    wanted = datetime.fromtimestamp(now_ms / 1_000, UTC) + timedelta(days=days)
    at = wanted.replace(hour=EXPIRY_HOUR, minute=0, second=0, microsecond=0)
    back = (at.weekday() - FRIDAY) % 7
    around = [at - timedelta(days=back), at + timedelta(days=7 - back)]
    found = [round(day.timestamp() * 1_000) for day in around]
    alive = [ms for ms in found if ms >= now_ms + DAY_MS]
    target = now_ms + days * DAY_MS
    return min(alive or [found[1] + 7 * DAY_MS], key=lambda ms: abs(ms - target))


def legs(part: Part, underlying: str, *, now_ms: int, forward: float, vol: float) -> dict[str, int]:
    """Signed lots of the options that a part consists of when it is dealt now."""
    expiry_ms = friday(now_ms, part.days)
    deviation = vol * math.sqrt((expiry_ms - now_ms) / MS_PER_YEAR)
    reach = 0.0
    if part.kind == "strangle":
        reach = -NormalDist().inv_cdf(part.delta) * deviation
    found: dict[str, int] = {}
    for is_call in (False, True):
        move = reach if is_call else -reach
        strike = forward * math.exp(move + 0.5 * deviation**2 * (part.kind == "strangle"))
        contract = ContractName(
            underlying=underlying,
            quote="USD",
            inverse=True,
            kind=Kind.OPTION,
            expiry_ms=expiry_ms,
            strike=max(round(strike / part.grid), 1) * part.grid,
            is_call=is_call,
        )
        name = printed(contract)
        lot = instrument(name).lot
        found[name] = round(part.coin / lot)
    return found

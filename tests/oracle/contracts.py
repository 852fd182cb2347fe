"""Inverse Deribit contracts and Black-76, written a second time."""

from __future__ import annotations

import calendar
import math
import re
import time

WINDOW_MS = 30 * 60_000
YEAR_MS = 365 * 86_400_000
OPTION_LOT = {"BTC": 0.1, "ETH": 1.0}
FUTURE_LOT = {"BTC": 10.0, "ETH": 1.0}
_NAME = re.compile(r"([A-Z]+)-(?:PERPETUAL|(\d+[A-Z]{3}\d\d)(?:-(\d+)-([CP]))?)")


class Contract:
    """Inverse Deribit contract, read off its name."""

    def __init__(self, name: str) -> None:
        found = _NAME.fullmatch(name.partition("@")[0])  # one of several venues: see `joint`
        if found is None:
            raise SystemExit(f"oracle: {name}: not an inverse Deribit contract")
        self.underlying, day, strike, side = found.groups()
        self.is_option = strike is not None
        self.lot = (OPTION_LOT if self.is_option else FUTURE_LOT)[self.underlying]
        self.strike = float(strike or 0)
        self.is_call = side == "C"
        self.expiry_ms = 0
        if day:
            self.expiry_ms = 1000 * calendar.timegm(time.strptime(day + " 08", "%d%b%y %H"))

    def share(self, ms: int) -> float:
        """Part of the settlement window still to come."""
        if not self.expiry_ms:
            return 1.0
        return min(1.0, max(0.0, (self.expiry_ms - ms) / WINDOW_MS))


_contracts: dict[str, Contract] = {}


def contract(name: str) -> Contract:
    if name not in _contracts:
        _contracts[name] = Contract(name)
    return _contracts[name]


def black(forward: float, it: Contract, vol: float, ms: int) -> tuple[float, float]:
    """Price and forward delta, undiscounted."""
    sign = 1.0 if it.is_call else -1.0
    years = max(it.expiry_ms - ms, 0) / YEAR_MS
    deviation = vol * math.sqrt(years)
    if deviation <= 0.0:
        inside = sign * (forward - it.strike) > 0.0
        return max(0.0, sign * (forward - it.strike)), sign if inside else 0.0
    d1 = math.log(forward / it.strike) / deviation + 0.5 * deviation

    def normal(x: float) -> float:
        return 0.5 * math.erfc(-x / math.sqrt(2.0))

    delta = sign * normal(sign * d1)
    return forward * delta - sign * it.strike * normal(sign * (d1 - deviation)), delta

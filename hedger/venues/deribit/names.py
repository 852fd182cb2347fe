"""Deribit instrument names, parsed and printed; nothing here knows contract sizes or fees.

::

    BTC-PERPETUAL            inverse perpetual        BTC_USDC-PERPETUAL      linear perpetual
    BTC-6MAR26               inverse future           BTC_USDC-6MAR26         linear future
    BTC-27DEC24-100000-C     inverse option           XRP_USDC-30JUN26-0d625-P linear option
"""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime

from hedger.core.model import Kind, Record
from hedger.errors import ConfigError

__all__ = ["BadNameError", "ContractName", "parsed", "printed"]

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_EXPIRY_HOUR = 8
_SHAPE = re.compile(
    r"(?P<base>[A-Z][A-Z0-9]{0,11})(?:_(?P<quote>[A-Z][A-Z0-9]{0,11}))?"
    r"-(?:PERPETUAL|(?P<day>[0-9]{1,2})(?P<month>[A-Z]{3})(?P<year>[0-9]{2})"
    r"(?:-(?P<strike>[0-9]{1,9}(?:d[0-9]{1,6})?)-(?P<side>[CP]))?)",
    re.ASCII,
)


class BadNameError(ConfigError, ValueError):
    """Text that names no Deribit contract known here."""


class ContractName(Record, frozen=True, kw_only=True):
    """What an instrument name says; ``quote`` is USD for inverse contracts."""

    underlying: str
    quote: str
    inverse: bool
    kind: Kind
    expiry_ms: int = 0
    strike: float = 0.0
    is_call: bool = False


def parsed(name: str) -> ContractName:
    """Contract that a name stands for.

    Raises
    ------
    BadNameError
        If the name has another shape, an impossible date, or is not how the exchange writes it.

    Examples
    --------
    >>> parsed("XRP_USDC-6MAR26-0d625-P").strike
    0.625
    """
    found = _SHAPE.fullmatch(name)
    if found is None:
        raise BadNameError(
            f"instrument {name[:60]!r}: not a Deribit name, expected a form like BTC-PERPETUAL, "
            "BTC-6MAR26 or BTC-27DEC24-100000-C"
        )
    part = found.groupdict()
    kind = Kind.PERPETUAL
    if part["day"]:
        kind = Kind.OPTION if part["strike"] else Kind.FUTURE
    contract = ContractName(
        underlying=part["base"],
        quote=part["quote"] or "USD",
        inverse=part["quote"] is None,
        kind=kind,
        expiry_ms=_expiry_ms(name, part["day"], part["month"], part["year"]) if part["day"] else 0,
        strike=float((part["strike"] or "0").replace("d", ".")),
        is_call=part["side"] == "C",
    )
    if kind is Kind.OPTION and contract.strike <= 0.0:
        raise BadNameError(f"instrument {name!r}: strike is zero, expected a positive one")
    if printed(contract) != name:
        raise BadNameError(f"instrument {name!r}: the exchange writes it {printed(contract)!r}")
    return contract


def printed(contract: ContractName) -> str:
    """The exchange's name of a contract; the inverse of `parsed`.

    Examples
    --------
    >>> printed(parsed("BTC-6MAR26"))
    'BTC-6MAR26'
    """
    pair = contract.underlying if contract.inverse else f"{contract.underlying}_{contract.quote}"
    if contract.kind is Kind.PERPETUAL:
        return f"{pair}-PERPETUAL"
    day = datetime.fromtimestamp(contract.expiry_ms / 1000, UTC)
    dated = f"{pair}-{day.day}{_MONTHS[day.month - 1]}{day.year % 100:02d}"
    if contract.kind is Kind.FUTURE:
        return dated
    strike = f"{contract.strike:.6f}".rstrip("0").rstrip(".").replace(".", "d")
    return f"{dated}-{strike}-{'C' if contract.is_call else 'P'}"


def _expiry_ms(name: str, day: str, month: str, year: str) -> int:
    try:
        date = datetime(2000 + int(year), _MONTHS.index(month) + 1, int(day), _EXPIRY_HOUR)
    except ValueError:
        raise BadNameError(f"instrument {name!r}: {day}{month}{year} is not a date") from None
    return timegm(date.timetuple()) * 1000

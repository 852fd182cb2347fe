"""Deribit contract data: an instrument name becomes an `Instrument` through `contracts.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

import msgspec

from hedger.core.model import Fees, Instrument
from hedger.errors import ConfigError
from hedger.venues.deribit.names import BadNameError, parsed

__all__ = ["facts_date", "instrument"]


class _Product(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of `contracts.toml`; its head explains every key."""

    contract: float
    tick: float
    lot: float
    minimum: float
    taker: float
    maker: float
    settlement: str
    source: str
    cap: float = 0.0
    tick_steps: tuple[tuple[float, float], ...] = ()


class _Contracts(msgspec.Struct, frozen=True):
    facts: str
    products: dict[str, dict[str, _Product]]


def instrument(name: str, *, fees: Fees | None = None) -> Instrument:
    """Contract data of a Deribit instrument; ``fees`` replace the listed ones (own fee tier).

    Raises
    ------
    BadNameError
        If the name is malformed or its product is not in `contracts.toml`.

    Examples
    --------
    >>> instrument("BTC-PERPETUAL").lot
    10.0
    """
    contract = parsed(name)
    pair = name.partition("-")[0]
    product = _contracts().products.get(pair, {}).get(contract.kind.value)
    if product is None:
        known = ", ".join(_contracts().products)
        raise BadNameError(
            f"instrument {name!r}: no contract data for {pair} {contract.kind.value}s, "
            f"expected one of {known}"
        )
    return Instrument(
        name=name,
        kind=contract.kind,
        underlying=contract.underlying,
        quote=contract.quote,
        settlement=product.settlement,
        inverse=contract.inverse,
        lot=product.lot,
        contract=product.contract,
        tick=product.tick,
        tick_steps=product.tick_steps,
        min_lots=round(product.minimum / product.lot),
        expiry_ms=contract.expiry_ms,
        strike=contract.strike,
        is_call=contract.is_call,
        fees=fees or Fees(taker=product.taker, maker=product.maker, cap=product.cap),
    )


def facts_date() -> str:
    """Date (ISO) of the facts in `contracts.toml`."""
    return _contracts().facts


@cache
def _contracts() -> _Contracts:
    text = files(__package__).joinpath("contracts.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    facts = str(tables.pop("facts"))
    try:
        products = msgspec.convert(tables, dict[str, dict[str, _Product]])
    except msgspec.ValidationError as error:
        raise ConfigError(f"contracts.toml: {error}") from None
    return _Contracts(facts, products)

"""``hedger can-hedge``: how much of a delta may be taken now, at what cost, under which limit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from hedger.cli.options import Common, Flag
from hedger.cli.output import print_json, print_text, run_async
from hedger.errors import ConfigError

if TYPE_CHECKING:
    from hedger.core.model import Offer


def can_hedge(
    book: str,
    delta: Annotated[float, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    reserve: Flag = False,
    common: Common | None = None,
) -> int:
    """How much of a delta a running book may be given now, so that it is hedged at once.

    Parameters
    ----------
    book
        The book.
    delta
        What the risk adds to the book's delta, in coin: above zero the hedge sells.
    reserve
        Set it aside for half a second; else the answer is advice.
    """
    common = common or Common()
    if not math.isfinite(delta) or delta == 0.0:
        raise ConfigError(f"DELTA: is {delta:g}, expected a finite number other than zero")
    from hedger.app.capacity import can_hedge as ask

    config = common.load()
    offer = run_async(lambda: ask(config, book, delta, reserve=reserve))
    if common.json:
        print_json(
            {
                **msgspec.structs.asdict(offer),
                "is_whole": offer.is_whole,
                "basis": "reserved" if offer.reservation else "advisory",
            }
        )
    else:
        print_text(*_lines(offer))
    return 0 if offer.is_whole else 1


def _lines(offer: Offer) -> list[str]:
    how = "all" if offer.is_whole else "none" if not offer.size else f"{offer.size:+.4f}"
    lines = [f"{offer.book}: {how} of {offer.wanted:+g} may be taken"]
    if offer.limit:
        lines.append(f"  {offer.limit}: {offer.reason}")
    for part in offer.hedges:
        act = "sell" if part.size < 0 else "buy"
        lines.append(
            f"  {act} {abs(part.size):.4f} of {part.instrument} at {part.price_bound:g} or better"
            f" ({part.venue}): half-spread {part.half_spread:.2f}, fee {part.fee:.2f},"
            f" impact {part.impact:.2f}"
        )
    if offer.size:
        lines.append(f"  cost {offer.cost:.2f} in quote currency, {_basis(offer)}")
    lines += [f"  room {room.limit}: {room.size:.4f}, {room.reason}" for room in offer.rooms]
    lines += [f"  warning: {text}" for text in offer.warnings]
    return lines


def _basis(offer: Offer) -> str:
    if offer.reservation:
        return f"set aside for {offer.valid_ms} ms as {offer.reservation}"
    return "advice: nothing is set aside"

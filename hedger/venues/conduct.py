"""The class of each exchange and product with its evidence: the one table that adapters declare.

An exchange that is not here, or a product of it that is not, is class C until somebody has read or
measured better and has written down where.
"""

from __future__ import annotations

from collections.abc import Mapping

from hedger.core.model import Conduct, VenueClass

ANY = "any product"
UNPROVEN = Conduct(
    product=ANY,
    venue_class=VenueClass.C,
    evidence="nobody has shown that its engine honours deadlines or that its ids are unique",
    source="none",
)


def _one(product: str, venue_class: VenueClass, evidence: str, source: str) -> Conduct:
    return Conduct(product=product, venue_class=venue_class, evidence=evidence, source=source)


DECLARED: Mapping[str, tuple[Conduct, ...]] = {
    "paper": (
        _one(
            ANY,
            VenueClass.A,
            "its engine compares every order's deadline with its own clock when it handles it",
            "hedger/venues/simulator/admission.py; measured by tests/contracts/test_venue.py",
        ),
    ),
    "deribit": (
        _one(
            ANY,
            VenueClass.A,
            "valid_until: processing in the matching engine starts only before that timestamp, "
            "else the order is answered timed_out",
            "the exchange's API description, parameter valid_until of private/buy",
        ),
    ),
    "okx": (
        _one(
            ANY,
            VenueClass.A,
            "expTime: requests are refused after that effective deadline",
            "the exchange's API documentation, place order; not measured by us",
        ),
    ),
    "bybit": (
        _one(
            ANY,
            VenueClass.B,
            "orderLinkId is documented as unique; there is no deadline",
            "the exchange's API documentation, place order; not measured by us",
        ),
    ),
    "binance": (
        _one(
            ANY,
            VenueClass.C,
            "recvWindow is checked when a request is received, not by the engine; a client id is "
            "accepted again once its order is filled",
            "the exchange's API documentation; not measured by us",
        ),
    ),
}


def conduct(exchange: str, product: str) -> Conduct:
    """The declared conduct of a product (`Kind`) at an exchange; class C where there is none.

    Examples
    --------
    >>> conduct("paper", "perpetual").venue_class.value, conduct("nowhere", "option").source
    ('A', 'none')
    """
    declared = {each.product: each for each in DECLARED.get(exchange, ())}
    return declared.get(product) or declared.get(ANY) or UNPROVEN

"""A paper exchange to which a client id is a label: it takes every order, whatever its id.

Real exchanges promise no more (Deribit's labels are not unique). An exchange that knows its ids
again would make good what a hedger forgot, and hide that it forgot it.
"""

from __future__ import annotations

import sys

from hedger.venues.paper.process import main
from hedger.venues.simulator.orders import Orders

COMMAND = (sys.executable, "-m", "tests.chaos.labels")


def takes_everything() -> None:
    """No id counts as known when an order is placed; questions are answered as ever."""
    Orders.known = lambda self, account, client_id: False  # type: ignore[method-assign]


if __name__ == "__main__":
    takes_everything()
    sys.exit(main())

"""All pricing tables in one run: ``python -m benchmarks [--json] [--quick]``."""

from benchmarks import american, books, greeks, implied_vol, startup, surface
from benchmarks.measure import main

main(
    "Pricing beside its peers, in one run",
    greeks.table,
    implied_vol.table,
    american.table,
    books.table,
    surface.table,
    startup.table,
)

"""All pricing tables in one run: ``python -m benchmarks [--json] [--quick]``."""

from benchmarks import american, books, greeks, implied_vol, settlement, startup, surface
from benchmarks.measure import main

if __name__ == "__main__":
    main(
        "Pricing beside its peers, in one run",
        greeks.table,
        implied_vol.table,
        american.table,
        books.table,
        settlement.batches,
        surface.table,
        startup.table,
        greeks.parallel_table,
    )

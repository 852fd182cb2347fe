"""``hedger sweep``: one backtest per variant of a book, on local processes or a Dask cluster."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from hedger.cli.options import Common, Whole
from hedger.cli.output import print_json, print_table, say, table, writable, write_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hedger.backtest.farm import Farm

KEEP = Path("sweep-results")
PROCESSES_MAX = 256


def sweep(
    file: Annotated[Path, Parameter(show_default=False)],
    /,
    *,
    keep: Path = KEEP,
    report: Annotated[Path | None, Parameter(show_default=False)] = None,
    processes: Whole = 1,
    dask: Annotated[str | None, Parameter(show_default=False)] = None,
    programme: Annotated[Path | None, Parameter(show_default=False)] = None,
    market: Annotated[Literal["chain", "bars"] | None, Parameter(show_default=False)] = None,
    start: Annotated[str | None, Parameter(show_default=False)] = None,
    end: Annotated[str | None, Parameter(show_default=False)] = None,
    common: Common | None = None,
) -> int:
    """Backtest the first book under each variant of its band or its scalers; sends nothing.

    Parameters
    ----------
    file
        The variants: [[variant]] tables with a name and a band, scalers, or resize.
    keep
        Folder of results: what lies there is read and not run again.
    report
        Write one HTML file with scale and risk of each variant over time here.
    processes
        Local processes that compute.
    dask
        Address of a Dask scheduler whose workers compute instead, such as tcp://10.0.0.5:8786.
    programme
        File of option positions that are dealt anew at each expiry; needs bars.
    market
        chain: recorded options; bars: a perpetual's bars and funding, options repriced.
    start
        First market instant, UTC, such as 2026-06-28T07:00.
    end
        Last market instant.
    """
    common = common or Common()
    from hedger.backtest.sweep import swept
    from hedger.backtest.variants import summary, variants
    from hedger.cli.backtest import trial_asked_for
    from hedger.errors import ConfigError

    writable("--report", report)
    if not 1 <= processes <= PROCESSES_MAX:
        raise ConfigError(f"--processes {processes}: expected 1 to {PROCESSES_MAX}")
    trials = {
        one.name: trial_asked_for(common, programme, market, start, end, variant=one)
        for one in variants(file)
    }
    with _workers(dask) as workers:
        found = swept(
            trials,
            keep,
            processes=processes,
            progress=say,
            **({} if workers is None else workers._asdict()),
        )
    lines = [summary(name, found[name]) for name in trials]
    if report is not None:
        from hedger.backtest import scaled_page

        write_page("--report", report, scaled_page.page(found, lines, f"Variants of {file.name}"))
    if common.json:
        print_json({"variants": lines})
    else:
        _show(lines)
    return 0


@contextlib.contextmanager
def _workers(address: str | None) -> Iterator[Farm | None]:
    if address is None:
        yield None
        return
    from hedger.backtest.farm import farm

    with farm(address) as found:
        yield found


def _show(lines: list[dict[str, Any]]) -> None:
    from hedger.backtest.table import shown

    made = table(
        "variants: cost is fees, spread and slippage; std is of what a hedge can act on",
        *("variant", ">cost", ">std 1h", ">P&L", ">orders/day", ">outside", ">residual"),
    )
    for line in lines:
        made.add_row(
            line["name"],
            shown(line["cost"], ",.2f"),
            shown(line["hedge_std_1h"], ",.2f"),
            shown(line["pnl_total"], ",.2f"),
            shown(line["orders_per_day"], ",.1f"),
            shown(line["outside_band_share"], ".2%"),
            shown(line["residual_share"], ".3%"),
        )
    print_table(made)
    _show_scaling(lines)


def _show_scaling(lines: list[dict[str, Any]]) -> None:
    """What the scalers came to; nothing where no variant was measured or scaled."""
    from hedger.backtest.scaled_page import COLUMNS, is_scaled
    from hedger.backtest.table import shown

    if not is_scaled(lines):
        return
    made = table(
        "scaling: risk is of scenarios, a year over capital, as the book was held",
        *("variant", *(f">{column.head}" for column in COLUMNS)),
    )
    for line in lines:
        made.add_row(line["name"], *(shown(one.of(line), one.form) for one in COLUMNS))
    print_table(made)

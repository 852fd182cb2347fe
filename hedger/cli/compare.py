"""``hedger compare``: policies over the same paths, so that a band is seen before it is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hedger.cli.options import Common
from hedger.cli.output import (
    print_json,
    print_table,
    print_text,
    progress,
    table,
    writable,
    write_page,
)

if TYPE_CHECKING:
    from rich.table import Table

    from hedger.backtest.compare import Comparison, Finding

COLUMNS = (
    "policy",
    ">CE",
    ">ratio",
    ">mean cost",
    ">std",
    ">ES95",
    ">mean-var",
    ">weight",
    ">trades",
    ">turnover",
    ">orders/day",
)


def compare(
    study: Annotated[Path, Parameter(show_default=False)],
    /,
    *,
    plot: Annotated[Path | None, Parameter(show_default=False)] = None,
    common: Common | None = None,
) -> int:
    """Cost and risk of hedging policies over the same paths; sends nothing.

    Parameters
    ----------
    study
        The study's file: market, cost, utility, book and policies.
    plot
        Draw the cost-risk frontier into this HTML file.
    """
    common = common or Common()
    from hedger.backtest.study import load
    from hedger.errors import ConfigError

    read = load(study)
    writable("--plot", plot)
    if read.market.kind == "recorded" and common.data is None:
        raise ConfigError(f"{study}: [market] kind: recorded, expected --data DIR with minute bars")
    from hedger.backtest.compare import compared
    from hedger.backtest.recorded import Recorded

    data = common.data
    recorded = (
        (lambda when: Recorded(read.market, when, data))
        if read.market.kind == "recorded" and data is not None
        else None
    )
    done = compared(read, recorded=recorded, frontier=plot is not None, progress=progress())
    if plot is not None:
        from hedger.backtest.picture import page

        write_page("--plot", plot, page(done, study.name))
    if common.json:
        print_json({"policies": [found.exchanged() for found in done.findings]})
        return 0
    _show(done)
    return 0


def _show(done: Comparison) -> None:
    it = done.study
    print_text(*done.behind)
    made = table(
        f"{it.market.kind}, {done.paths:,} paths of {it.market.horizon_days:g} days, "
        f"{it.market.steps:,} checks; ratio to {done.findings[0].name}",
        *COLUMNS,
    )
    for found in done.findings:
        made.add_row(*_row(found, done.findings[0]))
    print_table(made)
    for note in done.notes:
        print_text(note)
    if not done.is_estimable:
        print_text(
            "one path carries more than 5 % of an exponential average: its certainty equivalent "
            "cannot be estimated; ranked at equal std instead"
        )
        print_table(_equal_risk(done))


def _row(found: Finding, first: Finding) -> tuple[str, ...]:
    value, ratio = "not estimable", "-"
    if found.is_estimable:
        value = f"{found.certainty_equivalent:.4g} ±{found.standard_error:.1g}"
        if first.is_estimable and first.certainty_equivalent > 0.0:
            ratio = f"{found.ratio:.4f} ±{found.ratio_error:.4f}"
    return (
        found.name,
        value,
        ratio,
        f"{found.mean_cost:.4g} ±{found.mean_cost_error:.1g}",
        f"{found.std:.4g}",
        f"{found.es95:.4g}",
        f"{found.mean_variance:.4g}",
        f"{found.max_path_weight:.2%}",
        f"{found.trades:.1f}",
        f"{found.turnover:.5g}",
        f"{found.orders_per_day:.2f}",
    )


def _equal_risk(done: Comparison) -> Table:
    """Policies by mean cost where each has the first one's std."""
    std = done.findings[0].std
    made = table(f"at a std of {std:.4g}", "policy", ">mean cost", ">ES95")
    rows = [(curve.name, curve.at(std)) for curve in done.curves]
    reached = sorted((at, name) for name, at in rows if at is not None)
    for (cost, tail), name in reached:
        made.add_row(name, f"{cost:.4g}", f"{tail:.4g}")
    for name, at in rows:
        if at is None:
            made.add_row(name, "not reached", "-")
    return made

"""``hedger crash``: the first book through seeded crashes on the paper exchange, with margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from hedger.cli.options import Common, Whole
from hedger.cli.output import print_json, print_table, print_text, progress, table

if TYPE_CHECKING:
    from hedger.backtest.crashes import Crash, Outcome
    from hedger.backtest.trial import Trial

Kind = Literal["ramp-down", "ramp-up", "v", "gap"]
EVERY: tuple[Kind, ...] = ("ramp-down", "ramp-up", "v", "gap")
SEEDS_MAX = 10_000
ROWS_MAX = 40
COLUMNS = (
    "crash",
    ">seed",
    ">deposit",
    ">ratio",
    ">worst",
    ">liquidated",
    "bankrupt",
    ">deleveraged",
    ">loss USD",
    ">hedges",
    ">rejected",
    ">blocked",
)


def crash(
    *,
    kind: Annotated[Kind | None, Parameter(show_default=False)] = None,
    seeds: Annotated[Whole, Parameter(validator=Number(gte=1, lte=SEEDS_MAX))] = 1,
    seed: Annotated[Whole, Parameter(validator=Number(gte=0, lt=2**32))] = 1,
    ratio: Annotated[float | None, Parameter(validator=Number(gt=0, lt=1))] = None,
    spot: Annotated[float | None, Parameter(validator=Number(gt=0, lte=1e9))] = None,
    spreads: Annotated[float, Parameter(validator=Number(gte=1, lte=100))] = 10.0,
    latency: Annotated[float, Parameter(validator=Number(gte=0, lte=1_000))] = 20.0,
    funding: Annotated[float, Parameter(validator=Number(gte=0, lte=0.05))] = 0.00375,
    crowd: Annotated[float, Parameter(validator=Number(gte=0, lte=1e12))] = 0.0,
    common: Common | None = None,
) -> int:
    """Play the first book through crashes on the paper exchange, with margin; sends nothing.

    Parameters
    ----------
    kind
        One kind; else all four: ramp-down and v (-30 % in ten minutes, v then +25 %), ramp-up
        (+30 %), gap (-15 % in one print).
    seeds
        So many crashes of each kind.
    seed
        Seed of the first; the others count on.
    ratio
        Maintenance margin over margin balance to start from; else the configured deposit is.
    spot
        Price at the start; else amid the book's strikes.
    spreads
        Spreads widen up to so many times by realised vol, and depth thins.
    latency
        Times the venue's latency.
    funding
        Rate of the one funding print, at the height of the crash, paid by the winning side.
    crowd
        USD of perpetuals held against the crash by others with a leverage of 20; who goes bankrupt
        deleverages the book's hedges.
    """
    common = common or Common()
    from hedger.app.trial import trial_of
    from hedger.backtest.crashes import Crash

    trial = trial_of(common.load())
    wanted = [
        Crash(
            kind=name,
            seed=number,
            deposit=_deposit(trial),
            ratio=ratio or 0.0,
            spot=spot or 0.0,
            spread_most=spreads,
            latency=latency,
            funding=funding,
            crowd_usd=crowd,
        )
        for name, number in product((kind,) if kind else EVERY, range(seed, seed + seeds))
    ]
    done = _played(trial, wanted)
    if common.json:
        print_json({"crashes": [_row(it) for it in done], "summary": _summary(done)})
    else:
        _print(done)
    return 0


def _deposit(trial: Trial) -> float:
    own = next(a for a in trial.params.accounts if a.name == trial.book.account)
    return trial.params.deposit if own.deposit is None else own.deposit


def _played(trial: Trial, wanted: Sequence[Crash]) -> list[Outcome]:
    from hedger.backtest.crashes import crashed

    done: list[Outcome] = []
    tell = progress()
    for number, asked in enumerate(wanted):
        tell(f"{number} of {len(wanted)} crashes")
        done.append(crashed(trial.params, trial.book, trial.terms, asked))
    return done


def _row(it: Outcome) -> dict[str, Any]:
    """One crash for machines; a number that is not finite is null."""
    import msgspec

    row: dict[str, Any] = msgspec.to_builtins(it)
    row["survived"] = it.has_survived
    if not math.isfinite(it.ratio_worst):
        row["ratio_worst"] = None
    return row


def _summary(done: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Per kind: how many were liquidated, and what was lost."""
    found = []
    for name in dict.fromkeys(it.kind for it in done):
        mine = [it for it in done if it.kind == name]
        losses = sorted(it.loss_usd for it in mine)
        found.append(
            {
                "kind": name,
                "crashes": len(mine),
                "liquidated": sum(not it.has_survived for it in mine),
                "bankrupt": sum(it.bankrupt for it in mine),
                "deleveraged": sum(it.deleveraged > 0 for it in mine),
                "loss_usd_mean": math.fsum(losses) / len(losses),
                "loss_usd_worst": losses[-1],
            }
        )
    return found


def _print(done: Sequence[Outcome]) -> None:
    made = table("crashes", *COLUMNS)
    for it in done[:ROWS_MAX]:
        made.add_row(
            it.kind,
            str(it.seed),
            f"{it.deposit:.4g}",
            f"{it.ratio:.0%}",
            f"{it.ratio_worst:.0%}" if math.isfinite(it.ratio_worst) else "-",
            str(it.liquidated),
            "yes" if it.bankrupt else "no",
            str(it.deleveraged),
            f"{it.loss_usd:,.0f}",
            str(it.hedges),
            str(it.rejected),
            str(it.blocked),
        )
    print_table(made)
    if len(done) > ROWS_MAX:
        print_text(f"... and {len(done) - ROWS_MAX} more; --json has them all")
    for row in _summary(done):
        print_text(
            f"{row['kind']}: {row['liquidated']} of {row['crashes']} liquidated, "
            f"{row['bankrupt']} bankrupt, {row['deleveraged']} deleveraged, "
            f"loss {row['loss_usd_mean']:,.0f} USD on average and {row['loss_usd_worst']:,.0f} "
            "at worst"
        )

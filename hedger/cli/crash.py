"""``hedger crash``: the first book through seeded crashes on the paper exchange, with margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from hedger.cli.options import Common, Whole
from hedger.cli.output import print_json, print_table, print_text, progress, table
from hedger.errors import ConfigError

if TYPE_CHECKING:
    from hedger.backtest.crash_runs import Subject
    from hedger.backtest.crashes import Crash, Outcome

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
    "rung",
    ">held",
)
Ladder = Literal["off", "on", "both"]
LADDERS: dict[str, tuple[bool, ...]] = {"off": (False,), "on": (True,), "both": (False, True)}
RUNGS = ("free", "warn", "stop_adding", "reduce", "close")
JOBS_MAX = 64


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
    ladder: Ladder = "off",
    jobs: Annotated[Whole, Parameter(validator=Number(gte=1, lte=JOBS_MAX))] = 1,
    keep: Path | None = None,
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
    ladder
        Whether the book climbs its ladder, and is held to its scenario limit before a gap; both:
        each crash with and without. A book that has none is given the one in docs/SCALING.md.
    jobs
        Processes that share the crashes.
    keep
        A new folder for the story of each crash, a file each.
    """
    common = common or Common()
    from hedger.backtest.crashes import Crash

    if keep is not None:
        _new(keep)
    subject = _subject(common)
    wanted = [
        Crash(
            kind=name,
            seed=number,
            deposit=_deposit(subject),
            ratio=ratio or 0.0,
            spot=spot or 0.0,
            spread_most=spreads,
            latency=latency,
            funding=funding,
            crowd_usd=crowd,
            ladder=on,
        )
        for name, number, on in product(
            (kind,) if kind else EVERY, range(seed, seed + seeds), LADDERS[ladder]
        )
    ]
    done = _played(subject, wanted, jobs, keep)
    if common.json:
        print_json({"crashes": [_row(it) for it in done], "summary": _summary(done)})
    else:
        _print(done)
    return 1 if any(it.ladder and not it.has_survived for it in done) else 0


def _new(folder: Path) -> None:
    """Make the folder of the stories; one that holds anything is somebody's."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        raise ConfigError(f"--keep {folder}: {error.strerror}") from error
    if taken:
        raise ConfigError(f"--keep {folder}: not empty, expected a new folder")


def _subject(common: Common) -> Subject:
    from hedger.app.trial import laddered, trial_of
    from hedger.backtest.crash_runs import Subject

    config = common.load()
    trial = trial_of(config)
    return Subject(trial.params, trial.book, laddered(config), trial.terms)


def _deposit(subject: Subject) -> float:
    own = next(a for a in subject.params.accounts if a.name == subject.book.account)
    return subject.params.deposit if own.deposit is None else own.deposit


def _played(
    subject: Subject, wanted: Sequence[Crash], jobs: int, keep: Path | None
) -> list[Outcome]:
    from hedger.backtest.crash_runs import played

    tell = progress()
    return played(
        subject,
        wanted,
        jobs=jobs,
        keep=keep,
        progress=lambda done: tell(f"{done} of {len(wanted)} crashes"),
    )


def _row(it: Outcome) -> dict[str, Any]:
    """One crash for machines; a number that is not finite is null."""
    import msgspec

    row: dict[str, Any] = msgspec.to_builtins(it)
    return row | {"survived": it.has_survived, "ratio_worst": _finite(it.ratio_worst)}


def _summary(done: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Per kind: how many were liquidated, and what was lost."""
    found = []
    for name, on in dict.fromkeys((it.kind, it.ladder) for it in done):
        mine = [it for it in done if (it.kind, it.ladder) == (name, on)]
        losses = sorted(it.loss_usd for it in mine)
        found.append(
            {
                "kind": name,
                "ladder": on,
                "crashes": len(mine),
                "liquidated": sum(not it.has_survived for it in mine),
                "bankrupt": sum(it.bankrupt for it in mine),
                "deleveraged": sum(it.deleveraged > 0 for it in mine),
                "loss_usd_mean": math.fsum(losses) / len(losses),
                "loss_usd_worst": losses[-1],
                "ratio_worst": _finite(max(it.ratio_worst for it in mine)),
                "scale_least": min(it.scale for it in mine),
                "refused": sum(not it.scale for it in mine),
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
            RUNGS[it.rung] if it.ladder else "-",
            f"{it.scale:.0%}",
        )
    print_table(made)
    if len(done) > ROWS_MAX:
        print_text(f"... and {len(done) - ROWS_MAX} more; --json has them all")
    words = {True: ", with the ladder", False: ""}
    for row in _summary(done):
        print_text(
            f"{row['kind']}{words[row['ladder']]}: "
            f"{row['liquidated']} of {row['crashes']} liquidated, "
            f"{row['bankrupt']} bankrupt, {row['deleveraged']} deleveraged, "
            f"loss {row['loss_usd_mean']:,.0f} USD on average and {row['loss_usd_worst']:,.0f} "
            "at worst" + _held(row)
        )


def _held(row: dict[str, Any]) -> str:
    """What the scenario limit did beforehand, if anything."""
    if row["scale_least"] == 1.0:
        return ""
    refused = f", {row['refused']} refused" if row["refused"] else ""
    return f"; beforehand held at {row['scale_least']:.0%} or more{refused}"


def _finite(ratio: float) -> float | None:
    return ratio if math.isfinite(ratio) else None

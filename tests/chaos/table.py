"""One line of results for each run, kept in a file, shown as a table."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.chaos.judge import Verdict, counts
from tests.chaos.rig import Rig
from tests.chaos.run import Run

SHOWN_MAX = 20


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What the result file keeps of a run; ``wrong`` is empty if all is well."""

    run: str
    seed: int
    scale: float
    minutes: float
    figure: str
    faults: dict[str, int]
    orders: int
    counts: dict[str, int]
    rejected: int
    moved: int
    naked_worst: float
    naked_total: float
    naked_longest_s: float
    latency_ms: dict[str, float | None]
    take_over_ms: list[float]
    facts: dict[str, object]
    wrong: list[str]


def line_of(run: Run, rig: Rig, found: Verdict, *, seed: int, scale: float) -> Line:
    """Judge the figure too: enough faults, enough orders, and what the run itself demands."""
    # Where a piece is missing orders may go wrong; that workers die of it would prove nothing.
    judged = {"died": found.wrong["died"]} if run.must_fail else found.wrong
    wrong = [f"{kind}: {text}" for kind, texts in judged.items() for text in texts]
    if run.must_fail and not any(found.wrong[kind] for kind in run.must_fail):
        wrong.append(f"nothing was seen of {' or '.join(run.must_fail)}")
    for kind, least in run.least.items():
        if rig.faults[kind] < int(least * min(scale, 1.0)):
            wrong.append(f"figure: {rig.faults[kind]} {kind}, wanted {least} x {scale:.2f}")
    if found.orders < int(run.orders * min(scale, 1.0)):
        wrong.append(f"figure: {found.orders} orders, wanted {run.orders} x {scale:.2f}")
    wrong += run.judge(rig, found)
    taken = found.take_over_ms
    return Line(
        run=run.name,
        seed=seed,
        scale=round(scale, 6),
        minutes=round(run.minutes * scale, 3),
        figure=run.figure,
        faults=dict(rig.faults),
        orders=found.orders,
        counts=counts(found.wrong),
        rejected=found.rejected,
        moved=found.moved,
        naked_worst=found.naked.worst_coin_s,
        naked_total=found.naked.total_coin_s,
        naked_longest_s=found.naked.longest_s,
        latency_ms=dict(found.latency_ms),
        take_over_ms=[taken[len(taken) // 2], taken[-1]] if taken else [],
        facts={**rig.facts, "decided again": found.again},
        wrong=wrong[:SHOWN_MAX] + [f"and {len(wrong) - SHOWN_MAX} more"] * (len(wrong) > SHOWN_MAX),
    )


def append(path: Path, line: Line) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(b"\n" * is_torn(path) + msgspec.json.encode(line) + b"\n")


def is_torn(path: Path) -> bool:
    """Whether the last line was cut short, by whatever ended the command."""
    return path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")


def finished(path: Path, *, seed: int, scale: float) -> dict[str, Line]:
    """Runs of this seed and length that the file holds; a line cut short counts as none."""
    found = {}
    for text in path.read_bytes().splitlines() if path.exists() else ():
        try:
            line = msgspec.json.decode(text, type=Line)
        except msgspec.DecodeError:
            continue
        if (line.seed, line.scale) == (seed, round(scale, 6)):
            found[line.run] = line
    return found


HEAD = (
    "run | minutes | faults | orders | over | twice | lost | differing | naked worst [coin s]"
    " | naked per minute [coin s] | longest [s] | latency p50/p99/max [ms]"
    " | take-over p50/max [s] | ok"
)


def table(lines: list[Line]) -> str:
    """As Markdown."""
    rows = [f"| {HEAD} |", "|" + "---|" * (HEAD.count("|") + 1)]
    return "\n".join([*rows, *map(_row, lines)])


def _row(line: Line) -> str:
    number = lambda value: "-" if value is None else f"{value:.0f}"
    cells = [
        line.run,
        f"{line.minutes:g}",
        ", ".join(f"{n} {kind}" for kind, n in sorted(line.faults.items())) or "none",
        f"{line.orders}",
        *(f"{line.counts.get(kind, 0)}" for kind in ("over", "twice", "lost", "differs")),
        f"{line.naked_worst:.3f}",
        f"{line.naked_total / line.minutes:.3f}",
        f"{line.naked_longest_s:.1f}",
        "/".join(number(line.latency_ms[name]) for name in ("p50", "p99", "max")),
        "/".join(f"{ms / 1_000:.2f}" for ms in line.take_over_ms) or "-",
        "NO" if line.wrong else "yes",
    ]
    return "| " + " | ".join(cells) + " |"

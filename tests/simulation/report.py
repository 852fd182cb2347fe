"""One episode as asked for on the command line: played, judged, and told in a few lines."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from tests.simulation.ablations import ABLATIONS
from tests.simulation.checker import Verdict, judged
from tests.simulation.episode import played
from tests.simulation.evidence import Evidence
from tests.simulation.faults import LENGTH_S, Plan, drawn, only
from tests.simulation.shrink import shrunk

ABLATION_FAULTS = 12
ABLATION_EPISODES = 150


class Wanted(NamedTuple):
    """What is to be played, and how."""

    seed: int = 0
    episodes: int = 1
    length_s: float = LENGTH_S
    faults: int | None = None
    only: tuple[int, ...] = ()
    ablation: str = ""
    profile: str = "all"
    jobs: int = 1
    trace: bool = False
    first: str = ""
    shrink: bool = True


class Result(NamedTuple):
    """What came of one seed; ``digest`` is the same for the same course of events."""

    seed: int
    wrong: tuple[str, ...]
    kinds: tuple[str, ...]
    counts: dict[str, int]
    naked_s: float
    naked_coin_s: float
    settled_s: float | None
    digest: str

    def line(self) -> str:
        counts = ", ".join(f"{name} {number}" for name, number in sorted(self.counts.items()))
        return (
            f"seed {self.seed}: {counts}; settled after {self.settled_s} s, naked"
            f" {self.naked_coin_s:.1f} coin seconds, {self.naked_s:.1f} s at a time;"
            f" digest {self.digest}"
        )


def plan_of(ask: Wanted, seed: int) -> Plan:
    plan = drawn(seed, length_s=ask.length_s, faults=ask.faults, profile=ask.profile)
    return only(plan, ask.only) if ask.only else plan


def tried(plan: Plan, *, ablation: str = "", trace: bool = False) -> tuple[Evidence, Verdict]:
    patch = ABLATIONS[ablation].patch() if ablation else None
    evidence = played(plan, ablation=patch, shown=trace)
    return evidence, judged(evidence)


def result_of(ask: Wanted, seed: int) -> Result:
    """Play one seed."""
    evidence, verdict = tried(plan_of(ask, seed), ablation=ask.ablation, trace=ask.trace)
    alarms = {f"alarm:{name}": number for name, number in evidence.alarms.items()}
    outcomes = {"orders": verdict.orders, "trades": verdict.trades}
    return Result(
        seed=seed,
        wrong=tuple(verdict.wrong),
        kinds=tuple(sorted(verdict.kinds)),
        counts=evidence.counts | alarms | outcomes,
        naked_s=max(naked.longest_s for naked in verdict.naked.values()),
        naked_coin_s=sum(naked.coin_s for naked in verdict.naked.values()),
        settled_s=evidence.settled_s,
        digest=_digest(evidence),
    )


class Shown(NamedTuple):
    """Whether the judge sees that a piece is missing: with which seed, and how that ends whole."""

    name: str
    seed: int | None
    whole: tuple[str, ...] = ()

    def line(self) -> str:
        finds = ABLATIONS[self.name].finds
        if self.seed is None:
            return f"without {self.name}: nothing was {finds}"
        end = "; ".join(self.whole) if self.whole else "nothing wrong"
        return f"without {self.name}: seed {self.seed} is {finds}; whole: {end}"


def ablated(name: str) -> Shown:
    """Look for a failure, from a known seed on: other code makes other episodes."""
    _, finds, profile, known = ABLATIONS[name]
    ask = Wanted(profile=profile, faults=ABLATION_FAULTS, ablation=name)
    for seed in range(known, known + ABLATION_EPISODES):
        if finds in result_of(ask, seed).kinds:
            return Shown(name, seed, result_of(ask._replace(ablation=""), seed).wrong)
    return Shown(name, None)


def shrunk_plan(ask: Wanted, result: Result) -> Plan:
    """The smallest schedule found that fails in one of the same ways."""

    def fails(plan: Plan) -> bool:
        return bool(tried(plan, ablation=ask.ablation)[1].kinds & set(result.kinds))

    return shrunk(plan_of(ask, result.seed), fails)


def replay_command(ask: Wanted, seed: int) -> str:
    parts = [f"python -m tests.simulation --seed {seed}"]
    if ask.length_s != LENGTH_S:
        parts.append(f"--length {ask.length_s:g}")
    if ask.faults is not None:
        parts.append(f"--faults {ask.faults}")
    if ask.ablation:
        parts.append(f"--ablation {ask.ablation}")
    if ask.profile != "all":
        parts.append(f"--profile {ask.profile}")
    if ask.only:
        parts.append("--only " + ",".join(str(number) for number in ask.only))
    return " ".join(parts)


def _digest(evidence: Evidence) -> str:
    """Of everything that happened, down to the number of callbacks that ran."""
    course = (evidence.executed, evidence.seen, evidence.published, sorted(evidence.counts.items()))
    return blake2b(repr(course).encode(), digest_size=6).hexdigest()

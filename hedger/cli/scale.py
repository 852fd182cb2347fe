"""``hedger scale``: a book larger or smaller, all its option legs in proportion."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hedger.cli.options import Common, Flag, multiple
from hedger.cli.output import print_json, print_text, run_async
from hedger.errors import ConfigError, HedgerError

if TYPE_CHECKING:
    from hedger.core.model import Act
    from hedger.core.rescaling import Proposal

REASON = "by hand"


def scale(
    book: str,
    /,
    *,
    to: Annotated[float | None, Parameter(validator=multiple)] = None,
    reason: str = REASON,
    yes: Flag = False,
    anyway: Flag = False,
    common: Common | None = None,
) -> int:
    """Take a book's options to a multiple of its positions file, its hedge beside them leg by leg.

    Parameters
    ----------
    book
        The book.
    to
        The scale; without, the book's own (scale.scale).
    reason
        Why; shown by `hedger status` and in every decision.
    yes
        Do it; without, only plan and reason are shown.
    anyway
        Do it although it costs more than it is worth, or nobody knows.
    """
    from hedger.clock import wall_ms
    from hedger.core.model import Act, ActKind

    common = common or Common()
    if not reason.strip():
        raise ConfigError("--reason: is empty, expected a text")

    async def ask() -> tuple[Proposal, Act]:
        found = await _proposal(common, book, to)
        act = Act(
            kind=ActKind.SCALE,
            who=getpass.getuser(),
            reason=reason.strip(),
            asked_ms=wall_ms(),
            scale=found.wanted,
            grows=found.grows,
        )
        if yes:
            await _asked(common, found, act, anyway=anyway)
        return found, act

    found, act = run_async(ask)
    if common.json:
        print_json({"asked": yes, "act": act, "proposal": found})
    else:
        print_text(*_lines(found, act, asked=yes))
    return 0


async def _proposal(common: Common, book: str, to: float | None) -> Proposal:
    """The plan on the market as it stands; risk by full revaluation of what is held."""
    from hedger.app.look import look
    from hedger.core.rescaling import proposal
    from hedger.core.risk.refresh import RiskRule, measures

    (sight,) = (await look(common.load(), book)).sights
    rules, now = sight.params.rules, sight.now
    if not rules.scale.base:
        raise ConfigError(
            f"book {book}: its positions file has no option, expected a base to scale"
        )
    risk = measures(sight.book, sight.market, rules, now, RiskRule(capital=1.0)).risk
    if risk is not None and rules.numeraire == "coin":
        risk *= sight.market.index[sight.book.underlying].value
    wanted = rules.scale.scale if to is None else to
    return proposal(sight.book, sight.market, rules, now, wanted=wanted, risk=risk)


async def _asked(common: Common, found: Proposal, act: Act, *, anyway: bool) -> None:
    """Ask the book's worker, unless the plan speaks against it."""
    from hedger.app.attach import running_store
    from hedger.cli.act import checked
    from hedger.cli.hold import known
    from hedger.core.rescaling import Verdict

    if not found.stages:
        raise HedgerError(f"book {found.book}: nothing to do: {found.reason}")
    if found.verdict is not Verdict.PROPOSE and not anyway:
        raise HedgerError(f"book {found.book}: {found.reason}; to do it all the same: --anyway")
    async with running_store(common.load()) as store:
        await known(store, found.book)
        state = await store.load(found.book)
        assert state is not None
        checked(found.book, await store.ask(found.book, act), state)


def _lines(found: Proposal, act: Act, *, asked: bool) -> list[str]:
    """Plan and reason in words."""
    lines = [f"{found.book} {found.verdict}: {found.reason}"]
    for number, stage in enumerate(found.stages, 1):
        lots = ", ".join(f"{lots:+d} {name}" for name, lots in stage.lots)
        hedge = "not known" if stage.hedge_delta is None else f"{stage.hedge_delta:+.4f}"
        lines.append(f"  stage {number} to {stage.level:.3f}: {lots}; the hedge follows by {hedge}")
    lines += [f"  waits: {name}: {why}" for name, why in found.waits]
    if found.stages:
        lines.append("  leg by leg inside the hard band; what is bought goes first, no side ever")
        lines.append("  stands more uncovered than in proportion")
        done = f"asked for: {act.text}; see: hedger status"
        lines.append(
            f"{found.book}: {done if asked else 'nothing is asked for yet: --yes does it'}"
        )
    return lines

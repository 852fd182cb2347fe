"""``hedger cancel``, ``neutral`` and ``close``: what people have done with a book."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, NamedTuple

from hedger.cli.options import Common, Flag, reasoned
from hedger.cli.output import print_json, print_text, run_async
from hedger.errors import HedgerError

if TYPE_CHECKING:
    from hedger.core.acts import Prospect
    from hedger.core.model import Act, BookState, Decision

REASON = "by hand"
_DRY = "nothing is asked for yet: say it again with --yes"


class _Outlook(NamedTuple):
    """What an act would do now: its first decision, and each leg; why that is not known."""

    decision: Decision | None = None
    legs: tuple[Prospect, ...] = ()
    unknown: str = ""


def cancel(
    book: str, /, *, reason: str = REASON, yes: Flag = False, common: Common | None = None
) -> int:
    """Take back every working order of a book; nothing new is sent before they are gone.

    Parameters
    ----------
    book
        The book.
    reason
        Why; shown by `hedger status` and in every decision.
    yes
        Do it; without, only what it would do is shown.
    """
    return _act("cancel", book, reason, yes=yes, common=common)


def neutral(
    book: str, /, *, reason: str = REASON, yes: Flag = False, common: Common | None = None
) -> int:
    """Trade a book's delta to the centre of its band, once, without waiting for the band.

    Parameters
    ----------
    book
        The book.
    reason
        Why; shown by `hedger status` and in every decision.
    yes
        Do it; without, only what it would do is shown.
    """
    return _act("neutral", book, reason, yes=yes, common=common)


def close(
    book: str, /, *, reason: str = REASON, yes: Flag = False, common: Common | None = None
) -> int:
    """Close a book, options and hedges together, leg by leg; it stays closed until resumed.

    Parameters
    ----------
    book
        The book.
    reason
        Why; shown by `hedger status` and in every decision.
    yes
        Do it; without, only what it would do is shown.
    """
    return _act("close", book, reason, yes=yes, common=common)


def _act(kind: str, book: str, reason: str, *, yes: bool, common: Common | None) -> int:
    from hedger.app.attach import running_store
    from hedger.cli.hold import known
    from hedger.clock import wall_ms
    from hedger.core.model import Act, ActKind

    common, text = common or Common(), reasoned(reason)
    config = common.load()
    act = Act(kind=ActKind(kind), who=getpass.getuser(), reason=text, asked_ms=wall_ms())

    async def ask() -> tuple[BookState, _Outlook]:
        async with running_store(config) as store:
            await known(store, book)
            state = await store.load(book)
            assert state is not None
            outlook = _Outlook() if kind == "cancel" else await _outlook(common, act, book)
            if yes:
                checked(book, await store.ask(book, act), state)
                state = await store.load(book) or state
            return state, outlook

    state, outlook = run_async(ask)
    if common.json:
        print_json(_as_json(act, state, outlook, asked=yes))
    else:
        asked = f"asked for: {act.text}; see: hedger status" if yes else _DRY
        print_text(*_lines(act, state, outlook), f"{book}: {asked}")
    return 0


async def _outlook(common: Common, act: Act, book: str) -> _Outlook:
    """The act's first decision on the market as it stands; the worker makes its own.

    Whatever keeps it from being seen here keeps nobody from asking: not a market out of reach, nor
    a leg that the venue has taken off its list, nor a book that this configuration has not.
    """
    import dataclasses

    from hedger.app.look import look
    from hedger.core.acts import prospects
    from hedger.core.decide import decide

    try:
        (sight,) = (await look(common.load(), book)).sights
    except HedgerError as error:
        reason = str(error).splitlines()[0]
        return _Outlook(unknown=f"what it would do cannot be seen: {reason}")
    wanted = dataclasses.replace(sight.book, act=act)
    rules, now = sight.params.rules, sight.now
    decision = decide(wanted, sight.market, rules, now)
    legs = prospects(wanted, sight.market, rules, now) if act.kind == "close" else ()
    return _Outlook(decision, legs)


def checked(book: str, answer: str, state: BookState) -> None:
    """Raise `HedgerError` where the store did not take an act."""
    if answer == "stopped":
        raise HedgerError(f"book {book} is stopped ({state.hold}): first hedger resume {book}")
    if answer == "closing":
        what = "" if state.act is None else f" ({state.act.text})"
        raise HedgerError(f"book {book} is being closed, or is{what}: first hedger resume {book}")


def _lines(act: Act, state: BookState, outlook: _Outlook) -> list[str]:
    """The plan in words, before anything is asked for."""
    lines = [f"{act.kind} of {state.book}, {len(state.intents)} open orders"]
    lines += [f"  {i.state} {i.id}: {i.lots:+d} lots of {i.instrument}" for i in state.intents]
    if state.hold:
        lines.append(f"  on hold ({state.hold}): only what reduces |delta| may be sent")
    for leg in outlook.legs:
        price = leg.reason or f"at {leg.price:g} or better, {leg.shown}"
        lines.append(f"  {leg.instrument}: {leg.held:+d} lots, {price}")
    if outlook.legs:
        lines.append("  then the hedges, once no option is left")
    if outlook.unknown:
        lines.append(f"  {outlook.unknown}")
    if outlook.decision is not None:
        found = outlook.decision
        lines.append(f"  first: {found.action.upper()} {found.reason}: {found.text}")
    return lines


def _as_json(act: Act, state: BookState, outlook: _Outlook, *, asked: bool) -> dict[str, object]:
    return {
        "book": state.book,
        "seq": state.seq,
        "asked": asked,
        "act": act,
        "hold": state.hold,
        "stopped": state.stopped,
        "open": state.intents,
        "legs": [leg._asdict() for leg in outlook.legs],
        "unknown": outlook.unknown,
        "decision": outlook.decision,
    }

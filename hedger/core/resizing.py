"""The scale that a book's models want, made by the service itself: when, how far, and why not.

Pure. What the models say becomes a wish; a wish that has been the same for long enough becomes an
act like a person's, with its stages, cover and hard band. Three rules keep it from going to and
fro, whatever vol does:

* a wish counts only while every model of the book is known, and only a share `ScaleRule.apart` away
  from what is held; one that moves by as much begins its time anew;
* once the book was made smaller for what the models want it is made so again only a week later, and
  for half of that, until it is back; caps of risk do not count, they ask as often as they must;
* nothing is bought but what was taken out before, and that only when the models want (nearly) all
  of it again: what lies between is a person's to decide.

What a person, a hold or the ladder does to a book goes first: no act is asked for meanwhile, one
under way is taken back, and what a person has scaled stands until the models change their mind.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from hedger.core.acts.portions import Portion, held_scale, inside, portions, stage
from hedger.core.columns import Book, Market
from hedger.core.ladder import Rung
from hedger.core.model import (
    MS_PER_DAY,
    NO_WISH,
    Act,
    ActKind,
    Memory,
    Patience,
    Resize,
    Resized,
    Resizing,
    Rules,
    ScaleRule,
    Scales,
)
from hedger.core.rescaling import Verdict, proposal
from hedger.core.scaled import Scalings
from hedger.core.sizing.margin import MODEL as MARGIN
from hedger.core.sizing.value_at_risk import MODEL as TAIL

MODELS, CAP = "models", "cap"
CAPS = frozenset({TAIL, MARGIN})
"""Caps of risk: never weighed against a cost. Kelly's bounds growth, which is."""
AGAIN, AGAIN_MS = 2.0, 7 * MS_PER_DAY
"""What the models want must be so many times less than the last change left, and so much later:
the vol of a storm is seen to rise for hours, and is guessed by a fifth too high or too low."""


class Wish(NamedTuple):
    """What the models want together, what the caps of risk allow, and which model is not known."""

    wanted: float
    capped: float
    unknown: str


class Sight(NamedTuple):
    """All that one look is made of; ``legs`` are those of the base, ``held`` their scale."""

    book: Book
    rules: Rules
    now: int
    legs: tuple[Portion, ...]
    held: float
    wish: Wish

    @property
    def rule(self) -> ScaleRule:
        """The book's."""
        return self.rules.scale

    def far(self, scale: float) -> bool:
        """Whether a scale is outside the inertia band and whole lots away."""
        if inside(self.legs, scale, self.rule.inertia):
            return False
        return stage(self.legs, scale, step=self.rule.step, may_grow=scale > self.held) is not None


class Answer(NamedTuple):
    """What is to be told, and what is to be remembered."""

    told: Resize
    state: Resized


def interrupted(memory: Memory) -> Memory:
    """Memory after a look that could not be had: no wish has been the same since before it."""
    state = memory.resized
    if state is None or (state.calm, state.cap, state.idle) == (NO_WISH, NO_WISH, NO_WISH):
        return memory
    return replace(memory, resized=replace(state, calm=NO_WISH, cap=NO_WISH, idle=NO_WISH))


def resized(
    book: Book, market: Market, rules: Rules, now: int, found: Scalings | None
) -> Answer | None:
    """What the service does about the book's scale now; None for a book that may not do anything.

    Parameters
    ----------
    book, market, rules, now
        As for `decide`.
    found : Scalings
        What the scalers say at this instant.
    """
    act, state = book.act, book.memory.resized or Resized()
    own = act is not None and bool(act.cause)
    if rules.scale.shrink != "on" or found is None or found.scale is None:
        if not own:
            return None
        text = "no model may scale this book by itself any more"
        return Answer(Resize(state=Resizing.WITHDRAWS, text=text), state)
    legs = portions(book, rules.scale, now)
    held = held_scale(legs)
    if held is None:
        kind = Resizing.UNDER_WAY if own else Resizing.NO_BASE
        text = "no option of the positions file is alive and held as it has it"
        return Answer(Resize(state=kind, text=text), _still(state))
    sight = Sight(book, rules, now, legs, held, _wish(found, rules.scale))
    state = _kept(sight, _counted(sight, state))
    if act is not None:
        return _under_way(sight, state) if own else _another(sight, state)
    if why := _held_back(sight):
        return _told(sight, _still(state), Resizing.HELD_BACK, why)
    state = replace(state, idle=NO_WISH, calm=_calm(sight, state), cap=_cap(sight, state))
    return _wished(sight, state, market)


def _wished(sight: Sight, state: Resized, market: Market) -> Answer:
    """No act is under way, and nothing speaks against one."""
    rule, now = sight.rule, sight.now
    if _ripe(state.cap, rule.cap_hold_ms, now):
        text = f"a cap of risk allows {sight.wish.capped:.3g}, for {_span(state.cap, now)}"
        return _asking(sight, state, sight.wish.capped, CAP, text)
    if _ripe(state.calm, rule.hold_ms, now):
        return _judged(sight, state, market)
    for wish, hold_ms in ((state.cap, rule.cap_hold_ms), (state.calm, rule.hold_ms)):
        if wish.since_ms:
            text = f"about {wish.wish:.3g} for {_span(wish, now)} of {hold_ms / 1_000:g} s"
            kind = Resizing.NOT_WORTH if wish.why else Resizing.WAITS
            return _told(sight, state, kind, f"{wish.why}; {text}" if wish.why else text)
    return _told(sight, state, Resizing.INSIDE, "nothing is wanted that is far enough away")


def _told(sight: Sight, state: Resized, kind: Resizing, text: str) -> Answer:
    held, wanted = sight.held, sight.wish.wanted
    said = f"held at {held:.3f}, wanted {wanted:.3g}: {text}"
    return Answer(Resize(state=kind, text=said, held=held, wanted=wanted), state)


# --- what is wanted -----------------------------------------------------------------------------


def _wish(found: Scalings, rule: ScaleRule) -> Wish:
    """Never more than the owner's own scale."""
    parts = [one for one in found.scaled.parts if one.what == Scales.BOOK]
    caps = [one.factor for one in parts if one.model in CAPS]
    lacks = next((f"{one.model}: {one.reason}" for one in parts if not one.is_known), "")
    return Wish(min(found.scaled.book, rule.scale), min(caps, default=rule.scale), lacks)


def _held_back(sight: Sight) -> str:
    """Why nothing may be asked for; empty where something may."""
    book, rung = sight.book, _rung(sight)
    if book.stopped or book.hold:
        return f"{'stopped' if book.stopped else 'on hold'} ({book.hold})"
    if rung >= Rung.STOP_ADDING:
        return f"the ladder is at {rung.text}"
    return sight.wish.unknown


def _cap(sight: Sight, state: Resized) -> Patience:
    capped = sight.wish.capped
    is_due = capped < sight.held and sight.far(capped)
    return _same(state.cap, capped if is_due else None, sight)


def _calm(sight: Sight, state: Resized) -> Patience:
    return _same(state.calm, _goal(sight, state), sight)


def _goal(sight: Sight, state: Resized) -> float | None:
    """The scale that the models want the book at, where that is worth a thought; else None."""
    rule, held, wanted = sight.rule, sight.held, sight.wish.wanted
    if state.stands is not None:
        return None
    if wanted < held:
        is_due = wanted <= held * (1.0 - rule.apart) and _may_again(state, wanted, sight.now)
        return wanted if is_due and sight.far(wanted) else None
    goal = min(wanted, state.top)
    if rule.grow != "on" or _rung(sight) > Rung.FREE or goal <= held or not sight.far(goal):
        return None
    is_apart = state.grows_on or goal >= held * (1.0 + rule.apart)
    return goal if is_apart and goal >= state.top * (1.0 - rule.inertia) else None


def _may_again(state: Resized, wanted: float, now: int) -> bool:
    """Whether a book that was made smaller before may be made so once more, for no cap."""
    if not state.left:
        return True
    return wanted <= state.left / AGAIN and now - state.left_ms >= AGAIN_MS


def _same(before: Patience, wish: float | None, sight: Sight) -> Patience:
    """Since when this is wanted: from now on, where something else was, or nothing."""
    if wish is None:
        return NO_WISH
    moved = abs(wish - before.wish) > sight.rule.apart * before.wish
    turned = (wish < sight.held) is not (before.wish < sight.held)
    if not before.since_ms or moved or turned or sight.now < before.since_ms:
        return Patience(wish=wish, since_ms=sight.now)
    return before


def _ripe(wish: Patience, hold_ms: int, now: int) -> bool:
    return bool(wish.since_ms) and now - wish.since_ms >= hold_ms


def _span(wish: Patience, now: int) -> str:
    return f"{(now - wish.since_ms) / 1_000:.0f} s"


# --- what is done about it ----------------------------------------------------------------------


def _judged(sight: Sight, state: Resized, market: Market) -> Answer:
    """The models' wish has lasted: how much of it may be done today, and is it worth its cost."""
    goal = _goal(sight, state)
    assert goal is not None
    if goal > sight.held:
        room = sight.rule.grow_day_max - _grown(state, sight.now)
        if sight.held + room < goal:
            goal = sight.held + max(room, 0.0)
            if not sight.far(goal):
                most = sight.rule.grow_day_max
                text = f"{most - room:.3g} of at most {most:g} a day were added: tomorrow"
                return _told(sight, state, Resizing.HELD_BACK, text)
    risk = _risk(sight, market)
    found = proposal(sight.book, market, sight.rules, sight.now, wanted=goal, risk=risk)
    if found.verdict is not Verdict.PROPOSE:  # asked again once the wish has lasted as long again
        why = found.reason.split(": ", 1)[-1]
        later = replace(state, calm=replace(state.calm, since_ms=sight.now, why=why))
        return _told(sight, later, Resizing.NOT_WORTH, why)
    return _asking(sight, state, goal, MODELS, found.reason)


def _asking(sight: Sight, state: Resized, goal: float, cause: str, why: str) -> Answer:
    """The act; what it does to memory is counted once it is seen, as it may not come to be."""
    told = Resize(
        state=Resizing.ASKS,
        text=why if cause == MODELS else f"held at {sight.held:.3f}: {why}",
        held=sight.held,
        wanted=sight.wish.wanted,
        ask=goal,
        cause=cause,
        grows=goal > sight.held,
    )
    return Answer(told, state)


def _risk(sight: Sight, market: Market) -> float | None:
    """Annual standard deviation of what is held [quote currency], as it was measured last."""
    found, index = sight.book.readings.measured, market.index.get(sight.book.underlying)
    if found is None or found.risk is None or not found.scale > 0.0 or index is None:
        return None
    unit = index.value if sight.rules.numeraire == "coin" else 1.0
    # Where nothing is held, that of scale 1, as `rescaling.worth` has it.
    return found.risk * found.capital * unit / found.scale * (sight.held or 1.0)


# --- acts under way -----------------------------------------------------------------------------


def _under_way(sight: Sight, state: Resized) -> Answer:
    """An act of the service's own: it goes on, waits for its models, or is taken back."""
    act = sight.book.act
    assert act is not None
    state = replace(state, calm=NO_WISH, cap=NO_WISH)
    # What was not made counts as no change.
    taken_back = replace(state, left=0.0) if sight.far(act.scale) else state
    if sight.book.hold or sight.book.stopped or _rung(sight) >= Rung.STOP_ADDING:
        return _told(sight, taken_back, Resizing.WITHDRAWS, _held_back(sight))
    why, wanted = sight.wish.unknown or _unwanted(sight, act), sight.wish.wanted
    if not why:
        return _told(sight, replace(state, idle=NO_WISH), Resizing.UNDER_WAY, act.text)
    since = state.idle.since_ms or sight.now
    if sight.now - since >= sight.rule.hold_ms:
        return _told(sight, taken_back, Resizing.WITHDRAWS, why)
    idle = state.idle if state.idle.since_ms else Patience(wish=wanted, since_ms=sight.now)
    return _told(sight, replace(state, idle=idle), Resizing.HALTED, why)


def _unwanted(sight: Sight, act: Act) -> str:
    """Why an act should not go on; empty where it may.

    Legs half-way measure a little otherwise than legs in proportion: what the models want must be
    as far from where the act leads as it must have been from what was held.
    """
    wanted, apart = sight.wish.wanted, sight.rule.apart
    if act.grows:
        if _rung(sight):
            return f"the ladder is at {_rung(sight).text}"
        return "the models want it no more" if wanted < act.scale * (1.0 - apart) else ""
    turned = wanted >= sight.held and wanted > act.scale * (1.0 + apart)
    return "the models want it no more" if turned else ""


def _another(sight: Sight, state: Resized) -> Answer:
    """A person's act, or the ladder's."""
    act = sight.book.act
    assert act is not None
    return _told(sight, _still(state), Resizing.ANOTHER, act.text)


def _rung(sight: Sight) -> Rung:
    ladder = sight.book.memory.ladder
    return Rung.FREE if ladder is None else Rung(ladder.rung)


def _still(state: Resized) -> Resized:
    """No wish has been the same for any time."""
    return replace(state, calm=NO_WISH, cap=NO_WISH, idle=NO_WISH)


def _counted(sight: Sight, state: Resized) -> Resized:
    """Memory of an act, from the first decision that sees it: before anything is traded for it."""
    act, rule = sight.book.act, sight.rule
    if act is None or act.asked_ms == state.act_ms:
        return state
    if act.kind not in (ActKind.SCALE, ActKind.REDUCE, ActKind.CLOSE):
        return state
    state = replace(state, act_ms=act.asked_ms)
    if not act.cause:  # what others changed is not the service's to give back
        stands = sight.wish.wanted if act.kind is ActKind.SCALE else None
        return replace(state, top=0.0, left=0.0, grows_on=False, stands=stands)
    if act.cause != CAP:
        state = replace(state, left=act.scale, left_ms=sight.now)
    if not act.grows:
        return replace(state, top=max(state.top, sight.held), grows_on=False)
    nearly = state.top * (1.0 - rule.inertia)
    return replace(
        state,
        grows_on=act.scale < nearly <= sight.wish.wanted,
        day=sight.now // MS_PER_DAY,
        grown=_grown(state, sight.now) + max(act.scale - sight.held, 0.0),
    )


def _kept(sight: Sight, state: Resized) -> Resized:
    """What has served its time is forgotten: a return that is done, a person's word."""
    act, wanted, apart = sight.book.act, sight.wish.wanted, sight.rule.apart
    if act is None and state.top and sight.held >= state.top * (1.0 - sight.rule.inertia):
        state = replace(state, top=0.0, left=0.0, grows_on=False)
    stands = state.stands
    if stands is not None and not sight.wish.unknown and abs(wanted - stands) > apart * stands:
        state = replace(state, stands=None)
    return state


def _grown(state: Resized, now: int) -> float:
    """Scale that was added on this day."""
    return state.grown if state.day == now // MS_PER_DAY else 0.0

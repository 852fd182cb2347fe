"""From exposure to plan, and the `Decision` that carries every number and every reason."""

from __future__ import annotations

from enum import StrEnum

from hedger.core.model.proportion import Resize
from hedger.core.model.record import Record
from hedger.core.model.sourced import Reference
from hedger.core.model.state import Memory


class Doubt(Record, frozen=True, kw_only=True):
    """One leg whose delta is an interval, in coin of the underlying, and why."""

    instrument: str
    low: float
    high: float
    age_ms: int | None
    reason: str


class ExpiryLine(Record, frozen=True, kw_only=True):
    """Sums over the options of one expiry; delta in coin at the index, in the book's numeraire.

    ``delta_black`` is the plain Black sum, ``value_coin`` the options' value, both in coin;
    ``gamma`` is d(delta)/d ln S, ``vega`` per 1.00 vol and ``theta`` per year in quote currency.
    """

    expiry_ms: int
    inverse: bool
    forward: float
    legs: int
    delta: float
    delta_low: float
    delta_high: float
    delta_black: float
    value_coin: float
    gamma: float
    vega: float
    theta: float


class Curve(Record, frozen=True, kw_only=True):
    """How delta bends, for bands that follow gamma; of the options, times the hedge ratio [coin].

    ``gamma`` is d(Black delta)/d ln S, in either numeraire, and ``lasting`` what of it does not
    expire within a day; ``square_gamma`` its square, or the mean over spot where legs bend both
    ways. ``vol`` is the legs' mean by size of gamma, ``need`` the largest delta that the options
    can come to have, ``settling`` what decays in a settlement window, as it was before,
    ``to_rest`` what delta lacks of the nearer of its two ends, far below and far above all strikes.
    """

    gamma: float = 0.0
    square_gamma: float = 0.0
    vol: float = 0.0
    need: float = 0.0
    settling: float = 0.0
    lasting: float = 0.0
    to_rest: float = 0.0


class Exposure(Record, frozen=True, kw_only=True):
    """Value change of the book per unit of log spot, in coin of the underlying at the index.

    ``book_delta = ratio * options_delta + futures_delta + hedge_delta + cash_delta``; the interval
    ``[low, high]`` holds every reading of doubtful legs and open intents, ``[hedge_low,
    hedge_high]`` of the hedges alone. ``ladder`` holds (spot, delta, gamma) so that bands
    interpolate and call no pricer. ``equity`` is the account's balance that does not settle in the
    numeraire, ``options_value`` the options' share of it, both in coin.
    """

    numeraire: str
    index: float
    ratio: float
    options_delta: float
    futures_delta: float
    hedge_delta: float
    hedge_low: float
    hedge_high: float
    cash_delta: float
    equity: float
    base_coin: float
    options_value: float
    book_delta: float
    low: float
    high: float
    gross_delta: float
    gamma: float
    vega: float
    theta: float
    expiries: tuple[ExpiryLine, ...]
    ladder: tuple[tuple[float, float, float], ...]
    doubts: tuple[Doubt, ...] = ()
    legs: int = 0
    fresh_legs: int = 0
    curve: Curve = Curve()


class Cost(Record, frozen=True, kw_only=True):
    """One-way cost of a hedge, as fractions of price, and where it is that.

    ``rate`` is the fee, and within the price cap the half-spread and the larger of ``depth`` (what
    the size goes beyond the best price; None where no sizes are shown) and ``slippage`` (what
    recent fills did).
    """

    instrument: str
    rate: float
    fee: float
    half_spread: float
    depth: float | None
    slippage: float


class BandInputs(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What an adaptive band was made of: rates and times in years, gamma per unit of spot.

    ``risk_aversion`` is in the numeraire's unit, ``aversion_usd`` per quote currency; ``source``
    says whether it was given, is frozen in memory, or was made now, to be frozen at the first hedge
    or (``passing``) made anew. ``delay`` is the longest of cooldown, what is configured and what
    was measured; ``delay_of`` says which. ``paid`` has the parts of the cost, None where it is
    configured. ``vol_of`` tells what the vol is where it is not, or not to be, the implied one.
    ``tuned_cost`` and ``tuned_vol`` are what self-tuning has multiplied both by.
    """

    cost: float
    vol: float
    gamma: float
    square_gamma: float
    risk_aversion: float
    source: str
    aversion_usd: float
    horizon: float
    delay: float
    delay_of: str = ""
    paid: Cost | None = None
    vol_of: str = ""
    tuned_cost: float = 1.0
    tuned_vol: float = 1.0


class Target(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The no-trade band of the book's delta after hedges, in coin, and where a trade should end.

    A trade happens above ``trigger_high`` (ending at ``to_high``) or below ``trigger_low`` (ending
    at ``to_low``). ``hard_low`` and ``hard_high`` are where patience ends. ``move`` is the least
    relative move of spot since the last hedge, ``inputs`` what an adaptive band was made of,
    ``delta_of`` whose delta is held in it where that is not Black's.
    """

    lower: float
    centre: float
    upper: float
    trigger_low: float
    trigger_high: float
    to_low: float
    to_high: float
    hard_low: float
    hard_high: float
    move: float = 0.0
    inputs: BandInputs | None = None
    delta_of: str = ""


class Scales(StrEnum):
    """What a model scales; no model may confuse them.

    How much option risk to carry, where delta should sit, how fast to get there, and how wide the
    band's clip is meanwhile.
    """

    BOOK = "book"
    CENTRE = "centre"
    TRADE = "trade"
    CLIP = "clip"


class Scaling(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One model's answer: what it scales, by which factor or shift [coin], and why.

    ``inputs`` are the numbers behind it. A ``is_cap`` bounds the book's scale and never raises it.
    Where the model could not judge, ``is_known`` is False and it holds what it said before, so
    that data which are not there move nothing; then nothing may be added to the book either.
    """

    what: str
    factor: float = 1.0
    reason: str
    model: str = ""
    shift: float = 0.0
    is_cap: bool = False
    is_known: bool = True
    inputs: tuple[tuple[str, float], ...] = ()


class Refusal(Record, frozen=True, kw_only=True):
    """A limit or a data rule that reduced or blocked the trade; amounts in coin."""

    rule: str
    wanted: float
    allowed: float
    reason: str
    instrument: str = ""
    age_ms: int | None = None


class PlanLine(Record, frozen=True, kw_only=True):
    """One order to be: instrument, signed lots, limit in ticks, and its size as delta in coin."""

    instrument: str
    lots: int
    limit_ticks: int
    limit_price: float
    delta: float
    low: int
    high: int


class Plan(Record, frozen=True, kw_only=True):
    """What is to be sent now; empty ``lines`` mean nothing.

    ``wanted`` and ``allowed`` are signed coin before and after the limits, ``expected`` the book's
    delta interval after the trade; ``reduces`` says that |delta| falls on every reading.
    """

    wanted: float
    allowed: float
    slippage_bps: float
    reduces: bool
    expected: tuple[float, float]
    lines: tuple[PlanLine, ...] = ()


class HedgeQuote(Record, frozen=True, kw_only=True):
    """The hedge instrument's market as the decision saw it."""

    instrument: str
    bid: float | None
    ask: float | None
    age_ms: int | None


class Action(StrEnum):
    """What a decision came to."""

    HEDGE = "hedge"
    NO_TRADE = "no_trade"
    BLOCKED = "blocked"


class Decision(Record, frozen=True, kw_only=True):
    """A decision explains itself: inputs, exposure, band, scalings, refusals, plan, reason.

    ``hold`` says in words what restrains the book, whatever the decision came to; empty if nothing.
    ``act`` says which act is under way, who asked for it and why; empty if none is.
    ``rung`` is the ladder's, and why; empty while the book is free.
    ``scale`` is what the models of the book come to, a proposal that no hedge is made of;
    ``resize`` what the service makes of it by itself, None where it may not.
    ``reference`` is the price of several sources that it was held to; None where it names none.

    Log line, journal entry, API answer and dashboard are renderings of this record.
    """

    book: str
    time_ms: int
    seq: int
    config: str
    action: Action
    reason: str
    text: str
    quotes: tuple[HedgeQuote, ...] = ()
    index_age_ms: int | None = None
    positions: tuple[tuple[str, int], ...] = ()
    open_intents: int = 0
    exposure: Exposure | None = None
    target: Target | None = None
    scalings: tuple[Scaling, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    plan: Plan | None = None
    memory: Memory = Memory()
    hold: str = ""
    act: str = ""
    rung: str = ""
    scale: float | None = None
    reference: Reference | None = None
    resize: Resize | None = None

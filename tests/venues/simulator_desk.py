"""A small market for the tests of the simulator, with its own Black formula."""

from datetime import UTC, datetime
from math import log, sqrt

import msgspec
from scipy.stats import norm

from hedger.core.model import Instrument, Kind, Order
from hedger.venues.deribit.contracts import instrument
from hedger.venues.simulator.exchange import Exchange
from hedger.venues.simulator.instant import Instant, Level, Shown, Valued

MINUTE_MS = 60_000
YEAR_MS = 365 * 86_400_000
EXPIRY = int(datetime(2026, 6, 27, 8, tzinfo=UTC).timestamp()) * 1000
START = EXPIRY - 24 * 3_600_000
PERP = "BTC-PERPETUAL"
FUTURE = "BTC-27JUN26"
CALL = "BTC-27JUN26-60000-C"
PUT = "BTC-27JUN26-58000-P"
LATER = "BTC-25SEP26-70000-C"
LINEAR_PERP = "BTC_USDC-PERPETUAL"
LINEAR_CALL = "BTC_USDC-27JUN26-60000-C"
LINEAR_PUT = "BTC_USDC-25SEP26-55000-P"
INVERSE = (PERP, FUTURE, CALL, PUT, LATER)
LINEAR = (LINEAR_PERP, LINEAR_CALL, LINEAR_PUT)
LISTED = {name: instrument(name) for name in (*INVERSE, *LINEAR)}
BASIS = {EXPIRY: 1.0002}


def black(forward: float, strike: float, deviation: float, is_call: bool) -> tuple[float, float]:
    """Price per unit and delta."""
    d1 = log(forward / strike) / deviation + deviation / 2
    sign = 1 if is_call else -1
    price = sign * (forward * norm.cdf(sign * d1) - strike * norm.cdf(sign * (d1 - deviation)))
    return float(price), float(sign * norm.cdf(sign * d1))


def fine(names: tuple[str, ...] = tuple(LISTED)) -> dict[str, Instrument]:
    """The listed contracts with lots so small that any delta can be met."""
    return {n: msgspec.structs.replace(LISTED[n], lot=LISTED[n].lot * 1e-9) for n in names}


class Desk:
    """An exchange and a one-parameter market: index, flat vol, a forward per expiry."""

    def __init__(self, instruments=None, *, vol=0.5, basis=None, **kwargs):
        self.instruments = dict(LISTED if instruments is None else instruments)
        self.exchange = Exchange(instruments=self.instruments, **kwargs)
        self.vol = vol
        self.basis = BASIS if basis is None else basis
        self.events = []
        self.orders = 0
        self.instant = None

    def forward(self, contract, index):
        return index * self.basis.get(contract.expiry_ms, 1.12)

    def greeks(self, name, time_ms, index):
        """Mark in price units, and Black delta (1 for what is no option)."""
        contract = self.instruments[name]
        if contract.kind is Kind.PERPETUAL:
            return index, 1.0
        forward = self.forward(contract, index)
        if contract.kind is Kind.FUTURE:
            return forward, 1.0
        deviation = self.vol * sqrt(max(contract.expiry_ms - time_ms, 1) / YEAR_MS)
        price, delta = black(forward, contract.strike, deviation, contract.is_call)
        return (price / forward if contract.inverse else price), delta

    def shown(self, name, time_ms, index, depth):
        contract = self.instruments[name]
        mark, _ = self.greeks(name, time_ms, index)
        tick, n = contract.tick, int(mark / contract.tick)
        for above, step in contract.tick_steps:
            if mark > above:
                tick, n = step, int(mark / step)
        levels = range(1, len(depth) + 1)
        amounts = [size * contract.lot for size in depth]
        bids = [Level((n - k) * tick, a) for k, a in zip(levels, amounts, strict=True) if n > k]
        asks = [Level((n + k) * tick, a) for k, a in zip(levels, amounts, strict=True)]
        is_option = contract.kind is Kind.OPTION
        forward = None if contract.kind is Kind.PERPETUAL else self.forward(contract, index)
        return Shown(tuple(bids), tuple(asks), mark, self.vol if is_option else None, forward)

    def go(self, time_ms, index, *, depth=(100, 200, 300)):
        """Advance to an instant that shows everything not expired."""
        shown = {
            name: self.shown(name, time_ms, index, depth)
            for name, contract in self.instruments.items()
            if not contract.expiry_ms or contract.expiry_ms > time_ms
        }
        valued = {name: Valued(s.mark, s.vol, s.forward) for name, s in shown.items()}
        self.instant = Instant(time_ms, {"BTC": index}, shown, valued)
        return self.log(self.exchange.advance(self.instant))

    def open(self, account="a", *, deposit=10.0, positions=None, currency=""):
        return self.log(
            self.exchange.open_account(
                account,
                underlying="BTC",
                deposit=deposit,
                positions=positions or {},
                currency=currency,
            )
        )

    def order(self, name, lots, *, limit=None, account="a", client_id=None, **changes):
        self.orders += 1
        return Order(
            client_id=client_id or f"{self.orders:032x}",
            account=account,
            instrument=name,
            lots=lots,
            limit_ticks=limit,
            deadline_ms=changes.pop("deadline_ms", 1_000),
            **changes,
        )

    def trade(self, name, lots, *, now_ms=0, **kwargs):
        report, events = self.exchange.place(self.order(name, lots, **kwargs), now_ms=now_ms)
        self.log(events)
        return report

    def log(self, events):
        self.events += events
        return events

"""Random order flow: never oversold depth, reduce-only never flips, ids once, log == state."""

from collections import defaultdict

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.model import OrderStatus
from hedger.errors import VenueRejected
from hedger.venues.simulator.events import (
    Bar,
    Funded,
    Leg,
    MarkLine,
    Opened,
    OrderSeen,
    Settled,
    Traded,
    decoded,
    encoded,
)
from hedger.venues.simulator.exchange import Exchange
from tests.venues.simulator_desk import CALL, EXPIRY, FUTURE, LISTED, MINUTE_MS, PERP, Desk

NAMES = (PERP, FUTURE, CALL)
DEPTH = (40, 25, 60)
FIRST = EXPIRY - 33 * MINUTE_MS

orders = st.fixed_dictionaries(
    {
        "account": st.sampled_from("ab"),
        "name": st.sampled_from(NAMES),
        "lots": st.integers(-90, 90),
        "offset": st.none() | st.integers(-4, 4),
        "tif": st.sampled_from(["ioc", "gtc"]),
        "post_only": st.sampled_from([False] * 7 + [True]),
        "reduce_only": st.sampled_from([False] * 3 + [True]),
        "client_id": st.integers(0, 99),
        "now_ms": st.sampled_from([0] * 6 + [999, 1_000]),
    }
)
steps = st.lists(
    st.one_of(
        orders,
        orders,
        orders,
        st.floats(-0.002, 0.002),
        st.tuples(st.sampled_from("ab"), st.integers(0, 99)),
    ),
    min_size=15,
    max_size=60,
)


class Flow:
    """Plays random steps and checks after each what must always hold."""

    def __init__(self):
        self.desk = Desk({n: LISTED[n] for n in NAMES}, funding_rate_8h=0.001)
        self.index, self.minute = 60_000.0, 0
        self.desk.go(FIRST, self.index, depth=DEPTH)
        for account in "ab":
            self.desk.open(account, positions={CALL: -20, PERP: 70, FUTURE: -60})
        self.taken = defaultdict(int)
        self.reports = {}

    def play(self, step):
        if isinstance(step, float):
            self.advance(step)
        elif isinstance(step, tuple):
            account, number = step
            key = (account, f"{number:032x}")
            _, events = self.desk.exchange.cancel(*key)
            self.desk.log(events)
            if key in self.reports:
                self.reports[key] = self.desk.exchange.query(*key)
        else:
            self.place(**step)

    def advance(self, move):
        self.minute += 6
        self.index *= 1.0 + move
        self.taken.clear()
        self.check_trades(self.desk.go(FIRST + self.minute * MINUTE_MS, self.index, depth=DEPTH))

    def place(self, *, account, name, lots, offset, tif, post_only, reduce_only, client_id, now_ms):
        shown = self.desk.instant.shown.get(name)
        limit = None
        if offset is not None:
            tick = LISTED[name].tick
            for above, step in LISTED[name].tick_steps:
                tick = step if shown and shown.mark > above else tick
            mark = int(shown.mark / tick) if shown else 100
            limit = (mark + offset) * round(tick / LISTED[name].tick)
        order = self.desk.order(
            name,
            lots,
            limit=limit,
            account=account,
            client_id=f"{client_id:032x}",
            time_in_force=tif,
            post_only=post_only,
            reduce_only=reduce_only,
        )
        key = (account, order.client_id)
        before = self.desk.exchange.query(*key)
        held = self.desk.exchange.positions(account).get(name, 0)
        report, events = self.desk.exchange.place(order, now_ms=now_ms)
        self.desk.log(events)
        if before.status is not OrderStatus.NOT_FOUND:
            assert (report, events) == (before, [])
            return
        self.check_trades(events)
        self.check_report(order, report, held, now_ms)

    def check_report(self, order, report, held, now_ms):
        assert report.filled == sum(fill.lots for fill in report.fills)
        assert 0 <= report.filled * (1 if order.lots > 0 else -1) <= abs(order.lots)
        if now_ms >= order.deadline_ms:
            assert report.status is OrderStatus.REJECTED
        if report.status is OrderStatus.REJECTED:
            assert report.filled == 0
            assert report.reason
        if order.post_only:
            assert report.filled == 0
        if order.time_in_force == "ioc":
            assert report.status is not OrderStatus.OPEN
        if (report.status is OrderStatus.FILLED) != (report.filled == order.lots != 0):
            raise AssertionError(report)
        if order.reduce_only:
            assert report.filled * held <= 0
            assert abs(report.filled) <= abs(held)

    def check_trades(self, events):
        seen = {(e.account, e.client_id): e for e in events if isinstance(e, OrderSeen)}
        for trade in (e for e in events if isinstance(e, Traded)):
            side = trade.lots > 0
            self.taken[trade.instrument, side] += abs(trade.lots)
            assert self.taken[trade.instrument, side] <= sum(DEPTH)
            order = seen[trade.account, trade.client_id]
            if order.limit_ticks is not None:
                limit = order.limit_ticks * LISTED[trade.instrument].tick
                assert (trade.price <= limit + 1e-9) if side else (trade.price >= limit - 1e-9)
            best = trade.ask if side else trade.bid
            assert trade.maker or (trade.price >= best if side else trade.price <= best)
            if order.reduce_only:
                after = next((g.lots for g in trade.legs if g.instrument == trade.instrument), 0)
                assert after * trade.lots <= 0

    def picture(self, exchange):
        """Everything that can be asked, exactly."""
        ids = [(a, f"{n:032x}") for a in "ab" for n in range(100)]
        accounts = exchange._state.ledger.accounts
        return (
            {a: exchange.positions(a) for a in "ab"},
            {a: exchange.fills(a, 0) for a in "ab"},
            [exchange.query(*key) for key in ids],
            list(exchange._state.orders.resting.items()),
            {a: (s.cash, s.fees, s.funding, s.holdings) for a, s in accounts.items()},
        )


@settings(max_examples=100, deadline=None)
@given(steps)
def test_random_order_flow_keeps_the_rules(flow_steps):
    flow = Flow()
    for step in flow_steps:
        flow.play(step)
    log = [decoded(encoded(event)) for event in flow.desk.events]
    assert log == flow.desk.events
    for account in "ab":
        total = defaultdict(int)
        for event in log:
            if isinstance(event, Opened) and event.account == account:
                total.update(event.positions)
            if isinstance(event, Traded | Settled) and event.account == account:
                total[event.instrument] += event.lots
        assert {n: q for n, q in total.items() if q} == flow.desk.exchange.positions(account)

    restored = Exchange(instruments=flow.desk.instruments, funding_rate_8h=0.001)
    restored.restore(log)
    assert flow.picture(restored) == flow.picture(flow.desk.exchange)
    instant = flow.desk.instant
    later = instant._replace(time_ms=instant.time_ms + 40 * MINUTE_MS)
    assert restored.advance(later) == flow.desk.exchange.advance(later)
    assert flow.picture(restored) == flow.picture(flow.desk.exchange)
    for account in "ab":
        assert restored.equity(account) == flow.desk.exchange.equity(account)


def test_a_restart_inside_the_settlement_window_settles_at_the_same_mean():
    desk = Desk()
    desk.go(FIRST, 60_000.0)
    desk.open(positions={CALL: -20, FUTURE: 30})
    for minute in range(1, 20):
        desk.go(FIRST + minute * MINUTE_MS, 60_000.0 + 17.0 * minute)
    restored = Desk()
    restored.exchange.restore(desk.events)
    for minute in range(20, 34):
        index = 60_000.0 - 11.0 * minute
        assert desk.go(FIRST + minute * MINUTE_MS, index) == restored.go(
            FIRST + minute * MINUTE_MS, index
        )
    assert restored.exchange.positions("a") == {}


def test_a_log_torn_within_an_order_never_fills_it_again():
    desk = Desk()
    desk.go(FIRST, 60_000.0)
    desk.open()
    report = desk.trade(PERP, 250, client_id="x")
    assert len(report.fills) == 2
    torn = desk.events[:-2]
    assert isinstance(torn[-1], Traded)
    restored = Desk()
    restored.exchange.restore(torn)
    restored.go(FIRST + MINUTE_MS, 60_000.0)
    again = restored.trade(PERP, 250, client_id="x")
    assert (again.status, again.filled) == (OrderStatus.CANCELLED, 100)
    assert restored.exchange.positions("a") == {PERP: 100}
    assert restored.trade(PERP, 1).fills[0].trade_id not in {f.trade_id for f in again.fills}


def test_restore_wants_a_fresh_exchange_and_known_contracts():
    desk = Desk()
    desk.go(FIRST, 60_000.0)
    desk.open(positions={CALL: 1})
    with pytest.raises(VenueRejected, match="already has a history"):
        desk.exchange.restore([])
    with pytest.raises(VenueRejected, match=f"{CALL} is in the log"):
        Exchange(instruments={PERP: LISTED[PERP]}).restore(desk.events)


def test_before_the_first_instant_after_a_restart_orders_are_refused():
    desk = Desk()
    desk.go(FIRST, 60_000.0)
    desk.open()
    restored = Desk()
    restored.exchange.restore(desk.events)
    assert restored.trade(PERP, 1).reason == "closed: no market instant yet"


def _one_of_each():
    base = {"ms": 1, "account": "a"}
    leg = Leg(instrument=PERP, lots=1, forward=None, vol=None, mark=1.5)
    order = {"client_id": "x", "instrument": PERP, "lots": 1}
    mark = MarkLine(mark=1.0, vol=None, forward=None)
    return [
        Opened(**base, underlying="BTC", deposit=1.0, positions={CALL: 2}, marks={CALL: 0.1}),
        OrderSeen(**base, **order, limit_ticks=None, deadline_ms=5, status=OrderStatus.CANCELLED),
        Traded(
            **base,
            **order,
            trade_id="T1",
            price=np.float64(0.1),
            fee=0.2,
            maker=False,
            mid=0.1,
            bid=None,
            ask=0.1,
            index=1.0,
            legs=(leg,),
            cash={"BTC": 1.0},
            equity=1.0,
        ),
        Funded(**base, instrument=PERP, amount=-0.1),
        Settled(**base, instrument=CALL, lots=-2, trade_id="S", delivery=1.0, value=0.1, cash=0.1),
        Bar(ms=1, index={"BTC": 1.0}, marks={PERP: mark}, equity={"a": 1.0}),
    ]


def test_every_event_is_one_json_line_with_its_name():
    events = _one_of_each()
    for event in events:
        line = encoded(event)
        assert b"\n" not in line
        assert msgspec.json.decode(line)["event"] == type(event).__name__
        assert decoded(line) == event
    assert b'["BTC-PERPETUAL",1,null,null,1.5]' in encoded(events[2])
    with pytest.raises(TypeError, match="no plain number"):
        encoded(msgspec.structs.replace(events[3], amount=object()))

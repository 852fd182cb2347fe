"""The venue's rules for orders: walking depth, limits, time in force, refusals, fees."""

import msgspec
import pytest

from hedger.core.model import Fees, OrderStatus
from hedger.errors import DataError, MissingQuote, VenueRejected
from hedger.venues.simulator.events import OrderSeen, Traded
from hedger.venues.simulator.instant import Instant, Level, Shown
from tests.venues.simulator_desk import (
    CALL,
    EXPIRY,
    FUTURE,
    LATER,
    LINEAR_CALL,
    LINEAR_PERP,
    LISTED,
    MINUTE_MS,
    PERP,
    START,
    Desk,
)


@pytest.fixture
def desk():
    desk = Desk()
    desk.go(START, 60_000.0)
    desk.open(positions={CALL: -100})
    return desk


def test_a_market_order_walks_the_depth_level_by_level(desk):
    report = desk.trade(PERP, 250)
    assert report.status is OrderStatus.FILLED
    assert [(f.lots, f.price) for f in report.fills] == [(100, 60_000.5), (150, 60_001.0)]
    assert desk.exchange.positions("a") == {CALL: -100, PERP: 250}


def test_a_limit_stops_the_walk_and_the_rest_is_cancelled(desk):
    report = desk.trade(PERP, 500, limit=120_002)
    assert (report.status, report.filled) == (OrderStatus.CANCELLED, 300)
    assert "300 of 500" in report.reason
    assert max(fill.price for fill in report.fills) == 60_001.0


def test_depth_taken_is_gone_for_every_account_until_the_next_instant(desk):
    desk.open("b")
    assert desk.trade(PERP, 550).filled == 550
    assert desk.trade(PERP, 100, account="b").filled == 50
    assert desk.trade(PERP, 1).filled == 0
    assert desk.trade(PERP, -600).filled == -600
    desk.go(START + MINUTE_MS, 60_000.0)
    assert desk.trade(PERP, 600).filled == 600


def test_a_side_without_quotes_fills_nothing(desk):
    shown = dict(desk.instant.shown)
    shown[PERP] = Shown((Level(59_999.5, 1e6),), (), 60_000.0)
    desk.exchange.advance(desk.instant._replace(shown=shown))
    assert desk.trade(PERP, 10).status is OrderStatus.CANCELLED
    assert desk.trade(PERP, -10).status is OrderStatus.FILLED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lots": 0}, "size: 0 lots, expected at least 1"),
        ({"limit": 0}, "price of 0 ticks"),
        ({"limit": -5}, "price of -5 ticks"),
        ({"name": CALL, "limit": 51}, "not a multiple of 0.0005"),
        ({"name": LINEAR_CALL, "limit": 201}, "price 1005 is not a multiple of 20"),
        ({"name": "BTC-1JAN27"}, "'BTC-1JAN27' is not listed"),
        ({"account": "nobody"}, "'nobody' is not open"),
        ({"deadline_ms": 500}, "late: deadline 500 is not after the venue's time 500"),
        ({"time_in_force": "day"}, "time in force 'day'"),
        ({"post_only": True, "limit": 119_000}, "post_only: expected"),
        ({"reduce_only": True}, "reduce_only: position is 0 lots"),
        ({"name": CALL, "lots": -1, "reduce_only": True}, "reduce_only: position is -100 lots"),
    ],
)
def test_a_rejected_order_says_why_and_changes_nothing(desk, change, reason):
    before = desk.exchange.positions("a"), desk.exchange.equity("a")
    change = {"name": PERP, "lots": 10} | change
    order = desk.order(change.pop("name"), change.pop("lots"), **change)
    report, events = desk.exchange.place(order, now_ms=500)
    assert report.status is OrderStatus.REJECTED
    assert reason in report.reason
    assert [type(e) for e in events] == [OrderSeen]
    assert (desk.exchange.positions("a"), desk.exchange.equity("a")) == before
    assert desk.exchange.query(order.account, order.client_id) == report


def test_the_deadline_is_compared_with_the_real_clock(desk):
    assert desk.trade(PERP, 1, deadline_ms=500, now_ms=499).status is OrderStatus.FILLED


def test_sizes_below_the_minimum_are_rejected():
    big = msgspec.structs.replace(LISTED[PERP], min_lots=5)
    desk = Desk({PERP: big})
    desk.go(START, 60_000.0)
    desk.open()
    assert "expected at least 5" in desk.trade(PERP, -4).reason
    assert desk.trade(PERP, -5).status is OrderStatus.FILLED


def test_an_id_is_executed_once_for_ever(desk):
    first = desk.trade(PERP, 10, client_id="x")
    again, events = desk.exchange.place(desk.order(PERP, 99, client_id="x"), now_ms=0)
    assert again == first
    assert events == []
    assert desk.exchange.positions("a")[PERP] == 10
    late = desk.trade(PERP, 10, client_id="y", now_ms=1_000)
    assert desk.trade(PERP, 10, client_id="y", now_ms=0) == late
    desk.open("b")
    assert desk.trade(PERP, 5, account="b", client_id="x").filled == 5


def test_an_unknown_id_is_not_found(desk):
    assert desk.exchange.query("a", "?").status is OrderStatus.NOT_FOUND
    report, events = desk.exchange.cancel("a", "?")
    assert (report.status, events) == (OrderStatus.NOT_FOUND, [])


def test_post_only_that_would_cross_is_rejected_and_else_rests(desk):
    kwargs = {"time_in_force": "gtc", "post_only": True}
    assert "post_only" in desk.trade(PERP, 10, limit=120_001, **kwargs).reason
    assert desk.trade(PERP, 10, limit=119_990, **kwargs).status is OrderStatus.OPEN


def test_a_resting_order_fills_at_its_price_as_maker_once_the_market_reaches_it(desk):
    resting = desk.order(PERP, 700, limit=119_800, time_in_force="gtc")
    assert desk.exchange.place(resting, now_ms=0)[0].status is OrderStatus.OPEN
    desk.go(START + MINUTE_MS, 59_950.0)
    assert desk.exchange.query("a", resting.client_id).filled == 0
    events = desk.go(START + 2 * MINUTE_MS, 59_850.0)
    (trade,) = [e for e in events if isinstance(e, Traded)]
    assert (trade.lots, trade.price, trade.maker, trade.fee) == (600, 59_900.0, True, 0.0)
    report = desk.exchange.query("a", resting.client_id)
    assert (report.status, report.filled) == (OrderStatus.OPEN, 600)
    done, _ = desk.exchange.cancel("a", resting.client_id)
    assert (done.status, done.filled) == (OrderStatus.CANCELLED, 600)
    desk.go(START + 3 * MINUTE_MS, 59_000.0)
    assert desk.exchange.query("a", resting.client_id) == done


def test_a_resting_order_fills_over_several_instants_up_to_its_size(desk):
    desk.trade(PERP, 700, limit=119_800, client_id="r", time_in_force="gtc")
    for minute, filled in ((1, 600), (2, 700), (3, 700)):
        desk.go(START + minute * MINUTE_MS, 59_850.0)
        assert desk.exchange.query("a", "r").filled == filled
    assert desk.exchange.query("a", "r").status is OrderStatus.FILLED
    assert desk.exchange.positions("a")[PERP] == 700


def test_better_prices_then_older_orders_are_served_first(desk):
    for client_id, limit in (("old", 119_900), ("young", 119_900), ("better", 119_910)):
        desk.trade(PERP, 300, limit=limit, client_id=client_id, time_in_force="gtc")
    desk.go(START + MINUTE_MS, 59_940.0)
    filled = {i: desk.exchange.query("a", i).filled for i in ("better", "old", "young")}
    assert filled == {"better": 300, "old": 300, "young": 0}


def test_reduce_only_stops_at_a_flat_position(desk):
    desk.trade(PERP, 50)
    report = desk.trade(PERP, -200, reduce_only=True)
    assert (report.status, report.filled) == (OrderStatus.CANCELLED, -50)
    assert PERP not in desk.exchange.positions("a")


def test_a_resting_reduce_only_order_ends_when_nothing_is_left_to_reduce(desk):
    desk.trade(PERP, 50)
    order = {"time_in_force": "gtc", "reduce_only": True, "client_id": "r", "limit": 120_200}
    assert desk.trade(PERP, -50, **order).status is OrderStatus.OPEN
    desk.trade(PERP, -40)
    desk.go(START + MINUTE_MS, 60_200.0)
    assert desk.exchange.positions("a") == {CALL: -100}
    report = desk.exchange.query("a", "r")
    assert (report.status, report.filled) == (OrderStatus.CANCELLED, -10)


def test_a_resting_reduce_only_order_ends_when_the_position_has_turned(desk):
    desk.trade(PERP, 50)
    order = {"time_in_force": "gtc", "reduce_only": True, "client_id": "r", "limit": 120_200}
    desk.trade(PERP, -50, **order)
    desk.trade(PERP, -80)
    desk.go(START + MINUTE_MS, 60_200.0)
    assert desk.exchange.positions("a")[PERP] == -30
    assert desk.exchange.query("a", "r").status is OrderStatus.CANCELLED


def test_resting_orders_of_an_expired_contract_are_cancelled_and_new_ones_rejected(desk):
    desk.trade(CALL, 1, limit=1, client_id="r", time_in_force="gtc")
    desk.go(EXPIRY, 60_000.0)
    assert desk.exchange.query("a", "r").reason == "expired"
    assert desk.trade(CALL, 1).reason.startswith("expired")
    assert desk.trade(FUTURE, 1).reason.startswith("expired")
    assert desk.trade(LATER, 1).status is OrderStatus.FILLED


def test_fees_follow_the_published_formulas(desk):
    assert desk.trade(PERP, 100).fills[0].fee == pytest.approx(0.0005 * 1_000 / 60_000.5)
    linear = desk.trade(LINEAR_PERP, 100).fills[0]
    assert linear.fee == pytest.approx(0.0005 * 0.01 * linear.price)
    assert desk.trade(CALL, 10).fills[0].fee == pytest.approx(0.0003)
    linear = desk.trade(LINEAR_CALL, 10).fills[0]
    assert linear.fee == pytest.approx(0.0005 * 60_000 * 0.1)


def test_an_option_fee_is_capped_at_a_share_of_the_price():
    desk = Desk(vol=0.05)
    desk.go(START, 50_000.0)
    desk.open()
    fill = desk.trade(CALL, 10).fills[0]
    assert fill.price == pytest.approx(0.0001)
    assert fill.fee == pytest.approx(0.125 * 0.0001 * 1.0)


def test_a_rebate_is_credited():
    perp = msgspec.structs.replace(LISTED[PERP], fees=Fees(taker=0.0005, maker=-0.0001))
    desk = Desk({PERP: perp})
    desk.go(START, 60_000.0)
    desk.open()
    desk.trade(PERP, 100, limit=119_800, time_in_force="gtc")
    desk.go(START, 59_800.0)
    (fill,) = desk.exchange.fills("a", 0)
    assert fill.fee == pytest.approx(-0.0001 * 1_000 / 59_900.0)


def test_a_trade_shows_the_account_at_the_market_of_the_fill(desk):
    desk.trade(PERP, 10)
    trade = next(e for e in desk.events if isinstance(e, Traded))
    assert (trade.bid, trade.ask, trade.mid) == (59_999.5, 60_000.5, 60_000.0)
    legs = {leg.instrument: leg for leg in trade.legs}
    assert legs[PERP].lots == 10
    assert (legs[CALL].lots, legs[CALL].vol, legs[CALL].forward) == (-100, 0.5, 60_012.0)
    assert trade.equity == desk.exchange.equity("a")


def test_bad_openings_end_in_one_clear_line(desk):
    fresh = Desk()
    with pytest.raises(MissingQuote, match=r"BTC: .* no index"):
        fresh.open()
    for name, match in ((CALL.replace("BTC", "ETH"), "not listed"), (FUTURE, "has expired")):
        desk.go(EXPIRY, 60_000.0)
        with pytest.raises(VenueRejected, match=match):
            desk.open("b", positions={name: 1})
    with pytest.raises(VenueRejected, match="deposit nan"):
        desk.open("b", deposit=float("nan"))
    with pytest.raises(VenueRejected, match="'b' is not open"):
        desk.exchange.equity("b")


def test_an_account_opens_once(desk):
    assert desk.open(deposit=5.0) == []
    assert desk.exchange.equity("a") == pytest.approx(10.0, rel=1e-15)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda i: i._replace(time_ms=i.time_ms - 1),
        lambda i: i._replace(index={"BTC": float("nan")}),
        lambda i: i._replace(index={"BTC": 0.0}),
        lambda i: i._replace(shown=i.shown | {PERP: i.shown[PERP]._replace(mark=float("inf"))}),
        lambda i: i._replace(valued=i.valued | {PERP: i.valued[PERP]._replace(mark=-1.0)}),
        lambda i: i._replace(
            shown=i.shown | {PERP: i.shown[PERP]._replace(bids=(Level(1.0, float("nan")),))}
        ),
    ],
)
def test_an_impossible_instant_is_refused_and_changes_nothing(desk, spoil):
    before = desk.exchange.equity("a"), desk.exchange.market_ms
    with pytest.raises(DataError, match="instant"):
        desk.exchange.advance(spoil(desk.instant))
    assert (desk.exchange.equity("a"), desk.exchange.market_ms) == before


def test_contracts_can_be_listed_later(desk):
    name = "BTC-3JUL26-61000-C"
    from hedger.venues.deribit.contracts import instrument

    assert "not listed" in desk.trade(name, 1).reason
    desk.exchange.add_instruments({name: instrument(name)})
    shown = desk.instant.shown | {name: Shown((), (Level(0.01, 1.0),), 0.0095, 0.5, 60_100.0)}
    desk.exchange.advance(Instant(START, {"BTC": 60_000.0}, shown, {}))
    assert desk.trade(name, 3).filled == 3

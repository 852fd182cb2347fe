"""A prepared book says what `black` and `inverse` say of its legs, tick by tick."""

import concurrent.futures
import itertools
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing

GROUPS, EXPIRIES = 9, 4
INVERSE = np.arange(GROUPS) % 3 == 0
FORWARD = np.array([60_000.0, 61_000.0, 64_000.0, 66_500.0])
COLUMNS = ("strike", "time_to_expiry", "vol", "is_call", "quantity")


def columns(legs=200, seed=3):
    generator = np.random.default_rng(seed)
    return {
        "strike": 62_000.0 * np.exp(generator.normal(0.0, 0.2, legs)),
        "time_to_expiry": generator.uniform(-0.01, 0.5, legs),
        "vol": generator.uniform(0.0, 1.0, legs) * (generator.random(legs) < 0.95),
        "is_call": generator.random(legs) < 0.5,
        "quantity": generator.normal(0.0, 5.0, legs),
        "group": generator.integers(0, GROUPS, legs),
        "expiry": generator.integers(0, EXPIRIES, legs),
    }


def prepared(legs, **changes):
    counts = {"groups": GROUPS, "expiries": EXPIRIES, "is_inverse": INVERSE}
    return pricing.PreparedBook(**{**legs, **counts, **changes})


def unit_greeks(legs, forward=FORWARD):
    """Each leg by itself, from the functions that price one option."""
    common = {name: legs[name] for name in ("strike", "time_to_expiry", "vol", "is_call")}
    linear = pricing.black(forward=forward[legs["expiry"]], **common)
    coin = pricing.inverse(forward=forward[legs["expiry"]], **common)
    inverse = INVERSE[legs["group"]]
    return [np.where(inverse, b, a) for a, b in zip(linear, coin, strict=True)]


def same(a, b):
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("legs", [0, 1, 7, 200, 1_000])
def test_by_leg_is_quantity_times_unit_greeks_to_the_bit(legs):
    book = columns(legs)
    units = [book["quantity"] * unit for unit in unit_greeks(book)]
    assert same(prepared(book).greeks(FORWARD, by_leg=True), units)


def test_edges_are_those_of_the_unit_functions_to_the_bit():
    values = [0.0, 1e-160, 5e-3, 1.0, 100.0, 1e150, 1e160, -1.0, np.nan, np.inf, -np.inf]
    rows = np.array(list(itertools.product(values, values, values)))
    legs = {
        "strike": rows[:, 0],
        "time_to_expiry": rows[:, 1],
        "vol": rows[:, 2],
        "is_call": np.arange(len(rows)) % 2 == 0,
        "quantity": np.full(len(rows), -2.0),
        "group": np.arange(len(rows)) % GROUPS,
        "expiry": np.zeros(len(rows), np.int64),
    }
    book = prepared(legs, expiries=1)
    for forward in values:
        spots = np.array([forward])
        units = [-2.0 * unit for unit in unit_greeks(legs, spots)]
        assert same(book.greeks(spots, by_leg=True), units), forward


@pytest.mark.parametrize("legs", [0, 1, 7, 200, 1_000])
def test_groups_are_the_sums_of_their_legs(legs):
    book = columns(legs)
    sums = prepared(book).greeks(FORWARD)
    for name, field, unit in zip(sums._fields, sums, unit_greeks(book), strict=True):
        terms = book["quantity"] * unit
        wanted = np.bincount(book["group"], terms, minlength=GROUPS)
        size = np.bincount(book["group"], np.abs(terms), minlength=GROUPS)
        assert np.all(np.abs(field - wanted) <= 1e-13 * size), name


def test_ladder_is_the_ladder():
    legs = columns()
    moves = np.array([0.9, 1.0, 1.2])
    inputs = {name: legs[name] for name in (*COLUMNS, "group")}
    wanted = pricing.ladder(forward=FORWARD[legs["expiry"]], **inputs, groups=GROUPS, moves=moves)
    book = prepared(legs)
    out = pricing.Ladder(*np.full((7, 3, GROUPS), np.nan))
    assert same(book.ladder(FORWARD, moves), wanted)
    assert book.ladder(FORWARD, moves, out=out) is out
    assert same(out, wanted)
    with pytest.raises(ValueError, match="overlap"):
        book.ladder(FORWARD, moves, out=(*out[:6], out[0]))


def test_many_books_are_each_book_by_itself():
    legs = columns(300)
    del legs["group"]
    start = np.array([0, 50, 50, 120, 121, 300])
    books = pricing.PreparedBook.many(book_start=start, **legs, expiries=EXPIRIES)
    together = books.greeks(FORWARD)
    for k, (first, last) in enumerate(itertools.pairwise(start)):
        own = {name: value[first:last] for name, value in legs.items()}
        alone = pricing.PreparedBook(
            **own, group=np.zeros(last - first, int), groups=1, expiries=EXPIRIES
        )
        assert same([field[k : k + 1] for field in together], alone.greeks(FORWARD))
    assert together.price[1] == 0.0


def test_order_of_groups_does_not_matter_but_order_of_legs_is_kept():
    legs = columns()
    order = np.argsort(legs["group"], kind="stable")
    by_group = {name: value[order] for name, value in legs.items()}
    mixed, sorted_legs = prepared(legs), prepared(by_group)
    assert same(mixed.greeks(FORWARD), sorted_legs.greeks(FORWARD))
    assert np.array_equal(mixed.vol, legs["vol"])
    assert np.array_equal(mixed.time_to_expiry, legs["time_to_expiry"])


@pytest.mark.parametrize("name", ["strike", "time_to_expiry", "vol", "quantity"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_bad_leg_spoils_its_own_group_only(name, value):
    legs = columns()
    legs[name][17] = value
    for field in prepared(legs).greeks(FORWARD):
        assert np.array_equal(np.flatnonzero(np.isnan(field)), [legs["group"][17]])
    for field in prepared(legs).greeks(FORWARD, by_leg=True):
        assert np.array_equal(np.flatnonzero(np.isnan(field)), [17])


def test_bad_forward_spoils_its_own_expiry_only():
    legs = columns(groups := 40)
    legs |= {"group": np.arange(groups), "expiry": np.arange(groups) % EXPIRIES}
    forward = np.array([60_000.0, np.nan, -1.0, np.inf])
    sums = prepared(legs, groups=groups, is_inverse=False).greeks(forward)
    for field in sums:
        assert np.array_equal(np.isnan(field), legs["expiry"] > 0)


def test_scalars_serve_all_legs_and_groups_may_be_empty():
    book = pricing.PreparedBook(
        strike=[90.0, 110.0], time_to_expiry=0.0, vol=0.5, is_call=True, quantity=2,
        group=np.array([2, 2], np.int32), groups=4,
    )  # fmt: skip
    assert (len(book), book.groups, book.expiries) == (2, 4, 4)
    assert repr(book) == "PreparedBook(legs=2, groups=4, expiries=4)"
    assert book.greeks([1.0, 1.0, 120.0, 1.0]).price.tolist() == [0.0, 0.0, 80.0, 0.0]


def test_updated_is_a_new_book():
    legs, other = columns(), columns(seed=4)
    book = prepared(legs)
    before = book.greeks(FORWARD)
    for names in (["vol"], ["time_to_expiry"], ["quantity"], ["vol", "time_to_expiry", "quantity"]):
        changes = {name: other[name] for name in names}
        wanted = prepared({**legs, **changes}).greeks(FORWARD)
        assert same(book.updated(**changes).greeks(FORWARD), wanted)
    assert same(
        book.updated(vol=0.5).greeks(FORWARD), prepared({**legs, "vol": 0.5}).greeks(FORWARD)
    )
    legs["strike"][:] = np.nan  # inputs were copied
    assert same(book.greeks(FORWARD), before)
    for array in (*book.layout, *book.updated(vol=0.5).layout):
        assert not array.flags.writeable


def test_vols_of_one_tick_are_those_of_an_updated_book():
    book, legs = prepared(columns()), columns(seed=4)
    before = book.greeks(FORWARD)
    for vol in (legs["vol"], 0.4, np.where(np.arange(200) == 17, np.nan, 0.5), -1.0):
        for by_leg in (False, True):
            wanted = book.updated(vol=vol).greeks(FORWARD, by_leg=by_leg)
            assert same(book.greeks(FORWARD, vol=vol, by_leg=by_leg), wanted)
    assert same(book.greeks(FORWARD), before)


def test_bad_leg_is_cured_by_a_good_vol():
    legs = columns()
    wanted = prepared(legs).greeks(FORWARD)
    for bad in (np.nan, -1.0, np.inf):
        book = prepared({**legs, "vol": np.full(200, bad)})
        assert same(book.greeks(FORWARD, vol=legs["vol"]), wanted)
        assert same(book.updated(vol=legs["vol"]).greeks(FORWARD), wanted)


def test_a_book_goes_to_another_process():
    book = prepared(columns())
    assert same(pickle.loads(pickle.dumps(book)).greeks(FORWARD), book.greeks(FORWARD))


def test_out_receives_the_results():
    book = prepared(columns())
    for by_leg, size in ((False, GROUPS), (True, 200)):
        out = pricing.Greeks(*(np.full(size, np.nan) for _ in range(6)))
        assert book.greeks(FORWARD, by_leg=by_leg, out=out) is out
        assert same(out, book.greeks(FORWARD, by_leg=by_leg))
        assert same(book.greeks(FORWARD, by_leg=by_leg, out=tuple(out)), out)


def test_with_out_no_result_is_allocated():
    legs = 5_000
    book = prepared(columns(legs))
    out = pricing.Greeks(*(np.empty(legs) for _ in range(6)))
    book.greeks(FORWARD, by_leg=True, out=out)
    tracemalloc.start()
    try:
        book.greeks(FORWARD, by_leg=True, out=out)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        book.greeks(FORWARD, by_leg=True, out=out)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1_000
    assert peak - before < 20_000  # the kernel's block; one field of the result would be 40,000


good = [np.empty(GROUPS) for _ in range(6)]
BAD_OUT = [
    None.__class__,
    3.0,
    "out",
    good[:5],
    [*good, good[0]],
    [*good[:5], good[0]],
    [*good[:5], np.empty(GROUPS + 1)],
    [np.empty(GROUPS + 1)] * 6,
    [*good[:5], np.empty(GROUPS, np.float32)],
    [*good[:5], np.empty(GROUPS, ">f8")],
    [*good[:5], np.empty(2 * GROUPS)[::2]],
    [*good[:5], np.empty((GROUPS, 1))],
    [*good[:5], None],
    [*good[:5], [0.0] * GROUPS],
    [*good[:5], np.broadcast_to(np.zeros(1), (GROUPS,))],
]


@pytest.mark.parametrize("out", BAD_OUT, ids=range(len(BAD_OUT)))
def test_bad_out_is_one_clear_line(out):
    with pytest.raises((TypeError, ValueError), match=r"^out") as caught:
        prepared(columns()).greeks(FORWARD, out=out)
    assert "\n" not in str(caught.value)


def test_out_must_not_overlap_the_forwards():
    block = np.ones(30)
    out = [block[k : k + 4] for k in range(0, 24, 4)]
    book = prepared({**columns(20), "group": np.zeros(20, int)}, groups=4, is_inverse=False)
    with pytest.raises(ValueError, match="overlap"):
        book.greeks(block[2:6], out=out)
    with pytest.raises(ValueError, match="overlap"):
        book.greeks(FORWARD, vol=block[:20], out=out)
    assert np.all(block == 1.0)


def test_threads_share_a_book():
    book = prepared(columns(1_000))
    spots = [FORWARD * move for move in np.linspace(0.8, 1.2, 40)]
    wanted = [book.greeks(forward) for forward in spots]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for got, expected in zip(pool.map(book.greeks, spots), wanted, strict=True):
                assert same(got, expected)


anything = st.one_of(
    st.none(), st.text(max_size=3), st.just(np.ones(3)), st.just(np.ones((200, 2))),
    st.just(["x"] * 200), st.just([[1], [2, 3]]), st.just({}), st.just(np.full(200, 1j)),
)  # fmt: skip
NAMES = sorted([*columns(), "groups", "expiries", "is_inverse"])


@settings(max_examples=120, deadline=None, derandomize=True)
@given(name=st.sampled_from(NAMES), value=anything)
def test_bad_argument_is_one_clear_line(name, value):
    with pytest.raises((TypeError, ValueError)) as caught:
        prepared(columns(), **{name: value})
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(name=st.sampled_from(["vol", "time_to_expiry", "quantity", "forward"]), value=anything)
def test_bad_update_and_forward_are_one_clear_line(name, value):
    book = prepared(columns())
    if name != "forward" and value is None:
        return
    with pytest.raises((TypeError, ValueError), match=name) as caught:
        book.greeks(value) if name == "forward" else book.updated(**{name: value})
    assert "\n" not in str(caught.value)
    if name == "vol":
        with pytest.raises((TypeError, ValueError), match=name):
            book.greeks(FORWARD, vol=value)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"group": np.full(200, GROUPS)}, "group"),
        ({"group": np.full(200, -1)}, "group"),
        ({"expiry": np.full(200, EXPIRIES)}, "expiry"),
        ({"expiry": np.full(200, 0.5)}, "expiry"),
        ({"expiries": 0}, "expiry"),
        ({"expiries": None}, "expiries"),
        ({"groups": True}, "groups"),
        ({"is_inverse": np.ones(3, bool)}, "is_inverse"),
        ({"is_inverse": 1.0}, "is_inverse"),
    ],
)
def test_bad_indices(changes, match):
    with pytest.raises((TypeError, ValueError), match=match):
        prepared(columns(), **changes)


@pytest.mark.parametrize("start", [[], [1, 200], [0, 150, 100, 200], [0, 199], [0.0, 200.0], None])
def test_bad_book_start(start):
    legs = columns()
    del legs["group"]
    with pytest.raises((TypeError, ValueError)):
        pricing.PreparedBook.many(book_start=start, **legs, expiries=EXPIRIES)

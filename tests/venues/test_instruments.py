"""Deribit names and contract data: forms, faults, round trips, and the recorded chain."""

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedger.core.model import Fees, Kind
from hedger.errors import ConfigError
from hedger.venues.deribit.contracts import facts_date, instrument
from hedger.venues.deribit.names import BadNameError, ContractName, parsed, printed

DATA = Path(__file__).parents[3] / "shared" / "data"


def _utc_ms(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BTC-PERPETUAL", ("BTC", "USD", True, Kind.PERPETUAL, 0, 0.0, False)),
        ("BTC_USDC-PERPETUAL", ("BTC", "USDC", False, Kind.PERPETUAL, 0, 0.0, False)),
        ("BTC-6MAR26", ("BTC", "USD", True, Kind.FUTURE, _utc_ms(2026, 3, 6, 8), 0.0, False)),
        (
            "BTC-27DEC24-100000-C",
            ("BTC", "USD", True, Kind.OPTION, _utc_ms(2024, 12, 27, 8), 100_000.0, True),
        ),
        (
            "XRP_USDC-30JUN26-0d625-P",
            ("XRP", "USDC", False, Kind.OPTION, _utc_ms(2026, 6, 30, 8), 0.625, False),
        ),
    ],
)
def test_a_name_says_what_it_stands_for(name, expected):
    c = parsed(name)
    got = (c.underlying, c.quote, c.inverse, c.kind, c.expiry_ms, c.strike, c.is_call)
    assert got == expected
    assert printed(c) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "BTC",
        "btc-perpetual",
        "BTC-PERPETUAL ",
        "BTC-PERPETUAL\n",
        "BTC-06MAR26",
        "BTC-31FEB26",
        "BTC-0MAR26",
        "BTC-6MRZ26",
        "BTC-6MAR2026",
        "BTC-6MAR26-100000",
        "BTC-6MAR26-100000-X",
        "BTC-6MAR26-0-C",
        "BTC-6MAR26-0100-C",
        "XRP_USDC-6MAR26-0d6250-C",
        "XRP_USDC-6MAR26-0.625-C",
        "BTC-6MAR26--100-C",
        "BTC-6MAR26-nan-C",
        "BTC-٦MAR26",
        "BTC_-PERPETUAL",
        "BTC-STRG-19MAY26-74000_79000",
    ],
)
def test_a_bad_name_ends_in_one_clear_line(name):
    with pytest.raises(BadNameError) as caught:
        parsed(name)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, ConfigError)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_parsed_and_printed_back_or_refused(text):
    try:
        contract = parsed(text)
    except BadNameError:
        return
    assert printed(contract) == text


contracts = st.builds(
    lambda base, quote, day, kind, strike, is_call: ContractName(
        underlying=base,
        quote=quote or "USD",
        inverse=quote is None,
        kind=kind,
        expiry_ms=0 if kind is Kind.PERPETUAL else _utc_ms(day.year, day.month, day.day, 8),
        strike=strike if kind is Kind.OPTION else 0.0,
        is_call=is_call and kind is Kind.OPTION,
    ),
    base=st.sampled_from(["BTC", "ETH", "SOL"]),
    quote=st.sampled_from([None, "USDC", "USDT"]),
    day=st.dates(datetime(2000, 1, 1).date(), datetime(2099, 12, 31).date()),
    kind=st.sampled_from(list(Kind)),
    strike=st.one_of(
        st.integers(1, 999_999_999).map(float),
        st.integers(1, 10**9).map(lambda n: n / 10**4),
    ),
    is_call=st.booleans(),
)


@given(contracts)
def test_what_is_printed_is_parsed_back(contract):
    assert parsed(printed(contract)) == contract


def test_contract_data_of_the_inverse_products():
    perpetual = instrument("BTC-PERPETUAL")
    assert (perpetual.lot, perpetual.contract, perpetual.tick) == (10.0, 10.0, 0.5)
    assert (perpetual.min_lots, perpetual.settlement, perpetual.quote) == (1, "BTC", "USD")
    assert perpetual.fees == Fees(taker=0.0005)
    option = instrument("BTC-27DEC24-100000-C")
    assert (option.lot, option.contract, option.min_lots) == (0.1, 1.0, 1)
    assert (option.tick, option.tick_steps) == (0.0001, ((0.005, 0.0005),))
    assert option.fees == Fees(taker=0.0003, maker=0.0003, cap=0.125)
    assert (option.strike, option.is_call, option.inverse) == (100_000.0, True, True)
    assert instrument("BTC-6MAR26").expiry_ms == _utc_ms(2026, 3, 6, 8)


def test_contract_data_of_the_linear_products():
    perpetual = instrument("BTC_USDC-PERPETUAL")
    assert (perpetual.inverse, perpetual.quote, perpetual.settlement) == (False, "USDC", "USDC")
    assert (perpetual.lot, perpetual.tick) == (0.0001, 0.1)
    assert instrument("ETH_USDC-6MAR26-4000-P").settlement == "USDC"


def test_every_product_is_consistent():
    for pair in ("BTC", "ETH", "BTC_USDC", "ETH_USDC"):
        for suffix in ("PERPETUAL", "6MAR26", "6MAR26-4000-P"):
            found = instrument(f"{pair}-{suffix}")
            assert found.min_lots >= 1
            assert found.tick > 0.0
            assert 0.0 <= found.fees.maker <= found.fees.taker < 0.01
            assert (found.settlement == found.underlying) == found.inverse
            for above, step in found.tick_steps:
                assert round(step / found.tick) * found.tick == pytest.approx(step, rel=1e-12)
                assert round(above / step) * step == pytest.approx(above, rel=1e-12)


def test_own_fees_replace_the_listed_ones():
    own = Fees(taker=0.0001, maker=-0.0001, cap=0.1)
    assert instrument("BTC-PERPETUAL", fees=own).fees == own


def test_a_product_without_data_is_named():
    with pytest.raises(BadNameError, match=r"SOL_USDC perpetuals.*BTC_USDC"):
        instrument("SOL_USDC-PERPETUAL")


def test_the_facts_are_dated():
    assert datetime.fromisoformat(facts_date()).year >= 2026


def _recorded(pattern, column):
    files = sorted(DATA.glob(pattern))
    if not files:
        pytest.skip("no recorded data beside the checkout")
    with gzip.open(files[0], "rt") as lines:
        yield from csv.DictReader(lines)


def test_every_recorded_option_name_round_trips_and_agrees_with_its_columns():
    seen = {r["instrument"]: r for r in _recorded("btc_options_chain_*.csv.gz", "instrument")}
    assert len(seen) > 500
    for name, row in seen.items():
        found = instrument(name)
        assert printed(parsed(name)) == name
        assert found.expiry_ms == int(row["expiry_ms"])
        assert found.strike == float(row["strike"])
        assert found.is_call == (row["option_type"] == "call")


def test_every_recorded_quote_lies_on_the_tick_table():
    from hedger.venues.simulator.matching import price_fault

    prices = set()
    for row in _recorded("btc_options_chain_*.csv.gz", "bid_btc"):
        prices.update(row[k] for k in ("bid_btc", "ask_btc") if row[k] and float(row[k]) > 0)
    option = instrument("BTC-27DEC24-100000-C")
    ticks = {price: round(float(price) / option.tick) for price in prices}
    assert len(ticks) > 500
    for price, n in ticks.items():
        assert n * option.tick == pytest.approx(float(price), abs=1e-9)
        assert price_fault(option, n) == ""


def test_names_of_five_years_round_trip():
    seen = {
        row["instrument"] for row in _recorded("deribit_exchange_greeks_*.csv.gz", "instrument")
    }
    assert len(seen) > 5_000
    assert all(printed(parsed(name)) == name for name in seen)

"""``hedger can-hedge`` on a deployment that runs, and where nothing does."""

from __future__ import annotations

import json
import time

import pytest

from tests.cli.conftest import Call
from tests.cli.place import HEDGED, Place, Said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("btc-main", "0"), "DELTA: is 0, expected a finite number other than zero"),
        (("btc-main", "nan"), "DELTA: is nan, expected a finite number other than zero"),
        (("btc-main", "-inf"), "DELTA: is -inf, expected a finite number other than zero"),
        (("btc-main", "much"), 'unable to convert "much" into float'),
        (("nobody", "1"), "book 'nobody': unknown, expected one of btc-main"),
        (("btc-main",), "requires an argument"),
    ],
)
def test_bad_input_is_one_line(
    place: Place, hedger: Call, arguments: tuple[str, ...], said: str
) -> None:
    place.write(HEDGED)
    found = hedger(place, "can-hedge", *arguments)
    assert (found.status, found.out) == (2, "")
    assert said in found.err
    assert found.err.count("\n") == 1


@pytest.mark.parametrize("delta", ["1", "-1.5"])
def test_where_nothing_runs_there_is_no_yes(place: Place, hedger: Call, delta: str) -> None:
    place.write(HEDGED)
    found = hedger(place, "can-hedge", "btc-main", delta)
    assert (found.status, found.out) == (1, "")
    assert "is not running" in found.err


def test_a_running_book_answers(desk: Place, hedger: Call) -> None:
    end_s = time.monotonic() + 30.0
    while (found := hedger(desk, "can-hedge", "btc-main", "-0.5", "--reserve", "--json")).status:
        assert time.monotonic() < end_s, found
    offer = json.loads(found.out)
    assert (offer["size"], offer["basis"], offer["valid_ms"]) == (-0.5, "reserved", 500)
    assert len(offer["reservation"]) == 32
    (part,) = offer["hedges"]
    assert (part["instrument"], part["size"]) == ("BTC-PERPETUAL", 0.5)
    assert offer["cost"] > 0.0
    limits = {room["limit"] for room in offer["rooms"]}
    assert {"order_max", "per_minute_max", "position_max", "depth"} <= limits


def test_what_cannot_be_taken_is_said_with_its_limit(desk: Place, hedger: Call) -> None:
    def asked() -> Said:
        return hedger(desk, "can-hedge", "btc-big", "1")

    found = asked()
    assert found.status == 1
    assert "btc-big: none of +1 may be taken" in found.out
    assert "first_trade_max" in found.out

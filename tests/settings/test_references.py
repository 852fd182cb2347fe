"""Reference prices in the configuration: what is accepted, and one clear line for what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hedger.app.ground import the_venues
from hedger.app.translate import book_params, paper_params
from tests.settings.desk import loaded, refused, right

TWO = "BTC-PERPETUAL@paper, BTC-PERPETUAL@west"


def desk(reference: dict[str, Any] | None = None, **use: Any) -> dict[str, Any]:
    raw = right()
    raw["venues"] |= {"west": {"kind": "paper"}, "east": {"kind": "paper"}}
    raw["reference"] = {"btc": {"sources": TWO} | (reference or {})}
    raw["book"][0]["reference"] = {"name": "btc"} | use
    return raw


def test_sources_are_heard_at_their_venues_which_are_started(tmp_path: Path) -> None:
    config = loaded(tmp_path, desk({"sources": f"{TWO}, BTC_USDC-PERPETUAL@east/index"}))
    assert the_venues(config) == ("paper", "west", "east")
    assert paper_params(config, "east").instruments == ("BTC_USDC-PERPETUAL",)
    assert paper_params(config, "east").accounts == ()
    (made,) = book_params(config)
    assert made.venues == ("paper", "west", "east")
    assert made.rules.reference is not None
    assert made.rules.reference.name == "btc"


def test_a_reference_that_no_book_names_starts_nothing(tmp_path: Path) -> None:
    raw = desk()
    del raw["book"][0]["reference"]
    config = loaded(tmp_path, raw)
    assert the_venues(config) == ("paper",)
    (made,) = book_params(config)
    assert (made.sources, made.rules.reference) == ((), None)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"sources": "BTC-PERPETUAL@paper"}, "sources names 1, expected 2 to 16"),
        ({"sources": f"{TWO}, BTC-PERPETUAL@west"}, "names BTC-PERPETUAL@west twice"),
        (
            {"sources": f"{TWO}, BTC-PERPETUAL@west/index"},
            "sources has 2 of 3 from west, expected at most half",
        ),
        ({"sources": "BTC-PERPETUAL@paper, BTC-PERPETUAL@north"}, "expected one of the venues:"),
        ({"sources": "BTC-PERPETUAL@paper, ETH-PERPETUAL@west"}, "expected the others' BTC"),
        ({"sources": "BTC-PERPETUAL@paper, BTC-8JAN27@west"}, "expected a perpetual or /index"),
        ({"sources": "BTC-PERPETUAL@paper, bitcoin@west"}, "not a Deribit name, expected"),
        ({"sources": "BTC-PERPETUAL"}, "expected sources with commas between"),
        ({"weights": "1"}, "weights has 1 numbers, expected 2: one a source"),
        ({"weights": "1, -2"}, "weights: is '1, -2', expected numbers with commas between"),
        ({"sources_min": 3}, "sources_min is 3, expected at most the 2 sources"),
        ({"sources_min": 1}, "sources_min: is 1, expected a whole number from 2 to 16"),
        ({"age_s_max": 0}, "age_s_max: is 0, expected a number above 0"),
        ({"guard": 0.1}, "guard: unknown key, did you mean"),
    ],
)
def test_what_makes_no_reference_is_one_line(
    tmp_path: Path, change: dict[str, Any], line: str
) -> None:
    (found,) = refused(tmp_path, desk(change))
    assert line in found
    assert "reference.btc" in found


@pytest.mark.parametrize(
    ("use", "line"),
    [
        ({"name": "btb"}, "is 'btb', which is no [reference.btb], did you mean 'btc'?"),
        ({"name": "", "index": "reference"}, "index is given without a name, expected the name"),
        ({"guard": "on"}, "guard: is 'on', expected one of 'off', 'warn', 'refuse'"),
        ({"name": "B T C"}, "name: is 'B T C', expected the name of a [reference.NAME]"),
    ],
)
def test_a_use_that_cannot_be_is_one_line(tmp_path: Path, use: dict[str, Any], line: str) -> None:
    (found,) = refused(tmp_path, desk(**use))
    assert line in found


def test_a_reference_of_another_underlying(tmp_path: Path) -> None:
    (found,) = refused(tmp_path, desk({"sources": "ETH-PERPETUAL@paper, ETH-PERPETUAL@west"}))
    assert "book[btc-main].reference.name: is 'btc' of ETH, expected one of BTC" in found


def test_a_changed_reference_is_another_configuration_of_its_books(tmp_path: Path) -> None:
    before = loaded(tmp_path, desk()).digests
    assert loaded(tmp_path, desk({"guard_max": 0.03})).digests != before
    assert loaded(tmp_path, desk()).digests == before

"""Hedges at other venues than the book's: what is read, and what is refused in a clear line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hedger.app.ground import the_venues
from hedger.app.translate import book_params, paper_params
from hedger.settings import load
from tests.settings.desk import book, loaded, refused, right

EXAMPLE = Path(__file__).parents[2] / "config" / "two_venues.toml"


def two(also: str, **more: Any) -> dict[str, Any]:
    raw = right()
    raw["venues"]["west"] = {"kind": "paper"}
    raw["book"][0]["hedge"] |= {"also": also} | more
    return raw


def test_hedges_and_accounts_by_venue(tmp_path: Path) -> None:
    config = loaded(tmp_path, two("BTC-PERPETUAL@west/sub-1", share_max=0.5))
    (params,) = book_params(config)
    assert params.hedges == ("BTC-PERPETUAL", "BTC-PERPETUAL@west")
    assert [(r.venue, r.account) for r in params.routes] == [
        ("paper", "btc-main"),
        ("west", "sub-1"),
    ]
    assert [route.share_max for route in params.rules.hedge.routes] == [0.5, 0.5]
    assert the_venues(config) == ("paper", "west")
    home, west = (paper_params(config, venue) for venue in the_venues(config))
    assert [account.name for account in home.accounts] == ["btc-main"]
    assert [(account.name, account.positions) for account in west.accounts] == [("sub-1", {})]
    assert west.instruments == ("BTC-PERPETUAL",)


def test_an_account_left_out_is_called_as_the_book_s(tmp_path: Path) -> None:
    (params,) = book_params(loaded(tmp_path, two("BTC-PERPETUAL@west")))
    assert params.also == {"west": "btc-main"}


def test_the_example_is_right() -> None:
    config = load(EXAMPLE, environ={"HOME": "/nowhere"})
    assert the_venues(config) == ("paper", "west")


@pytest.mark.parametrize(
    ("also", "expected"),
    [
        ("BTC-PERPETUAL@east", "one of the venues: paper, west"),
        ("BTC-PERPETUAL@paper", "other than the book's own"),
        ("BTC-PERPETUAL@west, BTC-PERPETUAL@west/b", "one hedge at each venue"),
        ("BTC-PERPETUAL", "expected hedges at other venues, such as"),
        ("ETH-PERPETUAL@west", "expected the book's BTC"),
        ("BTC-3JUL26-64000-C@west", "is an option, expected a future or perpetual"),
        ("NONSENSE@west", "expected"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, also: str, expected: str) -> None:
    lines = refused(tmp_path, two(also))
    assert len(lines) == 1, lines
    assert "hedge.also" in lines[0]
    assert expected in lines[0]


def test_one_account_is_carried_by_one_book(tmp_path: Path) -> None:
    raw = two("BTC-PERPETUAL@west/shared")
    hedge = {"buy": "BTC-PERPETUAL", "sell": "BTC-PERPETUAL", "also": "BTC-PERPETUAL@west/shared"}
    raw["book"].append(book("other", hedge=hedge))
    (line,) = refused(tmp_path, raw)
    assert "one book per account and underlying" in line
    assert "book[btc-main]" in line

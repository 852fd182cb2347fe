"""The digest: every effective value counts, comments and layout do not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hedger.settings import load
from hedger.settings.book import Book
from hedger.settings.digest import digest
from hedger.settings.leaves import ANY, leaves
from hedger.settings.reference import BookReference, Reference
from tests.settings.desk import ENVIRON, POSITIONS, book, loaded, put, right, write

LEGS = {"BTC-PERPETUAL": -6000}
PLAIN = digest(Book.model_validate(book("btc-main")), LEGS)

other: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["a", "b-1"]),
    "venue": st.sampled_from(["a", "live"]),
    "account": st.sampled_from(["sub", "sub.2"]),
    "underlying": st.sampled_from(["ETH", "SOL"]),
    "numeraire": st.just("coin"),
    "buy": st.sampled_from(["BTC-3JUL26", "BTC_USDC-PERPETUAL"]),
    "sell": st.sampled_from(["BTC-3JUL26", "BTC_USDC-PERPETUAL"]),
    "unexplained": st.just("stop"),
    "transfers": st.just("hedge"),
    "unit": st.sampled_from(["usd", "gross_delta"]),
    "rehedge_to": st.sampled_from(["centre", "target"]),
    "lower": st.floats(-1e9, 0),
    "upper": st.floats(0, 1e9),
    "target": st.floats(-0.25, 0.25),
    "clip_min": st.floats(0, 1),
    "ratio": st.floats(0, 1.5),
    "also": st.sampled_from(["BTC-PERPETUAL@west", "BTC-PERPETUAL@west/sub"]),
    "share_max": st.floats(1e-9, 1),
    "hard_band": st.floats(1, 1000),
    "slippage_bps_max": st.floats(1e-9, 1000),
    "min_move_pct": st.floats(0, 100),
    "delta": st.just("venue"),
    **{f"minimum_variance_{k}": st.floats(0.1, 5) for k in "abc"},
    "tuning": st.just("on"),
    "delta_gap": st.sampled_from(["widen", "freeze"]),
    "delta_gap_max": st.floats(0, 1),
    "vol": st.sampled_from(["forecast", "har", "blend"]),
    "vol_width": st.floats(1e-9, 5),
    "vol_age_s_warn": st.floats(1e-9, 300),
    "vol_age_s_max": st.floats(60, 86_400),
    "close_spread_bps_max": st.floats(1e-9, 10_000),
    "margin_ratio": st.sampled_from(["0.5/0.4 - - -", "- - 0.8/0.5 0.9/0.6"]),
    "liquidation_distance": st.sampled_from(["0.3/0.4 - - 0.1/0.2"]),
    "drawdown": st.sampled_from(["0.1/0.05 0.2/0.1 0.3/0.2 0.4/0.3"]),
    "scenario_loss": st.sampled_from(["1.0/0.8 - - 2.0/1.5"]),
    "reduce_to": st.floats(0, 0.99),
    "shrink": st.just("on"),
    "grow": st.just("on"),
    "moves": st.just("-0.3 0.3"),
    "vols": st.just("0 1"),
    "collateral": st.just("crossed"),
}
SCALING = {
    "use": "on",
    "source": "key:trend",
    "measure": "value_at_risk",
    "method": "delta_normal",
    "model": "grid",
}
FREE = [p for p in leaves() if p[0] == "book" and p[-1] not in ("positions", "kind", "shadows")]


@given(st.data(), st.sampled_from(FREE))
def test_any_effective_value_changes_it(data: st.DataObject, path: tuple[Any, ...]) -> None:
    leaf = leaves()[path]
    raw = {"book": [book("btc-main")]}
    before = Book.model_validate(raw["book"][0])
    value = data.draw(other.get(str(path[-1]), st.floats(1e-6, 86_400)))
    assert path[1] == ANY
    if path[2] == "scaling":  # likewise: what one model asks for is not asked for by all
        words = SCALING.get(str(path[-1]), "usd")
        found = words if leaf.base is str else data.draw(st.floats(1e-6, 86_400))
        after = before.model_copy(update={"scaling": _put(before.scaling, path[3:], found)})
        assume(after != before)
        assert digest(after, LEGS) != PLAIN, leaf.path
        return
    if path[2] == "band":  # a key of another kind of band would be refused, and has to count too
        changed = before.band.model_copy(update={path[3]: value})
        after = before.model_copy(update={"band": changed})
    elif path[2] in (
        "ladder",
        "scale",
        "scenario",
    ):  # some keys ask for another, and have their own bounds
        table = _put(getattr(before, path[2]), path[3:], value)
        after = before.model_copy(update={path[2]: table})
    elif path[2] == "reference":  # what is done with one counts once it is named
        named = before.model_copy(update={"reference": BookReference(name="btc")})
        if path[3] == "name":
            assert digest(named, LEGS) != PLAIN
            return
        after = before.model_copy(update={"reference": _put(named.reference, path[3:], "off")})
        assert digest(after, LEGS) not in (PLAIN, digest(named, LEGS))
        return
    else:
        put(raw, ("book", 0, *path[2:]), value)
        after = Book.model_validate(raw["book"][0])
    assume(after != before)
    assert digest(after, LEGS) != PLAIN, leaf.path


def _put(table: Any, path: tuple[Any, ...], value: object) -> Any:
    """A copy of a table with one value of it, or of a table in it, as given."""
    inner = value if len(path) == 1 else _put(getattr(table, path[0]), path[1:], value)
    return table.model_copy(update={path[0]: inner})


def test_what_a_reference_is_made_of_counts_and_its_name_does_not() -> None:
    sources = "BTC-PERPETUAL@paper, BTC-PERPETUAL@west"
    a, b = (Book.model_validate(book("btc-main", reference={"name": n})) for n in ("a", "b"))
    made = Reference(sources=sources)
    assert digest(a, LEGS, made) == digest(b, LEGS, made)
    for other_made in (
        Reference(sources=sources.replace("west", "east")),
        Reference(sources=sources, guard_max=0.03),
    ):
        assert digest(a, LEGS, other_made) != digest(a, LEGS, made)
    plain = Book.model_validate(book("btc-main"))
    assert digest(plain, LEGS, made) == PLAIN


def test_every_leaf_is_reached() -> None:
    """A leaf that the dump forgot would go unnoticed above if its path were wrong here."""
    dumped = Book.model_validate(book("btc-main")).model_dump(mode="json")
    for path in FREE:
        node: Any = dumped
        for key in path[2:]:
            node = node[key]


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(-5, 5).filter(bool)))
def test_positions_count_and_their_order_does_not(legs: dict[str, int]) -> None:
    plain = Book.model_validate(book("btc-main"))
    same = dict(reversed(list(legs.items())))
    assert digest(plain, same) == digest(plain, legs)
    assert digest(plain, {**legs, "d": 1}) != digest(plain, legs)
    assert digest(plain, None) != digest(plain, legs)


def test_what_does_not_count(tmp_path: Path) -> None:
    plain = loaded(tmp_path).digests["btc-main"]
    (tmp_path / "else").mkdir()
    raw = right()
    raw["deployment"] = "other"
    raw["worker"]["lease_s"] = 9.0
    raw["book"][0] |= {"account": "btc-main", "base_coin": -0.0}
    raw["book"][0]["band"] |= {"cooldown_s": 5, "target": -0.0}
    raw["book"][0]["positions"] = "../positions.csv"
    assert loaded(tmp_path / "else", raw).digests["btc-main"] == plain
    path = write(tmp_path, right(), "# comment\n\n" + POSITIONS.replace("-10", " -10.0 "))
    path.write_text("# comment\n\n" + path.read_text().replace("= ", "=    "))
    assert loaded(tmp_path, path.read_text()).digests["btc-main"] == plain


def test_shadows_do_not_count_as_nothing_is_hedged_by_them(tmp_path: Path) -> None:
    plain = loaded(tmp_path).digests["btc-main"]
    raw = right() | {"policy": {"wide": {"kind": "fixed", "lower": -2.0, "upper": 2.0}}}
    raw["book"][0]["shadows"] = "wide"
    assert loaded(tmp_path, raw).digests["btc-main"] == plain


def test_content_of_the_positions_file_counts(tmp_path: Path) -> None:
    plain = loaded(tmp_path).digests["btc-main"]
    assert re.fullmatch("[0-9a-f]{32}", plain)
    path = write(tmp_path, right(), POSITIONS.replace("-10", "-11"))
    assert load(path, environ=ENVIRON).digests["btc-main"] != plain


@pytest.mark.parametrize("variable", ["HEDGER__BOOK__0__BAND__UPPER"])
def test_variables_count(tmp_path: Path, variable: str) -> None:
    assert loaded(tmp_path).digests != loaded(tmp_path, **{variable: "0.5"}).digests


def test_other_venues_count_only_where_there_are_some_and_by_whole_accounts() -> None:
    """A release that knows of one venue only has the same digest for a book on one venue."""
    known = digest(Book.model_validate(book("btc-main", hedge=HEDGE | {"also": ""})), LEGS)
    assert known == PLAIN
    texts = ("BTC-PERPETUAL@west", "BTC-PERPETUAL@west/btc-main", "BTC-PERPETUAL@west/other")
    short, long, other = (
        digest(Book.model_validate(book("btc-main", hedge=HEDGE | {"also": also})), LEGS)
        for also in texts
    )
    assert PLAIN != short == long != other


HEDGE = {"buy": "BTC-PERPETUAL", "sell": "BTC-PERPETUAL"}

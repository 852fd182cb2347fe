"""Policies by name, and the books that they are run beside: `[policy.NAME]` and `shadows`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hedger.app.translate import book_params
from hedger.errors import ConfigError
from hedger.settings import Configuration
from tests.settings.desk import clear_lines, loaded, right

POLICIES = {
    "wide": {"kind": "fixed", "lower": -2.0, "upper": 2.0},
    "tight": {"kind": "cubic", "risk_aversion": 0.5},
}


def desk(folder: Path, shadows: str, policies: Any = POLICIES, **variables: str) -> Configuration:
    raw = right() | {"policy": policies}
    raw["book"][0]["shadows"] = shadows
    raw["venues"]["paper"] |= {"latency_ms": 7.0, "seed": 5, "depth_levels": 3}
    return loaded(folder, raw, **variables)


def test_each_is_a_band_at_the_terms_of_the_books_venue(tmp_path: Path) -> None:
    found = desk(tmp_path, "wide, tight", HEDGER__POLICY__WIDE__UPPER="1.5")
    wide, tight = book_params(found)[0].shadows
    assert (wide.name, wide.band.kind, wide.band.lower, wide.band.upper) == (
        "wide",
        "fixed",
        -2.0,
        1.5,
    )
    assert (tight.band.kind, tight.band.risk_aversion) == ("cubic", 0.5)
    assert (wide.latency_ms, wide.seed, wide.depth_levels) == (7.0, 5, 3)


@pytest.mark.parametrize(
    ("shadows", "policies", "words"),
    [
        ("wide, wde", POLICIES, "names wde, which is no [policy.wde], did you mean 'wide'?"),
        (
            "other",
            POLICIES,
            "names other, which is no [policy.other], expected one of: wide",
        ),
        ("wide", {}, "expected one of: (there is none)"),
        ("wide,wide", POLICIES, "names wide twice, expected each policy once"),
        ("live", POLICIES, "names live, expected a policy beside the live one"),
        ("wide; tight", POLICIES, "expected names of policies with commas between"),
        ("", {"wide": {"kind": "wide"}}, "policy.wide.kind: is 'wide', expected one of"),
        ("", {"wide": {"widht": 1}}, "policy.wide.widht: unknown key"),
        ("", {"no name": {}}, "expected a name of 1 to 40 characters"),
        ("", {"wide": 3}, "policy.wide: is 3, expected a table with the keys kind"),
        ("wide", {"wide": {"kind": "interval"}}, "expected at least 1 with kind interval"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, shadows: str, policies: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        desk(tmp_path, shadows, policies)
    (line,) = clear_lines(caught.value)
    assert words in line


def test_a_book_at_several_venues_has_none(tmp_path: Path) -> None:
    raw = right() | {"policy": POLICIES}
    raw["book"][0] |= {"shadows": "wide"}
    raw["book"][0]["hedge"] |= {"also": "BTC-PERPETUAL@west"}
    raw["venues"]["west"] = {"kind": "paper"}
    with pytest.raises(ConfigError, match="expected it with one venue alone"):
        loaded(tmp_path, raw)


def test_an_unknown_policy_by_name_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="policy 'other': unknown, expected one of wide, tight"):
        desk(tmp_path, "").policy("other")

"""What `hedger doctor` says of orders that get no answer, by class of venue."""

from __future__ import annotations

import pytest

from hedger.app.doctor import unknown_orders
from hedger.core.model import Conduct, VenueClass


@pytest.mark.parametrize(
    ("venue_class", "attended", "synced", "state"),
    [
        ("A", False, {"everysec"}, "ok"),
        ("A", False, set(), "ok"),
        ("B", False, {"always"}, "ok"),
        ("B", False, {"everysec"}, "fail"),
        ("B", False, {"always", "no"}, "fail"),
        ("B", False, {"always", ""}, "warn"),
        ("B", True, set(), "warn"),
        ("C", True, {"always"}, "warn"),
        ("C", False, {"always"}, "fail"),
    ],
)
def test_what_is_not_sure_to_end_is_said_with_what_to_do(
    venue_class: str, attended: bool, synced: set[str], state: str
) -> None:
    known = Conduct(
        product="perpetual",
        venue_class=VenueClass(venue_class),
        evidence="as documented",
        source="tests",
    )
    found = unknown_orders("X", known, attended=attended, synced=frozenset(synced))
    assert found.state == state
    assert bool(found.advice) == (state != "ok")
    assert f"class {venue_class}: as documented" in found.found
    if venue_class == "B" and state != "ok":
        assert "appendfsync always" in found.advice

"""The paper exchange's limit of orders: what is told, what is refused, and what never is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedger.core.model import OrderStatus
from hedger.errors import VenueRejected
from hedger.venues.paper.credits import Credits, Limit
from tests.venues.paper_desk import PERP, client, order, params, serving


@given(
    st.floats(1.0, 50.0),
    st.floats(0.1, 20.0),
    st.lists(st.floats(0.0, 3.0), min_size=1, max_size=120),
)
def test_never_more_than_the_burst_and_what_came_back_since(
    most: float, per_s: float, waits: list[float]
) -> None:
    kept, now_s, spent = Credits(most=most, per_s=per_s), 0.0, 0
    for wait_s in waits:
        now_s += wait_s
        spent += kept.spend("a", now_s)
        told = kept.told("a", now_s)
        assert told is not None
        assert 0.0 <= told.share(0.0) <= 1.0
        assert told.share(1e9) == 1.0
    assert spent <= most + per_s * now_s + 1e-6
    assert kept.told("b", now_s) == Limit(most, most, per_s), "each account has its own"


def test_without_a_limit_nothing_is_counted_or_told() -> None:
    kept = Credits(most=1.0, per_s=0.0)
    assert all(kept.spend("a", 0.0) for _ in range(100))
    assert kept.told("a", 0.0) is None


def test_beyond_the_limit_an_order_is_refused_unseen_and_one_sent_before_is_told(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        wanted = params(tmp_path, order_rate=0.001, order_burst=4.0)
        async with serving(wanted), client(wanted) as venue, client(wanted) as other:
            assert venue.credits("a") is None, "nothing is known before the first answer"
            late_ms = venue.venue_ms() + 60_000
            shares = []
            for number in range(4):
                await venue.place(order(str(number), 1, deadline_ms=late_ms))
                shares.append(venue.credits("a"))
            assert shares == pytest.approx([0.75, 0.5, 0.25, 0.0], abs=0.01)
            with pytest.raises(VenueRejected, match="none of its credits is left"):
                await other.place(order("5", 1, deadline_ms=late_ms))
            assert other.credits("a") == pytest.approx(0.0, abs=0.01), "it is the account's"
            assert (await venue.query("a", "5")).status is OrderStatus.NOT_FOUND
            again = await venue.place(order("0", 1, deadline_ms=late_ms))
            assert again.status is OrderStatus.FILLED, "its fate is told, whatever is left"
            assert (await venue.positions("a"))[PERP] == 4

    asyncio.run(story())

"""What ``hedger status`` says of a book that nobody runs, from its lease and newest entry."""

from __future__ import annotations

import pytest

from hedger.app.standing import LastDecision, _unkept
from hedger.ports import ShardInfo
from hedger.service.entry import UNDECIDED_MS


def last(worker: str = "w1", *, epoch: int = 7, age_ms: int = 1_000) -> LastDecision:
    return LastDecision(
        id="b.1.0", action="no_trade", reason="inside_band", text="", worker=worker, epoch=epoch,
        market_ms=1, age_ms=age_ms, delta=0.0,
    )  # fmt: skip


LEASE = ShardInfo(shard=3, owner="w1", epoch=7, lease_ms_left=4_000)


def test_a_book_that_its_owner_decides_is_kept() -> None:
    assert _unkept(LEASE, last()) == ""


@pytest.mark.parametrize(
    ("lease", "newest", "said"),
    [
        (None, last(), "held by nobody"),
        (LEASE, None, "decided nothing"),
        (LEASE, last(epoch=6), "decided nothing"),
        (LEASE, last("w2"), "decided nothing"),
        (LEASE, last(age_ms=UNDECIDED_MS + 1), "for a minute"),
    ],
)
def test_any_other_is_said_to_be_run_by_nobody(
    lease: ShardInfo | None, newest: LastDecision | None, said: str
) -> None:
    assert said in _unkept(lease, newest)

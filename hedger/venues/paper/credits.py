"""The paper exchange's limit of orders: credits by account, spent one an order, refilled in time.

As at venues that count: so many at once, so many a second for ever, and an order beyond that is
refused before the engine sees it. What is left is told with each answer.
"""

from __future__ import annotations

from msgspec import Struct


class Limit(Struct, frozen=True, array_like=True):
    """What an account had left when it was told, of how many at most, refilled by how many a s."""

    left: float
    most: float
    per_s: float

    def share(self, passed_s: float) -> float:
        """Share left so long after; never above 1.

        Examples
        --------
        >>> Limit(2.0, 10.0, 4.0).share(1.0)
        0.6
        """
        return min(self.left + self.per_s * max(passed_s, 0.0), self.most) / self.most


class Credits:
    """Credits of all accounts of one exchange; `per_s` 0 is no limit, and nothing is told."""

    def __init__(self, *, most: float, per_s: float) -> None:
        self._most, self._per_s = most, per_s
        self._accounts: dict[str, tuple[float, float]] = {}

    def spend(self, account: str, now_s: float) -> bool:
        """Take one for an order; False where there is none, which takes nothing."""
        if not self._per_s:
            return True
        left = self._left(account, now_s)
        if left < 1.0:
            return False
        self._accounts[account] = left - 1.0, now_s
        return True

    def told(self, account: str, now_s: float) -> Limit | None:
        """What is left now; None without a limit."""
        if not self._per_s:
            return None
        return Limit(self._left(account, now_s), self._most, self._per_s)

    def _left(self, account: str, now_s: float) -> float:
        left, since_s = self._accounts.get(account, (self._most, now_s))
        return min(left + self._per_s * (now_s - since_s), self._most)

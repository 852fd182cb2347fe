"""Before the risk is taken: how much delta a book can be given now, and hedged at once."""

from hedger.core.capacity.offer import can_hedge
from hedger.core.capacity.question import Gate, Question

__all__ = ["Gate", "Question", "can_hedge"]

"""What a run came to: P&L, its parts, hedges and settlements, from the exchange's trade log.

Nothing here was told by a worker but the time its decisions took: what happened is what the
exchange wrote down, counted again by other code than the exchange's.
"""

from hedger.backtest.history import History, history
from hedger.backtest.report import Subject, report
from hedger.backtest.table import printable

__all__ = ["History", "Subject", "history", "printable", "report"]

"""The composition root: the only place that knows settings and every adapter at once.

`translate` makes plain records of the configuration (it alone reads the models), the other modules
start with those what a deployment consists of: the store, paper exchanges, worker processes.
"""

from hedger.app.translate import (
    Applied,
    apply,
    book_params,
    paper_params,
    rules,
    store_params,
    worker_params,
)

__all__ = [
    "Applied",
    "apply",
    "book_params",
    "paper_params",
    "rules",
    "store_params",
    "worker_params",
]

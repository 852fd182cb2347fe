"""The error tree: each leaf answers "what does the loop do next?".

::

    HedgerError
    ├── ConfigError            never starts
    ├── DataError
    │   ├── StaleQuote         no decision on this market
    │   └── MissingQuote       no decision on this market
    ├── VenueError
    │   ├── VenueUnavailable   on a read: retry; on a place: resolved like unknown
    │   ├── RateLimited        retry after ``retry_after_s``
    │   ├── VenueRejected      surely refused: record
    │   ├── OutcomeUnknown     reconcile, never resend under a new id
    │   └── OutOfStep          reconcile
    └── StoreError
        ├── StoreUnavailable   retry
        ├── UnknownVersion     leave the book to a release that can read it
        ├── RevisionConflict   read and decide again
        └── LeaseLost          drop the work

A refusal by our own limits is a record (`hedger.core.model.Refusal`), not an exception.
"""


class HedgerError(Exception):
    """Root of everything this service raises on purpose."""


class ConfigError(HedgerError):
    """The configuration or a file it names is wrong: what, where, what was expected."""


class DataError(HedgerError):
    """Market data that must not be acted on."""


class StaleQuote(DataError):
    """A quote is older than its limit."""


class MissingQuote(DataError):
    """No usable quote exists."""


class VenueError(HedgerError):
    """Something at a venue."""


class VenueUnavailable(VenueError):
    """The venue could not be reached or did not answer a read in time."""


class RateLimited(VenueError):
    """The venue asks to wait."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class VenueRejected(VenueError):
    """The venue surely refused the order: nothing rests there, nothing filled."""


class OutcomeUnknown(VenueError):
    """An order or cancel was sent, or may have been, and no answer proves its fate."""


class OutOfStep(VenueError):
    """The venue's state and ours differ: read it again."""


class StoreError(HedgerError):
    """Something at the shared store."""


class StoreUnavailable(StoreError):
    """The store could not be reached or did not answer in time."""


class UnknownVersion(StoreError):
    """A record of a newer release, or of one too old: whoever can read it may have the book."""


class RevisionConflict(StoreError):
    """Another decision was recorded first: read the book and decide again."""


class LeaseLost(StoreError):
    """The lease is held by another worker, or has expired: drop the work."""

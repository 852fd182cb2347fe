"""Every key name, and the ids that are derived rather than drawn.

All keys of a shard carry one hash tag, so that each script touches one Redis Cluster slot. Nothing
else in the code base spells a key.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b

from hedger.errors import ConfigError

SCHEMA = 1
"""Version of the layout below, of the records and of what the scripts expect of them."""

NAME = re.compile(r"[a-z0-9_-]{1,40}")
WEEK_MS = 7 * 86_400_000
TRADES_KEPT_MS = WEEK_MS
"""How long trade ids outlive their order: longer than any venue replays fills."""


def reads() -> range:
    """Versions that this release can read: its own and the one before, so that both run together.

    What it writes is the version that the deployment has in ``meta``, not simply its own: the older
    of two releases on one store must be able to read it. See docs/STORE.md.
    """
    return range(max(1, SCHEMA - 1), SCHEMA + 1)


def expected() -> str:
    """The versions that can be read, for messages."""
    return " or ".join(f"'{version}'" for version in reads())


_OWN_ID = re.compile(r"[0-9a-f]{32}")
_ENTRY_ID = re.compile(r"([a-z0-9_-]{1,40})\.(\d{1,15})\.(\d{1,18})")
_SEQ_MAX = 16**12
_NAMES_KEPT = 20_000
"""Names whose hashes are remembered: a deployment has few, and uses each with every order."""


def checked_name(what: str, name: str) -> str:
    """Return ``name`` if it may be part of a key.

    Raises
    ------
    ConfigError
        The name is empty, too long or has other characters.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"{what} {name!r}: expected 1 to 40 of a-z, 0-9, '_' and '-'")
    return name


@lru_cache(_NAMES_KEPT)
def book_hash(book: str) -> str:
    """Eight hex characters that stand for a book in its order ids."""
    return blake2b(book.encode(), digest_size=4).hexdigest()


@lru_cache(_NAMES_KEPT)
def shard_of(book: str, shards: int) -> int:
    """``blake2b(book) mod shards``."""
    digest = blake2b(checked_name("book", book).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % shards


def intent_id(namespace: str, book: str, instrument: str, seq: int) -> str:
    """Client order id: namespace 8, book 8, instrument 4 and revision 12 hex characters.

    Deterministic, so that whoever takes over asks the venue for the same order.

    Examples
    --------
    >>> intent_id("00c0ffee", "btc-main", "BTC-PERPETUAL", 7)[-12:]
    '000000000007'
    """
    if not 0 <= seq < _SEQ_MAX:
        raise ValueError(f"seq {seq}: expected 0 to 2**48 - 1")
    return f"{namespace}{book_hash(book)}{_asset_hash(instrument)}{seq:012x}"


def first_seq(epoch_ms: int) -> int:
    """The revision after which orders are numbered under a new incarnation of the server.

    A server that came back may have forgotten orders, and which numbers those had; the venue need
    not know them either, or only as cancelled. So each second of the server's time has 65,536
    numbers of its own, and a shard's epoch says in which second it was claimed. A clock from
    beyond the year 2100 changes nothing.

    Examples
    --------
    >>> first_seq(1_800_000_000_000) - first_seq(1_799_999_999_000)
    65536
    """
    seq = epoch_ms // 1_000 << 16
    return seq if seq < _SEQ_MAX - (1 << 45) else 0


def made_as_ours(client_id: str, instrument: str) -> bool:
    """Whether an order id for this instrument was made by `intent_id`, here or elsewhere.

    Examples
    --------
    >>> made_as_ours(intent_id("00c0ffee", "btc-main", "BTC-PERPETUAL", 7), "BTC-PERPETUAL")
    True
    """
    return _OWN_ID.fullmatch(client_id) is not None and client_id[16:20] == _asset_hash(instrument)


@lru_cache(_NAMES_KEPT)
def _asset_hash(instrument: str) -> str:
    return blake2b(instrument.encode(), digest_size=2).hexdigest()


def entry_parts(entry_id: str) -> tuple[str, int, int]:
    """Book, milliseconds and number of a journal entry id ``<book>.<ms>.<n>``."""
    match = _ENTRY_ID.fullmatch(entry_id)
    if match is None:
        raise ValueError(f"journal entry id {entry_id!r}: expected <book>.<ms>.<n>")
    return match[1], int(match[2]), int(match[3])


def entry_ms(entry_id: str) -> int:
    """When a journal entry was made: its number counts microseconds from its milliseconds on.

    Examples
    --------
    >>> entry_ms("btc-main.1795368931221.4702113")
    1795368935923
    """
    _, ms, n = entry_parts(entry_id)
    return ms + n // 1_000


def owns(book: str, client_id: str) -> bool:
    """Whether a client order id has the form of an intent of this book."""
    return _OWN_ID.fullmatch(client_id) is not None and client_id[8:16] == book_hash(book)


class Keys:
    """Key names of one deployment."""

    def __init__(self, deployment: str) -> None:
        self._root = checked_name("deployment", deployment)

    @property
    def meta(self) -> str:
        """Hash: schema version, namespace, shard count."""
        return f"{self._root}:{{m}}:meta"

    @property
    def workers(self) -> str:
        """Sorted set: worker -> last beat in the server's time."""
        return f"{self._root}:{{m}}:w"

    @property
    def books(self) -> str:
        """Hash: book hash -> name, the index that spares KEYS and SCAN."""
        return f"{self._root}:{{m}}:books"

    def signal(self, name: str) -> str:
        """Hash: value and time_ms of a signal, written by whoever has it."""
        return f"{self._root}:{{m}}:signal:{checked_name('signal', name)}"

    def lease(self, shard: int) -> str:
        """Hash: owner, epoch, expiry, run_id at the claim, run_id reconciled."""
        return f"{self._shard(shard)}:lease"

    def book(self, shard: int, book: str) -> str:
        """Hash: version, seq, facts, digest, hold, memory, and ``p:<instrument>`` in lots."""
        return f"{self._shard(shard)}:b:{book}"

    def intents(self, shard: int, book: str) -> str:
        """Hash: id of an open intent -> its record."""
        return f"{self._shard(shard)}:i:{book}"

    def reserved(self, shard: int, book: str) -> str:
        """Hash: id of a reservation -> version, state, side, amount, end by the server's clock."""
        return f"{self._shard(shard)}:r:{book}"

    def trades(self, shard: int) -> str:
        """Prefix of the hashes ``t:<id>``: trade id -> lots."""
        return f"{self._shard(shard)}:t:"

    def log(self, shard: int) -> str:
        """Stream: every transition."""
        return f"{self._shard(shard)}:log"

    def journal(self, shard: int) -> str:
        """Stream: decisions."""
        return f"{self._shard(shard)}:journal"

    def shadows(self, shard: int, book: str) -> str:
        """Hash: shadow -> its name and memory; apart from the book, lest it made that stale."""
        return f"{self._shard(shard)}:sh:{book}"

    def shadow_journal(self, shard: int) -> str:
        """Stream: what shadows would have done."""
        return f"{self._shard(shard)}:shadow"

    def _shard(self, shard: int) -> str:
        return f"{self._root}:{{s{shard:03d}}}"


def trade_slot(book: str, client_id: str, trade_id: str, time_ms: int) -> tuple[str, str]:
    """Where a fill is remembered: the suffix of its trade hash, and the field in it.

    Orders of ours have a hash each. Fills under any other id (settlements, a person's trades) share
    one per book and week of the fill's own time, so that a replay finds the same place and old
    weeks can expire.

    Examples
    --------
    >>> trade_slot("btc-main", "settlement", "s-1", 0)
    ('btc-main.0', 'settlement/s-1')
    """
    if owns(book, client_id):
        return client_id, trade_id
    return f"{book}.{time_ms // WEEK_MS}", f"{client_id}/{trade_id}"

"""Records as bytes, each led by a version byte; and the checks that precede every write.

An intent's record opens with one plain line that the Lua scripts read (state, bound, lots), and
goes on with JSON that they never touch: no number is parsed and printed again on the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from hedger.core.model import Act, ActKind, Intent, IntentState, Memory, Override, Reading
from hedger.errors import ConfigError, UnknownVersion
from hedger.ports import BookSeed, Changes, JournalEntry
from hedger.store import keys

LOTS_MAX = 2**53 - 1
"""Lua adds lots as doubles, exact up to here."""

COIN = 100_000_000
"""Lots of one coin: what was paid in is counted in its smallest unit."""
_COIN_MARK = "$"
_TIME_DIGITS = 15

_memory = msgspec.json.Decoder(Memory)
_act = msgspec.json.Decoder(Act)
_override = msgspec.json.Decoder(Override)
_intent = msgspec.json.Decoder(Intent)
_encode = msgspec.json.Encoder().encode


def memory_bytes(memory: Memory, schema: int) -> bytes:
    """Return a memory as stored under a schema version."""
    return b"%d" % schema + _encode(memory)


def memory_from(raw: bytes) -> Memory:
    """Read a stored memory; empty means that nothing was remembered yet."""
    if not raw:
        return Memory()
    checked_version("memory", raw[:1])
    try:
        return _memory.decode(raw[1:])
    except msgspec.DecodeError as bad:
        raise ConfigError(f"stored memory is not readable: {bad}") from None


def act_bytes(act: Act) -> bytes:
    """Return an act as stored; the same act is always the same bytes."""
    if not (act.who and act.reason):
        raise ValueError(f"{act.kind}: expected who asks for it and why")
    return _encode(act)


def act_from(raw: bytes) -> Act | None:
    """Read a stored act; empty means that nobody has asked for one."""
    if not raw:
        return None
    try:
        return _act.decode(raw)
    except msgspec.DecodeError as bad:
        raise UnknownVersion(
            f"stored act is not readable: {bad}; written by another release?"
        ) from None


def override_bytes(override: Override) -> bytes:
    """Return a person's override as stored."""
    if not (override.who and override.reason):
        raise ValueError("override: expected who asks for it and why")
    return _encode(override)


def override_from(raw: bytes) -> Override | None:
    """Read a stored override; empty means that there never was one."""
    if not raw:
        return None
    try:
        return _override.decode(raw)
    except msgspec.DecodeError as bad:
        raise UnknownVersion(
            f"stored override is not readable: {bad}; written by another release?"
        ) from None


def outlasts(act: Act) -> bool:
    """Whether an act stays until a person resumes the book."""
    return act.kind is ActKind.CLOSE


def signal_from(value: bytes | None, time_ms: bytes | None) -> Reading:
    """Read what somebody else wrote: a number of any size, and its instant in milliseconds.

    Examples
    --------
    >>> signal_from(b"-0.5", b"1795368931221").value
    -0.5
    >>> signal_from(b"up", b"1795368931221").reason, signal_from(None, None).reason
    ('its value is no number', 'there is no such key')
    """
    if value is None and time_ms is None:
        return Reading(reason="there is no such key")
    try:
        number = float(value or b"")
    except ValueError:
        return Reading(reason="its value is no number")
    if not (time_ms or b"").isdigit() or len(time_ms or b"") > _TIME_DIGITS:
        return Reading(reason="its time_ms is no instant in milliseconds")
    return Reading(value=number, time_ms=int(time_ms or b""))


def intent_bytes(intent: Intent, schema: int) -> bytes:
    """Return an intent as stored: one line for the scripts, then the whole as JSON."""
    line = (
        f"{schema} {intent.state} {intent.epoch} {intent.seq} {intent.lots}"
        f" {intent.low} {intent.high} {intent.deadline_ms} {intent.venue} {intent.instrument}\n"
    )
    return line.encode() + _encode(intent)


def intent_from(raw: bytes, filled: int) -> Intent:
    """Read a stored intent; ``filled`` is the sum of its trades, never stored with it."""
    checked_version("intent", raw[:1])
    line, _, body = raw.partition(b"\n")
    try:
        intent = _intent.decode(body)
        state = IntentState(line.split(b" ", 2)[1].decode())
    except (msgspec.DecodeError, ValueError, IndexError) as bad:
        raise ConfigError(f"stored intent is not readable: {bad}") from None
    return msgspec.structs.replace(intent, state=state, filled=filled)


def checked_intents(book: str, seq: int, intents: Sequence[Intent]) -> Sequence[Intent]:
    """Return the intents of one BEGIN if they can be recorded as they are.

    Raises
    ------
    ValueError
        They belong to another book or revision, share an id, or have impossible numbers.
    """
    if not intents:
        raise ValueError(f"begin of book {book}: expected at least one intent, use note for none")
    if len({intent.id for intent in intents}) != len(intents):
        raise ValueError(f"begin of book {book}: two intents share one id")
    for intent in intents:
        where = f"intent {intent.id} of book {book}"
        if intent.book != book or intent.seq != seq + 1:
            raise ValueError(
                f"{where}: is for {intent.book} at revision {intent.seq}, expected {seq + 1}"
            )
        if intent.state is not IntentState.PENDING:
            raise ValueError(f"{where}: state {intent.state}, expected pending")
        if not keys.owns(book, intent.id):
            raise ValueError(f"{where}: expected an id made by intent_id for this book")
        if intent.lots == 0 or intent.low > intent.high:
            raise ValueError(f"{where}: lots {intent.lots} within {intent.low}..{intent.high}")
        for lots in (intent.lots, intent.low, intent.high):
            checked_lots(where, lots)
        for name in (intent.venue, intent.instrument):
            checked_word(where, name)
    return intents


def checked_lots(where: str, lots: int) -> int:
    """Return ``lots`` if the server can add them exactly."""
    if type(lots) is not int or abs(lots) > LOTS_MAX:
        raise ValueError(f"{where}: {lots!r} lots, expected an integer within 2**53")
    return lots


def checked_word(where: str, name: str) -> str:
    """Return ``name`` if it can stand in a record's first line."""
    if not name or not name.isprintable() or " " in name:
        raise ValueError(f"{where}: name {name!r}, expected a word without spaces")
    return name


def coin_name(currency: str) -> str:
    """Under which name, among the positions, transferred coin is kept: no instrument has it."""
    return f"{_COIN_MARK}{currency}"


def split(lots: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Positions of instruments, and transferred coin by currency, both in lots and by name.

    Examples
    --------
    >>> split({"BTC-PERPETUAL": 3, "$BTC": 50_000_000})
    ({'BTC-PERPETUAL': 3}, {'BTC': 50000000})
    """
    names = sorted(lots)
    return (
        {name: lots[name] for name in names if not name.startswith(_COIN_MARK)},
        {name[1:]: lots[name] for name in names if name.startswith(_COIN_MARK)},
    )


def checked_entry(book: str, entry: JournalEntry) -> tuple[int, int]:
    """Return milliseconds and counter of a journal entry's id if it is one of this book."""
    named, ms, n = keys.entry_parts(entry.id)
    if named != book or entry.book != book:
        raise ValueError(f"journal entry {entry.id} of {entry.book}: expected book {book}")
    return ms, n


def checked_positions(seed: BookSeed) -> dict[str, int]:
    """Return the positions that a book starts with if they can be stored."""
    where = f"position of book {seed.book}"
    for name, lots in seed.positions.items():
        checked_word(where, name)
        checked_lots(f"{where} in {name}", lots)
    return dict(seed.positions)


def checked_shadows(book: str, shadows: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return what shadows remember if each has a name that can be kept."""
    for name in shadows:
        keys.checked_name(f"shadow of book {book}:", name)
    return shadows


def checked_changes(book: str, changes: Changes, why: str) -> Changes:
    """Return the corrections of a book's positions if there are some, with a reason."""
    if not changes or not why:
        raise ValueError(f"correction of book {book}: expected changes and a reason")
    for name, pair in changes.items():
        where = f"correction of book {book} in {name}"
        checked_word(where, name)
        for lots in pair:
            checked_lots(where, lots)
    return changes


def checked_version(what: str, version: bytes) -> None:
    """Refuse the record of a release that this one cannot read; raises `UnknownVersion`."""
    if version not in [b"%d" % known for known in keys.reads()]:
        raise UnknownVersion(
            f"stored {what} has version {version.decode('latin-1')!r}, expected {keys.expected()}:"
            " it was written by another release of this program"
        )

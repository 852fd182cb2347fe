"""Records as bytes, each led by a version byte; and the checks that precede every write.

An intent's record opens with one plain line that the Lua scripts read (state, bound, lots), and
goes on with JSON that they never touch: no number is parsed and printed again on the server.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hedger.core.model import Intent, IntentState, Memory
from hedger.errors import ConfigError
from hedger.store import keys

VERSION = b"1"
LOTS_MAX = 2**53 - 1
"""Lua adds lots as doubles, exact up to here."""

_NOTHING = Memory()
_memory = msgspec.json.Decoder(Memory)
_intent = msgspec.json.Decoder(Intent)
_encode = msgspec.json.Encoder().encode


def memory_bytes(memory: Memory) -> bytes:
    """Return a memory as stored; that nothing is remembered is stored as nothing."""
    return VERSION + _encode(memory) if memory != _NOTHING else b""


def memory_from(raw: bytes) -> Memory:
    """Read a stored memory; empty means that nothing was remembered yet."""
    if not raw:
        return Memory()
    _check_version("memory", raw)
    try:
        return _memory.decode(raw[1:])
    except msgspec.DecodeError as bad:
        raise ConfigError(f"stored memory is not readable: {bad}") from None


def intent_bytes(intent: Intent) -> bytes:
    """Return an intent as stored: one line for the scripts, then the whole as JSON."""
    line = (
        f"{VERSION.decode()} {intent.state} {intent.epoch} {intent.seq} {intent.lots}"
        f" {intent.low} {intent.high} {intent.deadline_ms} {intent.venue} {intent.instrument}\n"
    )
    return line.encode() + _encode(intent)


def intent_from(raw: bytes, filled: int) -> Intent:
    """Read a stored intent; ``filled`` is the sum of its trades, never stored with it."""
    _check_version("intent", raw)
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


def _check_version(what: str, raw: bytes) -> None:
    if raw[:1] != VERSION:
        raise ConfigError(
            f"stored {what} has version {raw[:1].decode('latin-1')!r}, expected"
            f" {VERSION.decode()!r}: it was written by another release of this program"
        )

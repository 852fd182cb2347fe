"""What a shadow remembers, as the store keeps it."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from hedger.core.model import Memory, Record
from hedger.service.params import ShadowParams
from hedger.service.score import Purse, Tally


class Score(Record, frozen=True, kw_only=True):
    """One side of a comparison."""

    purse: Purse = Purse()
    tally: Tally = Tally()


class Kept(Record, frozen=True, kw_only=True):
    """What a shadow remembers, so that another worker goes on where it was.

    ``policy`` is the digest of its band: another one begins anew. ``own`` and ``live`` are scores
    over the same time, from ``since_ms`` to ``now_ms``; ``worth_usd`` what each side's hedges have
    come to, own first; ``hedged_before`` is how often the book had been hedged by then.
    """

    policy: str
    since_ms: int
    now_ms: int
    seq: int = 0
    memory: Memory = Memory()
    own: Score = Score()
    live: Score = Score()
    worth_usd: tuple[float, float] = (0.0, 0.0)
    hedged_before: int = 0


_decoder = msgspec.json.Decoder(Kept)


def kept_from(raw: bytes) -> Kept | None:
    """What was kept; None where it cannot be read, as of another release: then it begins anew."""
    try:
        return _decoder.decode(raw)
    except msgspec.DecodeError:
        return None


def policy_of(shadow: ShadowParams) -> str:
    """Digest of what a shadow is run by."""
    raw = msgspec.json.encode(shadow, order="deterministic")
    return blake2b(raw, digest_size=8).hexdigest()

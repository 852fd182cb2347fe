"""The Lua scripts, one file each, and how they are named on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha1
from importlib.resources import files
from typing import NamedTuple

from hedger.store import keys

ALLOW_OOM = "#!lua flags=allow-oom\n"
"""At maxmemory facts and orders must still be written; only the journal gives way, before that."""

NAMES = (
    *("meta", "index", "beat", "claim", "renew", "release", "reconciled"),
    *("seed", "apply", "load", "begin", "note", "fill", "close"),
    *("unknown", "ffwd", "hold", "resume", "correct", "keep", "ask", "acted", "override"),
    *("reserve", "consume"),
)


class Script(NamedTuple):
    """Source as loaded, and the digest that calls it."""

    source: str
    sha: str


def scripts(header: str = ALLOW_OOM) -> dict[str, Script]:
    """Return every script by name, the shared prelude and what it can read in front of each.

    A script is called by the digest of all that, so another release loads its own beside it.
    """
    here = files(__name__)
    reads = ", ".join(f"['{version}'] = true" for version in keys.reads())
    prelude = f"local READS = {{{reads}}}\n" + (here / "prelude.lua").read_text("utf-8")
    found = {}
    for name in NAMES:
        source = header + prelude + (here / f"{name}.lua").read_text("utf-8")
        found[name] = Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())
    return found


def digest(found: Mapping[str, Script]) -> str:
    """One digest of them all."""
    whole = "".join(found[name].sha for name in sorted(found))
    return sha1(whole.encode(), usedforsecurity=False).hexdigest()

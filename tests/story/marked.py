"""Processes that carry a mark in their environment: how a test finds what a program left behind."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import NamedTuple

VARIABLE = "STORY_MARK"
_FOLDER = re.compile(r"/tmp/hedger-[A-Za-z0-9_]+")


class Mark(NamedTuple):
    """One mark; children inherit it through their environment."""

    text: str

    @classmethod
    def new(cls) -> Mark:
        return cls(uuid.uuid4().hex)

    @property
    def environ(self) -> dict[str, str]:
        return {VARIABLE: self.text}

    def processes(self) -> dict[int, str]:
        """Process id to command line; zombies have none and count too."""
        found = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if f"{VARIABLE}={self.text}".encode() in (place / "environ").read_bytes():
                    raw = (place / "cmdline").read_bytes()
                    found[int(place.name)] = raw.replace(b"\0", b" ").decode()
            except OSError:
                continue  # ended meanwhile, or not ours
        return found

    def folders(self) -> set[Path]:
        """Temporary folders that these processes were told of."""
        return {Path(name) for line in self.processes().values() for name in _FOLDER.findall(line)}


HAS_PROC = Path("/proc/self/environ").exists()

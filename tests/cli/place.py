"""A desk in a folder of its own: configuration, positions, environment; and how to call hedger."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hedger.cli import main

BOOK = """
[[book]]
name = "{name}"
venue = "paper"
underlying = "BTC"
numeraire = "{numeraire}"
base_coin = {base}
positions = "positions.csv"
shadows = "{shadows}"
[book.hedge]
buy = "BTC-PERPETUAL"
sell = "BTC-PERPETUAL"
[book.band]
lower = -{half}
upper = {half}
cooldown_s = 60
"""
HEAD = """
config_version = 1
deployment = "desk"
[worker]
lease_s = 1.0
order_timeout_s_max = 0.6
order_timeout_s_min = 0.3
[venues.paper]
kind = "paper"
speed = 600
deposit = 20.0
latency_ms = 1.0
[policy.tight]
lower = -0.02
upper = 0.02
cooldown_s = 0
[policy.never]
lower = -900
upper = 900
"""
POSITIONS = """instrument,quantity
BTC-3JUL26-64000-C,-10
BTC-3JUL26-56000-P,-10
BTC-10JUL26-66000-C,-10
BTC-10JUL26-54000-P,-10
"""
HEDGED = {"name": "btc-main", "numeraire": "usd", "base": 20.0, "half": 0.25}
HEDGED |= {"shadows": "tight, never"}
COIN = {"name": "btc-coin", "numeraire": "coin", "base": 0.0, "half": 50.0, "shadows": ""}
BLOCKED = {"name": "btc-big", "numeraire": "usd", "base": -20.0, "half": 0.25, "shadows": ""}
"""Its owner forgot the sign of base_coin: the first trade would be 40 BTC."""


@dataclass(frozen=True)
class Place:
    """One folder; `environ` lets nothing of this machine's own configuration in."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "desk.toml"

    @property
    def environ(self) -> dict[str, str]:
        keep = ("PATH", "HOME", "LANG", "TMPDIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
        own = {name: os.environ[name] for name in keep if name in os.environ}
        places = {"XDG_STATE_HOME": str(self.folder / "s"), "XDG_RUNTIME_DIR": str(self.folder)}
        return own | places | {"COLUMNS": "300"}

    def write(self, *books: dict[str, object]) -> None:
        self.config.write_text(HEAD + "".join(BOOK.format(**book) for book in books))
        (self.folder / "positions.csv").write_text(POSITIONS)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "hedger", *arguments, "--config", str(self.config)],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@dataclass(frozen=True)
class Said:
    """What a command in this process came to."""

    status: int
    out: str
    err: str


def call(
    place: Place | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str,
) -> Said:
    """Run a command in this process, in the environment of a place."""
    tokens = list(arguments)
    if place is not None:
        for name in [n for n in os.environ if n.startswith(("HEDGER", "XDG"))]:
            monkeypatch.delenv(name)
        for name, value in place.environ.items():
            monkeypatch.setenv(name, value)
        tokens += ["--config", str(place.config)]
    capsys.readouterr()
    status = main(tokens)
    shown = capsys.readouterr()
    return Said(status, shown.out, shown.err)

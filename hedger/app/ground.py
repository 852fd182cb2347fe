"""Where a deployment lives: its folders, and the environment that tells its processes the same."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from hedger.settings import Configuration, places, private
from hedger.settings.environment import PREFIX, environment

_OPTIONS = ("option", "--data")


class Ground(NamedTuple):
    """A configuration with its folders made, and the environment for the processes it starts."""

    config: Configuration
    environ: Mapping[str, str]
    is_temporary: bool


@contextlib.contextmanager
def ground(config: Configuration, *, temporary: bool) -> Iterator[Ground]:
    """Make the folders of a deployment; with ``temporary`` new ones, removed in the end."""
    environ = {**environment(), **_overrides(config)}
    if not temporary:
        private(config.places.state)
        private(config.places.runtime)
        yield Ground(config, environ, False)
        return
    # Not the system's choice of a folder: a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="hedger-", dir="/tmp"))
    environ |= {"XDG_STATE_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    own = places(config.settings.deployment, environ=environ)
    try:
        private(own.state)
        private(own.runtime)
        yield Ground(config._replace(places=own), environ, True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def the_venue(config: Configuration) -> str:
    """The own venue of all books; the configuration was checked to name one only."""
    return config.settings.book[0].venue


def the_venues(config: Configuration) -> tuple[str, ...]:
    """Every venue that a book is hedged at or has a source of its reference at, their own first."""
    names = [venue for book in config.settings.book for venue in book.accounts]
    for book in config.settings.book:
        found = config.settings.reference.get(book.reference.name)
        names += [feed.venue for feed in found.feeds] if found is not None else []
    return tuple(dict.fromkeys((the_venue(config), *names)))


def _overrides(config: Configuration) -> dict[str, str]:
    """Variables for the keys that the command line has set: processes read the file, not those."""
    found = {}
    raw = config.settings.model_dump(mode="json")
    for path, origin in config.origins.items():
        if origin in _OPTIONS:
            value = raw
            for key in path:
                value = value[key]  # type: ignore[index]
            found[PREFIX + "__".join(str(key).upper() for key in path)] = str(value)
    return found

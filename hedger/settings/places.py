"""Where things lie on this machine: the packaged configuration, state, and sockets."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from hedger.settings.environment import environment
from hedger.settings.problems import Problem, failure, shown

SOCKET_BYTES_MAX = 104
"""Longest path of a Unix socket that every system takes."""
_SOCKET_NAME_MAX = 32
"""Room for the name of a socket inside the runtime folder."""


_USER = getattr(os, "getuid", lambda: 0)()


class Places(NamedTuple):
    """Folders of one deployment; nothing is created by naming them."""

    state: Path
    runtime: Path

    def socket(self, name: str) -> Path:
        """Return the path of a socket, short enough to bind; a long name is hashed."""
        file = f"{name}.sock"
        if len(file.encode()) > _SOCKET_NAME_MAX:
            file = blake2b(name.encode(), digest_size=8).hexdigest() + ".sock"
        return self.runtime / file


def config_folder() -> Path:
    """Return the folder of the packaged configuration: in a wheel, else beside the package."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_config", package.parent / "config"):
        if (folder / "default.toml").is_file():
            return folder
    text = "default.toml is missing, expected an installation of delta-hedger or its checkout"
    raise failure([Problem(str(package), text)])


def default_path() -> Path:
    """Return the configuration that is used when none is named."""
    return config_folder() / "default.toml"


def places(deployment: str, *, environ: Mapping[str, str] | None = None) -> Places:
    """Return the folders of a deployment by the XDG rules; the runtime folder is short."""
    given = environment() if environ is None else environ
    state = _state_home(given) / "hedger" / deployment
    mark = blake2b(str(state).encode(), digest_size=6).hexdigest()
    shared = Path("/tmp") / f"hedger-{_USER}" / mark
    home = Path(given.get("XDG_RUNTIME_DIR", ""))
    folder = home / f"hedger-{mark}"
    is_short = len(str(folder).encode()) + 1 + _SOCKET_NAME_MAX <= SOCKET_BYTES_MAX
    return Places(state, folder if home.is_absolute() and home.is_dir() and is_short else shared)


def _state_home(environ: Mapping[str, str]) -> Path:
    given = environ.get("XDG_STATE_HOME", "")
    if given:
        if not Path(given).is_absolute():
            text = f"is {shown(given)}, expected an absolute path"
            raise failure([Problem("XDG_STATE_HOME", text)])
        return Path(given)
    home = environ.get("HOME", "")
    if not Path(home).is_absolute():
        text = "neither XDG_STATE_HOME nor HOME is set, expected the absolute path of a folder"
        raise failure([Problem("XDG_STATE_HOME", text)])
    return Path(home) / ".local" / "state"


def private(folder: Path) -> Path:
    """Create a folder that only this user may enter, or refuse one that others could have made."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except (OSError, ValueError) as error:
        text = f"cannot be made ({getattr(error, 'strerror', None) or error}), expected a folder"
        raise failure([Problem(str(folder), text)]) from None
    is_mine = found.st_uid == _USER and stat.S_ISDIR(found.st_mode)
    if not is_mine or stat.S_IMODE(found.st_mode) & 0o077:
        text = f"is open to others, expected a folder of user {_USER} with mode 0700"
        raise failure([Problem(str(folder), text)])
    return folder

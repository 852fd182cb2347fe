"""A TOML file as a plain dict: bounded, of the current version, and free of secrets."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from hedger.settings.leaves import Path
from hedger.settings.models import CONFIG_VERSION
from hedger.settings.problems import Problem, dotted, failure, shown

SIZE_MAX = 4_000_000
_SECRET = re.compile(
    r"secret|passw|passphrase|token|credential|(api|private|access|auth|signing)[_-]?key|^key$",
    re.IGNORECASE,
)

Raw = dict[str, Any]


class Document(NamedTuple):
    """What a file says, after migration; ``notices`` are for the person who runs it."""

    raw: Raw
    notices: tuple[str, ...]
    problems: tuple[Problem, ...]


def text_of(path: FilePath, *, shown_as: str, what: str) -> str:
    """Return the text of a small UTF-8 file; a byte-order mark is tolerated."""
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise failure([Problem(shown_as, f"cannot be read ({reason}), expected {what}")]) from None
    if len(content) > SIZE_MAX:
        text = f"is larger than {SIZE_MAX // 1_000_000} MB, expected {what}"
        raise failure([Problem(shown_as, text)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = f"byte {error.start} is not UTF-8 text, expected {what}"
        raise failure([Problem(shown_as, text)]) from None


def is_folder(path: str) -> bool:
    """Return whether a path leads to a folder; one that is no path at all does not."""
    try:
        return FilePath(path).is_dir()
    except (OSError, ValueError):  # a NUL byte, a name too long
        return False


def document(path: FilePath) -> Document:
    """Read and migrate a file; secrets found in it are problems and are dropped at once."""
    where = str(path)
    text = text_of(path, shown_as=where, what="a TOML configuration file")
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        raise failure([Problem(where, "nested too deeply, expected TOML")]) from None
    except ValueError as error:
        raise failure([Problem(where, f"is not TOML ({error}), expected a TOML file")]) from None
    notices = _migrate(raw, where)
    problems = tuple(Problem(f"{where}: {place}", what) for place, what in _drop_secrets(raw))
    return Document(raw, notices, problems)


# --- versions ---------------------------------------------------------------------------------


def _from_0(raw: Raw) -> None:
    """Version 0, before the first release, knew symmetric bands only: ``half_width``."""
    books = raw.get("book")
    for book in books if isinstance(books, list) else []:
        band = book.get("band") if isinstance(book, dict) else None
        if not isinstance(band, dict) or "half_width" not in band:
            continue
        width, target = band["half_width"], band.get("target", 0.0)
        if _is_number(width) and _is_number(target) and not {"lower", "upper"} & band.keys():
            del band["half_width"]
            band["lower"], band["upper"] = target - width, target + width


MIGRATIONS: dict[int, Callable[[Raw], None]] = {0: _from_0}
"""From each older version to the next; what cannot be translated stays and is refused by name."""


def _migrate(raw: Raw, where: str) -> tuple[str, ...]:
    expected = f"expected `config_version = {CONFIG_VERSION}`"
    if "config_version" not in raw:
        raise failure([Problem(f"{where}: config_version", f"missing, {expected}")])
    version = raw["config_version"]
    place = f"{where}: config_version"
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise failure([Problem(place, f"is {shown(version)}, {expected}")])
    if version > CONFIG_VERSION:
        text = f"is {shown(version)}, {expected}: upgrade delta-hedger or use an older file"
        raise failure([Problem(place, text)])
    if version == CONFIG_VERSION:
        return ()
    for step in range(version, CONFIG_VERSION):
        MIGRATIONS[step](raw)
    raw["config_version"] = CONFIG_VERSION
    return (
        f"{where}: read as version {version} and migrated to {CONFIG_VERSION}; "
        f"`config show` prints the result",
    )


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= 1e15  # NaN, infinity and the absurd are left for the ranges to refuse


# --- secrets ----------------------------------------------------------------------------------


def has_password(text: str) -> bool:
    """Return whether a text is an address with a password in it."""
    if "://" not in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.password is not None or "password=" in parts.query
    except ValueError:
        return "@" in text  # broken, so not to be shown either


def _drop_secrets(raw: Raw) -> list[tuple[str, str]]:
    told = "secrets come only from the environment (HEDGER_SECRET_...) or HEDGER_SECRETS_DIR"
    found = []
    for table, key, path in list(entries(raw)):
        value = table[key]
        if _SECRET.search(key):
            what = "looks like a secret"
        elif isinstance(value, str) and has_password(value):
            what = "carries a password"
        else:
            continue
        del table[key]
        found.append((dotted(path, raw), f"{what}, expected none in a file: {told}"))
    return found


def entries(raw: Raw) -> Iterator[tuple[Raw, str, Path]]:
    """Yield every (table, key, path), iteratively: a file may be nested deeper than the stack."""
    waiting: list[tuple[Any, Path]] = [(raw, ())]
    while waiting:
        node, path = waiting.pop()
        if isinstance(node, dict):
            for key, value in node.items():
                yield node, key, (*path, key)
                waiting.append((value, (*path, key)))
        elif isinstance(node, list):
            waiting.extend((value, (*path, i)) for i, value in enumerate(node))

"""The environment, read here and nowhere else: overriding variables, secrets, directories.

A variable ``HEDGER__SECTION__KEY`` overrides one key of the file: ``HEDGER__STORE__URL``,
``HEDGER__VENUES__PAPER__SPEED``, ``HEDGER__BOOK__BTC_MAIN__BAND__LOWER``. A book is addressed by
its name in capitals, with ``-`` as it is or as ``_`` (shells know no other), or by its index from
0. ``config_version`` and the names of books cannot be overridden. Relative paths are relative to
the configuration file, as in the file itself. A variable that is none of these is refused by name.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from pydantic import SecretStr

from hedger.errors import ConfigError
from hedger.settings.document import Raw, is_folder, text_of
from hedger.settings.leaves import ANY, NAMED, Leaf, Path, general, leaves
from hedger.settings.problems import Problem, shown

PREFIX = "HEDGER__"
CONFIG = "HEDGER_CONFIG"
SECRETS_DIR = "HEDGER_SECRETS_DIR"
SECRET_PREFIX = "HEDGER_SECRET_"
SECRETS = ("store_password",)
"""Every secret there is; each may come from a variable or from a file of that name."""

_FLOAT = re.compile(
    r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,3})?|[+-]?(inf|nan)", re.A
)
_INT = re.compile(r"[+-]?\d{1,30}", re.A)
_FIXED = {("config_version",), ("book", ANY, "name")}


class Override(NamedTuple):
    """One key set by a variable."""

    path: Path
    variable: str
    value: object


class Secrets(NamedTuple):
    """What must not be printed, by name; printing shows stars."""

    values: Mapping[str, SecretStr]
    origins: Mapping[str, str]

    def reveal(self, name: str) -> str:
        """Return a secret's text, empty if it is not set."""
        found = self.values.get(name)
        return found.get_secret_value() if found is not None else ""


def environment() -> dict[str, str]:
    """Return a copy of the process's environment."""
    return dict(os.environ)  # noqa: TID251 - the one place that reads the environment


def overrides(environ: Mapping[str, str], raw: Raw) -> tuple[list[Override], list[Problem]]:
    """Return the keys that variables set, and every variable that sets none."""
    suspects = sorted(name for name in environ if _is_ours(name))
    if not suspects:
        return [], []
    known = variables(raw)
    found: list[Override] = []
    problems: list[Problem] = []
    for name in suspects:
        paths = known.get(name, ())
        if len(paths) == 1:
            found.append(
                Override(paths[0], name, _value(environ[name], leaves()[general(paths[0])]))
            )
        elif paths:
            text = "names several books, expected the index of one, HEDGER__BOOK__0__..."
            problems.append(Problem(name, text))
        else:
            problems.extend(_unknown(name, known))
    return found, problems + _clashes(found)


def _clashes(found: list[Override]) -> list[Problem]:
    """Return the keys that two variables set, by name and by index say."""
    first: dict[Path, str] = {}
    problems = []
    for path, variable, _ in found:
        other = first.setdefault(path, variable)
        if other != variable:
            problems.append(
                Problem(variable, f"sets the same key as {other}, expected one of them")
            )
    return problems


def _is_ours(name: str) -> bool:
    upper = name.upper()
    if upper.startswith(PREFIX):
        return True
    if name in (CONFIG, SECRETS_DIR) or name.startswith(SECRET_PREFIX):
        return False
    # A slip in the prefix itself must not silently leave a limit at its default. Names that merely
    # begin alike (a container platform sets HEDGER_SERVICE_HOST and HEDGER_PORT) are not ours.
    return upper.startswith("HEDGER") or "__" in name


def _unknown(name: str, known: Mapping[str, tuple[Path, ...]]) -> Iterator[Problem]:
    word = name.upper()[:200]
    others = [CONFIG, SECRETS_DIR, *(SECRET_PREFIX + secret.upper() for secret in SECRETS)]
    is_ours = word.startswith(PREFIX)
    match = get_close_matches(word, [*known, *others], n=1, cutoff=0.88)
    if is_ours and not match:
        match = get_close_matches(word, known, n=1, cutoff=0.6)
    if match:
        yield Problem(name, f"unknown variable, did you mean {match[0]}?")
    elif is_ours:
        example = "HEDGER__SECTION__KEY, such as HEDGER__STORE__URL"
        yield Problem(name, f"unknown variable, expected {example}")


def variables(raw: Raw) -> dict[str, tuple[Path, ...]]:
    """Return every variable that a file admits, and what it sets: several paths mean a doubt."""
    found: dict[str, dict[Path, None]] = {}
    for leaf in leaves().values():
        if leaf.path in _FIXED:
            continue
        for path, names in _addresses(leaf, raw):
            for name in names:
                found.setdefault(name, {})[path] = None
    return {name: tuple(paths) for name, paths in found.items()}


def _addresses(leaf: Leaf, raw: Raw) -> Iterator[tuple[Path, set[str]]]:
    """Yield where a leaf lies in this file, and the variables that mean it."""
    section = raw.get(str(leaf.path[0]))
    if ANY not in leaf.path:
        yield leaf.path, {_variable(leaf.path)}
    elif leaf.path[0] in NAMED and isinstance(section, dict):
        for name in section:
            yield from _spelled(leaf, name, name)
    elif leaf.path[0] == "book" and isinstance(section, list):
        for index, book in enumerate(section):
            yield from _spelled(leaf, index, str(index))
            name = book.get("name") if isinstance(book, dict) else None
            if isinstance(name, str):
                yield from _spelled(leaf, index, name)


def _spelled(leaf: Leaf, key: str | int, name: str) -> Iterator[tuple[Path, set[str]]]:
    if re.fullmatch(r"[a-z0-9_-]{1,40}", name):
        spellings = {name, name.replace("-", "_")}
        tail = leaf.path[2:]
        names = {_variable((leaf.path[0], spelling, *tail)) for spelling in spellings}
        yield (leaf.path[0], key, *tail), names


def _variable(path: Path) -> str:
    return PREFIX + "__".join(str(key).upper() for key in path)


def _value(text: str, leaf: Leaf) -> object:
    """Return a variable's text as the leaf's type; what does not fit stays text and is refused."""
    if leaf.base is float and _FLOAT.fullmatch(text.lower()):
        return float(text)
    if leaf.base is int and _INT.fullmatch(text):
        return int(text)
    return text


def put(raw: Raw, path: Path, value: object) -> None:
    """Set one key, making tables on the way; where something else stands, validation reports it."""
    node: Any = raw
    for key in path[:-1]:
        if isinstance(node, dict):
            node = node.setdefault(key, {})
        elif isinstance(node, list) and isinstance(key, int):
            node = node[key]
        else:
            return
    if isinstance(node, dict):
        node[path[-1]] = value


# --- secrets and directories --------------------------------------------------------------------


def secrets(environ: Mapping[str, str]) -> tuple[Secrets, list[Problem | str]]:
    """Return the secrets of the environment, else of the directory that it names."""
    known = {SECRET_PREFIX + name.upper(): name for name in SECRETS}
    unknown = sorted(n for n in environ if n.startswith(SECRET_PREFIX) and n not in known)
    expected = f"expected one of {', '.join(known)}"
    problems: list[Problem | str] = [Problem(n, f"unknown secret, {expected}") for n in unknown]
    values, origins = {}, {}
    folder = environ.get(SECRETS_DIR, "")
    if folder and not is_folder(folder):
        problems.append(Problem(SECRETS_DIR, f"is {shown(folder)}, expected an existing folder"))
        folder = ""
    for variable, name in known.items():
        file = FilePath(folder) / name
        try:
            text = environ[variable] if variable in environ else _secret(file) if folder else None
        except ConfigError as error:
            problems += str(error).splitlines()
            continue
        if text is not None:
            values[name] = SecretStr(text)
            origins[name] = variable if variable in environ else f"file {file}"
    return Secrets(values, origins), problems


def _secret(file: FilePath) -> str | None:
    """Return the content of a secret's file, None if there is none; unreadable is not absent."""
    with contextlib.suppress(OSError):
        if file.name not in os.listdir(file.parent):
            return None
    return text_of(file, shown_as=str(file), what="a secret on one line").strip("\r\n")

"""The configuration for people: what is in force and why, what is wrong, its schema, a first file.

The logic of ``hedger config show | check | schema | init``; rendering belongs to the command line.
"""

from __future__ import annotations

import json
import os.path
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from hedger.errors import ConfigError
from hedger.settings.environment import SECRETS
from hedger.settings.leaves import ANY, NAMED, Leaf, Path, leaves
from hedger.settings.load import CONFIG_FILE, Configuration, load
from hedger.settings.models import Settings
from hedger.settings.places import config_folder
from hedger.settings.problems import Problem, dotted, failure

STARS = "*****"
DEFAULT = "default"
POSITIONS_FILE = "positions.csv"
_REPEATED = ("venues", "book", *tuple(NAMED)[1:])
"""Sections of many tables, in the order they are shown."""


class Shown(NamedTuple):
    """One effective value and where it came from: a file, a variable, an option or the default."""

    key: str
    value: object
    origin: str


def show(configuration: Configuration) -> list[Shown]:
    """Return every effective value in the order of the models; secrets are stars."""
    raw = configuration.settings.model_dump(mode="json")
    lines = []
    for path, value in _values(raw):
        origin = configuration.origins.get(path, DEFAULT)
        lines.append(Shown(dotted(path, raw), _masked(value), origin))
    for name in SECRETS:
        source = configuration.secrets.origins.get(name)
        lines.append(Shown(f"secret.{name}", STARS if source else None, source or "not set"))
    return lines


def check(path: FilePath | str | None = None, **arguments: Any) -> list[str]:
    """Return one line per problem of a configuration, none if it is right; arguments as `load`."""
    try:
        load(path, **arguments)
    except ConfigError as error:
        return str(error).splitlines()
    return []


def schema() -> str:
    """Return the JSON schema of the file, for editors and other tools."""
    found = Settings.model_json_schema()
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = "delta-hedger configuration"
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


def init(folder: FilePath | str = ".") -> list[FilePath]:
    """Write a commented configuration and a positions file; nothing is ever overwritten."""
    source = config_folder()
    config = (source / "example.toml").read_text(encoding="utf-8")
    example = "example_positions.csv"
    texts = {
        FilePath(folder) / CONFIG_FILE: config.replace(example, POSITIONS_FILE),
        FilePath(folder) / POSITIONS_FILE: (source / example).read_text(encoding="utf-8"),
    }
    there = [path for path in texts if os.path.lexists(path)]
    if there:
        raise failure(Problem(str(path), "exists, expected no such file yet") for path in there)
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            problem = f"cannot be written ({reason}), expected a writable folder"
            raise failure([Problem(str(path), problem)]) from None
    return list(texts)


def _values(raw: dict[str, Any]) -> Iterator[tuple[Path, object]]:
    """Yield (path, value) of every leaf; of what is named, one after the other."""
    repeated: dict[str, list[Leaf]] = {name: [] for name in _REPEATED}
    for leaf in leaves().values():
        if ANY in leaf.path:
            repeated[str(leaf.path[0])].append(leaf)
        else:
            yield leaf.path, _at(raw, leaf.path)
    for section, inner in repeated.items():
        keys = list(raw[section]) if section in NAMED else range(len(raw[section]))
        for key in keys:
            for leaf in inner:
                path = (section, key, *leaf.path[2:])
                yield path, _at(raw, path)


def _at(raw: Any, path: Path) -> object:
    for key in path:
        raw = raw[key]
    return raw


def _masked(value: object) -> object:
    """Return the value with the password of an address as stars."""
    if not isinstance(value, str) or "://" not in value:
        return value
    parts = urlsplit(value)
    user, at, host = parts.netloc.rpartition("@")
    if at and ":" in user:
        parts = parts._replace(netloc=f"{user.partition(':')[0]}:{STARS}@{host}")
    return parts._replace(query=STARS if "password" in parts.query else parts.query).geturl()

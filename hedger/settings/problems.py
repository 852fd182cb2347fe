"""What is wrong with a configuration, one clear line each: where, what, what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from pydantic_core import ErrorDetails

from hedger.errors import ConfigError
from hedger.settings.leaves import ANY, NAMED, Path, general, leaves, tables

_NAME = re.compile(r"[a-z0-9_-]{1,40}")
_SHOWN_MAX = 120
_LINES_MAX = 100


class Problem(NamedTuple):
    """One thing that is wrong, and where."""

    where: str
    what: str

    def line(self) -> str:
        """Return the problem as a single printable line."""
        text = f"{self.where}: {self.what}"
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class Source(NamedTuple):
    """Where the values of a configuration came from, to be named in error lines.

    ``origins`` holds the variable or option that set a key; every other key is in ``file``.
    """

    file: str
    raw: Mapping[str, Any]
    origins: Mapping[Path, str]

    def place(self, path: Path) -> str:
        """Return where a person finds a key."""
        return self.origins.get(path) or f"{self.file}: {dotted(path, self.raw)}"


def failure(problems: Iterable[Problem | str]) -> ConfigError:
    """Return the error that names all problems, one line each."""
    texts = (p.line() if isinstance(p, Problem) else p for p in problems)
    lines = list(dict.fromkeys(texts))
    more = len(lines) - _LINES_MAX
    tail = [f"... and {more} more problems"] if more > 0 else []
    return ConfigError("\n".join(lines[:_LINES_MAX] + tail))


def shown(value: object) -> str:
    """Return a value as an error line may show it: short, printable, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "an array"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a huge whole number"  # Python refuses to print those of many digits
    if isinstance(value, str) and "://" in value:
        return "an address"  # it may carry a password
    text = repr(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
    half = _SHOWN_MAX // 2
    return text if len(text) <= _SHOWN_MAX else f"{text[:half]}...{text[-half:]}"


def close_to(word: str, known: Iterable[str]) -> str:
    """Return ``, did you mean ...?`` where something known is close, else nothing."""
    match = get_close_matches(word[:200], list(known), n=1, cutoff=0.6)
    return f", did you mean {match[0]!r}?" if match else ""


def dotted(path: Sequence[str | int], raw: object) -> str:
    """Return a path as people write it: ``book[btc-main].band.lower``."""
    text = ""
    for depth, key in enumerate(path):
        if isinstance(key, int):
            text += f"[{_book_name(raw, key)}]" if depth == 1 else f"[{key}]"
        else:
            text += ("." if text else "") + _key(key)
    return text


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key) else shown(key)


def _book_name(raw: object, index: int) -> str | int:
    """Return the book's name where it is a proper one, else its index."""
    try:
        name = raw["book"][index]["name"]  # type: ignore[index]
    except (TypeError, KeyError, IndexError):
        return index
    return name if isinstance(name, str) and _NAME.fullmatch(name) else index


def from_pydantic(errors: Iterable[ErrorDetails], source: Source) -> list[Problem]:
    """Translate validation errors."""
    problems = []
    for error in errors:
        if error["type"] == "too_short" and source.raw.get(str(error["loc"][0])):
            continue  # counts valid items only: the invalid ones have lines of their own
        path = error["loc"][:-1] if error["loc"][-1] == "[key]" else error["loc"]
        problems.append(Problem(source.place(path), _what(error)))
    return problems


def _what(error: ErrorDetails) -> str:
    kind, path = error["type"], error["loc"]
    if kind == "rule":
        return error["msg"]
    if kind == "extra_forbidden":
        siblings = tables().get(general(path[:-1]), ())
        hint = close_to(str(path[-1]), siblings) or f", expected one of {', '.join(siblings)}"
        return f"unknown key{hint}"
    expected = _expected(path)
    if path[-1] == "[key]":
        return f"is no name, expected {expected}"
    if kind == "missing":
        return f"missing, expected {expected}"
    return f"is {shown(error['input'])}, expected {expected}"


def _expected(path: Sequence[str | int]) -> str:
    if len(path) > 2 and path[0] == "venues" and path[-1] == "[key]":
        return "a name of 1 to 20 characters a-z, 0-9, _ or -"
    if len(path) > 2 and path[0] in NAMED and path[-1] == "[key]":
        return "a name of 1 to 40 characters a-z, 0-9, _ or -"
    spot = general(path)
    leaf = leaves().get(spot)
    if leaf is not None:
        return leaf.expected
    if spot == ("book",):
        return "1 to 10000 tables [[book]]"
    if spot == ("venues",):
        return "at least one table [venues.NAME]"
    keys = tables().get(spot) or tables().get((*spot, ANY)) or ()
    return f"a table with the keys {', '.join(keys)}"

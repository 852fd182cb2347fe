"""The models as a flat list of leaves: path, type, default, and what is expected there in words.

Everything that speaks about keys - error lines, environment variables, `config show` - reads this
list, so that a key is described in one place only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from hedger.settings.models import Settings
from hedger.settings.table import Table
from hedger.settings.texts import Expect, Name, VenueName, Where

Path = tuple[str | int, ...]
"""Keys from the root; an integer is the index of a book."""

ANY = "*"
"""Stands for a name (of a venue, say) or the index of a book in the path of a leaf."""
NAMED = {"venues": VenueName, "policy": Name, "reference": Name}
"""Sections of tables by name, and what such a name is."""


class Leaf(NamedTuple):
    """One key of the configuration that holds a value."""

    path: Path
    base: type
    expected: str
    description: str
    default: object
    where: Where | None


@cache
def leaves() -> dict[Path, Leaf]:
    """All leaves by path, in the order of the models."""
    return {leaf.path: leaf for leaf in _walk(Settings, ())}


@cache
def tables() -> dict[Path, tuple[str, ...]]:
    """The keys of each table by its path."""
    found: dict[Path, dict[str, None]] = {}
    for path in leaves():
        for depth, key in enumerate(path):
            if key != ANY:
                found.setdefault(path[:depth], {})[str(key)] = None
    return {path: tuple(keys) for path, keys in found.items()}


def general(path: Sequence[str | int]) -> Path:
    """Return the path with the name of a table or the index of a book replaced by `ANY`."""
    if len(path) > 1 and path[0] in (*NAMED, "book"):
        return (path[0], ANY, *path[2:])
    return tuple(path)


def expected_name(section: str) -> str:
    """What the name of a table of a section looks like, in words."""
    return next(m.text for m in get_args(NAMED[section]) if isinstance(m, Expect))


def _walk(table: type[Table], prefix: Path) -> Iterator[Leaf]:
    for name, field in table.model_fields.items():
        path = (*prefix, name)
        inner = _table(field)
        if inner is None:
            where = next((m for m in field.metadata if isinstance(m, Where)), None)
            words, about = _expected(field), field.description or ""
            yield Leaf(path, _base(field), words, about, field.default, where)
        else:
            is_repeated = inner is not field.annotation
            yield from _walk(inner, (*path, ANY) if is_repeated else path)


def _table(field: FieldInfo) -> type[Table] | None:
    """Return the table behind a field: itself, the values of a dict, the items of an array."""
    candidates: Sequence[Any] = (field.annotation, *get_args(field.annotation))
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, Table):
            return candidate
    return None


def _base(field: FieldInfo) -> type:
    if get_origin(field.annotation) is Literal:
        return type(get_args(field.annotation)[0])
    assert isinstance(field.annotation, type)  # the models hold texts, numbers and tables only
    return field.annotation


def _expected(field: FieldInfo) -> str:
    words = next((m.text for m in field.metadata if isinstance(m, Expect)), None)
    if words is not None:
        return words
    if get_origin(field.annotation) is Literal:
        values = [repr(value) for value in get_args(field.annotation)]
        return values[0] if len(values) == 1 else "one of " + ", ".join(values)
    noun = {float: "a number", int: "a whole number"}
    return f"{noun[_base(field)]} {_bounds(field)}"


def _bounds(field: FieldInfo) -> str:
    parts = {}
    for bound in field.metadata:
        if isinstance(bound, Ge):
            parts["at least"] = _figure(bound.ge)
        elif isinstance(bound, Gt):
            parts["above"] = _figure(bound.gt)
        elif isinstance(bound, Le):
            parts["at most"] = _figure(bound.le)
        elif isinstance(bound, Lt):
            parts["below"] = _figure(bound.lt)
    if parts.keys() == {"at least", "at most"}:
        return f"from {parts['at least']} to {parts['at most']}"
    return ", ".join(f"{word} {figure}" for word, figure in parts.items())


def _figure(value: Any) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e8 else f"{value:g}"

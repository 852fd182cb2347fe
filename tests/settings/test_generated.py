"""Generated faults: every configuration loads or is refused in clear lines, one per fault."""

from __future__ import annotations

import contextlib
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hedger.errors import ConfigError
from hedger.settings import load
from hedger.settings.leaves import ANY, Leaf, leaves, tables
from hedger.settings.report import check
from tests.settings.desk import ENVIRON, book, clear_lines, put, right, toml, write

NAN, INF = float("nan"), float("inf")
# Values that no leaf of the type accepts; `fits` below proves it for the numbers.
WRONG: dict[type, list[Any]] = {
    float: ["5", True, [], {}, NAN, INF, -INF, -1e10, 1e16, 10**400],
    int: ["5", False, 1.5, NAN, [1], {"a": 1}, -1, 2**63, 10**400],
    str: [0, 1.5, True, [], {}, NAN, "\x00" * 5_000, "ä\n" * 3_000],
}
# A table without its key: the version is read first, alone; kind, name and account-like texts take
# part in rules that other tests cover.
LEAVES = [leaf for leaf in leaves().values() if leaf.path != ("config_version",)]


def concrete(leaf: Leaf) -> tuple[str | int, ...]:
    instead: dict[str, str | int] = {"venues": "paper", "book": 0, "policy": "wide"}
    return tuple(instead[str(leaf.path[0])] if key == ANY else key for key in leaf.path)


@st.composite
def faults(draw: st.DrawFn) -> dict[tuple[str | int, ...], Any]:
    """Return several leaves of the one book or its surroundings, each with a wrong value."""
    chosen = draw(st.lists(st.sampled_from(LEAVES), min_size=1, max_size=6, unique=True))
    return {concrete(leaf): draw(st.sampled_from(WRONG[leaf.base])) for leaf in chosen}


@given(faults())
def test_one_line_per_fault(wrong: dict[tuple[str | int, ...], Any]) -> None:
    raw = right()
    raw["book"].append(book("healthy", positions="account"))
    for path, value in wrong.items():
        put(raw, path, value)
    with tempfile.TemporaryDirectory() as folder:
        lines = refused_lines(write(Path(folder), raw))
    assert len(lines) == len(wrong), lines
    name = "btc-main" if ("book", 0, "name") not in wrong else "0"
    for path in wrong:
        tables_ = {"venues": "venues.paper", "book": f"book[{name}]", "policy": "policy.wide"}
        table = tables_.get(str(path[0]))
        place = ".".join([table, *map(str, path[2:])] if table else map(str, path))
        assert sum(f": {place}: is " in line for line in lines) == 1, (place, lines)


def refused_lines(path: Path, **environ: str) -> list[str]:
    try:
        load(path, environ=ENVIRON | environ)
    except ConfigError as error:
        return clear_lines(error)
    return []


@given(
    st.sampled_from([path for path in tables() if ANY not in path or len(path) > 1]),
    st.from_regex(r"[a-z_]{1,12}", fullmatch=True),
)
def test_unknown_keys(table: tuple[str | int, ...], key: str) -> None:
    instead: dict[str, str | int] = {"venues": "paper", "book": 0, "policy": "wide"}
    path = tuple(instead[str(table[0])] if key == ANY else key for key in table)
    known = tables()[table]
    raw = right()
    put(raw, (*path, key), 1)
    with tempfile.TemporaryDirectory() as folder:
        lines = refused_lines(write(Path(folder), raw))
    if key in known or key in ("key", "secret", "token"):
        return
    (line,) = lines
    assert f"{key}: unknown key, " in line


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.one_of(
    st.booleans(), st.integers(), st.floats(), texts, st.sampled_from([NAN, 2**70, "account"])
)
keys = st.one_of(texts, st.sampled_from([str(key) for path in leaves() for key in path]))
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
SECTIONS = sorted({str(path[0]) for path in leaves()} | {"else", ""})


@given(st.dictionaries(st.sampled_from(SECTIONS), trees), st.booleans())
def test_any_document(content: dict[str, Any], is_mixed: bool) -> None:
    """Whatever the sections hold: it loads or is refused; no other exception, no other form."""
    raw = right() | content if is_mixed else {"config_version": 1} | content
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), raw)
        lines = refused_lines(path)
        assert check(path, environ=ENVIRON) == lines


@given(trees, st.sampled_from(LEAVES))
def test_any_value_at_any_leaf(value: Any, leaf: Leaf) -> None:
    raw = right()
    put(raw, concrete(leaf), value)
    with tempfile.TemporaryDirectory() as folder:
        refused_lines(write(Path(folder), raw))


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "desk.toml"
        with contextlib.suppress(UnicodeEncodeError):
            path.write_text(text, encoding="utf-8")
            assert refused_lines(path)


names = st.one_of(
    st.from_regex(r"HEDGER_{0,3}[A-Z0-9_-]{0,20}", fullmatch=True),
    st.sampled_from(["HEDGER__STORE__URL", "HEDGER__BOOK__0__BASE_COIN", "HEDGER_SECRETS_DIR"]),
    st.sampled_from(["HEDGER__VENUES__PAPER__DATA", "HEDGER__BOOK__0__POSITIONS"]),
)
values = st.text(st.characters(exclude_characters="\0"), max_size=20)


@given(st.dictionaries(names, values, max_size=4))
def test_any_environment(environ: dict[str, str]) -> None:
    environ.pop("HEDGER_CONFIG", None)
    with tempfile.TemporaryDirectory() as folder:
        lines = refused_lines(write(Path(folder), right()), **environ)
    known = {"HEDGER__STORE__URL", "HEDGER__BOOK__0__BASE_COIN", "HEDGER_SECRETS_DIR"}
    known |= {"HEDGER__VENUES__PAPER__DATA", "HEDGER__BOOK__0__POSITIONS"}
    for name in environ.keys() - known:
        if name.startswith("HEDGER__"):
            assert sum(line.startswith(f"{name}: unknown variable, ") for line in lines) == 1


def test_the_writer_of_these_tests_is_faithful() -> None:
    value = {"a\n\x7f\"'\\": [1, -2.5, True, "ä\t\x00", {"b": [], "c": {}}, 10**400]}
    assert tomllib.loads(f"x = {toml(value)}")["x"] == value

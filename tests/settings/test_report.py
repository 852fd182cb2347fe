"""``config show | check | schema | init``: the functions behind the commands."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hedger.errors import ConfigError
from hedger.settings import config_folder, load
from hedger.settings.leaves import ANY, leaves
from hedger.settings.report import check, init, schema, show
from tests.settings.desk import ENVIRON, book, clear_lines, loaded, right, write

EXAMPLE = config_folder() / "example.toml"


def test_show_names_every_value_and_its_origin(tmp_path: Path) -> None:
    raw = right()
    raw["book"].append(book("second", positions="account"))
    found = loaded(tmp_path, raw, HEDGER__BOOK__SECOND__BAND__UPPER="0.75")
    lines = {line.key: line for line in show(found)}
    upper = lines["book[second].band.upper"]
    assert (upper.value, upper.origin) == (0.75, "HEDGER__BOOK__SECOND__BAND__UPPER")
    lower = lines["book[second].band.lower"]
    assert (lower.value, lower.origin) == (-0.25, str(tmp_path / "desk.toml"))
    lease = lines["worker.lease_s"]
    assert (lease.value, lease.origin) == (5.0, "default")
    repeats = sum(path[:2] == ("book", ANY) for path in leaves())
    unnamed = sum(path[0] in ("policy", "reference") for path in leaves())
    assert len(lines) == len(leaves()) - unnamed + repeats + 1  # one book more, and the secret
    assert lines["secret.store_password"].value is None


def test_check(tmp_path: Path) -> None:
    raw = right()
    assert check(write(tmp_path, raw), environ=ENVIRON) == []
    raw["book"][0]["band"]["lower"] = 1
    raw["store"]["shards"] = 0
    lines = check(write(tmp_path, raw), environ=ENVIRON)
    assert len(lines) == 2


def test_the_schema_is_current() -> None:
    text = (config_folder() / "schema.json").read_text(encoding="utf-8")
    assert text == schema(), "write hedger.settings.report.schema() to config/schema.json"


def test_the_schema_describes_every_key() -> None:
    found = json.loads(schema())
    defs = found["$defs"]
    for table in (found, *defs.values()):
        assert table["additionalProperties"] is False
        for key, entry in table["properties"].items():
            assert "description" in entry or "$ref" in entry, key


class TestInit:
    """A first configuration."""

    def test_writes_a_configuration_that_loads(self, tmp_path: Path) -> None:
        written = init(tmp_path / "new")
        assert [path.name for path in written] == ["hedger.toml", "positions.csv"]
        found = load(written[0], environ=ENVIRON)
        assert found.settings.book[0].positions == str(tmp_path / "new" / "positions.csv")
        assert found.positions["btc-main"]

    @pytest.mark.parametrize("name", ["hedger.toml", "positions.csv"])
    def test_never_overwrites(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("mine")
        with pytest.raises(ConfigError) as caught:
            init(tmp_path)
        (line,) = clear_lines(caught.value)
        assert line == f"{tmp_path / name}: exists, expected no such file yet"
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_text() == "mine"

    @pytest.mark.parametrize("folder", ["file/below", "a\0b", "x" * 300])
    def test_folders_that_cannot_be_written(self, tmp_path: Path, folder: str) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigError) as caught:
            init(tmp_path / folder)
        (line,) = clear_lines(caught.value)
        assert "cannot be written" in line


class TestExample:
    """The commented example."""

    def test_names_every_key_at_its_default(self) -> None:
        raw = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
        shown = {
            "base_coin",
            "deployment",
            "name",
            "venue",
            "underlying",
            "positions",
            "buy",
            "sell",
            "kind",
        }
        text = EXAMPLE.read_text(encoding="utf-8")
        for path, leaf in leaves().items():
            if path[0] == "reference":  # needs a second venue, so it stands there as a comment
                words = json.dumps(leaf.default) if path[-1] != "sources" else '"BTC-PERPETUAL@'
                assert f"# {path[-1]} = {words}" in text, path
                continue
            value = at(raw, path)
            if path[-1] not in shown | {"config_version", "funding_rate_8h"}:
                assert value == leaf.default, path
                assert type(value) is leaf.base, path

    def test_holds_no_other_key(self) -> None:
        assert check(EXAMPLE, environ=ENVIRON) == []

    @pytest.mark.parametrize("name", ["default.toml", "example.toml"])
    def test_loads_without_a_notice(self, name: str) -> None:
        assert load(config_folder() / name, environ=ENVIRON).notices == ()


def at(raw: Any, path: tuple[str | int, ...]) -> Any:
    instead: dict[str, str | int] = {"venues": "paper", "book": 0}
    if path[0] == "policy":  # has the keys of a band
        path = ("book", ANY, "band", *path[2:])
    for key in path:
        raw = raw[instead[str(path[0])] if key == ANY else key]
    return raw

"""A right configuration: what it says, where it is found, what overrides it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hedger.errors import ConfigError
from hedger.settings import config_folder, default_path, load, places, private
from tests.settings.desk import ENVIRON, book, loaded, refused, right, write

ROOT = Path(__file__).resolve().parents[2]


def test_values_defaults_and_origins(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    only = found.book("btc-main")
    assert (only.band.upper, only.band.cooldown_s, only.account_name) == (0.25, 5.0, "btc-main")
    assert found.settings.worker.lease_s == 5.0
    assert found.positions == {"btc-main": {"BTC-3JUL26-64000-C": -100, "BTC-PERPETUAL": -6000}}
    assert found.origins["book", 0, "band", "upper"] == str(tmp_path / "desk.toml")
    assert ("book", 0, "band", "cooldown_s") not in found.origins
    assert found.notices == ()


def test_models_are_frozen(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        found.settings.book[0].band.upper = 9.0


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = right()
    raw["venues"]["paper"]["data"] = "tape"
    (tmp_path / "etc" / "tape").mkdir(parents=True)
    path = write(tmp_path / "etc", raw)
    monkeypatch.chdir(tmp_path)
    found = load(path.relative_to(tmp_path), environ=ENVIRON)
    assert found.settings.venues["paper"].data == str(tmp_path / "etc" / "tape")
    assert found.settings.book[0].positions == str(tmp_path / "etc" / "positions.csv")


def test_positions_may_follow_the_account(tmp_path: Path) -> None:
    raw = right()
    raw["book"][0]["positions"] = "account"
    assert loaded(tmp_path, raw).positions == {"btc-main": None}


def test_command_line_beats_variables_beats_file(tmp_path: Path) -> None:
    path = write(tmp_path, right())
    environ = ENVIRON | {"HEDGER__VENUES__PAPER__SPEED": "60", "HEDGER__VENUES__PAPER__SEED": "7"}
    options: dict[tuple[str | int, ...], object] = {("venues", "paper", "speed"): 600.0}
    found = load(path, environ=environ, data=tmp_path, options=options)
    paper = found.settings.venues["paper"]
    assert (paper.speed, paper.seed, paper.data) == (600.0, 7, str(tmp_path))
    assert found.origins["venues", "paper", "speed"] == "option"
    assert found.origins["venues", "paper", "seed"] == "HEDGER__VENUES__PAPER__SEED"
    with pytest.raises(ConfigError, match=r"^--data: is '.*none', expected an existing folder"):
        load(path, environ=ENVIRON, data=tmp_path / "none")


def test_linear_books_need_no_numeraire(tmp_path: Path) -> None:
    raw = right()
    hedge = {"buy": "BTC_USDC-PERPETUAL", "sell": "BTC_USDC-PERPETUAL"}
    raw["book"] = [book("linear", positions="account", hedge=hedge)]
    del raw["book"][0]["numeraire"], raw["book"][0]["base_coin"]
    assert loaded(tmp_path, raw).settings.book[0].numeraire == "usd"


@pytest.mark.parametrize("key", ["numeraire", "base_coin"])
def test_inverse_books_need_both(tmp_path: Path, key: str) -> None:
    raw = right()
    del raw["book"][0][key]
    (line,) = refused(tmp_path, raw)
    assert f"book[btc-main].{key}: missing, expected" in line
    assert "makes the account inverse" in line
    variable = {
        "numeraire": "HEDGER__BOOK__0__NUMERAIRE",
        "base_coin": "HEDGER__BOOK__0__BASE_COIN",
    }
    value = {"numeraire": "coin", "base_coin": "3.5"}
    assert loaded(tmp_path, raw, **{variable[key]: value[key]})  # explicit by a variable will do


def test_an_inverse_leg_makes_a_linearly_hedged_account_inverse(tmp_path: Path) -> None:
    raw = right()
    hedge = {"buy": "BTC_USDC-PERPETUAL", "sell": "BTC_USDC-PERPETUAL"}
    raw["book"] = [book("mixed", hedge=hedge)]
    del raw["book"][0]["base_coin"]
    (line,) = refused(tmp_path, raw)
    assert "book[mixed].base_coin: missing" in line


class TestVersions:
    """The version of the format."""

    def test_missing(self, tmp_path: Path) -> None:
        raw = right()
        del raw["config_version"]
        (line,) = refused(tmp_path, raw)
        assert line.endswith("config_version: missing, expected `config_version = 1`")

    @pytest.mark.parametrize("version", [2, 10**40, -1, True, 1.0, "1", []])
    def test_other(self, tmp_path: Path, version: object) -> None:
        (line,) = refused(tmp_path, right() | {"config_version": version})
        assert "expected `config_version = 1`" in line
        is_newer = isinstance(version, int) and version is not True and version > 1
        assert ("upgrade" in line) is is_newer

    def test_older_is_migrated_with_a_notice(self, tmp_path: Path) -> None:
        raw = right() | {"config_version": 0}
        raw["book"][0]["band"] = {"half_width": 0.5, "target": 0.125}
        found = loaded(tmp_path, raw)
        assert (found.settings.book[0].band.lower, found.settings.book[0].band.upper) == (
            -0.375,
            0.625,
        )
        assert found.settings.config_version == 1
        assert "read as version 0 and migrated to 1" in found.notices[0]

    @pytest.mark.parametrize("width", [float("nan"), "wide", True, 10**400, -1.0, []])
    def test_what_cannot_be_migrated_is_refused(self, tmp_path: Path, width: object) -> None:
        raw = right() | {"config_version": 0}
        raw["book"][0]["band"] = {"half_width": width}
        (line,) = refused(tmp_path, raw)
        assert "book[btc-main].band" in line


class TestDefault:
    """The packaged configuration."""

    def test_loads_with_a_notice(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        found = load(environ=ENVIRON)
        assert found.path == default_path() == config_folder() / "default.toml"
        assert "no configuration named" in found.notices[0]
        assert found.positions["btc-main"]

    def test_a_file_in_the_working_directory_comes_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path, right()).rename(tmp_path / "hedger.toml")
        monkeypatch.chdir(tmp_path)
        found = load(environ=ENVIRON)
        assert found.settings.deployment == "desk"
        assert found.notices[0].endswith("using hedger.toml")

    def test_a_variable_names_another(self, tmp_path: Path) -> None:
        path = write(tmp_path, right())
        found = load(environ=ENVIRON | {"HEDGER_CONFIG": str(path)})
        assert (found.path, found.notices) == (path, ())

    def test_is_found_in_an_installed_package(self, tmp_path: Path) -> None:
        """A wheel has the folder inside the package; this runs one, as its files lie there."""
        shutil.copytree(
            ROOT / "hedger", tmp_path / "hedger", ignore=shutil.ignore_patterns("__py*")
        )
        shutil.copytree(ROOT / "config", tmp_path / "hedger" / "_config")
        code = "from hedger.settings import load; print(load().path)"
        result = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=ENVIRON,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert result.stdout.strip() == str(tmp_path / "hedger" / "_config" / "default.toml")


class TestPlaces:
    """Folders of a deployment."""

    def test_xdg(self, tmp_path: Path) -> None:
        environ = {"XDG_STATE_HOME": "/state", "XDG_RUNTIME_DIR": str(tmp_path)}
        if len(str(tmp_path)) > 50:
            pytest.skip("the temporary folder itself is too long for a socket")
        found = places("desk", environ=environ)
        assert found.state == Path("/state/hedger/desk")
        assert found.runtime.parent == tmp_path
        assert places("other", environ=environ).runtime != found.runtime

    @pytest.mark.parametrize("runtime", ["", "relative", "/no/such/folder", "/" + "long/" * 20])
    @pytest.mark.parametrize("name", ["venue-paper", "n" * 200, "é" * 30])
    def test_sockets_are_short(self, runtime: str, name: str) -> None:
        environ = {"HOME": "/home/" + "h" * 80, "XDG_RUNTIME_DIR": runtime}
        socket = places("d" * 40, environ=environ).socket(name)
        assert socket.is_absolute()
        assert len(os.fsencode(socket)) <= 104
        assert str(socket).startswith("/tmp/hedger-")

    @pytest.mark.parametrize("environ", [{}, {"HOME": "here"}, {"XDG_STATE_HOME": "state"}])
    def test_state_must_be_absolute(self, environ: dict[str, str]) -> None:
        with pytest.raises(ConfigError, match=r"XDG_STATE_HOME: .*expected .*absolute path"):
            places("desk", environ=environ)

    def test_private_folders(self, tmp_path: Path) -> None:
        made = private(tmp_path / "a" / "b")
        assert made.stat().st_mode & 0o777 == 0o700
        assert private(made) == made
        made.chmod(0o755)
        with pytest.raises(ConfigError, match="is open to others, expected"):
            private(made)
        (tmp_path / "link").symlink_to(tmp_path / "a")
        with pytest.raises(ConfigError, match="expected a folder of user"):
            private(tmp_path / "link")
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigError, match="cannot be made"):
            private(tmp_path / "file")

"""Variables that override, variables that are slips, secrets."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedger.settings import environment as env
from hedger.settings.document import _SECRET
from hedger.settings.leaves import ANY, leaves
from hedger.settings.report import STARS, show
from tests.settings.desk import ENVIRON, book, loaded, refused, right

KNOWN = sorted(env.variables(right()))


@pytest.mark.parametrize("spelled", ["BTC-MAIN", "BTC_MAIN", "0"])
def test_a_book_by_name_or_index(tmp_path: Path, spelled: str) -> None:
    name = f"HEDGER__BOOK__{spelled}__BAND__LOWER"
    found = loaded(tmp_path, **{name: "-0.5"})
    assert found.settings.book[0].band.lower == -0.5
    assert found.origins["book", 0, "band", "lower"] == name


def test_texts_numbers_and_empty_texts(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        HEDGER__STORE__URL="redis://10.0.0.5:6379/0",
        HEDGER__STORE__SHARDS="512",
        HEDGER__WORKER__LEASE_S="1e1",
        HEDGER__BOOK__0__ACCOUNT="",
    )
    store, worker = found.settings.store, found.settings.worker
    assert (store.url, store.shards, worker.lease_s) == ("redis://10.0.0.5:6379/0", 512, 10.0)


def test_names_that_look_alike_are_in_doubt(tmp_path: Path) -> None:
    raw = right()
    raw["book"] = [book("a-b", positions="account"), book("a_b", positions="account")]
    (line,) = refused(tmp_path, raw, HEDGER__BOOK__A_B__BAND__LOWER="-1")
    assert "HEDGER__BOOK__A_B__BAND__LOWER: names several books, expected the index" in line
    environ = {"HEDGER__BOOK__A-B__BAND__LOWER": "-1", "HEDGER__BOOK__1__BAND__LOWER": "-2"}
    found = loaded(tmp_path, raw, **environ)
    assert [b.band.lower for b in found.settings.book] == [-1.0, -2.0]


def test_one_key_from_two_variables(tmp_path: Path) -> None:
    environ = {"HEDGER__BOOK__0__BAND__LOWER": "-1", "HEDGER__BOOK__BTC_MAIN__BAND__LOWER": "-2"}
    (line,) = refused(tmp_path, **environ)
    assert line.startswith("HEDGER__BOOK__BTC_MAIN__BAND__LOWER: sets the same key as HEDGER__BOOK")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HEDGER__STORE__ULR", "HEDGER__STORE__URL"),
        ("HEDGER__STOER__URL", "HEDGER__STORE__URL"),
        ("HEDGER_STORE_URL", "HEDGER__STORE__URL"),
        ("HEDGER__STORE_URL", "HEDGER__STORE__URL"),
        ("HEGDER__STORE__URL", "HEDGER__STORE__URL"),
        ("hedger__store__url", "HEDGER__STORE__URL"),
        ("HEDGER__BOOK__BTC-MAIN__BAND__LOWR", "HEDGER__BOOK__BTC-MAIN__BAND__LOWER"),
        ("HEDGER__BOOK__BTCMAIN__BAND__LOWER", "HEDGER__BOOK__BTC"),
        ("HEDGER_CONFG", "HEDGER_CONFIG"),
        ("HEDGER_SECRETS_DIRS", "HEDGER_SECRETS_DIR"),
        ("HEDGER_SECRETS_STORE_PASSWORD", "HEDGER_SECRET_STORE_PASSWORD"),
    ],
)
def test_slips_are_refused_with_what_was_meant(tmp_path: Path, name: str, meant: str) -> None:
    (line,) = refused(tmp_path, **{name: "1"})
    assert line.startswith(f"{name}: unknown variable, did you mean {meant}")


@pytest.mark.parametrize(
    "name",
    ["HEDGER__X", "HEDGER__", "HEDGER____", "HEDGER__CONFIG_VERSION", "HEDGER__BOOK__0__NAME"],
)
def test_what_is_no_key_is_refused(tmp_path: Path, name: str) -> None:
    (line,) = refused(tmp_path, **{name: "1"})
    assert line.startswith(f"{name}: unknown variable, ")


@pytest.mark.parametrize(
    "name",
    ["HEDGER_PORT", "HEDGER_SERVICE_PORT", "HEDGER_PORT_80_TCP_ADDR", "MY__STORE__URL", "PS1"],
)
def test_variables_of_others_are_left_alone(tmp_path: Path, name: str) -> None:
    assert loaded(tmp_path, **{name: "tcp://10.0.0.1:80"}).settings.deployment == "desk"


@pytest.mark.parametrize(
    "text", ["", "five", "1_0", " 1", "nan", "inf", "-inf", "1e999", "true", "٥"]
)
@pytest.mark.parametrize("key", ["LEASE_S", "MARGIN_MS"])
def test_values_that_are_no_numbers(tmp_path: Path, key: str, text: str) -> None:
    (line,) = refused(tmp_path, **{f"HEDGER__WORKER__{key}": text})
    assert line.startswith(f"HEDGER__WORKER__{key}: is ")


def test_wrong_values_are_reported_under_the_variable(tmp_path: Path) -> None:
    lines = refused(
        tmp_path,
        HEDGER__BOOK__0__HEDGE__BUY="ETH-PERPETUAL",
        HEDGER__BOOK__0__VENUE="nowhere",
        HEDGER__VENUES__PAPER__DATA="nowhere",
    )
    starts = sorted(line.partition(":")[0] for line in lines)
    assert starts == [
        "HEDGER__BOOK__0__HEDGE__BUY",
        "HEDGER__BOOK__0__VENUE",
        "HEDGER__VENUES__PAPER__DATA",
    ]


def test_every_leaf_has_a_variable_and_none_looks_like_a_secret() -> None:
    plain = {path if ANY not in path else (path[0], *path[2:]) for path in leaves()}
    reached = set()
    for (path,) in env.variables(
        right() | {"policy": {"wide": {}}, "reference": {"btc": {}}}
    ).values():
        is_repeated = path[0] in ("venues", "book", "policy", "reference")
        reached.add((path[0], *path[2:]) if is_repeated else path)
    assert plain - reached == {("config_version",), ("book", "name")}
    assert reached <= plain
    assert not any(_SECRET.search(str(path[-1])) for path in leaves())


@given(name=st.sampled_from(KNOWN), seed=st.integers(0, 10_000))
def test_any_single_slip_is_caught(name: str, seed: int) -> None:
    rng = random.Random(seed)
    at = rng.randrange(len(name))
    letter = rng.choice("ABXZ_9")
    cut, inserted = name[:at] + name[at + 1 :], name[:at] + letter + name[at:]
    for slip in {cut, inserted, name[:at] + letter + name[at + 1 :]} - set(KNOWN):
        found, problems = env.overrides(ENVIRON | {slip: "1"}, right())
        assert not found
        assert [problem.where for problem in problems] == [slip]


class TestSecrets:
    """Secrets come from the environment or a directory and print as stars."""

    def test_from_a_variable(self, tmp_path: Path) -> None:
        found = loaded(
            tmp_path,
            HEDGER_SECRET_STORE_PASSWORD="hunter2",
            HEDGER__STORE__URL="redis://user:hunter3@h",
        )
        assert found.secrets.reveal("store_password") == "hunter2"
        printed = repr(found) + str(show(found))
        assert "hunter" not in printed
        secret = next(line for line in show(found) if line.key == "secret.store_password")
        assert (secret.value, secret.origin) == (STARS, "HEDGER_SECRET_STORE_PASSWORD")
        url = next(line for line in show(found) if line.key == "store.url")
        assert url.value == f"redis://user:{STARS}@h"

    def test_from_a_directory(self, tmp_path: Path) -> None:
        (tmp_path / "store_password").write_text("hunter2\n")
        (tmp_path / "of_another_service").write_text("x")
        found = loaded(tmp_path, HEDGER_SECRETS_DIR=str(tmp_path))
        assert found.secrets.reveal("store_password") == "hunter2"
        assert "the embedded server has no password" in found.notices[0]
        beaten = loaded(
            tmp_path, HEDGER_SECRETS_DIR=str(tmp_path), HEDGER_SECRET_STORE_PASSWORD="3"
        )
        assert beaten.secrets.reveal("store_password") == "3"

    def test_absent(self, tmp_path: Path) -> None:
        found = loaded(tmp_path, HEDGER_SECRETS_DIR=str(tmp_path))
        assert found.secrets.reveal("store_password") == ""

    @pytest.mark.parametrize("folder", ["/no/such/folder", "a\0b", "x" * 5_000])
    def test_a_wrong_directory(self, tmp_path: Path, folder: str) -> None:
        (line,) = refused(tmp_path, HEDGER_SECRETS_DIR=folder)
        assert line.startswith("HEDGER_SECRETS_DIR: is ")

    def test_an_unreadable_secret_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "store_password").write_bytes(b"\xff")
        (line,) = refused(tmp_path, HEDGER_SECRETS_DIR=str(tmp_path))
        assert "byte 0 is not UTF-8 text, expected a secret on one line" in line

    def test_invalid_addresses_are_not_repeated(self, tmp_path: Path) -> None:
        (line,) = refused(tmp_path, HEDGER__STORE__URL="x" * 2_000 + "://user:hunter2@h")
        assert "hunter2" not in line

"""``hedger neutral`` and ``close`` where nobody can say what they would do: asked all the same."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hedger.cli.entry import main
from hedger.errors import ConfigError, HedgerError, VenueUnavailable
from hedger.ports import BookSeed
from hedger.store.memory import MemoryServer, MemoryStore
from tests.cli.test_backtest import CONFIG

UNSEEN = (
    ConfigError("book b: paper does not list BTC-3JUL26-64000-C\nand another line"),
    VenueUnavailable("the paper exchange runs but does not answer"),
)


@pytest.mark.parametrize("kind", ["neutral", "close"])
@pytest.mark.parametrize("error", UNSEEN, ids=lambda error: type(error).__name__)
def test_an_act_is_asked_for_though_its_market_cannot_be_seen(
    kind: str,
    error: HedgerError,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = MemoryServer(shards=8, namespace="00c0ffee", monotonic=time.monotonic)

    @contextlib.asynccontextmanager
    async def running(_: object) -> AsyncIterator[MemoryStore]:
        store = MemoryStore(server)
        await store.seed(BookSeed("b", "digest", {}))
        yield store

    async def unseen(*_: object) -> None:
        raise error

    monkeypatch.setattr("hedger.app.attach.running_store", running)
    monkeypatch.setattr("hedger.app.look.look", unseen)
    (tmp_path / "b.toml").write_text(CONFIG.format(latency=""))
    asked = [kind, "b", "--config", str(tmp_path / "b.toml")]
    assert main(asked) == 0
    shown = capsys.readouterr().out.splitlines()
    reason = str(error).splitlines()[0]
    assert f"  what it would do cannot be seen: {reason}" in shown
    assert shown[-1].startswith("b: nothing is asked for yet")
    assert main([*asked, "--yes"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"b: asked for: {kind}, asked by ")

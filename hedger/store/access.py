"""What the store asks of a server, as an ACL rule: a user that has this may do nothing else."""

from __future__ import annotations

from hedger.store.keys import checked_name

CALLS = ("evalsha", "script|load", "info", "wait", "cluster|slots")
"""Sent by the link itself."""
READS = (
    *("hget", "hmget", "hgetall", "hvals", "hlen", "hexists", "exists", "zrange", "time"),
    *("xrange", "xrevrange"),
)
WRITES = (
    *("hset", "hsetnx", "hdel", "hincrby", "pexpire", "xadd", "xtrim", "zadd", "zrem"),
    "zremrangebyscore",
)


def rule(deployment: str) -> str:
    """The rule of a user for one deployment; the name and the password go before it.

    Examples
    --------
    >>> rule("desk").split()[:4]
    ['resetchannels', '~desk:*', '-@all', '+evalsha']
    """
    allowed = " ".join(f"+{command}" for command in (*CALLS, *READS, *WRITES))
    return f"resetchannels ~{checked_name('deployment', deployment)}:* -@all {allowed}"

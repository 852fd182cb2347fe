"""What the store needs to be told, as a plain record that `app` makes from the configuration."""

from __future__ import annotations

import msgspec


class StoreParams(msgspec.Struct, frozen=True, kw_only=True):
    """Where the shared state lives.

    ``url`` names a server (``redis://``, ``rediss://``, ``unix://``); empty means the embedded one,
    with its data in ``state_dir`` and its socket in ``runtime_dir``. ``temporary`` removes both
    when the last process leaves. ``shards`` counts at creation only. With ``replicas`` an intent
    counts as recorded when that many replicas have it too.
    """

    deployment: str
    url: str = ""
    replicas: int = 0
    state_dir: str = ""
    runtime_dir: str = ""
    temporary: bool = False
    shards: int = 256
    connections: int = 16
    timeout_s: float = 1.0
    start_timeout_s: float = 10.0
    memory_mb: int = 512
    journal_max: int = 2_000
    log_max: int = 2_000

"""Which server an address means now: a fixed one, the primary that Sentinel names, or a cluster.

``redis://`` ``rediss://`` ``unix://`` one server. ``sentinel://`` ``sentinels://`` hosts and, as
the path, the name of what they watch: whoever connects asks first who is the primary.
``cluster://`` ``clusters://`` any nodes of a cluster. The forms with an ``s`` speak TLS; options
of the connection (``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile``) follow a ``?``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from redis.asyncio.connection import Connection, parse_url

from hedger.errors import ConfigError

_SENTINEL_PORT = 26379
_SCHEMES = {
    "sentinel": "redis",
    "sentinels": "rediss",
    "cluster": "redis",
    "clusters": "rediss",
}

Options = Mapping[str, Any]


class Address(NamedTuple):
    """What an address says: its kind, each host's options, and the name that Sentinel watches."""

    kind: str
    hosts: tuple[Options, ...]
    service: str = ""


class Server(Protocol):
    """One server, wherever it is now."""

    @property
    def where(self) -> str:
        """How it is named in messages."""
        ...

    async def options(self) -> dict[str, Any]:
        """How to connect to it now; raises what a connection raises."""
        ...


def parsed(url: str) -> Address:
    """Take an address apart.

    Raises
    ------
    ConfigError
        It has not the form of its scheme.
    """
    try:
        parts = urlsplit(url)
        scheme = _SCHEMES.get(parts.scheme)
        if scheme is None:
            return Address("single", (dict(parse_url(url)) if url else {},))
        user, at, hosts = parts.netloc.rpartition("@")
        options = [
            dict(parse_url(f"{scheme}://{user}{at}{host}?{parts.query}"))
            for host in hosts.split(",")
        ]
    except ValueError as bad:
        raise ConfigError(f"store url: {bad}") from None
    if not all(option.get("host") for option in options):
        raise ConfigError(f"store url: expected {parts.scheme}://host:port,host:port,...")
    if not parts.scheme.startswith("sentinel"):
        return Address("cluster", tuple(options))
    service = parts.path.strip("/")
    if not service or "/" in service:
        raise ConfigError("store url: expected sentinel://host:port,host:port/NAME, as they watch")
    for option in options:
        option.setdefault("port", _SENTINEL_PORT)
    return Address("sentinel", tuple(options), service)


class Fixed:
    """A server that stays where it is."""

    def __init__(self, options: Options) -> None:
        self._options = dict(options)
        self.where = named(options)

    async def options(self) -> dict[str, Any]:
        """How to connect to it."""
        return dict(self._options)


class Watched:
    """The primary of a group that Sentinels watch; asked anew for each connection."""

    def __init__(self, address: Address, *, timeout_s: float) -> None:
        self._sentinels = list(address.hosts)
        self._service = address.service
        self._timeout_s = timeout_s
        self.where = address.service

    async def options(self) -> dict[str, Any]:
        """How to connect to the present primary; the Sentinel that answered is asked first."""
        said: list[str] = []
        for sentinel in tuple(self._sentinels):
            try:
                host, port = await self._ask(sentinel)
            except (OSError, LookupError) as bad:
                said.append(f"{named(sentinel)}: {bad or type(bad).__name__}")
                continue
            self._sentinels.remove(sentinel)
            self._sentinels.insert(0, sentinel)
            self.where = f"{self._service} at {host}:{port}"
            return {**sentinel, "host": host, "port": port}
        raise ConnectionError(f"no Sentinel names a primary ({'; '.join(said)})")

    async def _ask(self, sentinel: Options) -> tuple[str, int]:
        options = {k: v for k, v in sentinel.items() if k not in ("username", "password", "db")}
        command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
        reply = await asked(options, *command, timeout_s=self._timeout_s / len(self._sentinels))
        if not reply:
            raise LookupError(f"knows no {self._service!r}")
        return reply[0].decode(), int(reply[1])


async def asked(options: Options, *command: str, timeout_s: float) -> Any:
    """The answer of one server to one question, over a connection of its own.

    Raises
    ------
    OSError
        Whatever went wrong.
    """
    rest = dict(options)
    connection = rest.pop("connection_class", Connection)(protocol=2, **rest)
    try:
        async with asyncio.timeout(timeout_s):
            await connection.connect()
            await connection.send_command(*command, check_health=False)
            return await connection.read_response()
    except OSError:
        raise
    except Exception as bad:  # the client has a tree of its own
        raise ConnectionError(str(bad) or type(bad).__name__) from bad
    finally:
        with contextlib.suppress(Exception):
            await connection.disconnect(nowait=True)


def named(options: Options) -> str:
    """A server's address for messages: never the password."""
    path = options.get("path")
    return str(path or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}")


def server(url: str, *, timeout_s: float) -> Server:
    """The one server that an address means; a cluster has many and is not one."""
    address = parsed(url)
    if address.kind == "sentinel":
        return Watched(address, timeout_s=timeout_s)
    return Fixed(address.hosts[0])

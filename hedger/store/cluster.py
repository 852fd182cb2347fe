"""A Redis Cluster behind the interface of one link: each call goes to the node of its keys.

All keys of a script carry one hash tag, so each script has one node. A node that answers MOVED has
not run anything: the map of slots is read again and the call goes out once more. Everything else
that goes wrong is an error of that call, as with one server. Slots are moved between nodes with
the workers stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.crc import key_slot
from redis.exceptions import MovedError

from hedger.errors import StoreUnavailable
from hedger.store.link import Access, Argument, Link
from hedger.store.params import StoreParams
from hedger.store.servers import Address, Fixed, Options, asked, named, parsed, server


class ClusterLink:
    """One link per primary, made when first needed.

    Parameters
    ----------
    address
        Any nodes of the cluster; the others are learnt from them.
    timeout_s, connections, replicas
        Of each node's link.
    """

    def __init__(
        self, address: Address, *, timeout_s: float, connections: int, replicas: int = 0
    ) -> None:
        self._seeds = address.hosts
        self._limits: dict[str, Any] = {
            "timeout_s": timeout_s,
            "connections": connections,
            "replicas": replicas,
        }
        self._links: dict[str, Link] = {}
        self._slots: list[tuple[int, int, str]] = []
        self.where = "cluster " + ",".join(named(host) for host in address.hosts)

    async def links(self) -> Sequence[Link]:
        """Every primary that holds slots."""
        if not self._slots:
            await self._read_map()
        return [self._links[name] for name in sorted({name for _, _, name in self._slots})]

    async def call(self, name: str, keys: Sequence[str], *arguments: Argument) -> Any:
        """Run one script on the node that holds its keys."""
        return await self._sent(keys[0], "call", name, keys, *arguments)

    async def commands(self, *commands: Sequence[Argument]) -> list[Any]:
        """Send plain reads, each to the node of its key, and return the answers in order.

        One without a key goes where the next one with a key does.
        """
        replies: list[Any] = [None] * len(commands)
        groups: dict[str, list[int]] = {}
        waiting: list[int] = []
        for place, command in enumerate(commands):
            waiting.append(place)
            if len(command) > 1:
                groups.setdefault(await self._node(str(command[1])), []).extend(waiting)
                waiting = []
        for places in groups.values():
            mine = [commands[place] for place in places]
            key = next(str(command[1]) for command in mine if len(command) > 1)
            answers = await self._sent(key, "commands", *mine)
            for place, answer in zip(places, answers, strict=True):
                replies[place] = answer
        return replies

    async def close(self) -> None:
        """Close every node's link."""
        for link in self._links.values():
            await link.close()

    async def _sent(self, key: str, method: str, *arguments: Any) -> Any:
        link = self._links[await self._node(key)]
        try:
            return await getattr(link, method)(*arguments)
        except StoreUnavailable as lost:
            self._slots = []  # whoever comes next asks who has which slots now
            if not isinstance(lost.__cause__, MovedError):
                raise
        link = self._links[await self._node(key)]
        return await getattr(link, method)(*arguments)

    async def _node(self, key: str) -> str:
        if not self._slots:
            await self._read_map()
        slot = key_slot(key.encode())
        for first, last, name in self._slots:
            if first <= slot <= last:
                return name
        raise StoreUnavailable(f"store {self.where}: no node serves slot {slot}")

    async def _read_map(self) -> None:
        """Ask the nodes, known ones first, who has which slots."""
        said: list[str] = []
        candidates = [*(self._options(name) for name in self._links), *self._seeds]
        for options in candidates:
            timeout_s = self._limits["timeout_s"] / len(candidates)
            try:
                rows = await asked(options, "CLUSTER", "SLOTS", timeout_s=timeout_s)
            except OSError as bad:
                said.append(f"{named(options)}: {bad or type(bad).__name__}")
                continue
            self._slots = self._read(options, rows)
            return
        raise StoreUnavailable(f"store {self.where}: no node answers ({'; '.join(said)})")

    def _read(self, origin: Options, rows: Sequence[Any]) -> list[tuple[int, int, str]]:
        found = []
        for first, last, primary, *_ in rows:
            host = primary[0].decode() or origin["host"]
            name = f"{host}:{primary[1]}"
            if name not in self._links:
                self._links[name] = Link(Fixed(self._options(name)), **self._limits)
            found.append((int(first), int(last), name))
        return found

    def _options(self, name: str) -> dict[str, Any]:
        host, _, port = name.rpartition(":")
        return {**self._seeds[0], "host": host, "port": int(port)}


def link_of(params: StoreParams) -> Access:
    """The way to the server or servers that the parameters name."""
    address = parsed(params.url)
    if address.kind == "cluster":
        return ClusterLink(
            address,
            timeout_s=params.timeout_s,
            connections=params.connections,
            replicas=params.replicas,
        )
    return Link(
        server(params.url, timeout_s=params.timeout_s),
        timeout_s=params.timeout_s,
        connections=params.connections,
        replicas=params.replicas,
    )

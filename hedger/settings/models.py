"""The configuration as frozen models: every key, its range, its default, and one sentence.

Field rules live on the fields, rules between keys of one table on the table, everything that needs
other tables, files or contract data in `hedger.settings.checks`. Every number has a finite range,
so no later arithmetic (seconds to milliseconds, say) can overflow.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from hedger.settings.band import Band
from hedger.settings.book import Book
from hedger.settings.reference import Reference
from hedger.settings.table import SIZE_MAX, Table, broken
from hedger.settings.texts import Folder, Name, StoreUrl, VenueName

CONFIG_VERSION = 1


class Store(Table):
    """Where the shared state lives."""

    url: StoreUrl = Field(
        default="",
        repr=False,  # one that comes from a variable may carry a password
        description="Redis or Valkey by address; empty: the embedded server.",
    )
    replicas: int = Field(
        default=0,
        ge=0,
        le=5,
        description="Replicas that must have an intent before its order is sent.",
    )
    shards: int = Field(
        default=256,
        ge=1,
        le=1024,
        description="Units of ownership; chosen at creation, then fixed.",
    )
    memory_mb: int = Field(
        default=512, ge=16, le=1_048_576, description="Memory of the embedded server, in MB."
    )
    timeout_s: float = Field(
        default=1.0, ge=0.05, le=30, description="Longest wait for one answer of the server."
    )

    @model_validator(mode="after")
    def _address(self) -> Self:
        if self.url and not _is_address(self.url):  # may carry a password: it is never repeated
            broken(
                "url is no such address, expected redis://, rediss://, unix://, cluster://HOST,HOST"
                " or sentinel://HOST,HOST/NAME"
            )
        if self.replicas and not self.url:
            broken("replicas is for a server given by url: the embedded one has none")
        return self


def _is_address(url: str) -> bool:
    """Whether an address has the form of its scheme; several hosts stand between commas."""
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2].split(",")
        named = all(urlsplit(f"//{host}").hostname for host in hosts)
        _ = [urlsplit(f"//{host}").port for host in hosts]
    except ValueError:
        return False
    match parts.scheme:
        case "unix":
            return bool(parts.path)
        case "redis" | "rediss":
            return named and len(hosts) == 1
        case "cluster" | "clusters":
            return named
        case "sentinel" | "sentinels":
            return named and bool(parts.path.strip("/"))
    return False


class Worker(Table):
    """How a worker process behaves; the same for all workers of the deployment."""

    lease_s: float = Field(
        default=5.0,
        ge=0.5,
        le=60,
        description="Right to act for a shard, renewed every third of it.",
    )
    margin_ms: int = Field(
        default=100, ge=1, le=5_000, description="Safety margin on leases and on the venue's clock."
    )
    order_timeout_s_min: float = Field(
        default=0.5, ge=0.05, le=30, description="Least deadline given to an order."
    )
    order_timeout_s_max: float = Field(
        default=3.0, ge=0.05, le=30, description="Largest deadline given to an order."
    )
    min_interval_ms: int = Field(
        default=20,
        ge=0,
        le=60_000,
        description="Least real time between two decisions of one book.",
    )
    time_trigger_ms: int = Field(
        default=1_000,
        ge=10,
        le=3_600_000,
        description="A book is decided at least this often, in real time.",
    )
    request_timeout_s: float = Field(
        default=2.0, ge=0.05, le=60, description="Longest wait for a read at a venue."
    )
    reconcile_s: float = Field(
        default=10.0, ge=0.5, le=3_600, description="Books and venue are compared this often."
    )
    drain_s: float = Field(
        default=5.0, ge=0.1, le=60, description="Wait for orders in flight when a worker stops."
    )
    shadow_interval_s: float = Field(
        default=1.0,
        ge=0.05,
        le=3_600,
        description="Shadows look at the market this often at most, in market time.",
    )
    mode: Literal["unattended", "attended"] = Field(
        default="unattended",
        description="attended: a person answers alarms; needed for venues of class C.",
    )
    naked_s_max: float = Field(
        default=30.0,
        gt=0,
        le=3_600,
        description="A book out of band and unable to trade for longer raises an alarm.",
    )

    @model_validator(mode="after")
    def _deadlines(self) -> Self:
        if self.order_timeout_s_min > self.order_timeout_s_max:
            broken(
                f"order_timeout_s_min is {self.order_timeout_s_min:g}, expected at most "
                f"order_timeout_s_max ({self.order_timeout_s_max:g})"
            )
        if self.lease_s * 1000 < 5 * self.margin_ms:
            broken(f"lease_s is {self.lease_s:g}, expected at least 5 x margin_ms")
        room = self.lease_s - 2 * self.margin_ms / 1000
        if self.order_timeout_s_max >= room:
            broken(
                f"order_timeout_s_max is {self.order_timeout_s_max:g}, expected less than "
                f"lease_s - 2 x margin_ms ({room:g} s): an order must end before its lease"
            )
        return self


class PaperVenue(Table):
    """A paper exchange: a process of its own over recorded or simulated market data."""

    kind: Literal["paper"] = Field(description="What stands behind the name.")
    speed: float = Field(
        default=1.0, gt=0, le=100_000, description="Market seconds per real second."
    )
    data: Folder = Field(
        default="", description="A folder of recorded data; empty: simulated, seeded."
    )
    seed: int = Field(
        default=1, ge=0, le=2**32 - 1, description="Seed of all randomness of the venue."
    )
    deposit: float = Field(
        default=100.0, ge=0, le=SIZE_MAX, description="Coin each account starts with."
    )
    half_spread_bps: float = Field(
        default=0.5,
        ge=0,
        le=1_000,
        description="Half of the perpetual's spread; at least one tick.",
    )
    depth_usd: float = Field(
        default=1_000_000.0,
        gt=0,
        le=1e12,
        description="Amount resting at each price level, in USD.",
    )
    depth_levels: int = Field(default=5, ge=1, le=100, description="Price levels on each side.")
    latency_ms: float = Field(
        default=5.0, ge=0, le=10_000, description="Mean real time from request to answer."
    )
    loss: float = Field(
        default=0.0, ge=0, lt=1, description="Probability that a request or its answer is lost."
    )
    funding_rate_8h: float = Field(
        default=0.0,
        ge=-0.05,
        le=0.05,
        description="Funding of perpetuals per 8 hours, as a fraction.",
    )
    events_per_day: float = Field(
        default=0.0,
        ge=0,
        le=10_000,
        description="Chance events on the accounts per market day: manual trades, blocks,"
        " auto-deleveraging, liquidation, transfers.",
    )
    spread_most: float = Field(
        default=1.0,
        ge=1,
        le=100,
        description="Simulated spreads widen and depth thins by realised vol, up to so many times.",
    )
    order_rate: float = Field(
        default=0.0,
        ge=0,
        le=10_000,
        description="Orders an account may send a second for ever; 0: no limit.",
    )
    order_burst: float = Field(
        default=20.0, ge=1, le=100_000, description="And at once, before it has to wait."
    )
    margin: Literal["off", "segregated", "crossed"] = Field(
        default="off",
        description="Ask for margin and liquidate by the venue's standard rules; crossed: coin and"
        " quote currency stand in for each other.",
    )


class Settings(Table):
    """The whole configuration of one deployment."""

    config_version: Literal[1] = Field(description="Version of this file format.")
    deployment: Name = Field(description="Name of the deployment; prefix of all shared state.")
    store: Store = Field(default_factory=Store)
    worker: Worker = Field(default_factory=Worker)
    venues: dict[VenueName, PaperVenue] = Field(min_length=1, description="Venues by name.")
    book: Annotated[tuple[Book, ...], Field(strict=False)] = Field(
        min_length=1, max_length=10_000, description="The books."
    )
    policy: dict[Name, Band] = Field(
        default_factory=dict, description="Bands by name, for shadows and backtests."
    )
    reference: dict[Name, Reference] = Field(
        default_factory=dict, description="Prices of several sources by name, for books."
    )

"""The Lua scripts against the plain-Python store: whatever is done to both, they answer alike."""

import asyncio
import os
import tempfile
import time
import uuid

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hedger.core.model import Fill, Intent, Memory
from hedger.errors import LeaseLost, RevisionConflict, StoreError
from hedger.ports import BookSeed, JournalEntry, Lease
from hedger.reservations import Grant, Reserve
from hedger.store import StoreParams, embedded, keys
from hedger.store.memory import MemoryServer, MemoryStore
from hedger.store.redis import RedisStore

BOOKS = ("b", "c")  # of two shards
INSTRUMENTS = ("PERP", "FUTURE")
LOTS = st.integers(-4, 4)
OWNERS = st.sampled_from(["w1", "w2"])
PARTS = st.sampled_from([1, 2, 3])
LEASE_MS = st.sampled_from([600_000, 600_000, 600_000, 0])  # 0: run out at once
FACTS = st.sampled_from([None, 0, 0, 0, 1])  # how many too few are known
FOREIGN = st.tuples(
    st.sampled_from(BOOKS), st.sampled_from(["settlement", "account"]), st.just("PERP"), LOTS
)


@pytest.fixture(scope="module")
def url():
    with tempfile.TemporaryDirectory(prefix="hs") as home:
        params = StoreParams(
            deployment="machine",
            state_dir=os.path.join(home, "s"),
            runtime_dir=os.path.join(home, "r"),
            temporary=True,
        )
        attached = asyncio.run(embedded.attach(params))
        yield attached.url
        asyncio.run(attached.leave())


class Both(RuleBasedStateMachine):
    url = ""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        params = StoreParams(
            deployment=f"m-{uuid.uuid4().hex[:12]}", url=self.url, shards=16, timeout_s=5.0
        )
        self.redis = RedisStore(params)
        self.runner.run(self.redis.open())
        self.memory = MemoryStore(MemoryServer(shards=16, namespace=self.redis.namespace))
        self.leases = {book: [] for book in BOOKS}
        self.sent = []
        self.n = 0
        for book in BOOKS:
            self.both("seed", BookSeed(book, "digest", {"PERP": 2}))
            self.claim(book, "w1")

    def teardown(self):
        self.runner.run(self.redis.shutdown())
        self.runner.close()

    def answer(self, store, method, arguments, options):
        try:
            return self.runner.run(getattr(store, method)(*arguments, **options))
        except RevisionConflict as refused:
            return str(refused)
        except LeaseLost as lost:
            return "lost", str(lost).split(":")[1]
        except (StoreError, ValueError) as wrong:
            return type(wrong).__name__, str(wrong)

    def both(self, method, *arguments, **options):
        expected = self.answer(self.memory, method, arguments, options)
        assert self.answer(self.redis, method, arguments, options) == expected
        return expected

    def fenced(self, method, book, which, *arguments, **options):
        """The same call, each under its own lease: the newest, or one that was fenced since."""
        in_memory, in_redis = self.leases[book][-1 - which % len(self.leases[book])]
        expected = self.answer(self.memory, method, (in_memory, *arguments), options)
        assert self.answer(self.redis, method, (in_redis, *arguments), options) == expected
        return expected

    def entry(self, book, ms):
        self.n += 1
        return JournalEntry(f"{book}.{ms}.{self.n}", book, f"{self.n}".encode())

    def state(self, book):
        return self.runner.run(self.memory.load(book))

    @rule(book=st.sampled_from(BOOKS), owner=OWNERS, lease_ms=LEASE_MS)
    def claim(self, book, owner, lease_ms=600_000):
        shard = self.memory.shard_of(book)
        pair = [
            self.runner.run(store.claim(shard, owner, lease_ms=lease_ms))
            for store in (self.memory, self.redis)
        ]
        assert (pair[0] is None) == (pair[1] is None)
        if pair[0]:
            self.leases[book].append(pair)

    @rule(book=st.sampled_from(BOOKS), which=st.sampled_from([0, 0, 1]), lease_ms=LEASE_MS)
    def renew(self, book, which, lease_ms):
        pair = self.leases[book][-1 - which % len(self.leases[book])]
        found = [
            self.answer(store, "renew", (lease,), {"lease_ms": lease_ms})
            for store, lease in zip((self.memory, self.redis), pair, strict=True)
        ]
        kept = [isinstance(answer, Lease) for answer in found]
        assert kept[0] == kept[1]
        assert kept[0] or found[0] == found[1]

    @rule(book=st.sampled_from(BOOKS), which=st.sampled_from([0, 0, 1]))
    def reconciled(self, book, which):
        self.fenced("is_reconciled", book, which)
        self.fenced("reconciled", book, which)
        self.fenced("is_reconciled", book, which)

    @rule(worker=OWNERS, leaves=st.booleans())
    def beat(self, worker, leaves):
        living = [
            {one.worker for one in self.runner.run(store.beat(worker, ttl_ms=600_000))}
            for store in (self.memory, self.redis)
        ]
        assert living[0] == living[1]
        if leaves:
            self.both("leave", worker)

    @rule(book=st.sampled_from(BOOKS), which=st.sampled_from([0, 0, 1]), owner=OWNERS)
    def release(self, book, which, owner):
        self.fenced("release", book, which)
        self.claim(book, owner)

    @rule(
        book=st.sampled_from(BOOKS),
        which=st.sampled_from([0, 0, 0, 0, 1]),
        off=st.sampled_from([0, 0, 0, 0, 1, -1]),
        orders=st.dictionaries(
            st.sampled_from(INSTRUMENTS),
            st.tuples(LOTS.filter(bool), st.integers(-7, 1), st.integers(-1, 7)),
            min_size=1,
        ),
        reduces=st.booleans(),
        fills=st.lists(PARTS, max_size=2),
        facts=FACTS,
    )
    def begin(self, book, which, off, orders, reduces, fills, facts):
        state = self.state(book)
        seq = max(0, state.seq + off)
        # Bounds near what is held, so that what is open often decides.
        held = {name: state.positions.get(name, 0) for name in INSTRUMENTS}
        intents = [
            Intent(
                id=keys.intent_id(self.redis.namespace, book, instrument, seq + 1),
                book=book,
                venue="paper",
                account="main",
                instrument=instrument,
                lots=lots,
                limit_ticks=1,
                deadline_ms=1,
                low=held[instrument] + below,
                high=max(held[instrument] + above, held[instrument] + below),
                seq=seq + 1,
            )
            for instrument, (lots, below, above) in orders.items()
        ]
        done = self.fenced(
            "begin",
            book,
            which,
            book,
            seq=seq,
            intents=intents,
            reduces=reduces,
            memory=Memory(hedges=self.n),
            entry=self.entry(book, 1_000 + seq),
            facts=None if facts is None else state.facts - facts,
        )
        if done is None:
            self.sent += intents
            for trade, part in enumerate(fills, start=1):
                self.filled(intents[0], trade, part)

    @rule(
        book=st.sampled_from(BOOKS),
        which=st.sampled_from([0, 0, 1]),
        ms=st.integers(0, 9),
        new=st.booleans(),
        facts=FACTS,
    )
    def note(self, book, which, ms, new, facts):
        state = self.state(book)
        self.fenced(
            "note",
            book,
            which,
            book,
            seq=state.seq,
            memory=Memory(stage=self.n) if new else state.memory,
            entry=self.entry(book, ms) if ms else None,
            facts=None if facts is None else state.facts - facts,
        )

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), trade=st.integers(1, 3), part=PARTS)
    def fill(self, data, trade, part):
        self.filled(data.draw(st.sampled_from(self.sent[-4:])), trade, part)

    def filled(self, intent, trade, part):
        lots = intent.lots // part or intent.lots
        self.fact(intent.book, intent.id, intent.instrument, lots, trade)

    @rule(foreign=FOREIGN, trade=st.integers(1, 3), stop=st.sampled_from(["", "", "sold"]))
    def foreign_fill(self, foreign, trade, stop):
        self.fact(*foreign, trade, stop)

    def fact(self, book, client_id, instrument, lots, trade, stop=""):
        fill = Fill(
            account="main",
            client_id=client_id,
            trade_id=f"t{trade}",
            instrument=instrument,
            lots=lots,
            price=1.0,
            fee=0.0,
            time_ms=trade * keys.WEEK_MS,
        )
        self.both("fill", book, fill, venue="paper", stop=stop)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), which=st.sampled_from([0, 0, 0, 1]), exact=st.booleans(), lots=LOTS)
    def close(self, data, which, exact, lots):
        intent = data.draw(st.sampled_from(self.sent[-4:]))
        if exact:
            lots = self.memory._server.filled(intent.id)
        self.fenced("close", intent.book, which, intent.book, intent.id, filled=lots, state="done")

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), which=st.sampled_from([0, 0, 0, 1]))
    def unknown(self, data, which):
        intent = data.draw(st.sampled_from(self.sent[-4:]))
        self.fenced("unknown", intent.book, which, intent.book, intent.id)

    @rule(book=st.sampled_from(BOOKS), seq=st.integers(0, 30))
    def fast_forward(self, book, seq):
        self.fenced("fast_forward", book, 0, book, seq=seq)

    @rule(
        book=st.sampled_from(BOOKS),
        which=st.sampled_from([0, 0, 1]),
        by=LOTS,
        ahead=PARTS,
        facts=FACTS,
        new=st.booleans(),
        stop=st.sampled_from(["", "", "sold"]),
    )
    def correct(self, book, which, by, ahead, facts, new, stop):
        state = self.state(book)
        held = state.positions.get("PERP", 0)
        changes = {"PERP": (held + (ahead == 3), held + by), "FUTURE": (0, by)}
        seq = state.seq + (ahead == 2)
        self.fenced(
            "correct",
            book,
            which,
            book,
            seq=seq,
            changes=changes,
            why="compared",
            facts=None if facts is None else state.facts - facts,
            memory=Memory(stage=self.n) if new else None,
            stop=stop,
        )

    @rule(book=st.sampled_from(BOOKS), kind=st.sampled_from(["hold", "hold", "stop"]))
    def hold(self, book, kind):
        self.n += 1
        self.both("hold", book, f"reason {self.n}", stop=kind == "stop")

    @rule(book=st.sampled_from(BOOKS), confirmed=st.sampled_from([0.0, 2.5]))
    def resume(self, book, confirmed):
        self.both("resume", book, who="anna", confirmed=confirmed)

    @precondition(lambda self: any(self.state(book).hold for book in BOOKS))
    @rule()
    def resume_all(self):
        for book in BOOKS:
            self.both("resume", book, who="anna")

    @rule(book=st.sampled_from(BOOKS), lots=LOTS, positions=st.booleans())
    def apply(self, book, lots, positions):
        self.both("apply", BookSeed(book, f"d{lots}", {"LEG": lots}), positions=positions)

    @rule(
        book=st.sampled_from(BOOKS),
        which=st.sampled_from([0, 0, 0, 1]),
        name=st.sampled_from("abcd"),
        sells=st.booleans(),
        amount=st.integers(1, 6),
        capacity=st.integers(0, 10),
        least=st.integers(0, 3),
        facts=st.sampled_from([0, 0, 0, 0, 1]),
        keep=st.sampled_from([True, True, True, False]),
        short=st.sampled_from([False, False, True]),
    )
    def reserve(self, book, which, name, facts, short, **wish):
        state, pair = self.state(book), self.leases[book][-1 - which % len(self.leases[book])]
        found = []
        for store, lease in zip((self.memory, self.redis), pair, strict=True):
            asked = Reserve(
                book=book,
                id=name,
                seq=state.seq,
                facts=state.facts - facts,
                epoch=lease.epoch,
                valid_ms=1 if short else 60_000,
                **wish,
            )
            answer = self.answer(store, "reserve", (asked,), {})
            found.append(answer._replace(until_ms=0) if isinstance(answer, Grant) else answer)
        assert found[0] == found[1]
        if short:
            time.sleep(0.003)  # it has ended everywhere

    @rule(
        book=st.sampled_from(BOOKS),
        name=st.sampled_from("abcd"),
        linger_ms=st.sampled_from([60_000, 60_000, 1, 0]),
    )
    def consume(self, book, name, linger_ms):
        self.both("consume", book, name, linger_ms=linger_ms)
        if linger_ms == 1:
            time.sleep(0.003)

    @rule(count=st.integers(0, 5))
    def journal(self, count):
        for book in BOOKS:
            for entry in self.both("journal", book=book, count=count):
                assert self.both("entry", entry.id) == entry

    @invariant()
    def same_books(self):
        for book in BOOKS:
            states = []
            for store in (self.memory, self.redis):
                state = self.runner.run(store.load(book))
                intents = tuple(
                    msgspec.structs.replace(intent, epoch=0) for intent in state.intents
                )
                states.append(msgspec.structs.replace(state, intents=intents))
            assert states[0] == states[1]


def played(url, *, examples, steps):
    machine = type("Both", (Both,), {"url": url})
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=checks,
        ),
    )


def test_scripts_and_memory_answer_alike(url):
    played(url, examples=60, steps=30)


@pytest.mark.long
def test_scripts_and_memory_answer_alike_at_length(url):
    played(url, examples=2_000, steps=50)

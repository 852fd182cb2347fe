"""Makes the faults of a plan happen: at their time, or where a process next comes to a point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hedger.core.model import Fill
from hedger.ports import Batch
from tests.simulation.exchange import Act, Exchange
from tests.simulation.faults import Fault, Plan
from tests.simulation.loop import WORLD, Process, SimLoop
from tests.simulation.stage import Slot, Stage


class Injector:
    """Breaks a stage as planned, and makes it sound again at the end."""

    def __init__(self, plan: Plan, loop: SimLoop) -> None:
        self._plan = plan
        self._loop = loop
        self._armed: list[Fault] = []
        self._stream: list[str] = []
        self._deaf: list[str] = []
        self.counts: Counter[str] = Counter()
        self.stage: Stage
        """Set right after construction: stage and injector know each other."""

    def schedule(self) -> None:
        """Set a timer for every fault."""
        for exchange in self.stage.exchanges.values():
            exchange.listeners.append(lambda fill, venue=exchange: self._told(venue, fill))
        for fault in self._plan.faults:
            self._loop.call_later(fault.at_s, self._begin, fault, context=WORLD)

    def reach(self, point: str, process: Process) -> bool:
        """A process has come to a point; True where the reply to what it did there is lost."""
        for fault in tuple(self._armed):
            if fault.what == point and self._concerns(fault, process):
                self._armed.remove(fault)
                self._strike(fault, process)
        if point in self._deaf:
            self._deaf.remove(point)
            self.counts["reply"] += 1
            return True
        return False

    def calm(self) -> None:
        """End every fault, continue every process, fill every slot."""
        stage = self.stage
        self._armed.clear()
        self._stream.clear()
        self._deaf.clear()
        if not stage.server.up:
            stage.server.restart()
        for exchange in stage.exchanges.values():
            exchange.acts.clear()
            exchange.trouble_until_s = -1.0
        for process in stage.processes:
            process.clock_ms = 0
            if process.alive and process.stopped:
                self._loop.resume_process(process)
        for slot in stage.slots:
            for line in slot.lines.values():
                line.calm()
            self._relaunch(slot, slot.lives, fresh=False)

    # --- one fault ------------------------------------------------------------------------

    def _concerns(self, fault: Fault, process: Process) -> bool:
        """A number beyond the slots means whoever comes first."""
        slots = self.stage.slots
        return fault.who >= len(slots) or slots[fault.who].process is process

    def _begin(self, fault: Fault) -> None:
        if self._loop.time() - self.stage.begin_s >= self._plan.length_s:
            return
        if fault.kind in ("kill", "pause", "restart") and fault.what != "now":
            self._armed.append(fault)
        else:
            self._strike(fault, self._slot(fault).process)

    def _slot(self, fault: Fault) -> Slot:
        return self.stage.slots[fault.who % len(self.stage.slots)]

    def _venue(self, fault: Fault) -> Exchange:
        venues = list(self.stage.exchanges.values())
        return venues[fault.who % len(venues)]

    def _strike(self, fault: Fault, process: Process) -> None:
        strikes: dict[str, Callable[[Fault, Process], bool]] = {
            "kill": self._kill,
            "pause": self._pause,
            "term": self._term,
            "restart": self._restart,
            "server_clock": self._server_clock,
            "worker_clock": self._worker_clock,
            "venue_clock": self._venue_clock,
            "store_line": self._store_line,
            "venue_line": self._venue_line,
            "reply": self._reply,
            "order": self._order,
            "stream": self._streamed,
            "reads": self._reads,
            "feed": self._feed,
        }
        if strikes[fault.kind](fault, process) and fault.kind != "reply":
            self.counts[fault.kind] += 1

    def _kill(self, fault: Fault, process: Process) -> bool:
        slot = next((s for s in self.stage.slots if s.process is process), None)
        if slot is None or not process.alive:
            return False
        self._loop.kill(process)
        fresh, life = fault.number % 2 == 0, slot.lives
        self._later(fault.length_s, lambda: self._relaunch(slot, life, fresh=fresh))
        return True

    def _relaunch(self, slot: Slot, life: int, *, fresh: bool) -> None:
        gone = slot.task is None or slot.task.done() or not slot.process.alive
        if slot.lives == life and gone:
            self.stage.launch(slot, fresh=fresh)

    def _pause(self, fault: Fault, process: Process) -> bool:
        if process.barred:
            return False
        self._loop.stop_process(process)
        self._later(fault.length_s, lambda: self._loop.resume_process(process))
        return True

    def _term(self, fault: Fault, process: Process) -> bool:
        """SIGTERM, and another worker in its place; the first may take its time."""
        slot = next((s for s in self.stage.slots if s.process is process), None)
        if slot is None or slot.stop is None or slot.stop.is_set():
            return False
        slot.stop.set()
        life = slot.lives
        self._later(8.0 + fault.length_s, lambda: self._relaunch(slot, life, fresh=True))
        return True

    def _restart(self, fault: Fault, process: Process) -> bool:
        server = self.stage.server
        if not server.up:
            return False
        server.crash(lost_s=fault.size)
        self._later(fault.length_s, lambda: None if server.up else server.restart())
        return True

    def _server_clock(self, fault: Fault, process: Process) -> bool:
        self.stage.server.clock_ms += int(fault.size)
        return True

    def _worker_clock(self, fault: Fault, process: Process) -> bool:
        process.clock_ms = int(fault.size)
        self._later(fault.length_s, lambda: setattr(process, "clock_ms", 0))
        return True

    def _venue_clock(self, fault: Fault, process: Process) -> bool:
        process.venue_ms = int(fault.size)
        return True

    def _store_line(self, fault: Fault, process: Process) -> bool:
        slot = self._slot(fault)
        if fault.what == "reset":
            for connection in tuple(self.stage.server.connections):
                if connection.process is slot.process:
                    connection.reset()
        slot.lines["store"].disturb(fault.what, fault.size, self._loop.time() + fault.length_s)
        return True

    def _venue_line(self, fault: Fault, process: Process) -> bool:
        slot, exchange = self._slot(fault), self._venue(fault)
        if fault.what == "reset":
            for view in slot.venues:
                if view.name == exchange.name:
                    view.reset()
        until_s = self._loop.time() + fault.length_s
        slot.lines[exchange.name].disturb(fault.what, fault.size, until_s)
        return True

    def _reply(self, fault: Fault, process: Process) -> bool:
        self._deaf += [f"{fault.what}.after"] * int(fault.size)
        return True

    def _order(self, fault: Fault, process: Process) -> bool:
        acts = [Act(fault.what, fault.length_s)] * int(fault.size)
        self._venue(fault).acts.extend(acts)
        return True

    def _streamed(self, fault: Fault, process: Process) -> bool:
        self._stream += [fault.what] * int(fault.size)
        return True

    def _reads(self, fault: Fault, process: Process) -> bool:
        exchange = self._venue(fault)
        exchange.trouble, exchange.trouble_until_s = (
            fault.what,
            self._loop.time() + fault.length_s,
        )
        return True

    def _feed(self, fault: Fault, process: Process) -> bool:
        self.stage.push(self._venue(fault).name, None)
        return True

    # --- the stream of fills --------------------------------------------------------------

    def _told(self, exchange: Exchange, fill: Fill) -> None:
        """Tell everybody of a fill, unless the stream has other ideas."""
        batch = Batch(exchange.market_ms(), (), (), (fill,))
        how = self._stream.pop(0) if self._stream else ""
        match how:
            case "lost":
                return
            case "twice":
                self.stage.push(exchange.name, batch)
            case "reordered":
                self._later(1.3, lambda: self.stage.push(exchange.name, batch))
                return
        self.stage.push(exchange.name, batch)

    def _later(self, after_s: float, act: Callable[[], object]) -> None:
        self._loop.call_later(after_s, act, context=WORLD)

"""The exchange behind the socket: reopened as it was, refused with one line."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hedger.errors import ConfigError
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.params import PaperAccount, check, read_params
from hedger.venues.paper.process import main
from hedger.venues.paper.tradelog import read_events
from hedger.venues.simulator.events import Traded
from tests.venues.paper_desk import FAR, MINUTE, NEAR, PERP, bars, chain, order, params, write


def test_a_reopened_exchange_is_the_same_exchange(tmp_path: Path) -> None:
    wanted = params(tmp_path, funding_rate_8h=1e-3)
    live = Engine(wanted)
    for number in range(40):
        live.place(order(f"i{number}", 3 - number % 7 or 1), now_ms=0)
        live.place(
            order(f"r{number}", 2, limit_ticks=119_000 + number, time_in_force="gtc"), now_ms=0
        )
        live.advance()
    live.cancel("a", "r3")
    live.log.close()
    again = Engine(wanted)
    assert again.market_ms == live.market_ms
    assert again.was_running
    assert again.exchange.positions("a") == live.exchange.positions("a")
    assert again.exchange.equity("a") == pytest.approx(live.exchange.equity("a"), rel=1e-12)
    assert again.exchange.fills("a", 0)[: len(live.exchange.fills("a", 0))] == (
        live.exchange.fills("a", 0)
    )
    assert again.exchange.query("a", "r3") == live.exchange.query("a", "r3")
    assert again.quotes([PERP]) == live.quotes([PERP])
    later = [engine.advance() and engine.quotes([PERP]) for engine in (live_again(live), again)]
    assert later[0] == later[1]
    again.log.close()
    ids = [event.trade_id for event in read_events(wanted.log) if isinstance(event, Traded)]
    assert len(ids) == len(set(ids))


def test_a_restart_within_a_settlement_window_leaves_no_trace(tmp_path: Path) -> None:
    """The whole log after it is what it would have been: mean, funding, settlement and bars."""
    data = str(write(tmp_path / "data", chain(), bars()))
    expiring = PaperAccount(name="a", positions={"BTC-26JUN26-60000-C": -7, PERP: 90})
    logs = []
    for restarts in (False, True):
        wanted = params(
            tmp_path / str(restarts), data=data, accounts=(expiring,), funding_rate_8h=1e-4
        )
        engine = Engine(wanted)
        while engine.advance():
            if restarts and engine.market_ms == NEAR[1] - 10 * MINUTE:
                engine.log.close()
                engine = Engine(wanted)
        assert engine.exchange.positions("a") == {PERP: 90}
        engine.log.close()
        logs.append(Path(wanted.log).read_bytes())
    assert b'"Settled"' in logs[0]
    assert logs[0] == logs[1]


def live_again(engine: Engine) -> Engine:
    """An engine whose log was closed may go on without one."""
    engine.log.append = lambda events: None  # type: ignore[method-assign]
    return engine


def test_the_log_of_another_market_is_not_continued(tmp_path: Path) -> None:
    Engine(params(tmp_path)).log.close()
    for changed, name in (({"seed": 5}, "seed"), ({"start_ms": FAR[1]}, "start_ms")):
        with pytest.raises(ConfigError, match=f"this trade log was begun with {name} [^,]*, not"):
            Engine(params(tmp_path, **changed))
    with pytest.raises(ConfigError, match="begun with step_ms"):
        Engine(params(tmp_path, speed=1.0))
    with pytest.raises(ConfigError, match="not a folder"):
        Engine(params(tmp_path, data=str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"speed": 0.0}, "speed = 0.0: expected more than 0"),
        ({"speed": float("nan")}, "speed = nan: expected a finite number"),
        ({"loss": 1.0}, "loss = 1.0: expected a probability"),
        ({"latency_ms": -1.0}, "latency_ms = -1.0: expected 0 or more"),
        ({"depth_levels": 0}, "depth_levels = 0: expected 1 to 100"),
        ({"socket": "/tmp/" + "x" * 100}, "expected at most 104 bytes"),
        ({"log": "here"}, "expected absolute paths"),
        ({"accounts": (PaperAccount(name="a"),) * 2}, "account 'a': expected once"),
        ({"accounts": (PaperAccount(name="a", deposit=-1.0),)}, "deposit = -1.0: expected 0 or"),
        ({"idle_exit_s": -1.0}, "idle_exit_s = -1.0: expected 0 or more, or none"),
    ],
)
def test_bad_parameters_are_named(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        check(params(tmp_path, **changes))
    assert says in str(refusal.value)


def test_a_bad_parameter_file_ends_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "params.json"
    for content, says in (
        (b"{", "not paper exchange parameters"),
        (b'{"name": 5}', "not paper exchange parameters"),
        (msgspec.json.encode(params(tmp_path, speed=-1.0)), "speed = -1.0: expected more than 0"),
        (
            msgspec.json.encode(
                params(tmp_path, accounts=(PaperAccount(name="a", positions={"BTC-X": 1}),))
            ),
            "not a Deribit name",
        ),
        (
            msgspec.json.encode(
                params(tmp_path, accounts=(PaperAccount(name="a", positions={"BTC-3JUL20": 1}),))
            ),
            "has expired",
        ),
    ):
        path.write_bytes(content)
        assert main([str(path)]) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    with pytest.raises(ConfigError, match="cannot read the parameters"):
        read_params(tmp_path / "none.json")
    assert main([]) == 2

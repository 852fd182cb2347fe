"""``hedger demo``: the whole service on a paper exchange for a while, then the report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from hedger.cli.options import Common, Whole
from hedger.cli.output import print_json, print_table, run_async, say
from hedger.cli.run import WORKERS_MAX

if TYPE_CHECKING:
    from hedger.cli.playing import Played
    from hedger.cli.stage import Play, Stage


def demo(
    *,
    seconds: Annotated[float | None, Parameter(validator=Number(gt=0, lte=86_400))] = None,
    speed: Annotated[float | None, Parameter(validator=Number(gt=0, lte=100_000))] = None,
    seed: Annotated[Whole | None, Parameter(validator=Number(gte=0, lt=2**32))] = None,
    workers: Annotated[Whole, Parameter(validator=Number(gte=1, lte=WORKERS_MAX))] = 2,
    start: str | None = None,
    end: str | None = None,
    keep: Path | None = None,
    common: Common | None = None,
) -> int:
    """Hedge a sample book on a paper exchange and report; leaves no process, file or socket.

    Parameters
    ----------
    seconds
        Real time to run; 20 by default, with --data the whole tape.
    speed
        Market seconds per real second; 600, for a whole tape 3000.
    seed
        Seed of the simulated market, 1 by default.
    workers
        Number of worker processes.
    start
        First market instant, UTC, such as 2026-06-28T07:00; else where the market begins.
    end
        Last market instant.
    keep
        Folder to keep the trade log, the decisions, the configuration and the report in.
    """
    common = common or Common()
    from hedger.cli.stage import instant_of, play_of
    from hedger.telemetry import start_logging

    start_logging(level="warning")
    play = play_of(
        data=common.data,
        seconds=seconds,
        speed=speed,
        seed=seed,
        start_ms=instant_of("--start", start),
        end_ms=instant_of("--end", end),
    )
    with _folder(keep) as folder:
        return _demo(folder, common, play, workers, is_speed_given=speed is not None)


def _demo(folder: Path, common: Common, play: Play, workers: int, *, is_speed_given: bool) -> int:
    from hedger.cli.playing import played
    from hedger.cli.stage import own_stage, sample_stage

    if common.config is None:
        stage = sample_stage(folder, common.data, play)
    else:
        stage = own_stage(common.config, common.data, play, is_speed_given=is_speed_given)
    for notice in stage.config.notices:
        say(notice)
    done = run_async(lambda: played(stage, folder, workers=workers, plain=common.json))
    found = _report(stage, done)
    _write(folder, done, found)
    if common.json:
        print_json(found)
    else:
        from hedger.backtest import printable

        print_table(printable(found))
    return 0


def _report(stage: Stage, done: Played) -> dict[str, Any]:
    from hedger.backtest import Subject, report
    from hedger.cli.playing import contracts

    say("making the report")
    stage.market.want({name: contracts(name) for name in done.names})
    return report(
        done.watch.events,
        Subject(book=done.book.name, account=done.book.account, rules=done.book.rules),
        contracts,
        published=stage.market.instants(),
        decisions=done.watch.entries,
        notes=[*stage.notes, *done.notes],
    )


def _write(folder: Path, done: Played, found: dict[str, Any]) -> None:
    """Leave the run's record in the folder; a temporary one is removed in the end."""
    import msgspec

    (folder / "trades.jsonl").write_bytes(b"".join(done.watch.lines))
    entries = b"".join(msgspec.json.encode(entry) + b"\n" for entry in done.watch.entries)
    (folder / "decisions.jsonl").write_bytes(entries)
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2))


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """The folder to keep, made if need be, or one that is removed in the end."""
    import tempfile

    from hedger.errors import ConfigError

    if keep is None:
        with tempfile.TemporaryDirectory(prefix="hedger-demo-") as name:
            yield Path(name)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
        is_empty = not any(keep.iterdir())
    except OSError as error:
        raise ConfigError(f"--keep {keep}: {error.strerror}: expected a folder") from None
    if not is_empty:
        raise ConfigError(f"--keep {keep}: not empty, expected a new or an empty folder")
    yield keep

"""From arguments to an exit status: the list of commands, and what becomes of every error."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NamedTuple

from cyclopts import App
from cyclopts.exceptions import (
    CycloptsError,
    UnknownCommandError,
    UnusedCliTokensError,
)

from hedger.cli.ending import Terminated, terminable
from hedger.errors import ConfigError, HedgerError

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class Entry(NamedTuple):
    """One command: where it lives (imported when called) and its line in the help."""

    name: str
    place: str
    help: str
    is_shown: bool = True


COMMANDS = (
    Entry("demo", "demo:demo", "Hedge a sample book on a paper exchange and report."),
    Entry("run", "run:run", "Hedge the configured books with several worker processes."),
    Entry("greeks", "greeks:greeks", "Greeks per underlying, expiry and leg."),
    Entry("scenario", "scenario:scenario", "A book's gain and loss when spot, vol, time move."),
    Entry("plan", "plan:plan", "What would be sent now; sends nothing."),
    Entry("can-hedge", "can_hedge:can_hedge", "How much delta a book may be given now."),
    Entry("compare", "compare:compare", "Cost and risk of policies over the same simulated paths."),
    Entry("backtest", "backtest:backtest", "Replay recorded data through the same decisions."),
    Entry("sweep", "sweep:sweep", "Backtest many variants of a band, resumably."),
    Entry("crash", "crash:crash", "Play the first book through crashes, with margin."),
    Entry("status", "status:status", "Workers, shards, books and their last decisions."),
    Entry("doctor", "doctor:doctor", "Whether store, venue, clocks and configurations are fit."),
    Entry("shadow", "shadow:shadow", "Each book's policy beside those that run in its shadow."),
    Entry("decisions", "decisions:decisions", "The newest decisions."),
    Entry("explain", "explain:explain", "One decision with every number and every reason."),
    Entry("hold", "hold:hold", "Allow a book only trades that reduce |delta|, or none."),
    Entry("resume", "hold:resume", "Clear a hold or an act, or confirm a large first trade."),
    Entry("override", "hold:override", "Let a book's ladder go no further, for some minutes."),
    Entry("cancel", "act:cancel", "Take back a book's working orders."),
    Entry("neutral", "act:neutral", "Trade a book's delta to the centre of its band."),
    Entry("close", "act:close", "Close a book, options and hedges together, leg by leg."),
    Entry("scale", "scale:scale", "Take a book's options to a multiple, legs and hedge together."),
    Entry("config", "config:config", "Show, check, start or apply the configuration."),
    Entry("_worker", "run:worker", "One worker process.", is_shown=False),
    Entry("_exchange", "run:exchange", "One paper exchange process.", is_shown=False),
)
_COMMON_FLAGS = ("--json",)
_COMMON_VALUES = ("--config", "--data")


def application() -> App:
    """The commands, none of them imported yet."""
    app = App(
        name="hedger",
        help="Keeps options books delta-neutral. Every command takes --config, --data and --json.",
        help_format="plaintext",
        version=_version,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for entry in COMMANDS:
        app.command(
            f"hedger.cli.{entry.place}", name=entry.name, help=entry.help, show=entry.is_shown
        )
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; every failure is one line."""
    tokens = _common_last(list(sys.argv[1:] if arguments is None else arguments))
    try:
        with terminable():
            result = application()(tokens, exit_on_error=False, print_error=False)
        sys.stdout.flush()
        return result if isinstance(result, int) and not isinstance(result, bool) else OK
    except CycloptsError as error:
        return _fail(_bad_arguments(error, tokens), BAD_INPUT)
    except ConfigError as error:
        return _fail(_one_line(error, tokens), BAD_INPUT)
    except HedgerError as error:
        return _fail(_one_line(error, tokens), FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except Terminated:
        return _fail("terminated", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has left; python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        traceback.print_exc()
        return _fail(f"a defect of this program: {type(error).__name__}: {error}", FAILED)


def _common_last(tokens: list[str]) -> list[str]:
    """``hedger --json status`` means ``hedger status --json``: options common to all may lead."""
    moved: list[str] = []
    while tokens:
        name, sign, _ = tokens[0].partition("=")
        if name in _COMMON_VALUES:
            length = 1 if sign else 2
        elif tokens[0] in _COMMON_FLAGS:
            length = 1
        else:
            break
        moved, tokens = moved + tokens[:length], tokens[length:]
    return tokens + moved


def _bad_arguments(error: CycloptsError, tokens: list[str]) -> str:
    """What is wrong with the arguments, on one line."""
    match error:
        case UnknownCommandError():
            # Its own text would import every command.
            return _unknown_command(error, tokens)
        case UnusedCliTokensError():
            unused = " ".join(error.unused_tokens or ())
            return f"unexpected argument {unused!r}; see: hedger {tokens[0]} --help"
    text = " ".join(str(error).split()).rstrip(".")
    return f"{text}; see: hedger {tokens[0] if tokens else ''} --help"


def _unknown_command(error: UnknownCommandError, tokens: list[str]) -> str:
    word = next(iter(error.unused_tokens or tokens), "")
    if word.startswith("-"):
        name = word.partition("=")[0]
        if name in (*_COMMON_FLAGS, *_COMMON_VALUES):
            return "no command is given; see: hedger --help"
        return f"unknown option {name!r}; see: hedger --help"
    known = [entry.name for entry in COMMANDS if entry.is_shown]
    where = ""
    if tokens and tokens[0] in known:
        where, known = f"{tokens[0]} ", list(_subcommands(error))
    near = difflib.get_close_matches(word, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
    return f"unknown command '{where}{word}', {hint}"


def _subcommands(error: UnknownCommandError) -> list[str]:
    last = error.command_chain[-1] if error.command_chain else ""
    if last != "config":
        return []
    from hedger.cli.config import SUBCOMMANDS

    return list(SUBCOMMANDS)


def _one_line(error: HedgerError, tokens: list[str]) -> str:
    """The first problem, and how many more there are."""
    first, *more = [line for line in str(error).splitlines() if line.strip()] or [repr(error)]
    if not more:
        return first
    where = "" if tokens[:1] == ["config"] else "; see: hedger config check"
    return f"{first} (and {len(more)} more{where})"


def _fail(text: str, status: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.stderr.write(f"hedger: {text}\n")
    return status


def _version() -> str:
    # Imported when asked for: it would be a tenth of the time that the help takes.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("delta-hedger")
    except PackageNotFoundError:
        return "unknown"

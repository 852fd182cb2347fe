"""SIGTERM and a terminal that closes, as an exception that every ``with`` cleans up after."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Terminated(BaseException):
    """A signal asked for the end; whoever catches it finds everything stopped in good order."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` within on the first of `SIGNALS`; later ones do not disturb the clean-up.

    What is ignored stays so: ``nohup`` keeps its meaning.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    raised: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        if not raised:
            raised.append(number)
            raise Terminated

    before = {number: signal.getsignal(number) for number in heeded()}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def heeded() -> list[signal.Signals]:
    """The signals of `SIGNALS` that nobody has told us to ignore."""
    return [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]

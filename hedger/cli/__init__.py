"""The command line: one module per command, loaded only when it is called.

Standard output carries a command's result and nothing else; logs (JSON lines), progress and the
one line that says what went wrong go to standard error. Exit status: 0, 2 for bad input,
130 interrupted, 1 otherwise.
"""

from hedger.cli.entry import main

__all__ = ["main"]

"""``python -m hedger`` and the console script ``hedger``."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run the command line; imports here, so that Ctrl-C while they last is one line too."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started us has closed it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for as long as we run
    try:
        from hedger.cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("hedger: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())

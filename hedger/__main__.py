"""``python -m hedger`` and the console script ``hedger``."""

from __future__ import annotations

import sys

from hedger.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())

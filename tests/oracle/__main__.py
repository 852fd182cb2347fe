"""``python -m tests.oracle LOG``."""

from __future__ import annotations

import argparse
import json
import sys

import tests.oracle
from tests.oracle import judged, read_lines


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.oracle", description=tests.oracle.__doc__
    )
    parser.add_argument("log")
    parser.add_argument("--rules", default="{}", help="JSON: account (or *) to band and numeraire")
    parser.add_argument("--decisions", help="journal entries, one JSON object a line, oldest first")
    chosen = parser.parse_args(argv)
    decisions = read_lines(chosen.decisions) if chosen.decisions else None
    found = judged(read_lines(chosen.log), rules=json.loads(chosen.rules), decisions=decisions)
    print(json.dumps(found, indent=2))
    return 1 if found["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.oracle LOG``, or the folder that ``hedger demo --keep`` left."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import tests.oracle
from tests.oracle import judged, read_lines

SHOWN_MAX = 20


def rules_of(config: Path) -> dict[str, dict[str, Any]]:
    """Band and numeraire of every account, read from the configuration of a run."""
    books = tomllib.loads(config.read_text(encoding="utf-8"))["book"]
    return {
        book.get("account") or book["name"]: {
            **{key: book[key] for key in ("numeraire", "base_coin") if key in book},
            **{key: book["band"][key] for key in ("lower", "upper") if key in book["band"]},
            "ratio": book["hedge"].get("ratio", 1.0),
            "hedges": sorted({book["hedge"]["buy"], book["hedge"]["sell"]}),
        }
        for book in books
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.oracle",
        description=tests.oracle.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("log", type=Path, help="trade log, or a folder of `hedger demo --keep`")
    parser.add_argument("--rules", default="{}", help="JSON: account (or *) to band and numeraire")
    parser.add_argument("--decisions", help="journal entries, one JSON object a line, oldest first")
    chosen = parser.parse_args(argv)
    log, journal, rules = chosen.log, chosen.decisions, json.loads(chosen.rules)
    if log.is_dir():
        rules = rules_of(log / "demo.toml") | rules
        log, journal = log / "trades.jsonl", journal or str(log / "decisions.jsonl")
    found = judged(read_lines(log), rules=rules, decisions=read_lines(journal) if journal else None)
    wrong = found["violations"]
    shown = found | {"violations": wrong[:SHOWN_MAX], "violation_count": len(wrong)}
    print(json.dumps(shown, indent=2))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

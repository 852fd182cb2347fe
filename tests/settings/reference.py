"""The tables of docs/CONFIG.md, made from the schema: ``python -m tests.settings.reference``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "CONFIG.md"
MARK = "<!-- tables -->\n"
TITLES = {
    "Store": "[store]",
    "Worker": "[worker]",
    "PaperVenue": "[venues.NAME] of kind paper",
    "Book": "[[book]]",
    "Hedge": "[book.hedge]",
    "Band": "[book.band]",
    "Limits": "[book.limits]",
    "Data": "[book.data]",
    "Ladder": "[book.ladder]",
    "Scaling": "[book.scaling]",
    "Static": "[book.scaling.static]",
    "Signal": "[book.scaling.signal]",
    "Grid": "[book.scaling.grid]",
    "Liquidity": "[book.scaling.liquidity]",
    "Congestion": "[book.scaling.congestion]",
    "VolTarget": "[book.scaling.vol_target]",
    "VolRegime": "[book.scaling.vol_regime]",
    "Kelly": "[book.scaling.kelly]",
    "Tail": "[book.scaling.tail]",
    "Margin": "[book.scaling.margin]",
    "Scale": "[book.scale]",
    "BookReference": "[book.reference]",
    "Reference": "[reference.NAME]",
    "Scenario": "[book.scenario]",
}


def _range(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " \\| ".join(str(v) for v in field["enum"])
    if "const" in field:
        return str(field["const"])
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum", field.get("exclusiveMaximum"))
    if low is None and high is None:
        return ""
    if high is None:
        return f"from {low:g}"
    return f"up to {high:g}" if low is None else f"{low:g} to {high:g}"


def tables() -> str:
    """One table per TOML table: key, default, range, meaning."""
    schema = json.loads((ROOT / "config" / "schema.json").read_text(encoding="utf-8"))
    parts = []
    for name, title in TITLES.items():
        rows = ["| key | default | range | meaning |", "|---|---|---|---|"]
        for key, field in schema["$defs"][name]["properties"].items():
            if "$ref" in field:
                continue
            default = json.dumps(field["default"]) if "default" in field else "required"
            cells = (f"`{key}`", default, _range(field), field.get("description", ""))
            rows.append(f"| {' | '.join(cells)} |")
        parts.append(f"### {title}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def page() -> str:
    """The page as it should be: what people wrote, then the tables."""
    return PAGE.read_text(encoding="utf-8").split(MARK)[0] + MARK + "\n" + tables()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""The examples of docs/SCALING.md run, and the page names every model."""

from __future__ import annotations

import doctest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "SCALING.md"


def test_examples_run() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.failed == 0
    assert result.attempted > 20


def test_every_model_is_on_the_page() -> None:
    text = PAGE.read_text()
    models = {path.stem for path in (ROOT / "hedger" / "core" / "sizing").glob("[a-z]*.py")}
    for name in models - {"answers"}:
        words = name.replace("vol_", "volatility ").replace("_", " ")
        assert any(word in text.lower() for word in (name, words)), name

"""Pictures are files of their own: whole XML that needs no other place."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from hedger.backtest.chart import Line, bars, lines, standalone
from hedger.backtest.frame import COLOURS

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("path", sorted(PICTURES.glob("*.svg")), ids=lambda path: path.name)
def test_committed_pictures_are_small_and_need_nothing(path: Path) -> None:
    text = path.read_text()
    assert ElementTree.fromstring(text).tag == f"{SVG}svg"
    assert len(text) < 40_000
    assert "nan" not in text
    assert "href" not in text
    page = (PICTURES.parent / "BANDS.md").read_text()
    assert f"(pictures/{path.name})" in page


def test_names_and_labels_are_text_and_not_markup() -> None:
    across = np.array([0.0, 1.0, 2.0])
    drawn = [
        Line("<a> & b", np.array([1.0, np.nan, 3.0]), COLOURS[0]),
        Line("", np.array([1.0, 2.0, 3.0]), COLOURS[1]),
    ]
    for chart in (lines(across, drawn, "x < y"), bars(["<d>"], {"a & b": [1.0], "c": [-2.0]})):
        tree = ElementTree.fromstring(standalone(chart, "t & u"))
        assert tree.find(f"{SVG}title").text == "t & u"
        texts = [node.text for node in tree.iter(f"{SVG}text")]
        assert "<a> & b" in texts or "<d>" in texts
        assert "" not in texts


def test_lines_without_a_name_are_not_in_the_legend() -> None:
    across = np.array([0.0, 1.0])
    edges = [Line("band", across, COLOURS[0]), Line("", -across, COLOURS[0])]
    tree = ElementTree.fromstring(standalone(lines(across, edges, "x"), "t"))
    assert len(list(tree.iter(f"{SVG}polyline"))) == 2
    assert len(list(tree.iter(f"{SVG}rect"))) == 1

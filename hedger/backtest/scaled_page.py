"""Scale and risk over time: charts of one backtest, and a page of several beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, NamedTuple

import numpy as np

from hedger.backtest.chart import Line, lines, scrolled
from hedger.backtest.frame import COLOURS, document
from hedger.backtest.history import Floats

GREY = "#888888"
DAY_MS = 86_400_000
Found = Mapping[str, Any]


class Column(NamedTuple):
    """A figure of a scaled run: its head, what it means, its format, and where it stands."""

    head: str
    about: str
    form: str
    path: tuple[str, ...]

    def of(self, line: Found) -> float | None:
        """The figure; None where the run has none such."""
        value: Any = line
        for key in self.path:
            value = None if value is None else value.get(key)
        return None if value is None else float(value)


COLUMNS = (
    Column("risk", "mean annual standard deviation of scenarios over capital, as the book was held",
           ".1%", ("scaling", "risk", "mean")),
    Column("worst", "the highest of it", ".1%", ("scaling", "risk", "worst")),
    Column("target", "what the volatility target aims at", ".1%", ("scaling", "targets", "risk")),
    Column("beyond", "time with risk more than a tenth above the target", ".1%",
           ("scaling", "risk", "beyond_share")),
    Column("realised", "annual standard deviation of daily hedged P&L over capital", ".1%",
           ("scaling", "realised_risk")),
    Column("tail", "highest tail loss", ",.0f", ("scaling", "loss", "worst")),
    Column("limit", "of the tail loss", ",.0f", ("scaling", "targets", "loss")),
    Column("margin", "highest maintenance margin over margin balance", ".1%",
           ("scaling", "margin_ratio", "worst")),
    Column("drawdown", "largest fall of P&L from an earlier high", ",.0f", ("drawdown_max",)),
    Column("cost", "fees, spread and slippage of everything that was traded", ",.0f", ("cost",)),
    Column("P&L", "", ",.0f", ("pnl_total",)),
    Column("said", "lowest scale that the models wanted", ".2f", ("scaling", "scale", "lowest")),
    Column("held", "lowest scale that was held", ".2f", ("scaling", "held", "lowest")),
    Column("mean held", "mean over time", ".2f", ("scaling", "held", "mean")),
    Column("acts", "changes of scale that were asked for", ".0f", ("scaling", "asked")),
)  # fmt: skip


def is_scaled(lines_: Sequence[Found]) -> bool:
    """Whether any of these runs tells of scaling."""
    return any("scaling" in line for line in lines_)


def charts(found: Found) -> tuple[tuple[str, str], ...]:
    """Titles and charts of one run; none for a book that nobody measures or scales."""
    if "scaling" not in found:
        return ()
    scaling = found["scaling"]
    made = _made({"": scaling})
    unit, target = found["numeraire"], scaling["targets"]
    drawn = [
        Line("wanted", made.values("", 1), COLOURS[1]),
        Line("held", made.values("", 2), COLOURS[0]),
    ]
    return (
        ("Scale of the book", _over(made, drawn)),
        (
            "Risk: annual standard deviation over capital, as held",
            _over(made, _against(made, 3, target.get("risk"))),
        ),
        (f"Tail loss [{unit}], as held", _over(made, _against(made, 4, target.get("loss")))),
    )


def page(results: Mapping[str, Found], rows: Sequence[Found], title: str) -> str:
    """Several runs: their figures, and scale and risk of each over time."""
    made = _made({name: one["scaling"] for name, one in results.items() if "scaling" in one})
    body = [scrolled(_table(rows))]
    titles = ((2, "Scale that was held"), (1, "Scale that the models wanted"), (3, "Risk, as held"))
    for number, head in titles:
        drawn = [
            Line(name, made.values(name, number), COLOURS[i % len(COLOURS)])
            for i, name in enumerate(made.names)
        ]
        body.append(f"<h2>{head}</h2>\n{scrolled(_over(made, drawn))}")
    runs = "".join(f"<li>{escape(row['name'])}: run {row['run']}</li>" for row in rows)
    return document(title, "\n".join([*body, f"<h2>Runs</h2><ul>{runs}</ul>"]))


class _Made(NamedTuple):
    """Paths of several runs on one axis of time; a sample stands until the next."""

    ms: np.ndarray[tuple[int], np.dtype[np.int64]]
    paths: dict[str, Floats]

    @property
    def names(self) -> list[str]:
        return list(self.paths)

    def values(self, name: str, column: int) -> Floats:
        path = self.paths[name]
        if not len(path):
            return np.full(self.ms.shape, np.nan)
        row = np.searchsorted(path[:, 0], self.ms, "right") - 1
        found: Floats = np.where(row < 0, np.nan, path[np.maximum(row, 0), column])
        return found


def _made(scalings: Mapping[str, Found]) -> _Made:
    paths = {name: np.array(one["path"], dtype=np.float64) for name, one in scalings.items()}
    known = [path[:, 0] for path in paths.values() if len(path)]
    ms = np.unique(np.concatenate(known)).astype(np.int64) if known else np.empty(0, np.int64)
    return _Made(ms, paths)


def _against(made: _Made, column: int, target: float | None) -> list[Line]:
    drawn = [Line("measured", made.values("", column), COLOURS[0])]
    if target is not None:
        drawn.append(Line("target", np.full(made.ms.shape, target), GREY))
    return drawn


def _over(made: _Made, drawn: Sequence[Line]) -> str:
    if made.ms.size < 2:
        return "<p>nothing to draw</p>"
    first = datetime.fromtimestamp(int(made.ms[0]) / 1_000, UTC)
    return lines((made.ms - made.ms[0]) / DAY_MS, drawn, f"days since {first:%Y-%m-%d %H:%M} UTC")


def _table(rows: Sequence[Found]) -> str:
    head = "".join(f'<th title="{escape(it.about)}">{escape(it.head)}</th>' for it in COLUMNS)
    body = []
    for row in rows:
        cells = [escape(row["name"])]
        for column in COLUMNS:
            value = column.of(row)
            cells.append("&ndash;" if value is None else format(value, f"z{column.form}"))
        body.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"

"""A positions file: CSV with header ``instrument,quantity``, signed, in the venue's own units.

A byte-order mark, blank lines and ``# comments`` are tolerated; whatever else is not exactly one
instrument of the book and a whole number of its lots is refused with file, line and what was
expected. Existing hedges are rows like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from hedger.core.model import Instrument
from hedger.errors import ConfigError
from hedger.settings.document import text_of
from hedger.settings.problems import Problem, failure, shown
from hedger.venues.deribit.contracts import instrument

HEADER = ("instrument", "quantity")
LINES_MAX = 10_000
LOTS_MAX = 10**12
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})([eE][+-]?\d{1,2})?", re.ASCII)


def positions(path: Path, *, underlying: str) -> dict[str, int]:
    """Return signed lots by instrument, sorted by name; raises `ConfigError` with every problem."""
    where = str(path)
    text = text_of(path, shown_as=where, what=f"a CSV file with header {','.join(HEADER)}")
    found: dict[str, int] = {}
    lines: dict[str, int] = {}
    problems = []
    for number, row in _rows(text, where):
        place = f"{where}:{number}"
        try:
            name, lots = _row(row, place, underlying=underlying, lines=lines)
        except ConfigError as error:
            problems.append(str(error))
        else:
            found[name], lines[name] = lots, number
    if problems:
        raise ConfigError("\n".join(problems))
    return dict(sorted(found.items()))


def _rows(text: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of every row below the header, which must be there."""
    header_seen = False
    for number, line in enumerate(text.split("\n"), start=1):
        if number > LINES_MAX:
            text = f"too many lines, expected at most {LINES_MAX}"
            raise failure([Problem(f"{where}:{number}", text)])
        content = line.partition("#")[0].strip()
        if not content:
            continue
        cells = [_unquoted(cell.strip()) for cell in content.split(",")]
        if header_seen:
            yield number, cells
        elif tuple(cell.lower() for cell in cells) != HEADER:
            text = f"is {shown(content)}, expected the header {','.join(HEADER)}"
            raise failure([Problem(f"{where}:{number}", text)])
        header_seen = True
    if not header_seen:
        raise failure([Problem(where, f"is empty, expected the header {','.join(HEADER)}")])


def _unquoted(cell: str) -> str:
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].strip() if is_quoted else cell


def _row(
    cells: list[str], place: str, *, underlying: str, lines: Mapping[str, int]
) -> tuple[str, int]:
    if len(cells) != len(HEADER):
        text = f"has {len(cells)} columns, expected {len(HEADER)}: {','.join(HEADER)}"
        raise failure([Problem(place, text)])
    name, quantity = cells
    contract = contract_of(name, place, underlying=underlying)
    if name in lines:
        text = f"{name} stands in line {lines[name]} already, expected once"
        raise failure([Problem(place, text)])
    return name, _lots(quantity, contract, place)


def contract_of(name: str, place: str, *, underlying: str, whose: str = "the book's") -> Instrument:
    """Return the contract of a name, which must exist and be written on the underlying."""
    try:
        contract = instrument(name)
    except ValueError as error:
        hint = "" if "expected" in str(error) else ", expected a name such as BTC-PERPETUAL"
        raise failure([Problem(place, f"{error}{hint}")]) from None
    if contract.underlying != underlying:
        text = f"{name} is written on {contract.underlying}, expected {whose} {underlying}"
        raise failure([Problem(place, text)])
    return contract


def _lots(text: str, contract: Instrument, place: str) -> int:
    """Return signed lots, exactly: decimal arithmetic on what was written."""
    if not _NUMBER.fullmatch(text):
        problem = f"quantity is {shown(text)}, expected a signed number such as -10 or 0.5"
        raise failure([Problem(place, problem)])
    lot = Decimal(repr(contract.lot))
    quantity = Decimal(text)
    lots = quantity / lot
    whole = lots.to_integral_value()
    unit = "USD" if contract.inverse and contract.kind != "option" else contract.underlying
    if abs(lots) > LOTS_MAX:
        problem = f"quantity {text} is too large, expected at most {LOTS_MAX:g} lots"
    elif lots != whole or quantity != whole * lot:
        problem = f"quantity {text} is not in whole lots, expected a multiple of {lot} {unit}"
    elif abs(whole) < contract.min_lots:
        least = lot * contract.min_lots
        problem = f"quantity {text} is too small, expected at least {least} {unit} or no row"
    else:
        return int(whole)
    raise failure([Problem(place, problem)])

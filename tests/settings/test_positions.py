"""Positions files: what is read, and the line that refuses everything else."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedger.errors import ConfigError
from hedger.settings.positions import positions
from hedger.venues.deribit.contracts import instrument
from tests.settings.desk import clear_lines

HEADER = "instrument,quantity\n"
CALL = "BTC-3JUL26-64000-C"


def read(folder: Path, content: str | bytes) -> dict[str, int]:
    path = folder / "positions.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return positions(path, underlying="BTC")


def lines(folder: Path, content: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, content)
    found = clear_lines(caught.value)
    return [line.removeprefix(f"{folder}/positions.csv") for line in found]


def test_venue_units_become_lots(tmp_path: Path) -> None:
    text = HEADER + f"{CALL},-10\nBTC-PERPETUAL,-60000\nBTC_USDC-PERPETUAL,0.3\nBTC-3JUL26,+1e1\n"
    assert read(tmp_path, text) == {
        "BTC-3JUL26": 1,
        CALL: -100,
        "BTC-PERPETUAL": -6000,
        "BTC_USDC-PERPETUAL": 3000,
    }


def test_what_is_tolerated(tmp_path: Path) -> None:
    text = (
        "\ufeff# the book\r\n\r\n Instrument , QUANTITY \r\n"
        f'\r\n  # calls\r\n"{CALL}", -0.1  # small\r\n   \r\n'
    )
    assert read(tmp_path, text) == {CALL: -1}


def test_a_header_alone_is_an_empty_book(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER) == {}


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (CALL, "has 1 columns, expected 2: instrument,quantity"),
        (f"{CALL},1,5", "has 3 columns, expected 2: instrument,quantity"),
        (f"{CALL};1", "has 1 columns, expected 2"),
        (f"{CALL},", "quantity is '', expected a signed number such as -10 or 0.5"),
        (f"{CALL},nan", "quantity is 'nan', expected a signed number"),
        (f"{CALL},inf", "quantity is 'inf', expected a signed number"),
        (f"{CALL},1_0", "quantity is '1_0', expected a signed number"),
        (f"{CALL},٣", "quantity is '٣', expected a signed number"),
        (f"{CALL},0x10", "quantity is '0x10', expected a signed number"),
        (f"{CALL},0.15", "quantity 0.15 is not in whole lots, expected a multiple of 0.1 BTC"),
        (f"{CALL},1e-30", "quantity 1e-30 is not in whole lots, expected a multiple of 0.1 BTC"),
        (f"{CALL},0.10000000000001", "is not in whole lots, expected a multiple of 0.1 BTC"),
        (f"{CALL},0", "quantity 0 is too small, expected at least 0.1 BTC or no row"),
        (f"{CALL},-0.0", "quantity -0.0 is too small, expected at least 0.1 BTC or no row"),
        (f"{CALL},1e99", "quantity 1e99 is too large, expected at most 1e+12 lots"),
        ("BTC-PERPETUAL,-15", "quantity -15 is not in whole lots, expected a multiple of 10.0 USD"),
        ("ETH-PERPETUAL,1", "ETH-PERPETUAL is written on ETH, expected the book's BTC"),
        ("BTC-31JUN26-1-C,1", "31JUN26 is not a date, expected a name such as"),
        ("BTC-03JUL26,10", "the exchange writes it 'BTC-3JUL26', expected a name such as"),
        ("BTC-PERP,1", "instrument 'BTC-PERP': not a Deribit name, expected a form like"),
        (",1", "instrument '': not a Deribit name, expected a form like"),
        ("XRP_USDC-PERPETUAL,1", "no contract data for XRP_USDC perpetuals, expected one of"),
        ("\0,\0", "instrument '\\x00': not a Deribit name"),
        ("\r\x0b\u2028,1", "not a Deribit name"),
    ],
)
def test_rows_are_refused_with_their_line(tmp_path: Path, row: str, line: str) -> None:
    (found,) = lines(tmp_path, HEADER + "\n# comment\n" + row + "\n")
    assert found.startswith(":4: ")
    assert line in found


def test_duplicates(tmp_path: Path) -> None:
    (found,) = lines(tmp_path, HEADER + f"{CALL},1\n\n{CALL},-1\n")
    assert found == f":4: {CALL} stands in line 2 already, expected once"


def test_every_wrong_row_has_its_line(tmp_path: Path) -> None:
    found = lines(tmp_path, HEADER + f"{CALL},x\nBTC-PERPETUAL,10\nnone,1\n{CALL},1\n{CALL},2\n")
    assert [line.split(" ")[0] for line in found] == [":2:", ":4:", ":6:"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", ": is empty, expected the header instrument,quantity"),
        (b"# nothing\n\n", ": is empty, expected the header instrument,quantity"),
        (f"{CALL},1\n".encode(), f":1: is '{CALL},1', expected the header instrument,quantity"),
        (b"instrument;quantity\n", ":1: is 'instrument;quantity', expected the header"),
        (b"\n\nquantity,instrument\n", ":3: is 'quantity,instrument', expected the header"),
        (HEADER.encode("utf-16"), ": byte 0 is not UTF-8 text, expected a CSV file"),
        (HEADER.encode() + b"\n" * 20_000 + b"x,1", ":10001: too many lines, expected at most"),
        (b"x" * 4_000_001, ": is larger than 4 MB, expected a CSV file with header"),
    ],
)
def test_files_that_are_no_positions(tmp_path: Path, content: bytes, line: str) -> None:
    (found,) = lines(tmp_path, content)
    assert found.startswith(line)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\), expected a CSV"):
        positions(tmp_path, underlying="BTC")


@given(
    st.dictionaries(st.sampled_from([CALL, "BTC-PERPETUAL", "BTC_USDC-PERPETUAL"]), st.integers())
)
def test_lots_survive_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, int]
) -> None:
    wanted = {name: lots % 10**11 + 1 for name, lots in wanted.items()}
    rows = (f"{n},{Decimal(repr(instrument(n).lot)) * lots:f}\n" for n, lots in wanted.items())
    folder = tmp_path_factory.getbasetemp()
    assert read(folder, HEADER + "".join(rows)) == wanted


junk = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
cells = st.one_of(junk, st.sampled_from([CALL, "BTC-PERPETUAL", "1", "-0.1", "nan", "1e400", '"']))


@given(
    st.lists(st.lists(cells, max_size=3).map(",".join), max_size=8).map("\n".join), st.booleans()
)
def test_junk_is_read_or_refused_in_clear_lines(
    tmp_path_factory: pytest.TempPathFactory, text: str, has_header: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        found = read(folder, HEADER * has_header + text)
    except ConfigError as error:
        for line in clear_lines(error):
            assert line.startswith(f"{folder}/positions.csv")
    else:
        assert all(type(lots) is int and lots != 0 for lots in found.values())


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused_in_clear_lines(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        read(folder, content)
    except ConfigError as error:
        clear_lines(error)

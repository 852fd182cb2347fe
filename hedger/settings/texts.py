"""The texts a configuration may hold: each with its pattern, and with that pattern in words."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import StringConstraints

ACCOUNT = "account"
"""Positions of a book that follows its account's fills."""


class Expect(NamedTuple):
    """What a text must look like, in words; stands among a field's metadata."""

    text: str


class Where(NamedTuple):
    """Marks a field as a path that is relative to the configuration file."""

    kind: Literal["file", "folder"]


Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9_-]{1,40}$"),
    Expect("a name of 1 to 40 characters a-z, 0-9, _ or -"),
]
VenueName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9_-]{1,20}$"),
    Expect("a name of 1 to 20 characters a-z, 0-9, _ or -"),
]
AccountName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.-]{0,64}$"),
    Expect("an account of up to 64 characters A-Z, a-z, 0-9, _, . or -, or nothing"),
]
Underlying = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z0-9]{1,12}$"),
    Expect("a currency in capitals, such as 'BTC'"),
]
InstrumentName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$"),
    Expect("a future or perpetual of the book's underlying, such as 'BTC-PERPETUAL'"),
]
_ELSEWHERE = r"[A-Za-z0-9_.-]{1,64}@[a-z0-9_-]{1,20}(/[A-Za-z0-9_.-]{1,64})?"
Elsewhere = Annotated[
    str,
    StringConstraints(pattern=rf"^({_ELSEWHERE}(, ?{_ELSEWHERE}){{0,7}})?$"),
    Expect(
        "hedges at other venues, such as 'BTC-PERPETUAL@west' or"
        " 'BTC-PERPETUAL@west/my-account, BTC-PERPETUAL@east', or nothing"
    ),
]
_SOURCE = r"[A-Za-z0-9_.-]{1,64}@[a-z0-9_-]{1,20}(/index)?"
PriceSources = Annotated[
    str,
    StringConstraints(pattern=rf"^{_SOURCE}(, ?{_SOURCE}){{0,31}}$"),
    Expect(
        "sources with commas between, such as"
        " 'BTC-PERPETUAL@paper, BTC-PERPETUAL@west, BTC-PERPETUAL@east/index'"
    ),
]
_WEIGHT = r"[0-9]{1,15}(\.[0-9]{1,9})?"
Weights = Annotated[
    str,
    StringConstraints(pattern=rf"^({_WEIGHT}(, ?{_WEIGHT}){{0,31}})?$"),
    Expect("numbers with commas between, such as '5, 3, 1.5', or nothing"),
]
ReferenceName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9_-]{0,40}$"),
    Expect("the name of a [reference.NAME], or nothing"),
]
_NAMED = r"[a-z0-9_-]{1,40}"
PolicyNames = Annotated[
    str,
    StringConstraints(pattern=rf"^({_NAMED}(, ?{_NAMED}){{0,15}})?$"),
    Expect("names of policies with commas between, such as 'wide, tight', or nothing"),
]
_LEVEL = r"[0-9]{1,9}(\.[0-9]{1,9})?"
_PAIR = rf"(-|{_LEVEL}/{_LEVEL})"
Levels = Annotated[
    str,
    StringConstraints(pattern=rf"^({_PAIR}( {_PAIR}){{3}})?$"),
    Expect(
        "ENTER/LEAVE of four rungs with blanks between, '-' for none, such as"
        " '0.1/0.08 0.2/0.15 - 0.4/0.3', or nothing"
    ),
]
_CHANGE = r"-?[0-9]{1,3}(\.[0-9]{1,9})?"
Changes = Annotated[
    str,
    StringConstraints(pattern=rf"^{_CHANGE}( {_CHANGE}){{0,20}}$"),
    Expect("1 to 21 relative changes with blanks between, such as '-0.2 0 0.2'"),
]
SignalSource = Annotated[
    str,
    StringConstraints(pattern=r"^((key|call):[a-z0-9_-]{1,40})?$"),
    Expect("a signal as 'key:NAME' or 'call:NAME', or nothing"),
]
Folder = Annotated[
    str,
    StringConstraints(max_length=4096),
    Expect("the path of a folder, or nothing"),
    Where("folder"),
]
PositionsFile = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4096),
    Expect(f"the path of a CSV file, or '{ACCOUNT}'"),
    Where("file"),
]
StoreUrl = Annotated[
    str,
    StringConstraints(max_length=1024),
    Expect("a redis://, rediss://, unix://, sentinel:// or cluster:// address, or nothing"),
]

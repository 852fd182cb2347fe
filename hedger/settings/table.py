"""The root of all configuration tables, and the bounds that numbers share."""

from __future__ import annotations

from typing import NoReturn

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

SIZE_MAX = 1e9
DAY_S = 86_400.0


class Table(BaseModel):
    """Root of all tables: frozen, strict, closed, and without NaN or infinity."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )


def broken(text: str) -> NoReturn:
    """Refuse a table whose keys contradict each other, in the words given."""
    raise PydanticCustomError("rule", "{text}", {"text": text})

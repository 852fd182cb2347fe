"""Logs of every test are caught, and a room is closed whatever happens in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    structlog.reset_defaults()  # an earlier test may have logged like a worker, and less
    with capture_logs() as captured:
        yield captured

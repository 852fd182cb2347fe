"""The history of an account over the wire: in pages, none of its fills skipped or told twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hedger.core.model import Fill
from hedger.venues.paper import server
from tests.venues.paper_desk import START, client, history, order, params, serving


@pytest.mark.parametrize("number", [0, 1, 6, 7, 8, 14, 40])
def test_fills_of_one_instant_and_fills_that_come_meanwhile_are_all_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(server, "FILLS_PAGE", 7)

    async def story() -> None:
        wanted = params(tmp_path)
        async with serving(wanted), client(wanted) as venue, client(wanted) as other:
            names = [f"n{n}" for n in range(number)]
            for name in names:
                assert (await venue.place(order(name, 1))).filled == 1
            pages: list[list[Fill]] = []
            async for page in venue.fills("a", 0):
                pages.append(list(page))
                if len(pages) < 4:
                    await other.place(order(f"late{len(pages)}", 1))
            told = [fill.client_id for page in pages for fill in page]
            placed = names + [f"late{n}" for n in range(1, 4)]
            assert max(map(len, pages)) <= 7
            assert told == placed[: len(told)]
            assert len(told) >= number
            assert [fill.client_id for fill in await history(venue, "a", 0)][:number] == names
            assert await history(venue, "a", START + 10**9) == []

    asyncio.run(story())

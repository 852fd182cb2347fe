"""Every setting is documented, with the default and range that it has."""

from __future__ import annotations

import json

from tests.settings.reference import PAGE, ROOT, TITLES, page


def test_every_setting_is_documented() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.settings.reference"


def test_every_table_is_on_the_page() -> None:
    schema = json.loads((ROOT / "config" / "schema.json").read_text(encoding="utf-8"))
    assert set(TITLES) == set(schema["$defs"])

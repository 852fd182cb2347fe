"""``hedger scale`` against a deployment that runs: the plan, what is refused, and what is done."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.cli.conftest import Call
from tests.cli.place import Place

BASE = -100
LEGS = 4


def parsed(hedger: Call, desk: Place, *arguments: str) -> Any:
    said = hedger(desk, *arguments, "--json")
    assert said.status == 0, said.err
    return json.loads(said.out)


def book(hedger: Call, desk: Place, name: str) -> Any:
    return {b["book"]: b for b in parsed(hedger, desk, "status")["books"]}[name]


def lots(standing: Any) -> list[int]:
    """Of the option legs."""
    held = standing["positions"].items()
    return sorted(n for name, n in held if name.endswith(("-C", "-P")) and n)


def done(hedger: Call, desk: Place, name: str) -> Any:
    end = time.monotonic() + 60.0
    while (standing := book(hedger, desk, name))["act"] is not None or standing["intents"]:
        assert time.monotonic() < end, hedger(desk, "explain", name).out
        time.sleep(0.2)
    return standing


def test_a_plan_is_shown_and_nothing_is_asked_for(hedger: Call, desk: Place) -> None:
    found = parsed(hedger, desk, "scale", "btc-main", "--to", "0.5")
    assert not found["asked"]
    plan = found["proposal"]
    assert (plan["held"], plan["wanted"], plan["grows"]) == (1.0, 0.5, False)
    assert [round(stage["level"], 9) for stage in plan["stages"]] == [0.9, 0.8, 0.7, 0.6, 0.5]
    total: dict[str, int] = {}
    for stage in plan["stages"]:
        for name, count in stage["lots"]:
            total[name] = total.get(name, 0) + count
    assert list(total.values()) == [50] * LEGS, "short legs are bought back"
    text = hedger(desk, "scale", "btc-main", "--to", "0.5").out
    assert "stage 5 to 0.500: " in text
    assert "nothing is asked for yet: --yes does it" in text
    assert "inside_inertia" in hedger(desk, "scale", "btc-main", "--to", "0.95").out
    assert book(hedger, desk, "btc-main")["act"] is None


def test_what_is_not_worth_it_and_what_makes_no_sense_is_one_line(
    hedger: Call, desk: Place
) -> None:
    nothing = hedger(desk, "scale", "btc-main", "--to", "1.0", "--yes")
    assert (nothing.status, nothing.out) == (1, "")
    assert "book btc-main: nothing to do: " in nothing.err
    for arguments, why in (
        (("nope", "--to", "0.5"), "book 'nope': unknown, expected one of btc-main"),
        (("btc-main", "--to", "-1"), "--to"),
        (("btc-main", "--to", "nan"), "--to"),
        (("btc-main", "--reason", " "), "--reason: is empty"),
    ):
        said = hedger(desk, "scale", *arguments)
        assert said.status == 2, said.err
        assert why in said.err
        assert "Traceback" not in said.err
    assert book(hedger, desk, "btc-main")["act"] is None


def test_it_is_done_leg_by_leg_and_not_where_the_book_is_stopped(hedger: Call, desk: Place) -> None:
    said = hedger(
        desk, "scale", "btc-main", "--to", "0.9", "--reason", "drill", "--yes", "--anyway"
    )
    assert said.status == 0, said.err
    assert "asked for: scale to 0.9, asked by " in said.out
    standing = done(hedger, desk, "btc-main")
    assert lots(standing) == [-90] * LEGS
    entries = parsed(hedger, desk, "decisions", "--book", "btc-main", "--count", "200")
    reasons = {entry["reason"] for entry in entries}
    assert {"scale_leg", "scaled"} <= reasons, reasons
    assert any("(drill)" in entry["act"] or ": drill" in entry["act"] for entry in entries)
    back = hedger(desk, "scale", "btc-main", "--yes", "--anyway")
    assert (back.status, back.out) == (1, "")
    assert "every leg is within 10% or a lot of 1" in back.err
    hedger(desk, "hold", "btc-main", "--stop")
    stopped = hedger(desk, "scale", "btc-main", "--to", "0.5", "--yes", "--anyway")
    assert (stopped.status, stopped.out) == (1, "")
    assert stopped.err.splitlines()[-1].endswith("first hedger resume btc-main")
    hedger(desk, "resume", "btc-main")

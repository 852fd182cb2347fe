"""Every command against a deployment that runs: embedded server, paper exchange, two workers."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from tests.cli.conftest import Call
from tests.cli.place import Place

NUMBER = re.compile(r"([+-]\d+\.\d{8})$")


def parsed(hedger: Call, place: Place, *arguments: str) -> Any:
    """The result of a command with --json, which must be all of its standard output."""
    said = hedger(place, *arguments, "--json")
    assert said.status == 0, said.err
    return json.loads(said.out)


def newest(hedger: Call, place: Place, action: str, book: str) -> dict[str, Any]:
    """The newest decision of a book that came to an action."""
    end = time.monotonic() + 15.0
    while time.monotonic() < end:
        for entry in parsed(hedger, place, "decisions", "--book", book, "--count", "500"):
            if entry["action"] == action:
                found: dict[str, Any] = entry
                return found
        time.sleep(0.2)
    raise AssertionError(f"no {action} of {book}")


def sums(lines: list[str]) -> list[tuple[list[float], float]]:
    """Blocks of ``+`` lines with the ``=`` line below each, as printed."""
    found, parts = [], []
    for line in lines:
        match = NUMBER.search(line)
        if match and line.startswith("  + "):
            parts.append(float(match[1]))
        elif match and line.startswith("  = "):
            found.append((parts, float(match[1])))
            parts = []
    return found


def test_doctor_finds_a_running_desk_fit(hedger: Call, desk: Place) -> None:
    found = parsed(hedger, desk, "doctor")
    states = {finding["what"]: finding["state"] for finding in found["findings"]}
    assert found["fit"]
    assert {"server", "memory", "persistence", "replication", "scripts", "workers"} <= set(states)
    assert states["book btc-main"] == "ok"
    assert states["venue paper"] == "ok"
    said = {finding["what"]: finding["found"] for finding in found["findings"]}
    assert "class A: its engine compares" in said["unknown orders in BTC-PERPETUAL"]
    text = hedger(desk, "doctor")
    assert text.status == 0
    assert text.out.rstrip().endswith("fit to trade")


def test_status(hedger: Call, desk: Place) -> None:
    found = parsed(hedger, desk, "status")
    assert found["deployment"] == "desk"
    assert found["venue_state"] == "running"
    assert {w["worker"] for w in found["workers"] if w["is_alive"]} == {"w1", "w2"}
    books = {book["book"]: book for book in found["books"]}
    assert set(books) == {"btc-main", "btc-coin", "btc-big"}
    assert books["btc-main"]["seq"] >= 1
    assert all(book["owner"] in ("w1", "w2") for book in books.values())
    assert all(book["is_current"] and book["is_configured"] for book in books.values())
    assert {lease["owner"] for lease in found["leases"]} <= {"w1", "w2"}
    text = hedger(desk, "status").out
    assert all(name in text for name in ("w1", "w2", "btc-main", "free to trade", "running"))


@pytest.mark.parametrize(
    ("action", "book"), [("hedge", "btc-main"), ("blocked", "btc-big"), ("no_trade", "btc-coin")]
)
def test_explain_adds_up(hedger: Call, desk: Place, action: str, book: str) -> None:
    entry = newest(hedger, desk, action, book)
    assert parsed(hedger, desk, "explain", entry["id"]) == entry
    said = hedger(desk, "explain", entry["id"])
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    found = sums(lines)
    assert len(found) == (3 if action == "hedge" else 1)
    for parts, total in found:
        assert sum(parts) == pytest.approx(total, abs=1e-8 * len(parts))
    seen = entry["exposure"]
    assert found[0][1] == pytest.approx(seen["book_delta"], abs=1e-8)
    assert len(found[0][0]) == len(seen["expiries"]) + 3
    for heading in ("inputs", "band", "trade", "timings"):
        assert heading in lines
    assert entry["reason"] in lines[0]
    assert entry["text"] in said.out


def test_explain_hedge_shows_its_orders(hedger: Call, desk: Place) -> None:
    entry = newest(hedger, desk, "hedge", "btc-main")
    text = hedger(desk, "explain", entry["id"]).out
    intent = entry["intents"][0]
    assert intent["id"] in text
    assert f"{intent['lots']:+d} lots of BTC-PERPETUAL" in text
    assert intent["decision"] == entry["id"]
    cash = re.search(r"equity (\S+) - value of inverse options (\S+) - base_coin (\S+)", text)
    assert cash
    equity, options, base = (float(number) for number in cash.groups())
    assert equity - options - base == pytest.approx(entry["exposure"]["cash_delta"], abs=2e-8)


def test_explain_block_says_what_to_do(hedger: Call, desk: Place) -> None:
    text = hedger(desk, "explain", newest(hedger, desk, "blocked", "btc-big")["id"]).out
    assert "refused by first_trade_max" in text
    assert "hedger resume btc-big --confirm" in text


def test_explain_takes_last_and_a_book(hedger: Call, desk: Place) -> None:
    assert parsed(hedger, desk, "explain", "last")["book"] in ("btc-main", "btc-coin", "btc-big")
    assert parsed(hedger, desk, "explain", "btc-coin")["book"] == "btc-coin"


@pytest.mark.parametrize("which", ["nope", "btc-main.1.2", "btc-main.x", "..", "a.b.c.d"])
def test_explain_of_nothing_is_bad_input(hedger: Call, desk: Place, which: str) -> None:
    said = hedger(desk, "explain", which)
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert "expected an id that `hedger decisions` shows" in said.err


def test_decisions(hedger: Call, desk: Place) -> None:
    found = parsed(hedger, desk, "decisions", "--count", "5")
    assert 1 <= len(found) <= 5
    assert found == sorted(found, key=lambda entry: entry["wall_ms"], reverse=True)
    said = hedger(desk, "decisions", "--book", "btc-main", "--count", "3")
    assert said.status == 0
    assert 1 <= sum("btc-main." in line for line in said.out.splitlines()) <= 3
    bad = hedger(desk, "decisions", "--book", "nope")
    assert bad.status == 2
    assert "book 'nope': not in the store" in bad.err


def test_greeks_are_those_of_the_running_books(hedger: Call, desk: Place) -> None:
    said = hedger(desk, "greeks", "--json")
    assert said.status == 0, said.err
    assert said.err == "hedger: market: the running paper exchange paper\n"
    found = json.loads(said.out)
    books = {book["book"]: book for book in found["books"]}
    assert all(book["positions_from"] == "store" for book in books.values())
    for book in books.values():
        assert book["legs"] == 4
        seen = book["exposure"]
        for expiry, line in zip(book["expiries"], seen["expiries"], strict=True):
            for name in ("delta", "gamma_usd_1pct", "vega_usd_1pt", "theta_usd_1d"):
                legs = sum(leg["greeks"][name] for leg in expiry["instruments"])
                assert legs == pytest.approx(expiry["greeks"][name], rel=1e-9, abs=1e-9)
            assert expiry["greeks"]["delta"] == line["delta"]
        deltas = sum(expiry["greeks"]["delta"] for expiry in book["expiries"])
        rest = seen["futures_delta"] + seen["hedge_delta"] + seen["cash_delta"]
        assert deltas + rest == pytest.approx(book["greeks"]["delta"], abs=1e-9)
    assert {(u["underlying"], u["numeraire"]) for u in found["underlyings"]} == {
        ("BTC", "usd"),
        ("BTC", "coin"),
    }


def test_greeks_of_one_book_as_text(hedger: Call, desk: Place) -> None:
    said = hedger(desk, "greeks", "btc-coin")
    assert said.status == 0, said.err
    for name in ("BTC-3JUL26-64000-C", "gamma_usd_1pct", "4/4", "btc-coin", "per underlying"):
        assert name in said.out
    assert "btc-main" not in said.out


def test_plan_decides_in_both_numeraires_and_sends_nothing(hedger: Call, desk: Place) -> None:
    found = parsed(hedger, desk, "plan", "btc-big")["books"][0]
    assert found["numeraire"] == "usd"
    usd, coin = found["decisions"]["usd"], found["decisions"]["coin"]
    assert usd["reason"] == "first_trade_max"
    assert usd["exposure"]["book_delta"] - coin["exposure"]["book_delta"] == pytest.approx(
        usd["exposure"]["equity"] + 20.0
    )
    text = hedger(desk, "plan", "btc-big").out
    assert "usd (configured): BLOCKED first_trade_max" in text
    assert "coin: " in text
    held = {b["book"]: b["positions"] for b in parsed(hedger, desk, "status")["books"]}
    assert "BTC-PERPETUAL" not in held["btc-big"]


def test_hold_stops_hedging_and_resume_clears_it(hedger: Call, desk: Place) -> None:
    held = parsed(hedger, desk, "hold", "btc-main", "--reason", "lunch", "--stop")
    assert (held["hold"], held["stopped"]) == ("lunch", True)
    assert "stopped (lunch)" in hedger(desk, "status").out
    seq = {b["book"]: b["seq"] for b in parsed(hedger, desk, "status")["books"]}["btc-main"]
    end = time.monotonic() + 10.0
    while "stopped: lunch" not in (told := hedger(desk, "explain", "btc-main").out):
        assert time.monotonic() < end, told
        time.sleep(0.2)
    assert "stopped: lunch" in hedger(desk, "decisions", "--book", "btc-main", "--count", "1").out
    doctor = {f["what"]: f for f in parsed(hedger, desk, "doctor")["findings"]}
    assert doctor["book btc-main"]["found"] == "stopped: lunch"
    after = {b["book"]: b for b in parsed(hedger, desk, "status")["books"]}["btc-main"]
    assert after["seq"] == seq
    assert hedger(desk, "resume", "btc-main").out == "btc-main: free to trade\n"
    said = hedger(desk, "hold", "nope")
    assert said.status == 2
    assert "expected one of btc-big, btc-coin, btc-main" in said.err


def test_acts_show_what_they_would_do_and_do_nothing_without_yes(hedger: Call, desk: Place) -> None:
    found = parsed(hedger, desk, "close", "btc-main")
    assert not found["asked"]
    assert len(found["legs"]) == 4
    assert all(leg["price"] > 0 or leg["reason"] for leg in found["legs"])
    assert found["decision"]["act"].startswith("close, asked by ")
    text = hedger(desk, "close", "btc-main").out
    assert "nothing is asked for yet: say it again with --yes" in text
    assert "BTC-3JUL26-64000-C: -100 lots, at " in text
    assert "neutral of btc-main" in hedger(desk, "neutral", "btc-main").out
    states = {b["book"]: b for b in parsed(hedger, desk, "status")["books"]}
    assert states["btc-main"]["act"] is None
    said = hedger(desk, "close", "nope")
    assert said.status == 2
    assert "expected one of btc-big, btc-coin, btc-main" in said.err


def test_neutral_is_done_and_gone_and_a_stopped_book_is_asked_for_nothing(
    hedger: Call, desk: Place
) -> None:
    assert parsed(hedger, desk, "neutral", "btc-coin", "--yes")["asked"]
    end = time.monotonic() + 15.0
    while {b["book"]: b for b in parsed(hedger, desk, "status")["books"]}["btc-coin"]["act"]:
        assert time.monotonic() < end, hedger(desk, "explain", "btc-coin").out
        time.sleep(0.2)
    reasons = [
        e["reason"]
        for e in parsed(hedger, desk, "decisions", "--book", "btc-coin", "--count", "20")
    ]
    assert "neutral" in reasons, reasons
    hedger(desk, "hold", "btc-coin", "--stop")
    said = hedger(desk, "close", "btc-coin", "--yes")
    assert (said.status, said.out) == (1, "")
    assert said.err.splitlines()[-1].endswith("first hedger resume btc-coin")
    hedger(desk, "resume", "btc-coin")


def test_an_override_is_shown_until_it_expires(hedger: Call, desk: Place) -> None:
    said = hedger(desk, "override", "btc-main", "warn", "--minutes", "30", "--reason", "wired")
    assert said.status == 0, said.err
    assert "ladder overridden at warn by" in said.out
    assert "(wired)" in hedger(desk, "status").out
    found = {b["book"]: b for b in parsed(hedger, desk, "status")["books"]}["btc-main"]
    assert (found["override"]["rung"], found["override"]["reason"]) == (1, "wired")


def test_confirm_lets_the_blocked_book_trade(hedger: Call, desk: Place) -> None:
    # Last of this file: from here on the book is no longer blocked by its first trade.
    assert parsed(hedger, desk, "resume", "btc-big", "--confirm", "60")["confirmed"] == 60.0
    assert newest(hedger, desk, "hedge", "btc-big")["plan"]["lines"]


def test_apply_says_what_it_did(hedger: Call, desk: Place) -> None:
    applied = parsed(hedger, desk, "config", "apply", "btc-coin")
    assert [(a["book"], a["result"]) for a in applied] == [("btc-coin", "unchanged")]
    bad = hedger(desk, "config", "apply", "nope")
    assert bad.status == 2
    assert bad.err.count("\n") == 1

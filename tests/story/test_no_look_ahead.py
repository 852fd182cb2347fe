"""Altering rows of the future alters no decision of the past, and does alter later ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hedger.core.book import book as columns
from hedger.core.decide import decide
from hedger.core.market import Board
from hedger.core.model import BookState, Decision, Memory, Order
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.params import PaperAccount
from tests.core.desk import rules
from tests.venues import paper_desk as desk

LEGS = {"BTC-26JUN26-60000-P": -50, "BTC-27JUN26-62000-P": -50, "BTC-27JUN26-60000-P": -50}
MINUTES = 500
CUT = desk.START + 200 * desk.MINUTE


def decisions(folder: Path, chain: list[Any], bars: list[Any]) -> list[Decision]:
    """Replay a market through the exchange and the decision, hedges filled at once."""
    data = desk.write(folder / "data", chain, bars)
    params = desk.params(
        folder / "run",
        data=str(data),
        depth_usd=1e7,
        accounts=(PaperAccount(name="a", positions=LEGS),),
    )
    engine = Engine(params)
    engine.want([desk.PERP, *LEGS])
    names = [desk.PERP, *LEGS]
    instruments = engine.instruments(names)
    board, memory, made = Board(instruments), Memory(), []
    rule = rules(numeraire="usd", base_coin=10.0)
    for n in range(MINUTES):
        for quote in engine.quotes(names):
            board.apply(quote)
        account = engine.account("a")
        assert account is not None
        board.apply_account(account)
        state = BookState(
            book="b", seq=n, digest="", positions=engine.exchange.positions("a"), memory=memory
        )
        book = columns(state, instruments, account="a", hedges={desk.PERP})
        decision = decide(book, board.market(), rule, engine.market_ms)
        made.append(decision)
        memory = decision.memory
        for line in decision.plan.lines if decision.plan else ():
            order = Order(
                client_id=str(n),
                account="a",
                instrument=line.instrument,
                lots=line.lots,
                limit_ticks=line.limit_ticks,
                deadline_ms=2,
            )
            engine.place(order, now_ms=1)
        if not engine.advance():
            break
    engine.log.close()
    return made


def test_future_rows_alter_no_past_decision(tmp_path: Path) -> None:
    chain, bars = desk.chain(), desk.bars()
    known = decisions(tmp_path / "a", chain, bars)
    later_chain = [r if r[0] <= CUT else [*r[:8], r[8] * 2.0, r[9] * 1.01, r[10]] for r in chain]
    later_bars = [r if r[0] < CUT else [r[0], *(p * 1.02 for p in r[1:5]), r[5]] for r in bars]
    other = decisions(tmp_path / "b", later_chain, later_bars)
    past = [d for d in known if d.time_ms <= CUT]
    assert len(past) > 150
    assert sum(bool(d.plan and d.plan.lines) for d in past) >= 5
    assert other[: len(past)] == past
    assert other[len(past) :] != known[len(past) :]

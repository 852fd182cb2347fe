"""Policies beside each other on recorded data: tuned on the first half, judged on the second.

Rivals appear twice: turned on the first half, and with hindsight, on the second itself.

    python -m benchmarks.contest DATA [--keep FOLDER] [--only bars|chain] [--days N] [--processes N]

Two books: a monthly strangle and a weekly straddle on the perpetual's bars, repriced at a vol model
(51 days), and strangles on the recorded chain (6 days). DATA is the folder of recorded data.
Results are kept in FOLDER by content: a run that was broken off goes on. Takes minutes.
"""

import argparse
import functools
import json
import pathlib
import sys
from typing import Any

import msgspec

from hedger.backtest.contest import contest
from hedger.backtest.programme import Part
from hedger.backtest.replay import Terms
from hedger.backtest.sweep import swept
from hedger.backtest.trial import BARS, CHAIN, Trial, market_of
from hedger.cli.sample import lots, sample
from hedger.core.model import BandRule, HedgeRule, LimitRule, Rules
from hedger.service.params import BookParams
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.params import PaperAccount, PaperParams

PERPETUAL, ACCOUNT, COIN = "BTC-PERPETUAL", "study", 100.0
PROGRAMME = (
    Part(kind="strangle", days=30, coin=-10.0),
    Part(kind="straddle", days=7, coin=-5.0),
)
RULES = Rules(
    config="contest",
    numeraire="usd",
    base_coin=COIN,
    hedge=HedgeRule(buy=PERPETUAL, sell=PERPETUAL),
    band=BandRule(kind="cubic", risk_aversion=1e-3),
    limits=LimitRule(order_max=25.0, per_minute_max=100.0, first_trade_max=50.0),
)


def trial(data: pathlib.Path, kind: str) -> Trial:
    """The book of one kind of data; on the chain, legs that outlive the recording."""
    params = PaperParams(
        name="paper",
        socket="/unused",
        log="/unused",
        data=str(data),
        deposit=COIN,
        latency_ms=50.0,
        depth_usd=1e6,
        seed=1,
        accounts=(PaperAccount(name=ACCOUNT),),
        instruments=(PERPETUAL,),
    )
    book = BookParams(
        name=ACCOUNT,
        venue="paper",
        account=ACCOUNT,
        underlying="BTC",
        rules=RULES,
        digest="contest",
        positions=None,
    )
    made = Trial(book=book, params=params, kind=kind)
    if kind == BARS:
        return msgspec.structs.replace(made, terms=Terms(programme=PROGRAMME))
    market = market_of(made)
    held = lots(sample(market, "BTC", end_ms=market.end_ms).positions)
    lasting = {n: q for n, q in held.items() if instrument(n).expiry_ms > (market.end_ms or 0)}
    accounts = (PaperAccount(name=ACCOUNT, positions=lasting),)
    return msgspec.structs.replace(made, params=msgspec.structs.replace(params, accounts=accounts))


def table(kind: str, lines: list[dict[str, Any]]) -> str:
    """The contest for people."""
    head = (
        f"{'policy':<17}{'tuned on':<13}{'std 1h':>9}{'to own':>8}{'cost':>10}"
        f"{'orders/d':>10}{'outside':>9}{'residual':>10}   "
        "cost a day more [95 %]        P&L a day more [95 %]"
    )
    rows = [f"{kind}: second half, {lines[0]['days']} days", head]
    for line in lines:
        name = line["policy"] + (f" {line['value']:.3g}" if line["value"] else "")
        cost, earned = (
            "{:+,.0f} [{:+,.0f}, {:+,.0f}]".format(*line[key])
            for key in ("cost_a_day_more", "pnl_a_day_more")
        )
        rows.append(
            f"{name:<17}{line['tuned_on'] or '':<13}{line['hedge_std_1h']:>9,.1f}"
            f"{line['std_to_own']:>8.3f}{line['cost']:>10,.0f}{line['orders_per_day']:>10.1f}"
            f"{line['outside_band_share'] or 0.0:>9.2%}{line['residual_share']:>10.3%}"
            f"   {cost:<30}{earned}"
        )
    return "\n".join(rows)


def main() -> int:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("contest-results"))
    parser.add_argument("--only", choices=(BARS, CHAIN))
    parser.add_argument("--days", type=float, help="of the recording, from its start")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    sweep = functools.partial(
        swept,
        folder=asked.keep,
        processes=asked.processes,
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    found = {}
    for kind in [asked.only] if asked.only else [CHAIN, BARS]:
        made = trial(asked.data, kind)
        market = market_of(made)
        end_ms = market.end_ms or 0
        if asked.days:
            end_ms = min(end_ms, market.start_ms + round(asked.days * 86_400_000))
        found[kind] = contest(made, (market.start_ms, end_ms), sweep)
        print(json.dumps(found[kind]) if asked.json else table(kind, found[kind]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

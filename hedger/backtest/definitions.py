"""What each number of the report means, in one sentence; printed with it."""

from __future__ import annotations

DEFINITIONS = {
    "pnl": "numeraire usd: (equity - base_coin) x index, coin: equity; equity is the exchange's, "
    "in coin, at the marks for profit and loss",
    "unhedged": "the same account without the hedge instruments' fills, fees and funding",
    "pnl_std_hedged": "sample standard deviation of one-minute changes of P&L (market time)",
    "pnl_worst": "lowest one-minute change of hedged P&L",
    "drawdown_max": "largest fall of hedged P&L from an earlier high",
    "std_ratio": "hedged over unhedged standard deviation of changes over 1m, 1h, 1d",
    "std_ratio_delta_1m": "the same ratio over 1m for the delta part and costs alone, which is all "
    "that a hedge can act on; gamma, theta and vega stay",
    "slope_1h": "least-squares slope of hourly hedged P&L, in coin at the index, on the index's "
    "return; slope_1h_error is its standard error",
    "fees": "fees paid; spread: given up between the middle and the fill price; funding: received",
    "pnl_parts": "signed P&L by cause, Greeks at the beginning of each move; delta holds the "
    "hedges, gamma, theta, vega, vanna and volga the option legs; spread ends at the best price, "
    "slippage is what lay beyond it",
    "residual": "moves of the exchange's marks that no other part explains; residual_share is "
    "|sum of residuals| over the sum of |part totals|, residual_std_share the residual's standard "
    "deviation per bar over that of unhedged P&L",
    "agreement": "|P&L by the exchange's equity - sum of the parts counted from fills, fees, "
    "funding and marks by other code| over gross turnover",
    "orders_per_day": "orders sent, by day of market time",
    "outside_band_share": "share of market time with the book's delta outside the band, after the "
    "fills of each instant, at the market as published; beyond_trigger_share: beyond the "
    "deltas at which a hedge is due",
    "hedges_in_band_share": "share of hedge orders after whose last fill the book's delta lay in "
    "the band, at the market shown at that fill",
    "decision_ms": "real time from the newest quote's arrival to the decision, state read from the "
    "store included; decide_ms: the decision alone",
    "settlements": "deltas of the expiring legs and of the hedge over the last 30 minutes; "
    "unwound: at the last instant before the expiry the book was within its triggers",
}

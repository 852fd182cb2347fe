"""A comparison as one HTML file that needs nothing else: the frontier drawn, the figures below."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hedger.backtest.chart import scrolled
from hedger.backtest.compare import Comparison, Finding
from hedger.backtest.frame import COLOURS, Axis, Frame, document

FRAME = Frame(width=940, height=440, left=80, right=240, top=20, bottom=50)
NAME_MAX = 30
_HEADS = (
    ("policy", ""),
    ("CE", "certainty equivalent of cost and risk, with its standard error"),
    ("ratio", "certainty equivalent over the first policy's, on the same paths"),
    ("mean cost", "minus the mean P&L"),
    ("std", "standard deviation of the P&L"),
    ("ES95", "mean cost of the worst twentieth of the paths"),
    ("mean-variance", "mean cost + risk aversion / 2 x variance"),
    ("weight", "largest share of one path in the exponential average"),
    ("trades", "orders over the horizon"),
    ("turnover", "traded over the horizon, in quote currency"),
    ("orders/day", ""),
)


def page(done: Comparison, title: str) -> str:
    """The whole page."""
    it = done.study
    about = (
        f"{it.market.kind}, spot {it.market.spot:g}, vol {it.market.vol:g}, "
        f"{it.market.horizon_days:g} days, {it.market.steps:,} checks, {done.paths:,} paths, "
        f"seed {it.market.seed}; cost {it.cost.proportional:g} of price"
        f"{f' and {it.cost.fixed:g} an order' if it.cost.fixed else ''}; "
        f"risk aversion {it.risk_aversion:g}; {len(it.legs)} option legs"
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in done.notes)
    behind = "".join(f"<p><strong>{escape(text)}.</strong></p>\n" for text in done.behind)
    return document(
        title,
        f"<p>{escape(about)}.</p>\n{behind}{scrolled(frontier(done))}\n"
        "<p>Each dot is a policy as configured; its line is the same policy with its risk "
        "aversion, width or interval turned. Lower and further left is better.</p>\n"
        f"{scrolled(_table(done.findings))}\n<ul>{notes}</ul>",
    )


def _table(findings: Sequence[Finding]) -> str:
    head = "".join(f'<th title="{escape(why)}">{escape(name)}</th>' for name, why in _HEADS)
    rows = []
    for found in findings:
        value, ratio = "not estimable", "&ndash;"
        if found.is_estimable:
            value = f"{found.certainty_equivalent:.4g} &plusmn; {found.standard_error:.1g}"
            if findings[0].is_estimable and findings[0].certainty_equivalent > 0.0:
                ratio = f"{found.ratio:.4f} &plusmn; {found.ratio_error:.4f}"
        cells = (
            escape(found.name),
            value,
            ratio,
            f"{found.mean_cost:.4g}",
            f"{found.std:.4g}",
            f"{found.es95:.4g}",
            f"{found.mean_variance:.4g}",
            f"{found.max_path_weight:.2%}",
            f"{found.trades:.1f}",
            f"{found.turnover:.5g}",
            f"{found.orders_per_day:.2f}",
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def frontier(done: Comparison) -> str:
    """The frontier: risk to the right, cost upwards, around the policies as configured."""
    dots = [(f.std, f.mean_cost) for f in done.findings]
    across, up = _axis([x for x, _ in dots]), _axis([y for _, y in dots])
    curves = {curve.name: curve for curve in done.curves if curve.std.size > 1}
    left, right, top, foot = FRAME.left, FRAME.right, FRAME.top, FRAME.height - FRAME.bottom
    parts = [
        f'<defs><clipPath id="frame"><rect x="{left}" y="{top}" '
        f'width="{FRAME.width - left - right}" height="{foot - top}"/></clipPath></defs>',
        FRAME.grid(across, up),
        _titles(),
    ]
    for number, (found, (x, y)) in enumerate(zip(done.findings, dots, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        if (curve := curves.get(found.name)) is not None:
            points = " ".join(
                f"{FRAME.x(a, across):.1f},{FRAME.y(b, up):.1f}"
                for a, b in zip(curve.std, curve.mean_cost, strict=True)
            )
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5" '
                'clip-path="url(#frame)"/>'
            )
        parts.append(
            f'<circle cx="{FRAME.x(x, across):.1f}" cy="{FRAME.y(y, up):.1f}" r="5" '
            f'fill="{colour}"><title>{escape(found.name)}: cost {y:.4g}, std {x:.4g}</title>'
            "</circle>"
        )
        parts.append(_name(found.name, number, colour, len(dots)))
    return FRAME.svg("".join(parts))


def _name(name: str, number: int, colour: str, count: int) -> str:
    """One row of the names beside the frame, closer where there are many."""
    gap = min(20.0, (FRAME.height - FRAME.bottom - FRAME.top) / count)
    left, row = FRAME.width - FRAME.right + 18, FRAME.top + 10 + gap * number
    text = name if len(name) <= NAME_MAX else name[: NAME_MAX - 1] + "\u2026"
    return (
        f'<circle cx="{left}" cy="{row - 4:.1f}" r="5" fill="{colour}"/>'
        f'<text x="{left + 12}" y="{row:.1f}">{escape(text)}</text>'
    )


def _axis(values: list[float]) -> Axis:
    """Ends of an axis with room around the values; nought where all are above and near it."""
    low, high = min(values), max(values)
    room = 0.15 * (high - low) or 0.15 * abs(high) or 1.0
    start = low - room
    return (0.0 if 0.0 <= low < high - low else start), high + room


def _titles() -> str:
    """What the axes are."""
    middle = (FRAME.left + FRAME.width - FRAME.right) / 2
    height = (FRAME.top + FRAME.height - FRAME.bottom) / 2
    return (
        f'<text x="{middle:.0f}" y="{FRAME.height - 10}" text-anchor="middle">'
        "std of P&amp;L [quote currency]</text>"
        f'<text transform="translate(18 {height:.0f}) rotate(-90)" '
        'text-anchor="middle">mean cost [quote currency]</text>'
    )

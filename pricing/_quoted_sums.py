"""One pass from a market's columns to all sums of a book: what a decision needs (private).

Legs take vol and forward by their row in the market; those that are expired or not known add
nothing.  Sums per group on a spot ladder become deltas, gammas and the bend of the whole book in
the same call: over fifty legs the arithmetic is small and every array made on the way would cost as
much as a tenth of it.
"""

import numpy as np
from numba import types

from pricing._batch import FLAGS as _GROUP_FLAGS
from pricing._batch import INPUT
from pricing._kernel_cache import compiled, inlined, subroutine
from pricing._leg_bends import CERTAIN, ROOT_TWO_PI, mean_vol, slopes
from pricing._leg_sums import ladder_block
from pricing._legs import FLAGS, INDEX, STATE
from pricing._option import input_check
from pricing._vector_math import exp, log_ratio
from pricing.conventions import MS_PER_YEAR

__all__ = ["COLUMNS", "TOTALS", "black_shift", "book_sums"]

COLUMNS = 8
"""Numbers of each group: count, forward, delta, gamma, black, worth, vega, theta."""
TOTALS = 10
"""Numbers of the book: wanting, alive, gross, gamma, square_gamma, vol, need, settling, lasting,
to_rest."""
_DAY_MS = 86_400_000

_INTS = types.Array(types.int64, 1, "C", readonly=True)
_ORDER = types.Array(types.int64, 2, "C", readonly=True)
_TABLE = types.Array(types.float64, 2, "C", readonly=True)
_OUT = types.Array(types.float64, 1, "C")


@inlined
def _share(expiry_ms, now_ms, window_ms) -> float:  # type: ignore[no-untyped-def]
    """Share of the settlement window that is still to run: 1 before it, 0 at expiry."""
    return float(min(max((expiry_ms - now_ms) / window_ms, 0.0), 1.0))


@subroutine
def _join(  # type: ignore[no-untyped-def]
    state, places, expiry_ms, rows, ratio, vol, vol_ms, priced, index, now_ms, age_max,
    fresh, forward, alive,
) -> int:  # fmt: skip
    """Legs with what the market knows of them, as `fresh` state; how many lack a fresh price."""
    wanting, listed = 0, min(ratio.size, vol.size, vol_ms.size, priced.size)
    for j in range(rows.size):
        place = places[2, j]
        row, left = rows[place], expiry_ms[place] - now_ms
        seen_ratio, seen_vol, is_fresh = np.nan, np.nan, False
        if 0 <= row < listed:
            seen_ratio, seen_vol = ratio[row], vol[row]
            is_fresh = priced[row] and now_ms - vol_ms[row] <= age_max
        known = np.isfinite(seen_ratio) and np.isfinite(seen_vol) and left > 0
        forward[place] = (seen_ratio if np.isfinite(seen_ratio) else 1.0) * index
        alive[j] = left > 0
        wanting += alive[j] and not (known and is_fresh)
        strike, time = state[0, j], left / MS_PER_YEAR if known else 1.0
        fresh[0, j], fresh[1, j] = strike, time
        fresh[2, j] = seen_vol if known else 1.0
        fresh[3, j] = state[3, j] if known else 0.0
        verdict = input_check(0.0, strike, time, 0.0)
        verdict += 0.0 if abs(state[3, j]) < np.inf else np.nan
        fresh[4, j] = np.sqrt(time) + verdict
    return wanting


@subroutine
def _distances(fresh, places, forward, away, per) -> None:  # type: ignore[no-untyped-def]
    """Of each leg that bends: standard deviations from its strike, and more of them per log move.

    Both 0 for a leg without a density.
    """
    for j in range(away.size):
        strike, deviation = fresh[0, j], fresh[2, j] * fresh[4, j]
        live = (fresh[3, j] != 0.0) & (strike > CERTAIN) & (not deviation <= CERTAIN)
        ahead = log_ratio(forward[places[0, j]], strike if live else 1.0)
        inverse = 1.0 / (deviation if live else 1.0)
        away[j] = ahead * inverse + 0.5 * deviation if live else 0.0
        per[j] = inverse if live else 0.0


@subroutine
def _to_rest(below, above, share, black) -> float:  # type: ignore[no-untyped-def]
    """What the delta lacks of the nearer of the two ends of the payoff."""
    delta = 0.0
    for g in range(share.size):
        delta += share[g] * black[g]
    down, up = below - delta, above - delta
    return float(down if abs(down) < abs(up) else up)


@subroutine
def _square_gamma(  # type: ignore[no-untyped-def]
    fresh, places, shares, forward, away, per, here, rule, step
) -> float:  # fmt: skip
    """Square of gamma; its mean over log spot where legs bend both ways.

    ``shares`` turn quote currency into coin that is still to settle, (groups,). Per unit of today's
    spot, so that the mean is of gamma and not of gamma times spot.
    """
    factor, longs, shorts = np.empty(away.size), False, False
    for j in range(away.size):
        held = fresh[3, j] if per[j] > 0.0 else 0.0
        longs |= held > 0.0
        shorts |= held < 0.0
        unit = shares[places[1, j]] * forward[places[0, j]]
        factor[j] = unit * held * per[j] / ROOT_TWO_PI
    if not (longs and shorts and step > 0.0):
        return float(here * here)
    mean, part = 0.0, np.empty(away.size)
    for n in range(rule.shape[1]):
        move = step * rule[0, n]
        near = 0.0 if move != 0.0 else here
        if move != 0.0:
            for j in range(away.size):
                distance = away[j] + move * per[j]
                part[j] = factor[j] * exp(-0.5 * distance * distance)
            for j in range(away.size):
                near += part[j]
            near *= np.exp(-move)
        mean += rule[1, n] * near * near
    return float(mean)


@subroutine
def _gross(state, fresh, flags, places, forward, alive, groups) -> float:  # type: ignore[no-untyped-def]
    """Sum of the legs' absolute Black deltas; one that is not known counts in full."""
    signed, total = fresh.copy(), 0.0
    for j in range(alive.size):
        size = abs(fresh[3, j])
        signed[3, j] = size if flags[0, j] else -size
        if alive[j] and size == 0.0:
            total += abs(state[3, j])
    sums = np.zeros((7, 1, groups))
    ladder_block(
        signed, flags, places, forward, np.ones(1),
        sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6],
    )  # fmt: skip
    return float(total + sums[2].sum())


@inlined
def _group(sums, m, g, inverse, share, ahead, spot, own_inverse, own_linear) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """Delta in the numeraire and its slope in log spot, of one group at one move."""
    value, coin, delta = sums[0, m, g], sums[1, m, g], sums[2, m, g]
    cash, bend = sums[3, m, g], sums[4, m, g]
    if inverse:
        net = delta - coin
        moving = share * net
        return moving + own_inverse * coin, share * bend / ahead - moving + own_inverse * net
    slope = share * bend + own_linear * (cash - value)
    return (share * cash + own_linear * value) / spot, slope / spot


@subroutine
def _by_group(  # type: ignore[no-untyped-def]
    sums, places, inverse, group_ms, forward, alive, moves, index, own_inverse, own_linear, scale,
    here, now_ms, window_ms, out, share, bend,
) -> float:  # fmt: skip
    """Per move the book's delta and gamma, and the columns of each group; shares and Black bend.

    Returns what of the bend at present spot does not expire within a day.
    """
    lasting = 0.0
    groups, steps = inverse.size, moves.size
    ahead, columns = np.ones(groups), out[2 * steps :].reshape((COLUMNS, groups))
    columns[0] = 0.0
    for g in range(groups):
        share[g] = _share(group_ms[g], now_ms, window_ms)
    for j in range(alive.size):
        ahead[places[1, j]] = forward[places[0, j]]
        columns[0, places[1, j]] += alive[j]
    bend[:] = 0.0
    for m in range(steps):
        spot, deltas, gammas = index * moves[m], 0.0, 0.0
        for g in range(groups):
            price = ahead[g] * moves[m]
            delta, gamma = _group(
                sums, m, g, inverse[g], share[g], price, spot, own_inverse, own_linear
            )
            deltas, gammas = deltas + delta, gammas + gamma
            bent = share[g] * sums[4, m, g] / (price if inverse[g] else spot)
            bend[m] += bent
            if m == here:
                lasting += bent if group_ms[g] - now_ms > _DAY_MS else 0.0
                columns[1, g], columns[2, g], columns[3, g] = ahead[g], delta, gamma
                columns[4, g] = sums[2, m, g]
                columns[5, g] = sums[1, m, g] if inverse[g] else sums[0, m, g] / index
                columns[6, g], columns[7, g] = sums[5, m, g], sums[6, m, g]
        out[m], out[steps + m] = scale * deltas, scale * gammas
    return lasting


@subroutine
def _bends(  # type: ignore[no-untyped-def]
    state, fresh, flags, places, by_strike, forward, alive, share, price, bend, black, rule,
    scale, spread, totals,
) -> None:  # fmt: skip
    """Gamma, its square or mean square, mean vol, largest delta, and what is settling of it."""
    away, per = np.empty(alive.size), np.empty(alive.size)
    _distances(fresh, places, forward, away, per)
    totals[0] = scale * bend
    totals[2] = vol = mean_vol(fresh, away, per)
    totals[1] = (
        scale
        * scale
        * _square_gamma(fresh, places, share / price, forward, away, per, bend, rule, spread * vol)
    )
    most, below, above = slopes(state, flags, places, by_strike, alive, share, 0, alive.size)
    totals[3], totals[6] = scale * most, scale * _to_rest(below, above, share, black)
    for g in range(share.size):
        if 0.0 < share[g] < 1.0:
            totals[4] += black[g]
    totals[4] = scale * abs(totals[4])


@compiled(
    types.void(
        STATE, FLAGS, INDEX, _GROUP_FLAGS, _INTS, _INTS, _ORDER,  # legs and groups
        _INTS, INPUT, INPUT, _INTS, _GROUP_FLAGS,  # rows; ratio, vol, vol_ms, priced
        _TABLE, _TABLE, *[types.float64] * 5, *[types.int64] * 4, *[types.boolean] * 2, _OUT,
    )
)  # fmt: skip
def book_sums(  # type: ignore[no-untyped-def]
    state, flags, places, inverse, group_ms, expiry_ms, by_strike,
    rows, ratio, vol, vol_ms, priced,
    moves, rule, index, own_inverse, own_linear, scale, spread, here, now_ms, age_max, window_ms,
    bends, sizes, out,
):  # fmt: skip
    """Sums of a book: per move delta and gamma, then `COLUMNS` of each group, then `TOTALS`.

    ``moves`` are ratios of spot and their logarithms, ``rule`` nodes and weights of a mean over a
    normal variable, ``here`` the place of 1 among the moves; `bends` asks for the last seven
    totals.
    """
    legs, groups, steps = rows.size, inverse.size, moves.shape[1]
    fresh, forward, alive = np.empty((5, legs)), np.empty(legs), np.empty(legs, np.bool_)
    wanting = _join(
        state, places, expiry_ms, rows, ratio, vol, vol_ms, priced, index, now_ms, age_max,
        fresh, forward, alive,
    )  # fmt: skip
    sums = np.zeros((7, steps, groups))
    ladder_block(
        fresh, flags, places, forward, moves[0],
        sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6],
    )  # fmt: skip
    share, bend, rest = np.empty(groups), np.empty(steps), 2 * steps + COLUMNS * groups
    lasting = _by_group(
        sums, places, inverse, group_ms, forward, alive, moves[0], index, own_inverse, own_linear,
        scale, here, now_ms, window_ms, out[:rest], share, bend,
    )  # fmt: skip
    totals, black = out[rest:], sums[2, here]
    ahead = out[2 * steps + groups : 2 * steps + 2 * groups]
    totals[:] = 0.0
    totals[0], totals[1] = wanting, alive.sum()
    if sizes:
        totals[2] = _gross(state, fresh, flags, places, forward, alive, groups)
    if bends:
        _bends(
            state, fresh, flags, places, by_strike, forward, alive, share,
            np.where(inverse, ahead, index), bend[here], black, rule, scale, spread, totals[3:],
        )  # fmt: skip
        totals[8] = scale * lasting


@compiled(
    types.float64(
        STATE, FLAGS, INDEX, _GROUP_FLAGS, _INTS, _INTS, _INTS, INPUT, INPUT, _INTS, _GROUP_FLAGS,
        *[types.float64] * 3, types.int64, types.int64,
    )
)  # fmt: skip
def black_shift(  # type: ignore[no-untyped-def]
    state, flags, places, inverse, group_ms, expiry_ms, rows, ratio, vol, vol_ms, priced,
    index, factor, years, now_ms, window_ms,
):  # fmt: skip
    """Black delta of the book at its vols, less that at its vols times `factor` [coin].

    The factor holds for so many `years` of a leg's life at most.
    """
    legs, groups = rows.size, inverse.size
    fresh, forward, alive = np.empty((5, legs)), np.empty(legs), np.empty(legs, np.bool_)
    _join(
        state, places, expiry_ms, rows, ratio, vol, vol_ms, priced, index, now_ms, 0,
        fresh, forward, alive,
    )  # fmt: skip
    sums, moves = np.zeros((2, 7, 1, groups)), np.ones(1)
    for turn in range(2):
        there = sums[turn]
        ladder_block(
            fresh, flags, places, forward, moves,
            there[0], there[1], there[2], there[3], there[4], there[5], there[6],
        )  # fmt: skip
        for j in range(legs):
            part = min(1.0, years / fresh[1, j]) if fresh[1, j] > years else 1.0
            fresh[2, j] *= np.sqrt(1.0 + (factor * factor - 1.0) * part) if part < 1.0 else factor
    ahead, here, moved = np.ones(groups), 0.0, 0.0
    for j in range(legs):
        ahead[places[1, j]] = forward[places[0, j]]
    for g in range(groups):
        unit = _share(group_ms[g], now_ms, window_ms)
        unit *= 1.0 if inverse[g] else ahead[g] / index
        here += unit * sums[0, 2, 0, g]
        moved += unit * sums[1, 2, 0, g]
    return here - moved

/* The speed limit that benchmarks/books.py measures against: Black-76 sums over books and full
 * revaluation with the compiler's own vector exp, log, sqrt and erfc (libmvec).  No edge cases, no
 * NaN handling, sums in any order: only the work that every implementation has to do. */
#include <math.h>
#include <stddef.h>

#define BLOCK 256

/* Six sums per group.  Legs stand group by group; the root of time is prepared. */
void book_roofline(ptrdiff_t groups, const ptrdiff_t *restrict start,
                   const ptrdiff_t *restrict expiry, const double *restrict forward,
                   const double *restrict strike, const double *restrict root,
                   const double *restrict vol, const double *restrict quantity,
                   const unsigned char *restrict is_call, double *restrict sums)
{
    double unit[6][BLOCK], asset[BLOCK];
    for (ptrdiff_t i = 0; i < 6 * groups; i++)
        sums[i] = 0.0;
    ptrdiff_t legs = start[groups], group = 0;
    for (ptrdiff_t first = 0; first < legs; first += BLOCK) {
        ptrdiff_t count = legs - first < BLOCK ? legs - first : BLOCK;
        for (ptrdiff_t j = 0; j < count; j++)
            asset[j] = forward[expiry[first + j]];
#pragma omp simd
        for (ptrdiff_t j = 0; j < count; j++) {
            ptrdiff_t i = first + j;
            double sign = is_call[i] ? 1.0 : -1.0;
            double total = vol[i] * root[i];
            double inverse_total = 1.0 / total;
            double d1 = log(asset[j] / strike[i]) * inverse_total + 0.5 * total;
            double d2 = d1 - total;
            double density = quantity[i] * 0.3989422804014327 * exp(-0.5 * d1 * d1);
            double near = 0.5 * erfc(-0.7071067811865476 * sign * d1);
            double far = 0.5 * erfc(-0.7071067811865476 * sign * d2);
            double held = quantity[i] * sign;
            double value = held * (asset[j] * near - strike[i] * far);
            unit[0][j] = value;
            unit[1][j] = held * near;
            unit[2][j] = density * inverse_total / asset[j];
            unit[3][j] = asset[j] * density * root[i];
            unit[4][j] = -0.5 * asset[j] * density * vol[i] * vol[i] * inverse_total;
            unit[5][j] = -root[i] * root[i] * value;
        }
        for (ptrdiff_t j = 0; j < count;) {
            while (first + j >= start[group + 1])
                group++;
            ptrdiff_t stop = start[group + 1] - first < count ? start[group + 1] - first : count;
            double a = 0, b = 0, c = 0, d = 0, e = 0, f = 0;
            for (; j < stop; j++) {
                a += unit[0][j];
                b += unit[1][j];
                c += unit[2][j];
                d += unit[3][j];
                e += unit[4][j];
                f += unit[5][j];
            }
            double *sum = sums + 6 * group;
            sum[0] += a, sum[1] += b, sum[2] += c, sum[3] += d, sum[4] += e, sum[5] += f;
        }
    }
}

/* P&L of each scenario: spot move, parallel vol shift, step of time. */
void revalue_roofline(ptrdiff_t legs, ptrdiff_t scenarios, const double *restrict asset,
                      const double *restrict strike, const double *restrict time,
                      const double *restrict vol, const double *restrict quantity,
                      const double *restrict value, const unsigned char *restrict is_call,
                      const double *restrict move, const double *restrict log_move,
                      const double *restrict shift, const double *restrict step,
                      double *restrict pnl)
{
    for (ptrdiff_t first = 0; first < scenarios; first += BLOCK) {
        ptrdiff_t stop = scenarios - first < BLOCK ? scenarios : first + BLOCK;
        for (ptrdiff_t s = first; s < stop; s++)
            pnl[s] = 0.0;
        for (ptrdiff_t i = 0; i < legs; i++) {
            double sign = is_call[i] ? 1.0 : -1.0;
            double moneyness = log(asset[i] / strike[i]);
#pragma omp simd
            for (ptrdiff_t s = first; s < stop; s++) {
                double total = (vol[i] + shift[s]) * sqrt(time[i] - step[s]);
                double d1 = (moneyness + log_move[s]) / total + 0.5 * total;
                double d2 = d1 - total;
                double near = 0.5 * erfc(-0.7071067811865476 * sign * d1);
                double far = 0.5 * erfc(-0.7071067811865476 * sign * d2);
                double moved = sign * (asset[i] * move[s] * near - strike[i] * far);
                pnl[s] += quantity[i] * (moved - value[i]);
            }
        }
    }
}

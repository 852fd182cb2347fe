/* The speed limit that benchmarks/greeks.py measures against: Black-76 price and five Greeks with
 * the compiler's own vector exp, log, sqrt and erfc (libmvec).  No edge cases, no NaN handling:
 * only the work that every implementation has to do. */
#include <math.h>
#include <stddef.h>

void black_roofline(ptrdiff_t count, const double *restrict forward, const double *restrict strike,
                    const double *restrict time, const double *restrict vol,
                    const double *restrict rate, const unsigned char *restrict is_call,
                    double *restrict price, double *restrict delta, double *restrict gamma,
                    double *restrict vega, double *restrict theta, double *restrict rho)
{
#pragma omp simd
    for (ptrdiff_t i = 0; i < count; i++) {
        double sign = is_call[i] ? 1.0 : -1.0;
        double root = sqrt(time[i]);
        double total = vol[i] * root;
        double inverse_total = 1.0 / total;
        double d1 = log(forward[i] / strike[i]) * inverse_total + 0.5 * total;
        double d2 = d1 - total;
        double discount = exp(-rate[i] * time[i]);
        double density = 0.3989422804014327 * exp(-0.5 * d1 * d1) * discount;
        double near = 0.5 * discount * erfc(-0.7071067811865476 * sign * d1);
        double far = 0.5 * discount * erfc(-0.7071067811865476 * sign * d2);
        double value = sign * (forward[i] * near - strike[i] * far);
        price[i] = value;
        delta[i] = sign * near;
        gamma[i] = density * inverse_total / forward[i];
        vega[i] = forward[i] * density * root;
        theta[i] = rate[i] * value - 0.5 * forward[i] * density * vol[i] * vol[i] * inverse_total;
        rho[i] = -time[i] * value;
    }
}

/* The same at rate 0: one input and one exponential less. */
void black_roofline_undiscounted(ptrdiff_t count, const double *restrict forward,
                                 const double *restrict strike, const double *restrict time,
                                 const double *restrict vol, const unsigned char *restrict is_call,
                                 double *restrict price, double *restrict delta,
                                 double *restrict gamma, double *restrict vega,
                                 double *restrict theta, double *restrict rho)
{
#pragma omp simd
    for (ptrdiff_t i = 0; i < count; i++) {
        double sign = is_call[i] ? 1.0 : -1.0;
        double root = sqrt(time[i]);
        double total = vol[i] * root;
        double inverse_total = 1.0 / total;
        double d1 = log(forward[i] / strike[i]) * inverse_total + 0.5 * total;
        double d2 = d1 - total;
        double density = 0.3989422804014327 * exp(-0.5 * d1 * d1);
        double near = 0.5 * erfc(-0.7071067811865476 * sign * d1);
        double far = 0.5 * erfc(-0.7071067811865476 * sign * d2);
        double value = sign * (forward[i] * near - strike[i] * far);
        price[i] = value;
        delta[i] = sign * near;
        gamma[i] = density * inverse_total / forward[i];
        vega[i] = forward[i] * density * root;
        theta[i] = -0.5 * forward[i] * density * vol[i] * vol[i] * inverse_total;
        rho[i] = -time[i] * value;
    }
}

/* The six second-order Greeks: no normal tail but the one that charm's rate needs. */
void black_second_roofline(ptrdiff_t count, const double *restrict forward,
                           const double *restrict strike, const double *restrict time,
                           const double *restrict vol, const double *restrict rate,
                           const unsigned char *restrict is_call, double *restrict vanna,
                           double *restrict volga, double *restrict charm, double *restrict speed,
                           double *restrict zomma, double *restrict color)
{
#pragma omp simd
    for (ptrdiff_t i = 0; i < count; i++) {
        double sign = is_call[i] ? 1.0 : -1.0;
        double root = sqrt(time[i]);
        double total = vol[i] * root;
        double inverse_total = 1.0 / total, inverse_forward = 1.0 / forward[i];
        double inverse_vol = root * inverse_total, half_decay = 0.5 / time[i];
        double d1 = log(forward[i] / strike[i]) * inverse_total + 0.5 * total;
        double d2 = d1 - total;
        double discount = exp(-rate[i] * time[i]);
        double density = 0.3989422804014327 * exp(-0.5 * d1 * d1) * discount;
        double delta = sign * 0.5 * discount * erfc(-0.7071067811865476 * sign * d1);
        double gamma = density * inverse_total * inverse_forward;
        vanna[i] = -density * d2 * inverse_vol;
        volga[i] = forward[i] * density * root * d1 * d2 * inverse_vol;
        charm[i] = rate[i] * delta + density * d2 * half_decay;
        speed[i] = -gamma * (1.0 + d1 * inverse_total) * inverse_forward;
        zomma[i] = gamma * (d1 * d2 - 1.0) * inverse_vol;
        color[i] = gamma * (rate[i] + (1.0 - d1 * d2) * half_decay);
    }
}

// What lies between the products of the gemm propagator, element by element, and the sums after a QR.
#include "activation.cuh"
#include "stage.cuh"

// Rate networks, (members, n): value and slope of the activation at u.
extern "C" __global__ void activate(const REAL *u, REAL *value, REAL *slope, long long count) {
    EACH(e, count) activation(u[e], value[e], slope[e]);
}

// The state: field = W phi(x) + b or phi(W x + b), from there to the next stage.
extern "C" __global__ void move_network(const REAL *field, const REAL *rate, int rates, REAL *base,
                                        REAL *total, REAL *x, int n, long long count, int stage,
                                        double dt) {
    EACH(e, count) {
        const REAL change = rate[rates == 1 ? e % n : e] * (field[e] - x[e]);
        end_stage(stage, dt, dt == 0.0 ? x[e] + change : change, base[e], total[e], x[e]);
    }
}

// State or tangents of gated networks, whose rate of change is in `field` itself.
extern "C" __global__ void move_gated(const REAL *field, REAL *base, REAL *total, REAL *x,
                                      long long count, int stage, double dt) {
    EACH(e, count) end_stage(stage, dt, field[e], base[e], total[e], x[e]);
}

// Rows of (members, n, k) times a factor of each row.
extern "C" __global__ void scale_rows(const REAL *factor, const REAL *y, REAL *scaled, int k,
                                      long long count) {
    EACH(e, count) scaled[e] = factor[e / k] * y[e];
}

// The tangents of a rate network: product = W (slope y), or W y, which the slope multiplies here.
extern "C" __global__ void move_network_tangents(const REAL *product, const REAL *slope,
                                                 const REAL *rate, int rates, REAL *base,
                                                 REAL *total, REAL *y, int n, int k,
                                                 long long count, int stage, double dt,
                                                 int current) {
    EACH(e, count) {
        const long long row = e / k;
        const REAL through = current ? product[e] : slope[row] * product[e];
        const REAL change = rate[rates == 1 ? row % n : row] * (through - y[e]);
        end_stage(stage, dt, dt == 0.0 ? y[e] + change : change, base[e], total[e], y[e]);
    }
}

// A Jacobian (members, n, n) = sum over terms of a factor of the row times the weights of a gate,
// and a factor on the diagonal (none where it is -1). Factors are n elements apart, gates n^2; of
// the arrays of all layers, this one's are `first` elements on.
struct Terms {
    int count, diagonal, factor[4], gate[4];
};

extern "C" __global__ void form_rows(const REAL *factors, long long first_factor,
                                     long long factors_step, const REAL *weights,
                                     long long first_weight, long long weights_step, Terms terms,
                                     REAL *out, int n, long long count) {
    const long long size = (long long)n * n;
    EACH(e, count) {
        const long long b = e / size, at = e % size, i = at / n;
        const REAL *own = factors + first_factor + b * factors_step + i;
        const REAL *w = weights + first_weight + b * weights_step + at;
        REAL sum = terms.diagonal >= 0 && at % n == i ? own[terms.diagonal * n] : REAL(0);
        for (int t = 0; t < terms.count; ++t)
            sum = fma(own[terms.factor[t] * n], w[terms.gate[t] * size], sum);
        out[e] = sum;
    }
}

// After a QR that left R_jj and the norms in memory, (members, k) each.
extern "C" __global__ void accumulate_all(const REAL *norm, const REAL *diagonal, double *log_sum,
                                          double *compensation, double *cancellation,
                                          long long *status, long long count, double unit) {
    EACH(at, count) {
        accumulate_at(log_sum, compensation, cancellation, status, at, norm[at], diagonal[at],
                      unit);
    }
}

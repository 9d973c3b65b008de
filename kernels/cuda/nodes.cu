// Networks of nodes: what a node does before and after the products with its matrices.
//
// States are (members, n, VARIABLES), arguments of products and their results (members, n, SUMS),
// slopes (members, n, FIELD_SLOPES or FACTOR_SLOPES); tangents have k columns in each row.
#include "node.cuh"
#include "stage.cuh"

#define ROOM(count) ((count) > 0 ? (count) : 1) // an array of none is no C++

// Parameters of a node: those of `params`, (columns - driven, n) a member, then the inputs of this
// step, (driven, n). `step` is how far members are apart, 0 where they have the same.
struct Given {
    REAL value[ROOM(PARAMETERS)];

    __device__ __forceinline__ Given(const REAL *params, long long params_step, const REAL *inputs,
                                     long long inputs_step, int driven, int n, long long node) {
        const long long b = node / n, i = node % n;
        const int own = PARAMETERS - driven;
        for (int c = 0; c < PARAMETERS; ++c)
            value[c] = c < own ? params[b * params_step + (long long)c * n + i]
                               : inputs[b * inputs_step + (long long)(c - own) * n + i];
    }
    __device__ __forceinline__ REAL operator[](int c) const { return value[c]; }
};

// The factors of the products, and their slopes.
extern "C" __global__ void enter_nodes(const REAL *x, const REAL *params, long long params_step,
                                       const REAL *inputs, long long inputs_step, int driven,
                                       double t, REAL *values, REAL *slopes, int n,
                                       long long count) {
    EACH(node, count) {
        const Given p(params, params_step, inputs, inputs_step, driven, n, node);
        REAL here[VARIABLES], f[ROOM(SUMS)], s[ROOM(FACTOR_SLOPES)];
        for (int v = 0; v < VARIABLES; ++v) here[v] = x[node * VARIABLES + v];
        factors(t, here, p, f, s);
        for (int r = 0; r < SUMS; ++r) values[node * SUMS + r] = f[r];
        for (int c = 0; c < FACTOR_SLOPES; ++c) slopes[node * FACTOR_SLOPES + c] = s[c];
    }
}

// The field, its slopes, and the next stage.
extern "C" __global__ void move_nodes(const REAL *sums, const REAL *params, long long params_step,
                                      const REAL *inputs, long long inputs_step, int driven,
                                      double t, REAL *base, REAL *total, REAL *x, REAL *slopes,
                                      int n, long long count, int stage, double dt) {
    EACH(node, count) {
        const Given p(params, params_step, inputs, inputs_step, driven, n, node);
        REAL here[VARIABLES + SUMS], f[VARIABLES], s[ROOM(FIELD_SLOPES)];
        for (int v = 0; v < VARIABLES; ++v) here[v] = x[node * VARIABLES + v];
        for (int r = 0; r < SUMS; ++r) here[VARIABLES + r] = sums[node * SUMS + r];
        field(t, here, p, f, s);
        for (int c = 0; c < FIELD_SLOPES; ++c) slopes[node * FIELD_SLOPES + c] = s[c];
        for (int v = 0; v < VARIABLES; ++v) {
            const long long e = node * VARIABLES + v;
            end_stage(stage, dt, f[v], base[e], total[e], x[e]);
        }
    }
}

// A column of the tangents of the factors.
extern "C" __global__ void enter_nodes_tangents(const REAL *y, const REAL *slopes, REAL *values,
                                                int k, long long count) {
    EACH(e, count) {
        const long long node = e / k, column = e % k;
        REAL here[VARIABLES], d[ROOM(SUMS)];
        for (int v = 0; v < VARIABLES; ++v) here[v] = y[(node * VARIABLES + v) * k + column];
        factor_tangent(slopes + node * FACTOR_SLOPES, here, d);
        for (int r = 0; r < SUMS; ++r) values[(node * SUMS + r) * k + column] = d[r];
    }
}

// A column of the tangents of the field, and their next stage.
extern "C" __global__ void move_nodes_tangents(const REAL *sums, const REAL *slopes, REAL *base,
                                               REAL *total, REAL *y, int k, long long count,
                                               int stage, double dt) {
    EACH(e, count) {
        const long long node = e / k, column = e % k;
        REAL here[VARIABLES + SUMS], d[VARIABLES];
        for (int v = 0; v < VARIABLES; ++v) here[v] = y[(node * VARIABLES + v) * k + column];
        for (int r = 0; r < SUMS; ++r)
            here[VARIABLES + r] = sums[(node * SUMS + r) * k + column];
        field_tangent(slopes + node * FIELD_SLOPES, here, d);
        for (int v = 0; v < VARIABLES; ++v) {
            const long long at = (node * VARIABLES + v) * k + column;
            end_stage(stage, dt, d[v], base[at], total[at], y[at]);
        }
    }
}

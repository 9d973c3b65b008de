// QR of a batch of tangent bases in memory, one block each.
#include "block_householder.cuh"

// basis (members, n, k); the others (members, k).
extern "C" __global__ void __launch_bounds__(THREADS)
    orthonormalise_all(REAL *basis, double *log_sum, double *compensation, double *cancellation,
                       long long *status, int n, int k, double unit) {
    DYNAMIC_SHARED(REAL, shared);
    const Reflections all = {shared, shared + k * ROWS, shared + k * ROWS + COLUMNS,
                             shared + k * ROWS + 2 * COLUMNS};
    const long long b = blockIdx.x;
    Tile q;
    load_tile(basis + b * n * k, n, k, q);
    orthonormalise(n, k, all, q);
    store_tile(q, n, k, basis + b * n * k);
    for (int j = threadIdx.x; j < k; j += THREADS) {
        const long long at = b * k + j;
        accumulate_at(log_sum, compensation, cancellation, status, at, all.norm[j],
                      all.diagonal[j], unit);
    }
}

"""The emulator of CUDA: its intrinsics, and the faults it must catch."""

import math

import numpy as np
import pytest

from tests.cuda_emulator import EmulatorError, RawModule, recorded, schedule
from tests.cuda_emulator.race import Launch, can_check, races, races_in

MATHEMATICS = """
#define EACH(name) *out++ = name(x);
#define EACH_AND_F(name) EACH(name) *out++ = name##f(float(x));
extern "C" __global__ void functions(REAL *out, REAL x) {
    EACH_AND_F(exp) EACH_AND_F(log) EACH_AND_F(sqrt) EACH_AND_F(rsqrt) EACH_AND_F(tanh)
    EACH_AND_F(fabs) EACH_AND_F(floor) EACH_AND_F(sin) EACH_AND_F(cos) EACH_AND_F(erf)
    EACH_AND_F(log1p) EACH_AND_F(expm1) EACH_AND_F(sinh) EACH_AND_F(cosh) EACH_AND_F(asin)
    EACH_AND_F(acos) EACH_AND_F(atan) EACH_AND_F(cbrt) EACH_AND_F(exp2) EACH_AND_F(log2)
    EACH_AND_F(ceil) EACH_AND_F(trunc) EACH_AND_F(sinpi) EACH_AND_F(normcdf)
}
extern "C" __global__ void several(REAL *out, REAL x, REAL y, REAL z) {
    const REAL values[] = {
        fma(x, y, z), pow(x, y), atan2(x, y), fmin(x, y), fmax(x, y), copysign(x, -y),
        hypot(x, y), fmod(y, x), max(x, y), min(x, y), REAL(isfinite(x / 0)),
        REAL(isfinite(x)), REAL(isnan(x)), REAL(sizeof(exp(x))), __ldg(&x), REAL(warpSize),
    };
    for (REAL value : values) *out++ = value;
}
extern "C" __global__ void bits(long long *out, double x, float y) {
    out[0] = __double_as_longlong(x);
    out[1] = __longlong_as_double(out[0]) == x;
    out[2] = __float_as_int(y);
    out[3] = __int_as_float(int(out[2])) == y;
    out[4] = __hiloint2double(__double2hiint(x), __double2loint(x)) == x;
    out[5] = __popc(0xf0f) + 100 * __ffs(8) + 10000 * __clz(1);
    out[6] = __umulhi(0x80000000u, 6);
    out[7] = atomicAdd(out + 8, 5) + atomicMax(out + 8, 3) + atomicCAS(out + 8, 8, 9);
}
"""


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_mathematics_is_the_host_s(dtype):
    real = {np.float64: "double", np.float32: "float"}[dtype]
    module = RawModule(code=MATHEMATICS, options=(f"-DREAL={real}", "-std=c++17"))
    x, y, z = 0.3, 1.7, -0.9
    out = np.zeros(48, dtype)
    module.get_function("functions")((1,), (1,), (out, dtype(x)))
    expected = [
        math.exp(x), math.log(x), math.sqrt(x), 1 / math.sqrt(x), math.tanh(x), x, 0,
        math.sin(x), math.cos(x), math.erf(x), math.log1p(x), math.expm1(x), math.sinh(x),
        math.cosh(x), math.asin(x), math.acos(x), math.atan(x), math.cbrt(x), 2**x,
        math.log2(x), 1, 0, math.sin(math.pi * x), math.erfc(-x / math.sqrt(2)) / 2,
    ]  # fmt: skip
    np.testing.assert_allclose(out[::2], expected, rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(out[1::2], expected, rtol=1e-6)

    out = np.zeros(16, dtype)
    module.get_function("several")((1,), (1,), (out, dtype(x), dtype(y), dtype(z)))
    expected = [
        x * y + z, x**y, math.atan2(x, y), x, y, -x, math.hypot(x, y), math.fmod(y, x), y, x,
        0, 1, 0, np.dtype(dtype).itemsize, x, 32,
    ]  # fmt: skip
    np.testing.assert_allclose(out, expected, rtol=16 * np.finfo(dtype).eps)

    out = np.array([0] * 8 + [3], np.int64)
    module.get_function("bits")((1,), (1,), (out, np.float64(x), np.float32(y)))
    assert out.tolist() == [
        int(np.float64(x).view(np.int64)),
        1,
        int(np.float32(y).view(np.int32)),
        1,
        1,
        310408,
        3,
        3 + 8 + 8,
        9,
    ]


WARPS = """
template <class T> __device__ void shuffles(T *out, T value) {
    const int lane = threadIdx.x % warpSize;
    out[0] = __shfl_sync(0xffffffff, value, 5);
    out[1] = __shfl_sync(0xffffffff, value, lane + 1, 8);
    out[2] = __shfl_xor_sync(0xffffffff, value, 16);
    out[3] = __shfl_xor_sync(0xffffffff, value, 12, 8);
    out[4] = __shfl_up_sync(0xffffffff, value, 3);
    out[5] = __shfl_down_sync(0xffffffff, value, 3, 16);
}
extern "C" __global__ void doubles(double *out) {
    shuffles(out + 6 * threadIdx.x, 0.5 * threadIdx.x);
}
extern "C" __global__ void floats(float *out) {
    shuffles(out + 6 * threadIdx.x, 0.5f * threadIdx.x);
}
extern "C" __global__ void integers(int *out) {
    shuffles(out + 6 * threadIdx.x, -int(threadIdx.x));
}
extern "C" __global__ void unsigneds(unsigned *out) {
    shuffles(out + 6 * threadIdx.x, 4000000000u + threadIdx.x);
}
extern "C" __global__ void longs(long long *out) {
    shuffles(out + 6 * threadIdx.x, (1ll << 40) * threadIdx.x);
}
extern "C" __global__ void votes(unsigned *out) {
    const unsigned lane = threadIdx.x, half = lane < 16 ? 0x0000ffff : 0xffff0000;
    unsigned *mine = out + 7 * lane;
    mine[0] = __ballot_sync(0xffffffff, lane % 3 == 0);
    mine[1] = __any_sync(half, lane == 20);
    mine[2] = __all_sync(half, lane < 16);
    mine[3] = __syncthreads_count(lane > 20);
    mine[4] = __syncthreads_or(lane == 7);
    mine[5] = __syncthreads_and(lane == 7);
    mine[6] = __all_sync(0xffffffff, 1);
}
// A partial warp: __syncwarp() names lanes that are not there.
extern "C" __global__ void places(int *out) {
    __syncwarp();
    const int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    const int block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    out[thread + blockDim.x * blockDim.y * blockDim.z * block] = 100 * block + thread;
}
struct Parameters { double v[64]; };
#define KERNEL(name) extern "C" __global__ void __launch_bounds__(64, 2) name
#ifdef NEVER
KERNEL(absent)(int no_such_type_as *this) {}
#endif
// A kernel in words only: extern "C" __global__ void commented(int n) {}
KERNEL(by_value)(const double *__restrict__ in,  // its arguments on
                 double
                     *out, const __grid_constant__ Parameters p, int which) {
    DYNAMIC_SHARED(double, kept);
    DYNAMIC_SHARED(float, again);
    #pragma unroll
    for (int i = 0; i < 2; i++) kept[threadIdx.x] = in[threadIdx.x];
    out[threadIdx.x] = kept[threadIdx.x] + p.v[which] + ((void *)again == (void *)kept);
}
extern "C" __global__ __launch_bounds__(64) void fresh(double *out, float *single) {
    __shared__ __align__(16) double once[4];
    DYNAMIC_SHARED(float, many);
    double local[8];
    out[0] = once[3];
    single[0] = many[3];
    out[1] = local[int(out[2])];
    once[3] = many[3] = 1;
}
"""
PARAMETERS = np.dtype([("v", "<f8", 64)])


@pytest.fixture(scope="module")
def warps():
    return RawModule(code=WARPS)


@pytest.mark.parametrize("order", ["forward", "reverse", 0, 1])
@pytest.mark.parametrize(
    ("name", "dtype", "values"),
    [
        ("doubles", np.float64, 0.5 * np.arange(64)),
        ("floats", np.float32, 0.5 * np.arange(64)),
        ("integers", np.int32, -np.arange(64)),
        ("unsigneds", np.uint32, 4000000000 + np.arange(64)),
        ("longs", np.int64, 2**40 * np.arange(64)),
    ],
)
def test_shuffles(warps, name, dtype, values, order):
    out = np.zeros((64, 6), dtype)
    with schedule(order):
        warps.get_function(name)((1,), (64,), (out,))
    lane, first = np.arange(64) % 32, np.arange(64) // 32 * 32
    # Lanes beyond their segment of eight or sixteen read themselves, lower ones anybody.
    sources = [
        5 + 0 * lane,
        lane // 8 * 8 + (lane + 1) % 8,
        lane ^ 16,
        np.where(lane ^ 12 > (lane | 7), lane, lane ^ 12),
        np.where(lane < 3, lane, lane - 3),
        np.where(lane % 16 + 3 > 15, lane, lane + 3),
    ]
    np.testing.assert_array_equal(out, np.stack([values[first + s] for s in sources], 1))


def test_votes(warps):
    out = np.zeros((32, 7), np.uint32)
    warps.get_function("votes")((1,), (32,), (out,))
    low, high = np.arange(32) < 16, np.arange(32) >= 16
    ballot = sum(1 << lane for lane in range(0, 32, 3))
    expected = [ballot + 0 * low, high, low, 11 + 0 * low, 1 + 0 * low, 0 * low, 1 + 0 * low]
    np.testing.assert_array_equal(out, np.stack(expected, 1))


@pytest.mark.parametrize("order", ["forward", "reverse", 7])
def test_every_thread_of_every_block_runs(warps, order):
    out = np.zeros((24, 42), np.int32)
    with schedule(order):
        warps.get_function("places")((2, 3, 4), (7, 3, 2), (out,))
    np.testing.assert_array_equal(out, 100 * np.arange(24)[:, None] + np.arange(42))


def test_structs_by_value_and_argument_lists_of_every_shape(warps):
    parameters = np.zeros(1, PARAMETERS)
    parameters["v"][0] = np.arange(64)
    kernel = warps.get_function("by_value")
    for given in (parameters, parameters[0], parameters.reshape(())):
        out, into = np.zeros(8), np.arange(8.0)
        kernel((1,), (8,), (into, out, given, np.int32(9)), shared_mem=64)
        np.testing.assert_array_equal(out, np.arange(8) + 9 + 1)
    assert kernel.names == ["in", "out", "p", "which"]
    for name in ("absent", "commented", "shuffles"):
        with pytest.raises(EmulatorError, match=f"no kernel {name}, but doubles"):
            warps.get_function(name)


def test_memory_that_nobody_set_is_no_zero(warps):
    out, single = np.zeros(3), np.zeros(1, np.float32)
    warps.get_function("fresh")((2,), (1,), (out, single), shared_mem=16)
    assert np.isnan(out[0])
    assert np.isnan(single[0])
    assert abs(out[1]) > 1e300


FAULTS = """
#line 1 "faults.cu"
extern "C" __global__ void divergent(int *out) {
    if (threadIdx.x < 40) __syncthreads();
    out[threadIdx.x] = 1;
}
extern "C" __global__ void stuck(int *out) {
    if (threadIdx.x == 3) __syncwarp(0xff); else __syncthreads();
}
extern "C" __global__ void lines(int *out) {
    if (threadIdx.x) __syncthreads();
    else             // line 10
        __syncthreads();
}
extern "C" __global__ void absent(int *out) {
    if (threadIdx.x != 5) out[0] = __shfl_xor_sync(0xffffffff, 1, 1);
}
extern "C" __global__ void masks(int *out) {
    __syncwarp(threadIdx.x < 16 ? 0xffffffff : 0xffff0000);
}
extern "C" __global__ void outsider(int *out) { out[0] = __any_sync(0xfffffffe, 1); }
extern "C" __global__ void inactive(int *out) { out[0] = __shfl_sync(0xf, 1, 4); }
extern "C" __global__ void missing(int *out, int barrier) {
    __shared__ int kept[64];
    kept[threadIdx.x] = threadIdx.x;
    if (barrier) __syncthreads();
    out[threadIdx.x] = kept[63 - threadIdx.x];
}
extern "C" __global__ void global_write(double *out, const float *in, int at) {
    out[at] += 1;
}
extern "C" __global__ void global_read(double *out, const float *in, int at) { out[0] = in[at]; }
extern "C" __global__ void shared_write(int at) {
    __shared__ int kept[8];
    kept[at] = 1;
}
extern "C" __global__ void dynamic_write(int at) {
    DYNAMIC_SHARED(float, kept);
    kept[at] = 1;
}
extern "C" __global__ void null(int *out) {
    out[0] = 1;
}
extern "C" __global__ void quotient(int *out) { out[0] = 7 / out[0]; }
__device__ __noinline__ int descend(int depth) {
    volatile int kept[64];
    kept[depth % 64] = depth;
    return depth ? descend(depth - 1) + kept[depth % 64] : 0;
}
extern "C" __global__ void deep(int *out) { out[0] = descend(out[0]); }
extern "C" __global__ void small(int *out) {
    __shared__ double kept[1000];
    kept[threadIdx.x] = 1;
    __syncthreads();
    out[threadIdx.x] = int(kept[threadIdx.x]);
}
"""


@pytest.fixture(scope="module")
def faults():
    return RawModule(code=FAULTS)


def caught(faults, name, arguments, message, block=(64,), **more):
    with pytest.raises(EmulatorError, match=message):
        faults.get_function(name)((2,), block, arguments, **more)
    # The next launch is sound.
    out = np.zeros(64, np.int32)
    faults.get_function("small")((1,), (64,), (out,))
    assert (out == 1).all()


@pytest.mark.parametrize("order", ["forward", "reverse", 3])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "divergent",
            r"divergent, block .*threads 0-39 in __syncthreads at faults.cu:2; "
            "threads 40-63 returned",
        ),
        ("stuck", r"\(3, 0, 0\) waits in vain in __syncwarp at faults.cu:6, mask 0x000000ff"),
        ("lines", r"threads 0 in __syncthreads at faults.cu:11; threads 1-63 in .* at faults.cu:9"),
        ("absent", r"a shuffle at faults.cu:14, mask 0xffffffff; .*threads 5 returned"),
        ("masks", r"__syncwarp at faults.cu:17"),
        ("outsider", r"a vote at faults.cu:19 with the mask 0xfffffffe, which lacks .*lane 0"),
        ("inactive", r"lane 4 in a shuffle at faults.cu:20"),
    ],
)
def test_barriers_and_warps(faults, name, message, order):
    block = {"inactive": (4,), "outsider": (1,)}.get(name, (64,))
    with schedule(order):
        caught(faults, name, (np.zeros(64, np.int32),), message, block)


def test_a_missing_barrier_shows_in_some_order():
    def run(order, barrier):
        out = np.zeros(64, np.int32)
        module = RawModule(code=FAULTS, schedule=order)
        module.get_function("missing")((1,), (64,), (out, np.int32(barrier)))
        return tuple(out)

    orders = ["forward", "reverse", 0, 1]
    right = tuple(range(63, -1, -1))
    assert {run(order, 1) for order in orders} == {right}
    wrong = {run(order, 0) for order in orders}
    assert right not in wrong
    # The two warps run one after another: either may be first.
    assert len(wrong) == 2


@pytest.mark.parametrize("at", [5, 6, 1000, -1, -400, 100000, -(10**5)])
def test_steps_over_the_edge_of_an_array(faults, at):
    out, single = np.zeros(5), np.zeros(5, np.float32)
    # The end of five doubles lacks 8 bytes to a page, where only the copy back notices.
    message = rf"byte {8 * at} of argument 0 \(out\), which has 40"
    if abs(at) < 10000:
        message += "" if at in (5, -1, -400) else ", at .*faults.cu:28"
    caught(faults, "global_write", (out, single, np.int32(at)), message)
    assert not out.any()
    if abs(at) < 10000:
        faults.get_function("global_read")((1,), (1,), (out, single, np.int32(at)))
        assert np.isnan(out[0])


def test_steps_over_the_edge_of_shared_memory(faults):
    caught(faults, "shared_write", (np.int32(8),), "outside of a shared.* at .*faults.cu:33")
    dynamic = faults.get_function("dynamic_write")
    dynamic((1,), (1,), (np.int32(4),), shared_mem=20)
    for at, line in [(5, ""), (-1, ""), (8, ", at .*faults.cu:37")]:
        message = rf"byte {4 * at} of dynamic shared memory, outside of it{line}"
        caught(faults, "dynamic_write", (np.int32(at),), message, shared_mem=20)


def test_faults_of_the_processor(faults):
    caught(faults, "null", (None,), "touches 0x0, where nothing is, at .*faults.cu:40")
    caught(
        faults,
        "quotient",
        (np.zeros(1, np.int32),),
        "divides an integer by zero, at .*faults.cu:42",
    )
    caught(faults, "deep", (np.full(1, 10**6, np.int32),), "256 KB of stack, at .*faults.cu:4")


def test_arguments_are_those_of_the_kernel(warps):
    kernel = warps.get_function("by_value")
    good = [np.zeros(8), np.zeros(8), np.zeros(1, PARAMETERS), np.int32(0)]
    read_only = np.zeros(8)
    read_only.flags.writeable = False
    for position, value, message in [
        (0, np.zeros(8, np.float32), r"argument 0 \(in\): elements of 4 bytes \(float32\)"),
        (0, np.zeros(16)[::2], "not C-contiguous"),
        (0, np.zeros(8, np.int64), "int64 for floating-point numbers"),
        (0, np.float64(1), "a number of type float64 for a pointer"),
        (0, [1.0, 2.0], "a Python list for a pointer"),
        (1, read_only, r"argument 1 \(out\): a read-only array"),
        (2, np.zeros(2, PARAMETERS), r"argument 2 \(p\): an array of shape \(2,\) for a value"),
        (2, np.zeros(1), r"8 bytes \(float64\) for a parameter of 512 bytes"),
        (3, 0, r"argument 3 \(which\): a Python int, .*give np.int32\(n\)"),
        (3, 0.0, "a Python float"),
        (3, np.int64(0), r"8 bytes \(int64\) for a parameter of 4 bytes"),
        (3, np.float32(0), "float32 for integer numbers"),
        (3, np.zeros(1, np.int32), r"an array of shape \(1,\) for a value"),
    ]:
        arguments = [*good[:position], value, *good[position + 1 :]]
        with pytest.raises(EmulatorError, match=message):
            kernel((1,), (8,), tuple(arguments), shared_mem=64)
    with pytest.raises(EmulatorError, match="3 arguments for 4 parameters"):
        kernel((1,), (8,), tuple(good[:3]), shared_mem=64)
    kernel((1,), (8,), (read_only, *good[1:]), shared_mem=64)


def test_arrays_that_overlap_stay_one(warps):
    kernel = warps.get_function("by_value")
    both = np.arange(9.0)
    zero = np.zeros(1, PARAMETERS)
    kernel((1,), (8,), (both[1:], both[:8], zero, np.int32(0)), shared_mem=64)
    # Thread by thread: thread 0 writes what nobody reads, thread i what i - 1 has read.
    np.testing.assert_array_equal(both, [2, 3, 4, 5, 6, 7, 8, 9, 8])
    same = np.arange(8.0)
    kernel((1,), (8,), (same, same, zero, np.int32(0)), shared_mem=64)
    np.testing.assert_array_equal(same, 1 + np.arange(8))


def test_extents_of_a_launch(faults):
    kernel = faults.get_function("small")
    out = np.zeros(64, np.int32)
    for grid, block, message in [
        ((0,), (1,), r"a grid of \(0, 1, 1\)"),
        ((1, 70000), (1,), "a grid of"),
        ((1,), (1025,), "a block of"),
        ((1,), (64, 32), "over 1024 threads"),
        ((1,), (1, 1, 65), "a block of"),
        (1, (1,), "are tuples"),
        ((1,), (1, 1, 1, 1), "are tuples"),
    ]:
        with pytest.raises(EmulatorError, match=message):
            kernel(grid, block, (out,))

    def launch(bytes_):
        kernel((1,), (1,), (out,), shared_mem=bytes_)

    # Static memory counts: that of the kernel, not that of others in its module.
    assert kernel.static_shared == 8000
    launch(48 * 1024 - 8000)
    with pytest.raises(EmulatorError, match="41153 bytes of dynamic and 8000 of static"):
        launch(48 * 1024 - 8000 + 1)
    kernel.max_dynamic_shared_size_bytes = 100000
    launch(100000)
    with pytest.raises(EmulatorError, match="max_dynamic_shared_size_bytes is 100000"):
        launch(100001)
    with pytest.raises(EmulatorError, match="of 232448"):
        kernel.max_dynamic_shared_size_bytes = 227 * 1024 - 7999


def test_the_compiler_s_words_are_passed_on():
    with pytest.raises(RuntimeError, match=r"kernel.cu:7:.*\n?.*'?unheard_of"):
        RawModule(code='#line 7 "kernel.cu"\nunheard_of x;')


RACES = """
#line 1 "races.cu"
extern "C" __global__ void clash(int *out) {
    __shared__ int word;
    word = threadIdx.x;
    __syncthreads();
    out[threadIdx.x] = word;
}
extern "C" __global__ void missing(int *out) {
    __shared__ int kept[64];
    kept[threadIdx.x] = threadIdx.x;
    // Here a barrier is missing.
    out[threadIdx.x] = kept[63 - threadIdx.x];
}
// No barrier follows: only launch and finish could order the writes.
extern "C" __global__ void unordered(int *out) {
    out[0] = threadIdx.x;
}
extern "C" __global__ void by_shuffle(int *out) {
    __shared__ int kept[64];
    kept[threadIdx.x] = threadIdx.x;
    int one = __shfl_xor_sync(0xffffffff, 1, 1);
    out[threadIdx.x] = kept[threadIdx.x ^ one];
}
// Halves of a warp meet apart: what one half orders is no order for the other.
extern "C" __global__ void halves(int *out) {
    __shared__ int kept[64];
    kept[threadIdx.x] = threadIdx.x;
    __syncwarp(threadIdx.x & 16 ? 0xffff0000 : 0x0000ffff);
    out[threadIdx.x] = kept[threadIdx.x ^ (out[threadIdx.x] == 77 ? 1 : 16)];
}
extern "C" __global__ void right(int *out, int *total, int rounds) {
    __shared__ int kept[64];
    DYNAMIC_SHARED(int, more);
    int local[4] = {1, 2, 3, 4};
    for (int i = 0; i < rounds; i++) {
        kept[threadIdx.x] = out[threadIdx.x];
        __syncthreads();
        more[threadIdx.x] = kept[63 - threadIdx.x] + local[i % 4];
        __syncwarp();
        int value = more[threadIdx.x ^ 1];
        __syncwarp();
        more[threadIdx.x] = value;
        __syncwarp(threadIdx.x & 16 ? 0xffff0000 : 0x0000ffff);
        value += more[threadIdx.x ^ 8];
        value += __shfl_down_sync(0xffffffff, value, 1);
        atomicAdd(total, value);
        out[threadIdx.x] = value;
        __syncthreads();
    }
    if (threadIdx.x == 0) kept[0] = 1;
}
"""


def found_races(name, *arguments):
    usable, reason = can_check()
    if not usable:
        pytest.skip(reason)
    launch = Launch(name, (2,), (64,), (np.zeros(64, np.int32), *arguments), 256)
    return races(RACES, (), [launch])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("clash", {3}),
        ("missing", {9, 11}),
        ("unordered", {15}),
        ("by_shuffle", {19, 21}),
        ("halves", {26, 28}),
    ],
)
def test_races_are_found(name, lines):
    report = found_races(name)
    assert "data race" in report
    for line in lines:
        assert f"{name} " in report
        assert f"races.cu:{line} " in report
    assert "by CUDA thread" in report


@pytest.mark.slow
def test_no_race_is_found_where_there_is_none():
    assert found_races("right", np.zeros(1, np.int32), np.int32(3)) == ""


@pytest.mark.slow
def test_recorded_launches_are_watched_and_their_errors_raised():
    usable, reason = can_check()
    if not usable:
        pytest.skip(reason)
    out = np.zeros(64, np.int32)
    module = RawModule(code=RACES)
    with recorded() as launches:
        module.get_function("unordered")((1,), (2,), (out,))
        out[0] = 5
    assert launches[0][2].arguments[0][0] == 0
    assert "races.cu:15" in races_in(launches)
    with pytest.raises(EmulatorError, match="divergent, block"):
        races(FAULTS, (), [Launch("divergent", (1,), (64,), (out,))])

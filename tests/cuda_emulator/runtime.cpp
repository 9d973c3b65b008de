// Runs a launch: every CUDA thread is a fiber, which yields at barriers and warp collectives
// only. Blocks run one after another, warps as far as they get, lanes in the order asked for.
#include "runtime.h"

#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define EXPORTED extern "C" __attribute__((visibility("default")))

#include "sanitizer.h"

namespace {

constexpr int MOST_THREADS = 1024, MOST_WARPS = 32, LANES = 32;
constexpr size_t STACK_BYTES = 256 << 10, PAGE = 4096, MOST_DYNAMIC = 227 << 10;
constexpr size_t DYNAMIC_PAGES = (MOST_DYNAMIC + PAGE - 1) / PAGE;

enum State { FRESH, RUNNABLE, WAITING, RETURNED };

// Mirrored in reports.py, as are Failure, its codes, and the enumerations.
enum Code {
    FINE,
    BARRIER_INCOMPLETE,
    BARRIER_LINES,
    COLLECTIVE_INCOMPLETE,
    OUTSIDE_MASK,
    SOURCE_INACTIVE,
    SIGNAL,
    STACK_OVERFLOW,
    DYNAMIC_GUARD,
};

struct Fiber {
    jmp_buf context;
    ucontext_t start;
    char *stack;
    bool started;
    Fiber *next;
};

struct Thread {
    int state, operation;
    const char *file;
    int line;
    unsigned mask;
    int source;
    unsigned long long value, result;
    uint3 index;
    Fiber *fiber;
    SanitizerFiber sanitizer;
};

struct Failure {
    int code, thread;
    uint3 block;
    int signal;
    const void *address, *instruction;
    long offset;
};

struct Launch {
    void (*entry)(void **);
    void **arguments;
    uint3 grid, block;
    size_t dynamic_bytes;
    int schedule;
    unsigned long long seed;
};

Launch launch;
Thread threads[MOST_THREADS];
unsigned runnable[MOST_WARPS];
int count, current;
Fiber *idle;
jmp_buf hub, outside;
pthread_t owner;
Failure failure;
SanitizerFiber main_fiber;
char *dynamic_start, *dynamic_guard;

// Ends the launch from wherever it is; fibers in the midst of a kernel are started anew later.
[[noreturn]] void fail(Code code) {
    failure.code = code;
    failure.thread = current;
    failure.block = blockIdx;
    sanitizer_switch(main_fiber);
    _longjmp(outside, 1);
}

// ---- Fibers ----

void body() {
    for (;;) {
        launch.entry(launch.arguments);
        Thread &thread = threads[current];
        thread.state = RETURNED;
        if (_setjmp(thread.fiber->context) == 0) _longjmp(hub, 1);
    }
}

Fiber *take_fiber() {
    Fiber *fiber = idle;
    if (fiber) {
        idle = fiber->next;
        return fiber;
    }
    fiber = static_cast<Fiber *>(calloc(1, sizeof(Fiber)));
    fiber->stack = static_cast<char *>(mmap(nullptr, PAGE + STACK_BYTES, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    mprotect(fiber->stack, PAGE, PROT_NONE);
    return fiber;
}

void give_fiber(Thread &thread) {
    thread.fiber->next = idle;
    idle = thread.fiber;
    thread.fiber = nullptr;
}

void enter(Fiber *fiber) {
    if (fiber->started) _longjmp(fiber->context, 1);
    fiber->started = true;
    getcontext(&fiber->start);
    fiber->start.uc_stack.ss_sp = fiber->stack + PAGE;
    fiber->start.uc_stack.ss_size = STACK_BYTES;
    fiber->start.uc_link = nullptr;
    makecontext(&fiber->start, body, 0);
    setcontext(&fiber->start);
}

void resume(int number) {
    Thread &thread = threads[number];
    current = number;
    threadIdx = thread.index;
    if (!thread.fiber) thread.fiber = take_fiber();
    sanitizer_switch(thread.sanitizer);
    if (_setjmp(hub) == 0) enter(threads[current].fiber);
    sanitizer_switch(main_fiber);
    Thread &left = threads[current];
    // Under the sanitizer a stack is one thread's to the end of the block: what another left on
    // it would look like a race.
    if (left.state == RETURNED && !sanitizer_runs()) give_fiber(left);
    current = -1;
}

void suspend() {
    Fiber *fiber = threads[current].fiber;
    if (_setjmp(fiber->context) == 0) _longjmp(hub, 1);
}

// ---- The order of threads ----

unsigned draw(unsigned below) {
    launch.seed ^= launch.seed << 13;
    launch.seed ^= launch.seed >> 7;
    launch.seed ^= launch.seed << 17;
    return unsigned((launch.seed >> 32) * below >> 32);
}

void arrange(unsigned *order, unsigned n) {
    for (unsigned i = 0; i < n; i++) order[i] = launch.schedule == 1 ? n - 1 - i : i;
    if (launch.schedule != 2) return;
    for (unsigned i = n; i > 1; i--) {
        unsigned j = draw(i), kept = order[j];
        order[j] = order[i - 1];
        order[i - 1] = kept;
    }
}

void run_warp(int warp) {
    unsigned order[LANES];
    while (runnable[warp]) {
        arrange(order, LANES);
        for (unsigned lane : order) {
            unsigned bit = 1u << lane;
            if (!(runnable[warp] & bit)) continue;
            runnable[warp] &= ~bit;
            resume(warp * LANES + lane);
        }
    }
    for (int lane = 0; lane < LANES; lane++) {
        const Thread &thread = threads[warp * LANES + lane];
        if (warp * LANES + lane < count && thread.state == WAITING &&
            thread.operation != BARRIER) {
            current = warp * LANES + lane;
            fail(COLLECTIVE_INCOMPLETE);
        }
    }
}

void release_barrier() {
    unsigned long long total = 0;
    for (int i = 0; i < count; i++) {
        if (threads[i].line != threads[0].line || strcmp(threads[i].file, threads[0].file)) {
            current = i;
            fail(BARRIER_LINES);
        }
        total += threads[i].value;
    }
    for (int i = 0; i < count; i++) {
        threads[i].result = total;
        threads[i].state = RUNNABLE;
        runnable[i / LANES] |= 1u << i % LANES;
    }
    sanitizer_synchronise(count, [](int i) { return threads[i].sanitizer; });
    sanitizer_switch(main_fiber);
}

// Dynamic shared memory ends where a page begins that can be read, as NaN, but not written.
void place_dynamic() {
    if (!dynamic_guard) {
        const size_t bytes = (1 + DYNAMIC_PAGES + 1) * PAGE;
        char *memory = static_cast<char *>(
            mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        dynamic_guard = memory + bytes - PAGE;
        memset(dynamic_guard, 0xFF, PAGE);
        mprotect(dynamic_guard, PAGE, PROT_READ);
    }
    dynamic_start = dynamic_guard - (launch.dynamic_bytes + 15) / 16 * 16;
}

void clear_dynamic() { memset(dynamic_start - PAGE, 0xFF, dynamic_guard - dynamic_start + PAGE); }

void check_dynamic() {
    const char *end = dynamic_start + launch.dynamic_bytes;
    for (const char *byte = dynamic_start - PAGE; byte < dynamic_guard; byte++) {
        if (byte == dynamic_start) byte = end;
        if (byte == dynamic_guard || *byte == char(0xFF)) continue;
        failure.offset = byte - dynamic_start;
        fail(DYNAMIC_GUARD);
    }
}

void run_block(unsigned number, char *shared, size_t shared_bytes) {
    blockIdx.x = number % launch.grid.x;
    blockIdx.y = number / launch.grid.x % launch.grid.y;
    blockIdx.z = number / launch.grid.x / launch.grid.y;
    memset(shared, 0xFF, shared_bytes);
    clear_dynamic();
    const int warps = (count + LANES - 1) / LANES;
    for (int i = 0; i < count; i++) {
        threads[i].state = FRESH;
        threads[i].operation = NONE;
        runnable[i / LANES] |= 1u << i % LANES;
        sanitizer_begin(threads[i].sanitizer, main_fiber);
    }
    for (;;) {
        unsigned order[MOST_WARPS];
        arrange(order, warps);
        for (int i = 0; i < warps; i++) run_warp(order[i]);
        int returned = 0;
        for (int i = 0; i < count; i++) returned += threads[i].state == RETURNED;
        if (returned == count) break;
        if (returned) fail(BARRIER_INCOMPLETE);
        release_barrier();
    }
    for (int i = 0; i < count; i++) {
        sanitizer_end(threads[i].sanitizer, main_fiber);
        if (threads[i].fiber) give_fiber(threads[i]);
    }
    check_dynamic();
}

// ---- Signals ----

struct sigaction before[4];
const int SIGNALS[4] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
stack_t stack_before;
alignas(16) char signal_stack[64 << 10];

void restore_signals() {
    for (int i = 0; i < 4; i++) sigaction(SIGNALS[i], &before[i], nullptr);
    sigaltstack(&stack_before, nullptr);
}

void on_signal(int number, siginfo_t *information, void *context) {
    // Not a kernel's: once the former handlers are back, the instruction faults again.
    if (!pthread_equal(pthread_self(), owner) || current < 0) return restore_signals();
    failure.signal = number;
    failure.address = information->si_addr;
    const mcontext_t &machine = static_cast<ucontext_t *>(context)->uc_mcontext;
#if defined(__x86_64__)
    failure.instruction = reinterpret_cast<void *>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
    failure.instruction = reinterpret_cast<void *>(machine.pc);
#endif
    const Fiber *fiber = threads[current].fiber;
    const char *address = static_cast<const char *>(failure.address);
    if (fiber && address >= fiber->stack && address < fiber->stack + PAGE) fail(STACK_OVERFLOW);
    if (address >= dynamic_guard && address < dynamic_guard + PAGE) {
        failure.offset = address - dynamic_start;
        fail(DYNAMIC_GUARD);
    }
    fail(SIGNAL);
}

void catch_signals() {
    stack_t stack = {};
    stack.ss_sp = signal_stack;
    stack.ss_size = sizeof(signal_stack);
    sigaltstack(&stack, &stack_before);
    struct sigaction action = {};
    action.sa_sigaction = on_signal;
    // The handler is left by a jump, which leaves the mask of signals as it is.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (int i = 0; i < 4; i++) sigaction(SIGNALS[i], &action, &before[i]);
}

// ---- Where a module keeps its shared memory ----

struct Segment {
    const char *code;
    char *begin;
    size_t bytes;
};

int find_segment(dl_phdr_info *information, size_t, void *wanted) {
    Segment *segment = static_cast<Segment *>(wanted);
    bool inside = false;
    size_t bytes = 0;
    for (int i = 0; i < information->dlpi_phnum; i++) {
        const ElfW(Phdr) &header = information->dlpi_phdr[i];
        const char *begin = reinterpret_cast<const char *>(information->dlpi_addr + header.p_vaddr);
        if (header.p_type == PT_LOAD && segment->code >= begin &&
            segment->code < begin + header.p_memsz)
            inside = true;
        if (header.p_type == PT_TLS) bytes = header.p_memsz;
    }
    if (!inside) return 0;
    segment->begin = static_cast<char *>(information->dlpi_tls_data);
    segment->bytes = bytes;
    return 1;
}

}  // namespace

__attribute__((visibility("default"))) uint3 threadIdx, blockIdx, blockDim, gridDim;

// ---- What kernels call ----

EXPORTED int emulator_barrier(int predicate, const char *file, int line) {
    Thread &thread = threads[current];
    thread.operation = BARRIER;
    thread.file = file;
    thread.line = line;
    thread.value = predicate != 0;
    thread.state = WAITING;
    suspend();
    return int(threads[current].result);
}

EXPORTED unsigned long long emulator_collective(Operation operation, unsigned mask,
                                                unsigned long long value, int source,
                                                const char *file, int line) {
    const int lane = current % LANES, warp = current / LANES, first = warp * LANES;
    Thread &thread = threads[current];
    thread.operation = operation;
    thread.mask = mask;
    thread.value = value;
    thread.source = source;
    thread.file = file;
    thread.line = line;
    if (!(mask >> lane & 1)) fail(OUTSIDE_MASK);
    const int present = count - first < LANES ? count - first : LANES;
    const unsigned existing = present == LANES ? ~0u : (1u << present) - 1;
    if (operation == SHUFFLE && (source < 0 || !((mask & existing) >> source & 1)))
        fail(SOURCE_INACTIVE);
    thread.state = WAITING;

    // A partial warp may name lanes it lacks, as __syncwarp() does.
    const unsigned members = mask & existing;
    bool complete = true;
    unsigned long long votes = 0;
    for (int i = 0; i < present && complete; i++) {
        if (!(members >> i & 1)) continue;
        const Thread &other = threads[first + i];
        complete = other.state == WAITING && other.operation == operation && other.mask == mask;
        votes |= (unsigned long long)(other.value != 0) << i;
    }
    if (complete) {
        int chosen[LANES], n = 0;
        for (int i = 0; i < present; i++) {
            if (!(members >> i & 1)) continue;
            Thread &other = threads[first + i];
            other.result = operation == SHUFFLE ? threads[first + other.source].value : votes;
            other.state = RUNNABLE;
            chosen[n++] = first + i;
        }
        runnable[warp] |= members;
        // A shuffle orders no memory: CUDA promises that of __syncwarp alone.
        if (operation == SYNCWARP) {
            sanitizer_synchronise(n, [&](int i) { return threads[chosen[i]].sanitizer; });
            sanitizer_switch(thread.sanitizer);
        }
    }
    suspend();
    return threads[current].result;
}

EXPORTED int emulator_lane() { return current % LANES; }
EXPORTED void *emulator_dynamic_shared() { return dynamic_start; }

// ---- What Python calls ----

EXPORTED const Failure *emulator_launch(const Launch *asked, void *(*touch_shared)()) {
    launch = *asked;
    failure = Failure{};
    owner = pthread_self();
    gridDim = launch.grid;
    blockDim = launch.block;
    count = launch.block.x * launch.block.y * launch.block.z;
    place_dynamic();
    touch_shared();
    Segment segment = {reinterpret_cast<const char *>(touch_shared), nullptr, 0};
    dl_iterate_phdr(find_segment, &segment);
    for (int i = 0; i < count; i++) {
        Thread &thread = threads[i];
        thread.index.x = i % launch.block.x;
        thread.index.y = i / launch.block.x % launch.block.y;
        thread.index.z = i / launch.block.x / launch.block.y;
    }
    memset(runnable, 0, sizeof(runnable));
    current = -1;
    main_fiber = sanitizer_current();
    const unsigned blocks = launch.grid.x * launch.grid.y * launch.grid.z;
    unsigned *order = static_cast<unsigned *>(malloc(blocks * sizeof(unsigned)));
    arrange(order, blocks);
    catch_signals();
    if (_setjmp(outside) == 0) {
        for (unsigned i = 0; i < blocks; i++) run_block(order[i], segment.begin, segment.bytes);
    } else {
        for (int i = 0; i < count; i++) {
            if (!threads[i].fiber) continue;
            threads[i].fiber->started = false;
            give_fiber(threads[i]);
        }
    }
    restore_signals();
    free(order);
    return &failure;
}

EXPORTED const Thread *emulator_threads() { return threads; }

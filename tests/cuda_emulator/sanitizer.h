// ThreadSanitizer's fibers: who runs, and what is ordered. Nothing where its library is absent.
// The runtime is not instrumented, so that its own bookkeeping is never seen.
#pragma once

typedef void *SanitizerFiber;

extern "C" {
__attribute__((weak)) void *__tsan_get_current_fiber();
__attribute__((weak)) void *__tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_destroy_fiber(void *fiber);
__attribute__((weak)) void __tsan_switch_to_fiber(void *fiber, unsigned flags);
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);
__attribute__((weak)) void __tsan_atomic32_store(volatile int *address, int value, int order);
}

namespace {

int launch_object, finish_object, meeting_object;

bool sanitizer_runs() { return __tsan_create_fiber != nullptr; }

SanitizerFiber sanitizer_current() {
    return sanitizer_runs() ? __tsan_get_current_fiber() : nullptr;
}

void sanitizer_switch(SanitizerFiber fiber) {
    const unsigned without_synchronisation = 1;
    if (sanitizer_runs() && __tsan_get_current_fiber() != fiber)
        __tsan_switch_to_fiber(fiber, without_synchronisation);
}

// Launch and finish are two objects: with one, a thread that starts late would be ordered after
// those which finished early.
void sanitizer_begin(SanitizerFiber &fiber, SanitizerFiber main_fiber) {
    if (!sanitizer_runs()) return;
    if (!fiber) fiber = __tsan_create_fiber(0);
    __tsan_release(&launch_object);
    sanitizer_switch(fiber);
    __tsan_acquire(&launch_object);
    sanitizer_switch(main_fiber);
}

void sanitizer_end(SanitizerFiber fiber, SanitizerFiber main_fiber) {
    if (!sanitizer_runs()) return;
    sanitizer_switch(fiber);
    __tsan_release(&finish_object);
    sanitizer_switch(main_fiber);
    __tsan_acquire(&finish_object);
}

// Everything before the meeting, in any of these fibers, is before everything after it. The
// store forgets earlier meetings, which other fibers may have held.
template <class Fibers> void sanitizer_synchronise(int n, Fibers fibers) {
    if (!sanitizer_runs()) return;
    const int release = 3;
    for (int i = 0; i < n; i++) {
        sanitizer_switch(fibers(i));
        if (i == 0) __tsan_atomic32_store(&meeting_object, 0, release);
        else __tsan_release(&meeting_object);
    }
    for (int i = 0; i < n; i++) {
        sanitizer_switch(fibers(i));
        __tsan_acquire(&meeting_object);
    }
}

}  // namespace

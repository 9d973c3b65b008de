// From a kernel's type: what its parameters are, and how to call it with pointers to arguments.
#pragma once

namespace emulator {

template <class T> struct Kind { static constexpr char value = 'V'; };
#define EMULATOR_KIND(letter, ...) \
    template <> struct Kind<__VA_ARGS__> { static constexpr char value = letter; };
EMULATOR_KIND('f', float)
EMULATOR_KIND('f', double)
EMULATOR_KIND('i', bool)
EMULATOR_KIND('i', char)
EMULATOR_KIND('i', signed char)
EMULATOR_KIND('i', unsigned char)
EMULATOR_KIND('i', short)
EMULATOR_KIND('i', unsigned short)
EMULATOR_KIND('i', int)
EMULATOR_KIND('i', unsigned)
EMULATOR_KIND('i', long)
EMULATOR_KIND('i', unsigned long)
EMULATOR_KIND('i', long long)
EMULATOR_KIND('i', unsigned long long)
template <class T> struct Kind<const T> : Kind<T> {};
template <class T> struct Kind<volatile T> : Kind<T> {};

// Mirrored in sources.py. `bytes` is the size of what a pointer points at, 0 for void.
struct Parameter {
    int pointer, constant, bytes;
    char kind;
};

template <class T> struct Describe {
    static constexpr Parameter value = {0, 0, sizeof(T), Kind<T>::value};
};
template <class T> struct Describe<T *> {
    static constexpr Parameter value = {1, 0, sizeof(T), Kind<T>::value};
};
template <class T> struct Describe<const T *> {
    static constexpr Parameter value = {1, 1, sizeof(T), Kind<T>::value};
};
template <> struct Describe<void *> { static constexpr Parameter value = {1, 0, 0, 'V'}; };
template <> struct Describe<const void *> { static constexpr Parameter value = {1, 1, 0, 'V'}; };

template <class... P> inline int describe(void (*)(P...), Parameter *into) {
    const Parameter all[] = {Describe<P>::value..., Parameter{}};
    if (into)
        for (unsigned i = 0; i < sizeof...(P); i++) into[i] = all[i];
    return sizeof...(P);
}

template <int... I> struct Indices {};

template <class... P, int... I>
__attribute__((always_inline)) inline void spread(void (*kernel)(P...), void **arguments,
                                                  Indices<I...>) {
    kernel(*static_cast<P *>(arguments[I])...);
}

template <class... P>
__attribute__((always_inline)) inline void invoke(void (*kernel)(P...), void **arguments) {
    spread(kernel, arguments, Indices<__integer_pack(sizeof...(P))...>());
}

// There is a TLS segment even where no kernel has shared memory.
static thread_local char anchor;

}  // namespace emulator

// Allocates the calling thread's copy of shared memory.
extern "C" __attribute__((visibility("default"), used)) void *emulator_touch_shared() {
    return &emulator::anchor;
}

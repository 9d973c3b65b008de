// What the kernels and the runtime know of each other. No standard header: a build starts here.
#pragma once

struct uint3 { unsigned x, y, z; };

extern uint3 threadIdx, blockIdx, blockDim, gridDim;

enum Operation { NONE, BARRIER, SYNCWARP, SHUFFLE, VOTE };

extern "C" {
// Waits until all threads have come here; returns how many came with a predicate that holds.
int emulator_barrier(int predicate, const char *file, int line);
// Waits for the lanes in `mask`. A shuffle returns the value that lane `source` brought, a vote
// the mask of lanes which brought something other than zero.
unsigned long long emulator_collective(Operation operation, unsigned mask,
                                       unsigned long long value, int source, const char *file,
                                       int line);
int emulator_lane();
void *emulator_dynamic_shared();
}

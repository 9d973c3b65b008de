// The unit to compile by itself: the loader puts the system's in its place.
#include "unit_network.cuh"

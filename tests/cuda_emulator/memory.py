"""Arrays of a launch, copied to memory where a step over their edge is seen."""

import ctypes
import mmap

import numpy as np

from .errors import EmulatorError

PAGE = mmap.PAGESIZE
# Readable, so that a read beyond an edge gives NaN, and a write there a fault that has a line.
GUARD = 2 * PAGE
# Farther out nothing may be touched.
FAR = 256 * PAGE
ALIGNMENT = 16
NONE, READ = 0, 1

protect = ctypes.CDLL(None, use_errno=True).mprotect
protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def pattern(dtype, count):
    """Signalling NaNs, which do not survive x += 1; any other type gets bytes of 0xA1."""
    if dtype == np.float64:
        return np.full(count // 8, 0x7FF4A1A1A1A1A1A1, np.uint64).view(np.uint8)
    if dtype == np.float32:
        return np.full(count // 4, 0x7FA1A1A1, np.uint32).view(np.uint8)
    return np.full(count, 0xA1, np.uint8)


class Pages:
    """Pages between two guards, all filled with the pattern of a type."""

    def __init__(self, size, dtype):
        self.key = size, dtype
        mapped = size + 2 * (GUARD + FAR)
        pages = mmap.mmap(-1, mapped, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.whole = np.frombuffer(pages, np.uint8)
        self.inner = self.whole[FAR:-FAR]
        self.pattern = pattern(dtype, self.inner.size)
        self.inner[:] = self.pattern
        start = self.whole.ctypes.data
        last = start + mapped
        for address, extent, access in [
            (start, FAR, NONE),
            (start + FAR, GUARD, READ),
            (last - FAR - GUARD, GUARD, READ),
            (last - FAR, FAR, NONE),
        ]:
            if protect(address, extent, access):
                raise OSError(ctypes.get_errno(), "mprotect")


# Pages that a launch has left, by size and type: mapping and protecting them anew took half of the
# time of a launch.
left = {}
MOST_LEFT = 1 << 20  # bytes of such pages, of those that are kept


def pages_of(size, dtype):
    """Pages that no other launch has meanwhile."""
    try:
        found = left[size, dtype].pop()
    except (KeyError, IndexError):
        return Pages(size, dtype)
    found.inner[GUARD:-GUARD] = found.pattern[GUARD:-GUARD]
    return found


class Buffer:
    """A copy of one interval of host memory, which holds `arrays`, between two guards."""

    def __init__(self, begin, end, arrays):
        self.begin, self.arrays = begin, arrays
        self.bytes = end - begin
        body = -(-(self.bytes + ALIGNMENT) // PAGE) * PAGE
        self.pages = pages_of(body, arrays[0][1].dtype)
        self.guard, self.inner, self.whole = (
            self.pages.pattern,
            self.pages.inner,
            self.pages.whole,
        )
        self.start = self.whole.ctypes.data
        # The end is at the end of a page, but for what alignment needs.
        self.offset = (GUARD + body - self.bytes) // ALIGNMENT * ALIGNMENT
        self.address = self.inner.ctypes.data + self.offset
        self.data = self.inner[self.offset : self.offset + self.bytes]
        for _, array in arrays:
            at = array.ctypes.data - begin
            self.data[at : at + array.nbytes] = array.reshape(-1).view(np.uint8)

    def holds(self, address):
        return address is not None and 0 <= address - self.start < self.whole.size

    def names(self):
        return ", ".join(name for name, _ in self.arrays)

    def place(self, address):
        return f"byte {address - self.address} of {self.names()}, which has {self.bytes}"

    def check(self):
        """Whether the guards are whole: those next to the array are writable."""
        for part in (slice(GUARD, self.offset), slice(self.offset + self.bytes, -GUARD)):
            changed = np.flatnonzero(self.inner[part] != self.guard[part])
            if changed.size:
                # A signalling NaN that is made quiet changes in its midst.
                size = self.arrays[0][1].itemsize
                where = self.inner.ctypes.data + part.start + int(changed[0]) // size * size
                raise EmulatorError(f"some thread wrote {self.place(where)}")

    def copy_back(self):
        for _, array in self.arrays:
            if array.flags.writeable:
                at = array.ctypes.data - self.begin
                array.reshape(-1).view(np.uint8)[:] = self.data[at : at + array.nbytes]

    def leave(self):
        """Give the pages to the next launch."""
        size, _ = self.pages.key
        kept = left.setdefault(self.pages.key, [])
        if (len(kept) + 1) * size <= MOST_LEFT:
            kept.append(self.pages)


def buffers(arrays):
    """Buffers for [(name, array)]: what overlaps on the host overlaps in the copy."""
    intervals = []
    for name, array in sorted(arrays, key=lambda named: named[1].ctypes.data):
        begin = array.ctypes.data
        if intervals and begin < intervals[-1][1]:
            intervals[-1][1] = max(intervals[-1][1], begin + array.nbytes)
            intervals[-1][2].append((name, array))
        else:
            intervals.append([begin, begin + array.nbytes, [(name, array)]])
    return [Buffer(*interval) for interval in intervals]

"""What the runtime says about a launch that failed, in description."""

import ctypes
import itertools
import signal
import subprocess

from .errors import EmulatorError

FINE, INCOMPLETE, LINES, COLLECTIVE, OUTSIDE, SOURCE, SIGNAL, OVERFLOW, DYNAMIC = range(9)
RETURNED = 3
OPERATIONS = ["", "__syncthreads", "__syncwarp", "a shuffle", "a vote"]


class Index(ctypes.Structure):
    _fields_ = [(axis, ctypes.c_uint) for axis in "xyz"]

    def __iter__(self):
        return iter((self.x, self.y, self.z))

    def __str__(self):
        return f"({self.x}, {self.y}, {self.z})"


class Failure(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_int),
        ("thread", ctypes.c_int),
        ("block", Index),
        ("signal", ctypes.c_int),
        ("address", ctypes.c_void_p),
        ("instruction", ctypes.c_void_p),
        ("offset", ctypes.c_long),
    ]


class Thread(ctypes.Structure):
    _fields_ = [
        ("state", ctypes.c_int),
        ("operation", ctypes.c_int),
        ("file", ctypes.c_char_p),
        ("line", ctypes.c_int),
        ("mask", ctypes.c_uint),
        ("source", ctypes.c_int),
        ("value", ctypes.c_ulonglong),
        ("result", ctypes.c_ulonglong),
        ("index", Index),
        ("fiber", ctypes.c_void_p),
        ("sanitizer", ctypes.c_void_p),
    ]


def raise_failure(kernel, failure, threads, arguments, library):
    """`threads` are those of the block that failed."""
    said = description(failure, threads, arguments, library)
    raise EmulatorError(f"{kernel}, block {failure.block}: {said}")


def description(failure, threads, arguments, library):
    code = failure.code
    where = line_of(failure.instruction, library)
    thread = threads[failure.thread]
    who = f"thread {thread.index}" if failure.thread >= 0 else "some thread"
    if code == DYNAMIC:
        return f"{who} writes byte {failure.offset} of dynamic shared memory, outside of it{where}"
    if code == INCOMPLETE:
        return f"a barrier that not all threads reach: {standing(threads)}"
    if code == LINES:
        return f"one barrier at several lines: {standing(threads)}"
    if code == COLLECTIVE:
        first = failure.thread // 32 * 32
        named = [
            first + lane
            for lane in range(32)
            if thread.mask >> lane & 1 and first + lane < len(threads)
        ]
        return (
            f"{who} waits in vain in {place(thread)}, mask {thread.mask:#010x}; "
            f"of the lanes it names: {standing(threads, named)}"
        )
    if code == OUTSIDE:
        return (
            f"{who} calls {place(thread)} with the mask {thread.mask:#010x}, which lacks its own "
            f"lane {failure.thread % 32}"
        )
    if code == SOURCE:
        return (
            f"{who} reads lane {thread.source} in {place(thread)}, which the mask "
            f"{thread.mask:#010x} or the block lacks"
        )
    if code == OVERFLOW:
        return f"{who} needs more than 256 KB of stack{where}"
    if failure.signal == signal.SIGFPE:
        return f"{who} divides an integer by zero{where}"
    if failure.signal == signal.SIGILL:
        return f"{who} indexes outside of a shared or local array, or traps{where}"
    buffer = arguments.buffer_at(failure.address)
    if buffer:
        return f"{who} touches {buffer.place(failure.address)}{where}"
    return f"{who} touches {failure.address or 0:#x}, where nothing is{where}"


def place(thread):
    return f"{OPERATIONS[thread.operation]} at {thread.file.decode()}:{thread.line}"


def standing(threads, numbers=None):
    """Where threads are, those of one place together."""
    groups = {}
    for number in range(len(threads)) if numbers is None else numbers:
        thread = threads[number]
        if thread.state == RETURNED:
            state = "returned"
        elif thread.operation:
            state = f"in {place(thread)}"
            if thread.operation > 1:
                state += f" with mask {thread.mask:#010x}"
        else:
            state = "not started"
        groups.setdefault(state, []).append(number)
    return "; ".join(f"threads {ranges(group)} {state}" for state, group in groups.items())


def ranges(numbers):
    """0-3, 7 for [0, 1, 2, 3, 7]."""
    parts = []
    for _, run in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in run]
        parts.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
    return ", ".join(parts)


def line_of(instruction, library):
    """The source line of an instruction, and the lines it was inlined into."""
    for mapped in open_maps():
        begin, end, offset, path = mapped
        if begin <= (instruction or 0) < end and path == str(library):
            address = hex(instruction - begin + offset)
            done = subprocess.run(
                ["addr2line", "-i", "-e", path, address], capture_output=True, text=True
            )
            lines = [line.split(" (")[0] for line in done.stdout.split("\n")]
            return ", at " + ", called at ".join(line for line in lines if line)
    return ""


def open_maps():
    """(begin, end, offset, path) of what is mapped from files."""
    with open("/proc/self/maps") as file:
        for line in file:
            fields = line.split(maxsplit=5)
            if len(fields) == 6:
                begin, end = (int(part, 16) for part in fields[0].split("-"))
                yield begin, end, int(fields[2], 16), fields[5].strip()

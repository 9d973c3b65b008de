"""How much memory this process can still get: of the machine, of its cgroup, of its own limit."""

import os
from pathlib import Path

ROOT = Path("/")  # of /proc and /sys, for tests


def available() -> float:
    """Bytes; infinite where the system does not say."""
    return min(_machine(), _cgroups(), _own_limit())


def readable(size: float) -> str:
    """74 GiB."""
    units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while size >= 1024 and len(units) > 1:
        size = size / 1024
        del units[0]
    return f"{size:.3g} {units[0]}" if size < 1e6 else f"more than a million {units[0]}"


def _machine() -> float:
    for line in _lines("proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return float("inf")


def _cgroups() -> float:
    """Bytes that the control group of this process and those above it leave (versions 2 and 1)."""
    free = float("inf")
    for line in _lines("proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            mount, limit, used = "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            mount = "sys/fs/cgroup/memory"
            limit, used = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        folder = Path(path.strip().lstrip("/"))
        for above in (folder, *folder.parents):  # in a container only the last may be there
            free = min(free, _left(f"{mount}/{above}", limit, used))
    return free


def _left(folder: str, limit: str, used: str) -> float:
    try:
        most, taken = (int(_lines(f"{folder}/{name}")[0]) for name in (limit, used))
    except (IndexError, ValueError):  # no such file, or "max"
        return float("inf")
    for line in _lines(f"{folder}/memory.stat"):
        name, _, size = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            taken -= int(size)  # files that are cached, which the kernel gives up first
            break
    return max(most - max(taken, 0), 0)


def _own_limit() -> float:
    """Bytes that `ulimit -v` leaves."""
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        if most in (resource.RLIM_INFINITY, -1):
            return float("inf")
        taken = int(_lines("proc/self/statm")[0].split()[0]) * resource.getpagesize()
    except (ImportError, IndexError, ValueError):
        return float("inf")
    return max(most - taken, 0)


def _lines(path: str) -> list[str]:
    try:
        return (ROOT / path).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []

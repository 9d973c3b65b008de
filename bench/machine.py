"""The processor's name, which goes beside every figure."""

import os
import platform
import re
from pathlib import Path


def processor() -> str:
    """Model and number of cores, as in "AMD EPYC, 2 cores"."""
    name, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*: (.*)", info.read_text())
        name = found.group(1) if found else name
    return f"{name}, {os.cpu_count()} cores"

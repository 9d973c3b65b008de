"""Runs pickled launches in a process that ThreadSanitizer watches."""

import os
import pickle
import sys


def main(path):
    # Not for what this process starts.
    os.environ.pop("LD_PRELOAD", None)
    from .module import RawModule

    with open(path, "rb") as file:
        code, options, schedule, launches = pickle.load(file)
    module = RawModule(code=code, options=options, schedule=schedule, sanitized=True)
    for name, grid, block, arguments, shared_mem in launches:
        kernel = module.get_function(name)
        if shared_mem > kernel.max_dynamic_shared_size_bytes:
            kernel.max_dynamic_shared_size_bytes = shared_mem
        kernel(grid, block, arguments, shared_mem=shared_mem)


if __name__ == "__main__":
    main(sys.argv[1])

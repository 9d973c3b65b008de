"""Words on a terminal about what takes long and has no steps to count."""

import contextlib
import sys
import threading
from collections.abc import Iterator

from tqdm import tqdm


@contextlib.contextmanager
def told_of(words: str, after: float = 2.0) -> Iterator[None]:
    """Say on a terminal what is done inside, and for how long, from `after` seconds on."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()

    def tell() -> None:
        if over.wait(after):
            return
        with tqdm(bar_format=f"{words}: {{elapsed}}", leave=False) as shown:
            while not over.wait(0.3):
                shown.refresh()

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()

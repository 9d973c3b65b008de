"""How a matrix is spread over the registers of a block."""

from typing import Any

import numpy as np

# Rows of a matrix that a block holds, and of each thread's tile of it. Larger tiles reread less
# of shared memory, and these are the largest that three of them fit into 255 registers.
TILES = {
    "float32": {16: (4, 2), 32: (8, 4), 64: (8, 4), 128: (16, 4)},
    "float64": {16: (4, 2), 32: (4, 4), 64: (4, 4)},
}
FEWEST_COLUMNS = 8  # fewer would leave threads of a warp without a column


def block_shape(n: int, k: int, dtype: Any) -> tuple[int, int, tuple[int, int], int] | None:
    """(rows, columns, tile, threads) of an (n, k) matrix in registers; None where it is too big."""
    tiles = TILES[np.dtype(dtype).name]
    rows = next((rows for rows in tiles if rows >= n), None)
    if rows is None:
        return None
    columns = FEWEST_COLUMNS
    while columns < k:
        columns *= 2
    tile = tiles[rows]
    return rows, columns, tile, rows // tile[0] * columns // tile[1]

"""Vector instructions, elementwise functions, and the strips of columns that kernels work on."""

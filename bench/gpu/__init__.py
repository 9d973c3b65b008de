"""lyapax on one NVIDIA GPU beside jax, torch and CuPy: ``python -m bench.gpu``."""

"""Rate networks, dense and sparse."""

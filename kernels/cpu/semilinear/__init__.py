"""Traced functions with a stiff linear part: exponential time differencing."""

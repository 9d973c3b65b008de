"""Threads that share one call, and how Ctrl-C reaches them."""

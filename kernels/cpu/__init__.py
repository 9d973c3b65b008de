"""CPU kernels: branch-free mathematics, generated lane code, dense, sparse, QR."""

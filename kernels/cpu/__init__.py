"""CPU kernels, a folder for each kind of system, above their shared parts: simd, team, qr."""

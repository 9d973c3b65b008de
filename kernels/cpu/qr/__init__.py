"""Householder QR: of strips, of single members through LAPACK, and what goes into the log sums."""

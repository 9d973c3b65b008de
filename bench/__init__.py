"""asv benchmarks (asv.conf.json) and comparisons; see README.md."""

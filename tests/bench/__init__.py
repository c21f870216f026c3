"""Benchmarks: `make bench` prints one JSON report. Ratios in one run mean something; seconds belong to a machine."""

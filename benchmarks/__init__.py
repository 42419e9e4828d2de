"""The released way and ours, side by side on one machine: see docs/BENCHMARK.md."""

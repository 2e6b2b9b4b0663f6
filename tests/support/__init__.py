"""What several tiers of tests, the demo and the benchmarks share."""
